"""What a meta-scheduler does: bind waiting jobs to providers, and move on those whose party went away."""

from collections.abc import Sequence

from deepsquare.chain import batch, codec
from deepsquare.chain.account import GridAccount
from deepsquare.chain.errors import ContractRefused
from deepsquare.model import Address, JobId


class SchedulerAccount(GridAccount):
    """A scheduler's account on a grid."""

    async def assign(self, assignments: Sequence[tuple[JobId, Address]]) -> dict[JobId, ContractRefused]:
        """Bind jobs to providers; the answer is those that the contract skipped (another was faster, ...), and why."""
        contract = self._ledger.meta_scheduler_contract
        refused: dict[JobId, ContractRefused] = {}
        for part in batch.in_transactions(assignments):
            entries = [(codec.job_id_field(job_id), provider) for job_id, provider in part]
            receipt = await contract.send(self._sender, "assignBatch", entries)
            refused |= batch.skipped(receipt, contract.address)
        return refused

    async def expire(self, job_id: JobId) -> None:
        """Move on a job whose claim, provider's lease or latest start ran out. Anybody may."""
        contract, field = self._ledger.meta_scheduler_contract, codec.job_id_field(job_id)
        # Refused in a block, where gas is free, it would wake all who follow the chain: a scheduler to try it again.
        await contract.rehearse(self._sender, "expire", field)
        await contract.send(self._sender, "expire", field)
