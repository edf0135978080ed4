"""One job in the hands of its customer: wait for it, watch it, read its output, extend it, cancel it.

A handle holds a number and nothing else; whatever it says was read from the chain or the gateway when it
was asked. Handles may be thrown away and made again at any time (`client.job(7)`).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from deepsquare.chain import EventReader, JobChanged, JobReturned, Ledger
from deepsquare.metascheduler.client import request_of, survey
from deepsquare.model import Job, JobId, JobStatus
from deepsquare.scheduling import Candidate, CheapestFirst, candidates
from deepsquare.sdk.amounts import Credits, to_wei
from deepsquare.sdk.bill import Bill
from deepsquare.sdk.connection import Connection
from deepsquare.sdk.errors import NotInTime
from deepsquare.sdk.events import JobEvent
from deepsquare.sdk.translation import translated

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
                async for event in self.events():
                    if event.status.is_cold:
                        break
        except TimeoutError:
            raise NotInTime(
                f"job {self.id} was not over after {timeout_seconds:g} s", next_step="wait longer; the job goes on"
            ) from None
        return await self.read()

    async def events(self) -> AsyncIterator[JobEvent]:
        """Each state that the job comes into, until it is over.

        A handle from `submit` tells everything from the start; one from `client.job` starts with the present state.

        >>> job = await client.submit(workflow, credits=10)
        >>> [event.status.name async for event in job.events()]
        ['PENDING', 'META_SCHEDULED', 'SCHEDULED', 'RUNNING', 'FINISHED']
        """
        ledger = await self._connection.ledger()
        with translated():
            first, block = await self._first_event(ledger)
        yield first
        last, reason = first.status, ""
        async with EventReader(ledger) as reader:
            while not last.is_cold:
                with translated():
                    page = await reader.read(block)
                block = page.next_block
                for event in page.events:
                    if isinstance(event, JobReturned) and event.job_id == self.id:
                        reason = event.reason
                    if isinstance(event, JobChanged) and event.job_id == self.id and event.after is not last:
                        last = event.after
                        yield await self._event(event, reason)
                        reason = ""
                if not last.is_cold:
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
        with translated():
            if follow:
                async for chunk in gateway.follow_log(self.id, signer):
                    yield chunk.data
            else:
                yield await gateway.read_log(self.id, signer)

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

        Raises `NoCredits`, and `RefusedByChain` where the job is still PENDING or over.

        >>> job = await client.submit(endless, credits=10)
        >>> _ = await anext(event async for event in job.events() if event.status.name == "RUNNING")
        >>> await job.top_up("2.5")
        >>> (await job.cost()).locked
        Decimal('12.5')
        >>> await job.cancel()
        """
        wei = to_wei(credits)
        await self._connection.make_sure_of_funds(wei, raise_allowance=True)
        account = await self._connection.account()
        with translated():
            await account.top_up(self.id, wei)

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

        >>> job = await client.submit(workflow, credits=10, uses=[Label("zone", "nowhere")], wait_for_provider=True)
        >>> sorted(row.answer.message for row in await job.explain())
        ['needs zone=nowhere; has zone=left', 'needs zone=nowhere; has zone=right']
        >>> await job.cancel()
        """
        ledger = await self._connection.ledger()
        job = await self.read()
        clock = self._connection.clock
        with translated():
            view = await survey(ledger, clock)
        now = clock.now()
        return candidates(request_of(job), view.sites(now), CheapestFirst(), now)

    async def _first_event(self, ledger: Ledger) -> tuple[JobEvent, int]:
        """Where the story begins, and the block from which on to read the rest."""
        if self._since_block is not None:
            job = await ledger.job(self.id)
            return JobEvent(self.id, JobStatus.PENDING, job.time.submitted_at), self._since_block
        head = await ledger.head()
        # Read the state after the block: what happens in between is seen twice rather than never.
        job = await ledger.job(self.id)
        return JobEvent(
            self.id, job.status, self._connection.clock.now(), job.provider, job.last_error
        ), head.number + 1

    async def _event(self, change: JobChanged, reason: str) -> JobEvent:
        job = await self.read()
        return JobEvent(self.id, change.after, self._connection.clock.now(), change.provider, reason or job.last_error)
