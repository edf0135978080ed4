"""The client for programs: what a customer can do on a grid, asynchronously.

`AsyncClient` finds its grid and its wallet as `dps` does (see `configuration`), or is told. `Client` in
`sync.py` is the same with plain calls. Neither keeps anything on disk, and no private key leaves this process.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, Unpack

from deepsquare import compiler
from deepsquare import workflow as language
from deepsquare.chain import JobRequested, Signer
from deepsquare.clock import Clock
from deepsquare.gateway.client import Submission
from deepsquare.metascheduler.client import GridView, Offers
from deepsquare.model import Address, Job, JobId
from deepsquare.modules import pins_of
from deepsquare.scheduling import Site
from deepsquare.sdk import configuration as settings
from deepsquare.sdk.accounts import address_of
from deepsquare.sdk.admin import AsyncAdmin
from deepsquare.sdk.amounts import Credits, to_credits, to_wei
from deepsquare.sdk.connection import Connection
from deepsquare.sdk.draft import Draft, Terms, TermsArguments, draft_of
from deepsquare.sdk.errors import InvalidValue, InvalidWorkflow, ScriptDiffers
from deepsquare.sdk.job import AsyncJob
from deepsquare.sdk.modules import UserModules
from deepsquare.sdk.translation import translated

LONGEST_NAME_BYTES = 32
"""The room for a job's name on the chain."""

WorkflowSource = Path | str | Mapping[str, Any]
"""A workflow: the path of its file, its text (YAML or JSON), or the structure itself."""

_SUBMISSIONS_AT_ONCE = 4
"""A gateway compiles one workflow after the other, and each request looks at every connection that is open."""

_NO_SALT = "0" * 32
"""Of a script that nobody keeps: only what it asks for matters."""


