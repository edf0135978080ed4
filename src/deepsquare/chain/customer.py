"""What a customer does: allow credits, request jobs, cancel them, pay for more time."""

from datetime import datetime

from deepsquare.chain import codec, events
from deepsquare.chain.account import GridAccount
from deepsquare.chain.errors import NoContract
from deepsquare.chain.events import JobRequested
from deepsquare.chain.permit import sign_permit
from deepsquare.model import Address, JobDefinition, JobId


class CustomerAccount(GridAccount):
    """A customer's account on a grid."""

    async def request_job(
        self,
        definition: JobDefinition,
        locked: int,
        name: str,
        *,
        delegate: bool = False,
        max_attempts: int = 1,
        max_price_per_minute: int = 0,
        latest_start: datetime | None = None,
        allowing: int | None = None,
    ) -> JobRequested:
        """Request a job and lock `locked` wei of the allowance for it; the event names the job and its block.

        `allowing` sets the allowance first, to that many wei, by a signature in the same transaction: both happen or
        neither. `delegate` lets the grid top the job up from the allowance, `max_attempts` says how often it may be
        started, `max_price_per_minute` (wei, 0 for none) and `latest_start` bound where and when.
        """
        options = (delegate, max_attempts, max_price_per_minute, codec.seconds_field(latest_start))
        contract = self._ledger.meta_scheduler_contract
        arguments = (codec.definition_fields(definition), locked, codec.name_field(name), options)
        if allowing is None:
            receipt = await contract.send(self._sender, "requestJob", *arguments)
        else:
            permit = await sign_permit(self._ledger, self._sender.signer, allowing)
            receipt = await contract.send(self._sender, "requestNewJobWithPermit", *arguments, permit.fields)
        for log in receipt.logs:
            if log.address == contract.address and isinstance(event := events.decode(log), JobRequested):
                return event
        raise NoContract(contract.address)

    async def cancel(self, job_id: JobId) -> None:
        """End a job at once with a full refund before it runs; while it runs, ask its provider to end it."""
        await self._call("cancelJob", codec.job_id_field(job_id))

    async def top_up(self, job_id: JobId, amount: int) -> None:
        """Lock `amount` more wei for a SCHEDULED or RUNNING job, of anybody, from the own allowance."""
        await self._call("topUpJob", codec.job_id_field(job_id), amount)

    async def rehearse_top_up(self, job_id: JobId, amount: int) -> None:
        """Raise `ContractRefused` where a top-up would be refused now. Nothing is sent.

        The contract looks at the allowance last: for want of it a top-up is refused that has no other fault.
        """
        contract = self._ledger.meta_scheduler_contract
        await contract.rehearse(self._sender, "topUpJob", codec.job_id_field(job_id), amount)

    async def top_up_delegate(self, job_id: JobId) -> None:
        """Add one slice now to an own job with delegated spending, as its provider or a scheduler would."""
        await self._call("topUpJobDelegate", codec.job_id_field(job_id))

    async def expire(self, job_id: JobId) -> None:
        """Move on a job, of anybody, whose time or whose party's time ran out."""
        await self._call("expire", codec.job_id_field(job_id))

    async def set_delegation(self, job_id: JobId, delegate: bool) -> None:
        """Allow or forbid that the grid tops the job up from the allowance."""
        await self._call("setDelegateSpendingAuthority", codec.job_id_field(job_id), delegate)

    async def allow(self, amount: int) -> None:
        """Let the grid take up to `amount` wei from now on: an absolute value, whatever was allowed before."""
        await self._ledger.credit_contract.send(self._sender, "approve", self._ledger.meta_scheduler, amount)

    async def transfer(self, to: Address, amount: int) -> None:
        """Send `amount` wei of credit to another account."""
        await self._ledger.credit_contract.send(self._sender, "transfer", to, amount)

    async def drip(self, to: Address) -> int:
        """Have the faucet of a test network give an account credits; the answer is how many wei."""
        contract = self._ledger.credit_contract
        receipt = await contract.send(self._sender, "drip", to)
        given = contract.abi.events["Transfer"]
        return sum(int(given.decode(log)["value"]) for log in receipt.logs if log.topics[0] == given.topic)

    async def _call(self, function: str, *arguments: object) -> None:
        await self._ledger.meta_scheduler_contract.send(self._sender, function, *arguments)
