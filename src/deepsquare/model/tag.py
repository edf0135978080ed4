"""The tag that ties a cluster's job to a job of the chain.

It stands in the comment (Slurm) or the folder (local) of every job that a supervisor submits. Before
any submit and after any crash the supervisor looks for it: chain, contract, job and attempt make it
unique over all grids that may share one cluster. It identifies; it never authorises, for a job's user
can change the comment of their own job.
"""

import re
from dataclasses import dataclass

from deepsquare.model.job import Address, JobId

_PATTERN = re.compile(r"\Adps-(\d+)-(0x[0-9a-f]{40})-(\d+)-(\d+)\Z")


class InvalidTag(ValueError):
    """A text that is no tag of ours."""


@dataclass(frozen=True, slots=True, order=True)
class JobTag:
    """One attempt at one job of one contract on one chain."""

    chain_id: int
    contract: Address
    job_id: JobId
    attempt: int

    def __str__(self) -> str:
        return f"dps-{self.chain_id}-{self.contract.lower()}-{self.job_id}-{self.attempt}"

    @classmethod
    def parse(cls, text: str, contract: Address) -> "JobTag":
        """The tag in `text`, if it belongs to `contract`; else `InvalidTag`."""
        match = _PATTERN.match(text)
        if match is None or match[2] != contract.lower():
            raise InvalidTag(f"{text!r} is no job tag of the contract {contract}")
        return cls(int(match[1]), contract, JobId(int(match[3])), int(match[4]))