class AsyncClient:
    """One customer of one grid; use it as an async context manager."""

    def __init__(
        self,
        configuration: settings.Configuration | None = None,
        *,
        signer: Signer | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Without arguments: the grid and the wallet that `dps config show` names."""
        self.connection = Connection(configuration or settings.load(), signer=signer, clock=clock)
        """The open parts of the grid, for who needs more than a customer does."""
        self._submissions = asyncio.Semaphore(_SUBMISSIONS_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back connections; a closed client stays closed.

        >>> await AsyncClient(configuration).close()
        """
        await self.connection.close()

    @property
    def address(self) -> Address:
        """The account that signs and pays. Raises `KeyProblem`.

        >>> client.address == customer
        True
        """
        return self.connection.address

    @property
    def admin(self) -> AsyncAdmin:
        """What the admin of the grid decides, where this account is it.

        >>> (await client.admin.settings()).accepts_requests
        True
        """
        return AsyncAdmin(self.connection)

    async def submit(self, workflow: WorkflowSource, **terms: Unpack[TermsArguments]) -> AsyncJob:
        """Compile a workflow, keep its script at the gateway, lock the credits and queue the job.

        `terms` are those of `Terms`. Nothing is locked unless all went well. Raises `InvalidWorkflow`, `NoProvider`,
        `NoCredits`, `ScriptDiffers`, and what `Unreachable` and `Refused` stand for.

        >>> job = await client.submit(workflow, credits=10, name="hello")
        >>> (await job.wait()).exit_code
        0
        """
        # Whether the job can ever run, and what an hour costs, has nothing to do with how busy the grid is now.
        return await self.request(await self._prepared(workflow, "", Terms(**terms), self.connection.offers))

    async def prepare(self, workflow: WorkflowSource, *, source: str = "", **terms: Unpack[TermsArguments]) -> Draft:
        """All of `submit` but the request: who could run the job, at what price. Moves no money.

        `source` is what messages call the workflow, where it is not a path. Registries are asked for the workflow's
        images, unless `image_check` is off: one that is not there raises `InvalidWorkflow`.

        >>> draft = await client.prepare(workflow, credits=10)
        >>> draft.chosen.site.provider.label("zone")
        'left'
        """
        return await self._prepared(workflow, source, Terms(**terms), self.connection.view)

    async def estimate(self, workflow: WorkflowSource, *, source: str = "", **terms: Unpack[TermsArguments]) -> Draft:
        """Who could run the job, at what price and when. Needs no wallet and no gateway; cannot be requested.

        >>> draft = await client.estimate(workflow, credits=10)
        >>> draft.chosen.site.provider.label("zone")
        'left'
        """
        conditions = Terms(**terms)
        _, loaded = await self._load(workflow, source)
        script = compiler.compile(loaded, salt=_NO_SALT)
        return self._drafted(await self.connection.view(), loaded, script.hash, conditions, loaded.problems)

    async def _prepared(
        self, workflow: WorkflowSource, source: str, terms: Terms, look: Callable[[], Awaitable[GridView | Offers]]
    ) -> Draft:
        """The draft of a workflow, whose script the gateway keeps, as far as a look at the grid tells."""
        text, loaded = await self._load(workflow, source)
        checking = asyncio.create_task(self._check_images(loaded), name="check images")
        try:
            grid, gateway = await look(), await self.connection.gateway()
            problems = await checking
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)
        async with self._submissions:
            with translated():
                submission = await gateway.submit(text, self.address, pins_of(loaded.modules))
        _verify(loaded, submission)
        return self._drafted(grid, loaded, submission.script_hash, terms, problems)

    async def _load(self, workflow: WorkflowSource, source: str) -> tuple[str, language.Loaded]:
        """A workflow's text, and what came of it, with its modules. Raises `InvalidWorkflow`."""
        name, text = _read(workflow)
        modules = UserModules(lambda: self.connection.configuration)
        loaded = await asyncio.to_thread(language.load, text, source or name, modules)
        if loaded.workflow is None:
            raise InvalidWorkflow(source or name, loaded.problems)
        return text, loaded

    async def _check_images(self, loaded: language.Loaded) -> Sequence[language.Problem]:
        """All warnings, those of registries among them. Raises `InvalidWorkflow` where an image is not there."""
        if not loaded.containers or self.connection.configuration.get("image_check") == "off":
            return loaded.problems
        from deepsquare.sdk.images import check_images  # noqa: PLC0415 - only workflows with containers need it

        found = await check_images(loaded.containers, self.connection.clock)
        problems = language.by_place((*loaded.problems, *found))
        if any(problem.severity is language.Severity.ERROR for problem in problems):
            raise InvalidWorkflow(loaded.source, problems)
        return problems

    def _drafted(
        self,
        grid: GridView | Offers,
        loaded: language.Loaded,
        script_hash: str,
        conditions: Terms,
        warnings: Sequence[language.Problem],
    ) -> Draft:
        definition = compiler.definition(loaded, script_hash, uses=conditions.uses, affinities=conditions.affinities)
        now = self.connection.clock.now()
        return draft_of(definition, conditions, grid.sites(now), now, warnings, queue=grid.queue())

    async def request(self, draft: Draft) -> AsyncJob:
        """Lock the credits of a prepared job and queue it.

        >>> job = await client.request(await client.prepare(workflow, credits=10))
        >>> (await job.cost()).locked
        Decimal('10')
        """
        terms = draft.terms
        if not terms.wait_for_provider:
            draft.require_provider()
        name = _job_name(terms.name)
        account, purse = await self.connection.account(), await self.connection.purse()

        async def lock(must_allow: bool) -> JobRequested:
            return await account.request_job(
                draft.definition,
                draft.locked,
                name,
                delegate=terms.delegate,
                max_attempts=terms.attempts,
                max_price_per_minute=to_wei(terms.max_price_per_minute),
                latest_start=terms.latest_start,
                allowing=draft.locked if must_allow else None,
            )

        requested = await purse.spend(draft.locked, lock, raise_allowance=terms.raise_allowance)
        return AsyncJob(self.connection, requested.job_id, since_block=requested.block)

    def job(self, job_id: int) -> AsyncJob:
        """The handle of a job that exists; asks nobody.

        >>> client.job(1)
        <job 1>
        """
        return AsyncJob(self.connection, JobId(job_id))

    async def jobs(self) -> Sequence[Job]:
        """All jobs of this account, the oldest first.

        >>> job = await client.submit(workflow, credits=10, name="newest")
        >>> (await client.jobs())[-1].name
        'newest'
        """
        ledger = await self.connection.ledger()
        with translated():
            return await ledger.jobs(await ledger.jobs_of(self.address))

    async def providers(self) -> Sequence[Site]:
        """Every provider, with its hardware, prices, labels, what is bound there and what is free.

        >>> sorted(site.labels["zone"] for site in await client.providers())
        ['left', 'right']
        """
        view = await self.connection.view()
        return view.sites(self.connection.clock.now())

    async def balance(self, account: str | None = None) -> Decimal:
        """The credits of this account, or of another.

        >>> await client.balance() > 0
        True
        """
        owner = self.address if account is None else address_of(account)
        ledger = await self.connection.ledger()
        with translated():
            return to_credits(await ledger.balance(owner))

    async def allowance(self) -> Decimal:
        """The credits that the grid may still take from this account.

        >>> await client.allow(25)
        >>> await client.allowance()
        Decimal('25')
        """
        ledger = await self.connection.ledger()
        with translated():
            return to_credits(await ledger.allowance(self.address))

    async def allow(self, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Set how many credits the grid may take from this account: for new jobs, top-ups and delegated top-ups.

        >>> await client.allow("12.5")
        >>> await client.allowance()
        Decimal('12.5')
        """
        wei = to_wei(credits)
        account = await self.connection.account()
        with translated():
            await account.allow(wei)

    async def drip(self, account: str | None = None) -> Decimal:
        """Have the faucet of a test network give this account, or another, credits; returns how many.

        Once a day for each account. Raises `RefusedByChain` (`FaucetEmpty`, also where there is none; `FaucetPaused`).

        >>> try:
        ...     given = await client.drip()
        ... except RefusedByChain as error:
        ...     print(error.name)
        FaucetEmpty
        """
        receiver = self.address if account is None else address_of(account)
        spender = await self.connection.account()
        with translated():
            return to_credits(await spender.drip(receiver))

    async def transfer(self, to: str, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Give credits to another account. Raises `NoCredits`.

        >>> before = await client.balance(friend)
        >>> await client.transfer(friend, "0.5")
        >>> await client.balance(friend) - before
        Decimal('0.5')
        """
        wei, receiver = to_wei(credits), address_of(to)
        account = await self.connection.account()
        with translated():
            await account.transfer(receiver, wei)


def _read(workflow: WorkflowSource) -> tuple[str, str]:
    """What a workflow is called in messages, and its text."""
    if isinstance(workflow, Path):
        return str(workflow), workflow.read_text(encoding="utf-8")
    if isinstance(workflow, str):
        return "workflow", workflow
    return "workflow", json.dumps(workflow)


def _job_name(name: str) -> str:
    """A job's name as the chain can hold it. Raises `InvalidValue`."""
    if len(name.encode()) > LONGEST_NAME_BYTES:
        raise InvalidValue(
            f"the job's name {name!r} has more than {LONGEST_NAME_BYTES} bytes", next_step="choose a shorter one"
        )
    return name


def _verify(loaded: language.Loaded, submission: Submission) -> None:
    """The gateway's script must be the one that the workflow compiles to here: nobody has slipped in another."""
    at_home = compiler.compile(loaded, salt=submission.salt)
    if at_home.hash != submission.script_hash:
        raise ScriptDiffers(
            f"the gateway answered with script {submission.script_hash}, the workflow compiles to {at_home.hash} here",
            next_step="use the release of DeepSquare that the gateway runs, or another gateway",
        )
