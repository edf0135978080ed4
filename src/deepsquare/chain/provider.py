"""What a provider does: offer machines, claim jobs, report how they went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from deepsquare.chain import batch, codec
from deepsquare.chain.account import GridAccount
from deepsquare.chain.errors import ContractRefused
from deepsquare.model import Hardware, JobId, JobStatus, Label, Prices


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says about a job that it holds."""

    job_id: JobId
    status: JobStatus
    """RUNNING or a cold state."""
    at: datetime
    """The start for RUNNING, the end for a cold state; the contract clamps it."""
    exit_code: int = 0
    last_error: str = ""


class ProviderAccount(GridAccount):
    """A provider's account on a grid."""

    async def register(self, hardware: Hardware, prices: Prices, labels: Sequence[Label]) -> bool:
        """Offer machines at prices. False where that is the offer already; a new one waits for the admin."""
        fields = codec.offer_fields(hardware, prices, labels)
        try:
            await self._ledger.provider_manager_contract.send(self._sender, "register", *fields)
        except ContractRefused as error:
            if error.name != "AlreadyDone":
                raise
            return False
        return True

    async def claim(self, ids: Sequence[JobId]) -> set[JobId]:
        """Accept assigned jobs; the answer is those that are ours now. Why another is not, its state says."""
        claimed: set[JobId] = set()
        for part in batch.in_transactions(ids):
            refused = await self._batch("claimBatch", [codec.job_id_field(job_id) for job_id in part])
            claimed |= set(part) - refused.keys()
        return claimed

    async def refuse(self, job_id: JobId, reason: str) -> None:
        """Give a job back before it runs; it never comes again."""
        await self._call("refuse", codec.job_id_field(job_id), codec.text_field(reason))

    async def report(self, reports: Sequence[Report]) -> dict[JobId, ContractRefused]:
        """Tell how jobs go, in order; the answer is the jobs with an entry that the contract skipped, and why."""
        refused: dict[JobId, ContractRefused] = {}
        for part in batch.in_transactions(reports):
            refused |= await self._batch("reportBatch", [_report_fields(report) for report in part])
        return refused

    async def panic(self, job_id: JobId, why: str) -> None:
        """End a job that went wrong through no fault of its customer: nothing is paid."""
        await self._call("panicJob", codec.job_id_field(job_id), codec.text_field(why))

    async def cancel(self, job_id: JobId) -> None:
        """End a job that is held and does not run yet, with a full refund."""
        await self._call("cancelJob", codec.job_id_field(job_id))

    async def heartbeat(self) -> None:
        """Prove that this provider is alive."""
        await self._call("heartbeat")

    async def top_up_delegate(self, job_id: JobId) -> None:
        """Take one slice more from the allowance of a customer who delegated that."""
        await self._call("topUpJobDelegate", codec.job_id_field(job_id))

    async def _batch(self, function: str, entries: Sequence[object]) -> dict[JobId, ContractRefused]:
        contract = self._ledger.meta_scheduler_contract
        return batch.skipped(await contract.send(self._sender, function, entries), contract.address)

    async def _call(self, function: str, *arguments: object) -> None:
        await self._ledger.meta_scheduler_contract.send(self._sender, function, *arguments)


def _report_fields(report: Report) -> tuple[object, ...]:
    return (
        codec.job_id_field(report.job_id),
        int(report.status),
        codec.seconds_field(report.at),
        report.exit_code,
        codec.text_field(report.last_error),
    )
