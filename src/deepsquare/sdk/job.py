"""One job in the hands of its customer: wait for it, watch it, read its output, extend it, cancel it.

A handle holds a number and nothing else; whatever it says was read from the chain or the gateway when it
was asked. Handles may be thrown away and made again at any time (`client.job(7)`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from deepsquare.chain import ChainError, ContractRefused, CustomerAccount, EventReader, JobChanged, JobReturned, Ledger
from deepsquare.chain import ChainUnreachable as Unreachable
from deepsquare.metascheduler.client import request_of
from deepsquare.model import Address, Job, JobId, JobStatus
from deepsquare.scheduling import Candidate, candidates
from deepsquare.sdk.amounts import Credits, to_wei
from deepsquare.sdk.bill import Bill
from deepsquare.sdk.connection import Connection
from deepsquare.sdk.errors import NotInTime, RefusedByGateway
from deepsquare.sdk.events import JobEvent
from deepsquare.sdk.translation import translated
from deepsquare.web.errors import RefusedByService, ServiceUnreachable

_Answer = TypeVar("_Answer")

LOOK_SECONDS = 2.0
"""How long a quiet chain is waited for before it is looked at again; a new block ends the wait at once."""


class AsyncJob:
    """A job of the grid."""

    def __init__(self, connection: Connection, job_id: JobId, *, since_block: int | None = None) -> None:
        self._connection = connection
        self.id = job_id
        self._since_block = since_block

    def __repr__(self) -> str:
        return f"<job {self.id}>"

    async def read(self) -> Job:
        """The job as the chain has it now. Raises `NotFound`, `ChainUnreachable`.

        >>> job = await client.submit(workflow, credits=10)
        >>> (await job.read()).status.is_hot
        True
        """
        ledger = await self._connection.ledger()
        with translated():
            return await ledger.job(self.id)

    async def wait(self, timeout_seconds: float | None = None) -> Job:
        """Return the job once it is over. Raises `NotInTime` after `timeout_seconds`; the job itself goes on.

        >>> job = await client.submit(workflow, credits=10)
        >>> (await job.wait()).status.name
        'FINISHED'
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                # To its end, which is the job's: a stream that is left early would keep its connection for a while.
                async for _ in self.events():
                    pass
        except TimeoutError:
            raise NotInTime(
                f"job {self.id} was not over after {timeout_seconds:g} s", next_step="wait longer; the job goes on"
            ) from None
        return await self.read()

    async def events(self) -> AsyncIterator[JobEvent]:
        """Each state that the job comes into, until it is over.

        A chain that goes away meanwhile is waited for. A handle from `submit` tells everything from the start; one from
        `client.job` starts with the present state.

        >>> job = await client.submit(workflow, credits=10)
        >>> [event.status.name async for event in job.events()]
        ['PENDING', 'META_SCHEDULED', 'SCHEDULED', 'RUNNING', 'FINISHED']
        """
        ledger = await self._connection.ledger()
        with translated():
            event, block = await self._first_event(ledger)
        yield event
        reason = ""
        async with EventReader(ledger) as reader:
            while not event.status.is_cold:
                page = await self._patiently(partial(reader.read, block))
                block = page.next_block
                for change in page.events:
                    if isinstance(change, JobReturned) and change.job_id == self.id:
                        reason = change.reason
                    if isinstance(change, JobChanged) and change.job_id == self.id and change.after != event.status:
                        job = await self._patiently(partial(ledger.job, self.id))
                        event = self._event(job, change.after, change.provider, reason)
                        reason = ""
                        yield event
                if not event.status.is_cold:
                    await reader.wake(LOOK_SECONDS)

    async def logs(self, *, follow: bool = False) -> AsyncIterator[bytes]:
        r"""The job's output, piece by piece: what there is, and with `follow` what comes, until the job is over.

        Only the job's customer may read it; the gateway is shown a signature. Raises `NotFound`, `RefusedByGateway`.

        >>> job = await client.submit(workflow, credits=10)
        >>> b"".join([piece async for piece in job.logs(follow=True)])
        b'Running: hello\nHello World\n'
        """
        gateway = await self._connection.gateway()
        signer = self._connection.signer
        try:
            with translated():
                if follow:
                    async for chunk in gateway.follow_log(self.id, signer):
                        yield chunk.data
                else:
                    yield await gateway.read_log(self.id, signer)
        except RefusedByGateway:
            # The gateway tells strangers nothing, not even that a job does not exist: the chain does.
            await self.read()
            raise

    async def is_logged(self) -> bool | None:
        """Whether the job's output is kept, as its workflow says (`enableLogging`); None where nobody knows any more.

        The gateway knows until some minutes after the job's end. Raises `RefusedByGateway`.

        >>> job = await client.submit(workflow, credits=10)
        >>> await job.is_logged()
        True
        """
        gateway = await self._connection.gateway()
        with translated():
            return await gateway.is_logged(self.id, self._connection.signer)

    async def cancel(self) -> None:
        """Ask for the job's end: at once before it runs, else as soon as its provider has stopped it.

        >>> job = await client.submit(endless, credits=10)
        >>> await job.cancel()
        >>> (await job.wait()).status.name
        'CANCELLED'
        """
        account = await self._connection.account()
        with translated():
            await account.cancel(self.id)

    async def top_up(self, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Lock more credits for a job that has a provider: it may run longer.

        Raises `NoCredits`, and `RefusedByChain` where the job is still PENDING or over: nothing is allowed then.

        >>> job = await client.submit(endless, credits=10)
        >>> _ = await anext(event async for event in job.events() if event.status.name == "RUNNING")
        >>> await job.top_up("2.5")
        >>> (await job.cost()).locked
        Decimal('12.5')
        >>> await job.cancel()
        """
        wei = to_wei(credits)
        account, purse = await self._connection.account(), await self._connection.purse()

        async def lock(must_allow: bool) -> None:
            if must_allow:
                await self._allow_top_up(account, wei)
            await account.top_up(self.id, wei)

        await purse.spend(wei, lock, raise_allowance=True)

    async def auto_top_up(self, is_on: bool) -> None:
        """Let the grid top the job up from the account's allowance, slice by slice, or forbid it. The customer's alone.

        >>> job = await client.submit(endless, credits=10)
        >>> await job.auto_top_up(True)
        >>> (await job.read()).cost.delegate_spending_authority
        True
        >>> await job.cancel()
        """
        account = await self._connection.account()
        with translated():
            await account.set_delegation(self.id, is_on)

    async def expire(self) -> Job:
        """Move the job on where somebody went away: a claim, a lease or a latest start that ran out. Anybody may.

        Returns the job as it is then. Raises `RefusedByChain` (`NotExpired`) where nothing has run out yet.

        >>> job = await client.submit(endless, credits=10)
        >>> try:
        ...     await job.expire()
        ... except RefusedByChain as error:
        ...     print(error.name)
        NotExpired
        >>> await job.cancel()
        """
        account = await self._connection.account()
        with translated():
            await account.expire(self.id)
        return await self.read()

    async def cost(self) -> Bill:
        """The job's bill: final once it is over, before that what it would be if the job ended now.

        >>> job = await client.submit(workflow, credits=10)
        >>> _ = await job.wait()
        >>> bill = await job.cost()
        >>> bill.paid + bill.fee + bill.refunded == bill.locked
        True
        """
        return Bill.of(await self.read(), self._connection.clock.now())

    async def explain(self) -> Sequence[Candidate]:
        """Why the job waits: what each provider answers, and what would help.

        The grid's meta-scheduler says so, where the configuration names its door; else it is worked out from the chain.

        >>> job = await client.submit(workflow, credits=10, uses=[Label("zone", "nowhere")], wait_for_provider=True)
        >>> sorted(row.answer.message for row in await job.explain())
        ['needs zone=nowhere; has zone=left', 'needs zone=nowhere; has zone=right']
        >>> await job.cancel()
        """
        job, view = await self.read(), await self._connection.view()
        now = self._connection.clock.now()
        sites = view.sites(now)
        if (scheduler := self._connection.scheduler()) is not None:
            try:
                answers = await scheduler.reasons(self.id, sites)
            except (ServiceUnreachable, RefusedByService) as error:
                why = f"{error}; these are the reasons as far as the chain alone tells"
                self._connection.trouble.fails("asking the meta-scheduler", why)
            else:
                self._connection.trouble.works("asking the meta-scheduler")
                if answers:
                    return [Candidate(site, answer, is_chosen) for site, answer, is_chosen in answers]
        return candidates(request_of(job), sites, now, queue=view.queue())

    async def _allow_top_up(self, account: CustomerAccount, wei: int) -> None:
        """Let the grid take `wei` for a top-up. Raises `ContractRefused`, nothing sent, where that would not help."""
        try:
            await account.rehearse_top_up(self.id, wei)
        except ContractRefused as refusal:
            if refusal.name != "ERC20InsufficientAllowance":
                raise
        await account.allow(wei)

    async def _first_event(self, ledger: Ledger) -> tuple[JobEvent, int]:
        """Where the story begins, and the block from which on to read the rest."""
        if self._since_block is not None:
            job = await ledger.job(self.id)
            return JobEvent(self.id, JobStatus.PENDING, job.time.submitted_at, job), self._since_block
        head = await ledger.head()
        # Read the state after the block: what happens in between is seen twice rather than never.
        job = await ledger.job(self.id)
        at = job.time.ended_at or job.time.started_at or job.time.claimed_at or job.time.submitted_at
        return JobEvent(self.id, job.status, at, job, job.provider, job.last_error), head.number + 1

    def _event(self, job: Job, status: JobStatus, provider: Address | None, reason: str) -> JobEvent:
        return JobEvent(self.id, status, self._connection.clock.now(), job, provider, reason or job.last_error)

    async def _patiently(self, read: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """What `read` answers, as soon as the chain does: a watch outlives a node that starts anew."""
        while True:
            try:
                answer = await read()
            except Unreachable as error:
                self._connection.trouble.fails("following jobs", f"{error}; trying again every {LOOK_SECONDS:g} s")
                await self._connection.clock.sleep(LOOK_SECONDS)
            except ChainError:
                with translated():
                    raise
            else:
                self._connection.trouble.works("following jobs")
                return answer
