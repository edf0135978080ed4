"""The same client with plain calls: for scripts, notebooks and threads.

`Client` and `JobHandle` do nothing themselves: each call runs the method of the same name of `AsyncClient` and
`AsyncJob` on an event loop of the client's own, where the rules, the errors and the arguments are described.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Self, Unpack

from deepsquare.chain import Signer
from deepsquare.clock import Clock
from deepsquare.model import Address, Job, JobId
from deepsquare.scheduling import Candidate, Site
from deepsquare.sdk.amounts import Credits
from deepsquare.sdk.bill import Bill
from deepsquare.sdk.client import AsyncClient, WorkflowSource
from deepsquare.sdk.configuration import Configuration
from deepsquare.sdk.draft import Draft, TermsArguments
from deepsquare.sdk.events import JobEvent
from deepsquare.sdk.job import AsyncJob
from deepsquare.sdk.portal import Portal
from deepsquare.sdk.sync_admin import Admin


class Client:
    """One customer of one grid; use it as a context manager."""

    def __init__(
        self, configuration: Configuration | None = None, *, signer: Signer | None = None, clock: Clock | None = None
    ) -> None:
        """Without arguments: the grid and the wallet that `dps config show` names."""
        self._portal = Portal()
        self._client = AsyncClient(configuration, signer=signer, clock=clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections; a closed client stays closed.

        >>> Client(configuration).close()
        """
        if not self._portal.is_closed:
            self._portal.call(self._client.close)
            self._portal.close()

    @property
    def address(self) -> Address:
        """The account that signs and pays. Raises `KeyProblem`.

        >>> client.address == customer
        True
        """
        return self._client.address

    @property
    def admin(self) -> Admin:
        """What the admin of the grid decides, where this account is it.

        >>> client.admin.settings().accepts_requests
        True
        """
        return Admin(self._portal, self._client.admin)

    def submit(self, workflow: WorkflowSource, **terms: Unpack[TermsArguments]) -> "JobHandle":
        """Compile a workflow, keep its script at the gateway, lock the credits and queue the job.

        >>> job = client.submit(workflow, credits=10, name="hello")
        >>> job.wait().exit_code
        0
        """
        return JobHandle(self._portal, self._portal.call(self._client.submit, workflow, **terms))

    def prepare(self, workflow: WorkflowSource, *, source: str = "", **terms: Unpack[TermsArguments]) -> Draft:
        """All of `submit` but the request: who could run the job, at what price. Moves no money.

        >>> client.prepare(workflow, credits=10).chosen.site.provider.label("zone")
        'left'
        """
        return self._portal.call(self._client.prepare, workflow, source=source, **terms)

    def estimate(self, workflow: WorkflowSource, *, source: str = "", **terms: Unpack[TermsArguments]) -> Draft:
        """Who could run the job, at what price and when. Needs no wallet and no gateway; cannot be requested.

        >>> client.estimate(workflow, credits=10).chosen.site.provider.label("zone")
        'left'
        """
        return self._portal.call(self._client.estimate, workflow, source=source, **terms)

    def request(self, draft: Draft) -> "JobHandle":
        """Lock the credits of a prepared job and queue it.

        >>> client.request(client.prepare(workflow, credits=10)).cost().locked
        Decimal('10')
        """
        return JobHandle(self._portal, self._portal.call(self._client.request, draft))

    def job(self, job_id: int) -> "JobHandle":
        """The handle of a job that exists; asks nobody.

        >>> client.job(1)
        <job 1>
        """
        return JobHandle(self._portal, self._client.job(job_id))

    def jobs(self) -> Sequence[Job]:
        """All jobs of this account, the oldest first.

        >>> job = client.submit(workflow, credits=10, name="newest")
        >>> client.jobs()[-1].name
        'newest'
        """
        return self._portal.call(self._client.jobs)

    def providers(self) -> Sequence[Site]:
        """Every provider, with its hardware, prices, labels, what is bound there and what is free.

        >>> sorted(site.labels["zone"] for site in client.providers())
        ['left', 'right']
        """
        return self._portal.call(self._client.providers)

    def balance(self, account: str | None = None) -> Decimal:
        """The credits of this account, or of another.

        >>> client.balance() > 0
        True
        """
        return self._portal.call(self._client.balance, account)

    def allowance(self) -> Decimal:
        """The credits that the grid may still take from this account.

        >>> client.allow(25)
        >>> client.allowance()
        Decimal('25')
        """
        return self._portal.call(self._client.allowance)

    def allow(self, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Set how many credits the grid may take from this account.

        >>> client.allow("12.5")
        >>> client.allowance()
        Decimal('12.5')
        """
        self._portal.call(self._client.allow, credits)

    def drip(self, account: str | None = None) -> Decimal:
        """Have the faucet of a test network give this account, or another, credits; returns how many.

        >>> try:
        ...     given = client.drip()
        ... except RefusedByChain as error:
        ...     print(error.name)
        FaucetEmpty
        """
        return self._portal.call(self._client.drip, account)

    def transfer(self, to: str, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Give credits to another account. Raises `NoCredits`.

        >>> before = client.balance(friend)
        >>> client.transfer(friend, "0.5")
        >>> client.balance(friend) - before
        Decimal('0.5')
        """
        self._portal.call(self._client.transfer, to, credits)


class JobHandle:
    """A job of the grid."""

    def __init__(self, portal: Portal, job: AsyncJob) -> None:
        self._portal = portal
        self._job = job

    def __repr__(self) -> str:
        return repr(self._job)

    @property
    def id(self) -> JobId:
        """The job's number.

        >>> client.job(7).id
        7
        """
        return self._job.id

    def read(self) -> Job:
        """The job as the chain has it now. Raises `NotFound`.

        >>> client.submit(workflow, credits=10).read().status.is_hot
        True
        """
        return self._portal.call(self._job.read)

    def wait(self, timeout_seconds: float | None = None) -> Job:
        """Return the job once it is over. Raises `NotInTime` after `timeout_seconds`; the job itself goes on.

        >>> client.submit(workflow, credits=10).wait().status.name
        'FINISHED'
        """
        return self._portal.call(self._job.wait, timeout_seconds)

    def events(self) -> Iterator[JobEvent]:
        """Each state that the job comes into, until it is over.

        >>> [event.status.name for event in client.submit(workflow, credits=10).events()]
        ['PENDING', 'META_SCHEDULED', 'SCHEDULED', 'RUNNING', 'FINISHED']
        """
        return self._portal.iterate(self._job.events())

    def logs(self, *, follow: bool = False) -> Iterator[bytes]:
        r"""The job's output, piece by piece: what there is, and with `follow` what comes, until the job is over.

        >>> b"".join(client.submit(workflow, credits=10).logs(follow=True))
        b'Running: hello\nHello World\n'
        """
        return self._portal.iterate(self._job.logs(follow=follow))

    def is_logged(self) -> bool | None:
        """Whether the job's output is kept, as its workflow says (`enableLogging`); None where nobody knows any more.

        >>> client.submit(workflow, credits=10).is_logged()
        True
        """
        return self._portal.call(self._job.is_logged)

    def cancel(self) -> None:
        """Ask for the job's end: at once before it runs, else as soon as its provider has stopped it.

        >>> job = client.submit(endless, credits=10)
        >>> job.cancel()
        >>> job.wait().status.name
        'CANCELLED'
        """
        self._portal.call(self._job.cancel)

    def top_up(self, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Lock more credits for a job that has a provider: it may run longer.

        >>> job = client.submit(endless, credits=10)
        >>> _ = next(event for event in job.events() if event.status.name == "RUNNING")
        >>> job.top_up("2.5")
        >>> job.cost().locked
        Decimal('12.5')
        >>> job.cancel()
        """
        self._portal.call(self._job.top_up, credits)

    def auto_top_up(self, is_on: bool) -> None:
        """Let the grid top the job up from the account's allowance, slice by slice, or forbid it. The customer's alone.

        >>> job = client.submit(endless, credits=10)
        >>> job.auto_top_up(True)
        >>> job.read().cost.delegate_spending_authority
        True
        >>> job.cancel()
        """
        self._portal.call(self._job.auto_top_up, is_on)

    def expire(self) -> Job:
        """Move the job on where somebody went away: a claim, a lease or a latest start that ran out. Anybody may.

        >>> job = client.submit(endless, credits=10)
        >>> try:
        ...     job.expire()
        ... except RefusedByChain as error:
        ...     print(error.name)
        NotExpired
        >>> job.cancel()
        """
        return self._portal.call(self._job.expire)

    def cost(self) -> Bill:
        """The job's bill: final once it is over, before that what it would be if the job ended now.

        >>> job = client.submit(workflow, credits=10)
        >>> _ = job.wait()
        >>> bill = job.cost()
        >>> bill.paid + bill.fee + bill.refunded == bill.locked
        True
        """
        return self._portal.call(self._job.cost)

    def explain(self) -> Sequence[Candidate]:
        """Why the job waits: what each provider answers, and what would help.

        >>> job = client.submit(workflow, credits=10, uses=[Label("zone", "nowhere")], wait_for_provider=True)
        >>> sorted(row.answer.message for row in job.explain())
        ['needs zone=nowhere; has zone=left', 'needs zone=nowhere; has zone=right']
        >>> job.cancel()
        """
        return self._portal.call(self._job.explain)
