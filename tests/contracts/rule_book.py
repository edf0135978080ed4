"""The rules of the grid's jobs and their money as plain Python: what docs/contracts.md says, not how it is kept.

Each method is one call of one account at one moment. It changes the state, or raises `Refused` and changes nothing; a
test drives it in step with the contract, and both must say the same, to the wei and to the error's last argument.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

(
    PENDING,
    META_SCHEDULED,
    SCHEDULED,
    RUNNING,
    CANCELLED,
    FINISHED,
    FAILED,
    OUT_OF_CREDITS,
    PANICKED,
) = range(9)
EDGES = {
    PENDING: {META_SCHEDULED, CANCELLED},
    META_SCHEDULED: {PENDING, SCHEDULED, CANCELLED, PANICKED},
    SCHEDULED: {PENDING, RUNNING, CANCELLED, FAILED, PANICKED},
    RUNNING: {PENDING, CANCELLED, FINISHED, FAILED, OUT_OF_CREDITS, PANICKED},
}
NOBODY = "0x" + "0" * 40
MOST_LOCKED = 2**96 - 1
NEVER = 2**256 - 1
MOST_ASSIGNMENTS = 255
SLICE_SECONDS = 30 * 60
SCHEDULER_ROLE, PAUSER_ROLE = "METASCHEDULER_ROLE", "PAUSER_ROLE"

Account = str


class Refused(Exception):
    """The call changes nothing; the contract's error and its arguments."""

    def __init__(self, name: str, *arguments: object) -> None:
        super().__init__(name, *arguments)
        self.name = name
        self.arguments = arguments


@dataclass
class Settings:
    """What the admin may turn."""

    claimTimeout: int = 300  # noqa: N815 - the contract's own names
    leaseDuration: int = 900  # noqa: N815
    reportDelay: int = 300  # noqa: N815
    cancelGrace: int = 120  # noqa: N815
    cancelTimeout: int = 600  # noqa: N815
    feeBasisPoints: int = 250  # noqa: N815
    minimumAmount: int = 0  # noqa: N815

    def bounds(self, name: str) -> tuple[int, int]:
        hour, day = 3600, 86400
        return {
            "claimTimeout": (30, day),
            "leaseDuration": (60, 7 * day),
            "reportDelay": (0, hour),
            "cancelGrace": (0, min(self.cancelTimeout, hour)),
            "cancelTimeout": (max(self.cancelGrace, 60), day),
            "feeBasisPoints": (0, 3000),
            "minimumAmount": (0, 1000 * 10**18),
        }[name]


@dataclass(frozen=True)
class Shape:
    """What a job asks for, as far as its price and its soundness depend on it."""

    tasks: int = 1
    cpus_per_task: int = 1
    memory_per_cpu: int = 1
    gpus: int = 0

    @property
    def is_sound(self) -> bool:
        counts = (self.tasks, self.cpus_per_task, self.memory_per_cpu)
        return all(0 < count < 2**24 for count in counts) and self.gpus < 2**24


@dataclass(frozen=True)
class Prices:
    """Wei per minute."""

    gpu: int
    cpu: int
    memory: int


@dataclass
class Provider:
    """The standing of an account with the ProviderManager."""

    valid: Prices | None = None
    waiting: Prices | None = None
    is_banned: bool = False
    held: int = 0


@dataclass
class Job:
    """One job."""

    customer: Account
    shape: Shape
    locked: int
    delegates: bool
    max_attempts: int
    max_price: int
    latest_start: int
    submitted_at: int
    fee: int
    lease: int
    report_delay: int
    grace: int
    cancel_timeout: int
    status: int = PENDING
    provider: Account = NOBODY
    price: int = 0
    attempt: int = 0
    runs: int = 0
    assigned_at: int = 0
    claimed_at: int = 0
    started_at: int = 0
    ended_at: int = 0
    cancel_requested_at: int = 0
    final_cost: int = 0
    exit_code: int = 0
    last_error: str = ""
    avoided: list[Account] = field(default_factory=list)


class Grid:
    """All that the contracts keep."""

    def __init__(self, contract: Account, admin: Account, supply: int) -> None:
        self.contract = contract
        self.admin = admin
        self.now = 0
        self.settings = Settings()
        self.is_open = True
        self.roles: set[tuple[str, Account]] = set()
        self.balances: dict[Account, int] = {admin: supply}
        self.allowances: dict[Account, int] = {}
        self.providers: dict[Account, Provider] = {}
        self.last_seen: dict[Account, int] = {}
        self.jobs: list[Job] = []
        self.fees = 0

    def attempt(self, act: Callable[[], object]) -> Refused | None:
        """Do it whole or not at all."""
        before = copy.deepcopy(self.__dict__)
        try:
            act()
        except Refused as refused:
            self.__dict__.update(before)
            return refused
        return None

    # Customers.

    def request(
        self,
        by: Account,
        shape: Shape,
        locked: int,
        *,
        delegates: bool = False,
        max_attempts: int = 0,
        max_price: int = 0,
        latest_start: int = 0,
    ) -> None:
        kept = self.settings
        if not self.is_open:
            raise Refused("NewJobRequestDisabled")
        if locked < kept.minimumAmount:
            raise Refused("InsufficientFunds", locked, kept.minimumAmount)
        if locked > MOST_LOCKED:
            raise Refused("AmountOutOfBounds", locked, kept.minimumAmount, MOST_LOCKED)
        if not shape.is_sound:
            raise Refused("InvalidJobDefinition")
        if latest_start and latest_start < self.now:
            raise Refused("LatestStartPassed", latest_start)
        self.jobs.append(
            Job(
                customer=by,
                shape=shape,
                locked=locked,
                delegates=delegates,
                max_attempts=max_attempts or 1,
                max_price=min(max_price, MOST_LOCKED),
                latest_start=min(latest_start, 2**32 - 1),
                submitted_at=self.now,
                fee=kept.feeBasisPoints,
                lease=kept.leaseDuration,
                report_delay=kept.reportDelay,
                grace=kept.cancelGrace,
                cancel_timeout=kept.cancelTimeout,
            )
        )
        self._take(by, locked)

    def cancel(self, by: Account, number: int) -> None:
        job = self._hot(number)
        if by == job.customer:
            if job.status == RUNNING and not job.cancel_requested_at:
                job.cancel_requested_at = self.now
                return
            ready_at = job.cancel_requested_at + job.cancel_timeout
            if job.status == RUNNING and self.now < ready_at:
                raise Refused("CancelPending", ready_at)
            self._end(job, CANCELLED, self.now)
        elif by == job.provider:
            self._see(by)
            self._cancel_as_provider(job, self.now)
        elif job.status == PENDING and self._has_expired(job):
            self._end(job, CANCELLED, self.now)
        else:
            raise Refused("CustomerMetaSchedulerProviderOnly")

    def top_up(self, by: Account, number: int, amount: int) -> None:
        job = self._placed(self._job(number))
        self._add(job, by, amount)

    def top_up_delegate(self, by: Account, number: int) -> None:
        job = self._job(number)
        if by not in {job.customer, job.provider} and not self._is(SCHEDULER_ROLE, by):
            raise Refused("CustomerMetaSchedulerProviderOnly")
        self._placed(job)
        if not job.delegates or job.cancel_requested_at:
            raise Refused("NoSpendingAuthority")
        remaining = self._remaining(job)
        if remaining > SLICE_SECONDS:
            raise Refused("RemainingTimeAboveLimit", remaining, SLICE_SECONDS)
        amount = job.price * SLICE_SECONDS // 60
        allowed = self.allowances.get(job.customer, 0)
        if allowed < amount:
            raise Refused("InsufficientFunds", allowed, amount)
        if by == job.provider:
            self._see(by)
        self._add(job, job.customer, amount)

    def delegate(self, by: Account, number: int, *, delegates: bool) -> None:
        job = self._hot(number)
        if by != job.customer:
            raise Refused("CustomerOnly", by, job.customer)
        job.delegates = delegates

    def approve(self, by: Account, amount: int) -> None:
        self.allowances[by] = amount

    # Schedulers.

    def assign(self, by: Account, number: int, provider: Account) -> None:
        self._require_role(SCHEDULER_ROLE, by)
        job = self._job(number)
        self._require_edge(job, META_SCHEDULED)
        standing = self._standing(provider)
        if standing.valid is None or standing.is_banned:
            raise Refused("ProviderNotJoined")
        if job.attempt == MOST_ASSIGNMENTS:
            raise Refused("TooManyAttempts", MOST_ASSIGNMENTS)
        if provider in job.avoided:
            raise Refused("ProviderAvoided", provider)
        price = price_per_minute(job.shape, standing.valid)
        if job.latest_start and self.now > job.latest_start:
            raise Refused("LatestStartPassed", job.latest_start)
        limit = job.max_price or MOST_LOCKED
        if price > limit:
            raise Refused("PriceAboveLimit", price, limit)
        job.status = META_SCHEDULED
        job.provider, job.price, job.assigned_at = provider, price, self.now
        job.attempt += 1
        standing.held += 1

    def assign_batch(self, by: Account, entries: Sequence[tuple[int, Account]]) -> list[tuple[int, Refused]]:
        self._require_role(SCHEDULER_ROLE, by)
        return self._each([(number, partial(self.assign, by, number, place)) for number, place in entries])

    # Providers.

    def claim(self, by: Account, number: int) -> None:
        job = self._held(by, number)
        self._move(job, SCHEDULED)
        job.claimed_at = self.now

    def claim_batch(self, by: Account, numbers: Sequence[int]) -> list[tuple[int, Refused]]:
        return self._each([(number, partial(self.claim, by, number)) for number in numbers])

    def refuse(self, by: Account, number: int) -> None:
        job = self._held(by, number)
        if job.status not in {META_SCHEDULED, SCHEDULED}:
            raise Refused("MetaScheduledScheduledStatusOnly", job.status)
        self._return(job)

    def report(self, by: Account, number: int, status: int, at: int, *, code: int = 0, error: str = "") -> None:
        job = self._held(by, number)
        if not RUNNING <= status <= PANICKED:
            raise Refused("RunningColdStatusOnly", status)
        if status == RUNNING:
            self._move(job, RUNNING)
            job.started_at = clamp(at, max(job.claimed_at, self.now - job.report_delay), self.now)
            job.runs += 1
            return
        job.exit_code = code or job.exit_code
        job.last_error = error or job.last_error
        if status == CANCELLED:
            self._cancel_as_provider(job, at)
        else:
            self._end(job, status, at)

    def report_batch(self, by: Account, entries: Sequence[tuple[int, int, int]]) -> list[tuple[int, Refused]]:
        return self._each([(entry[0], partial(self.report, by, *entry)) for entry in entries])

    def panic(self, by: Account, number: int) -> None:
        job = self._hot(number)
        if by == job.provider:
            self._see(by)
        else:
            if not self._is(SCHEDULER_ROLE, by):
                raise Refused("JobProviderOnly", by, job.provider)
            self._require_expired(job)
        job.last_error = "panic"
        self._end(job, PANICKED, self.now)

    def heartbeat(self, by: Account) -> None:
        self._see(by)

    # Anybody.

    def expire(self, _by: Account, number: int) -> None:
        job = self._hot(number)
        self._require_expired(job)
        if job.status == PENDING:
            self._end(job, CANCELLED, self.now)
        elif job.status == RUNNING and (job.runs >= job.max_attempts or job.cancel_requested_at):
            job.last_error = "lease ended"
            self._end(job, PANICKED, self.now)
        else:
            self._return(job)

    # The admin and pausers.

    def turn(self, by: Account, name: str, value: int) -> None:
        self._require_admin(by)
        lowest, highest = self.settings.bounds(name)
        if not lowest <= value <= highest:
            raise Refused("SettingOutOfBounds", value, lowest, highest)
        setattr(self.settings, name, value)

    def pause(self, by: Account, *, is_open: bool) -> None:
        if by != self.admin:
            self._require_role(PAUSER_ROLE, by)
        self.is_open = is_open

    def withdraw(self, by: Account, to: Account, amount: int) -> None:
        self._require_admin(by)
        if amount > self.fees:
            raise Refused("InsufficientFunds", self.fees, amount)
        self.fees -= amount
        self._pay(to, amount)

    def set_role(self, by: Account, role: str, account: Account, *, has: bool) -> None:
        self._require_admin(by)
        (self.roles.add if has else self.roles.discard)((role, account))

    # The providers' registrations.

    def register(self, by: Account, prices: Prices) -> None:
        standing = self._standing(by)
        if standing.is_banned:
            raise Refused("Banned")
        if prices == (standing.waiting or standing.valid):
            raise Refused("AlreadyDone")
        standing.waiting = prices

    def admit(self, by: Account, provider: Account) -> None:
        self._require_admin(by)
        standing = self._standing(provider)
        if standing.waiting is None:
            raise Refused("WaitingApprovalOnly")
        if standing.is_banned:
            raise Refused("Banned")
        standing.valid, standing.waiting = standing.waiting, None

    def ban(self, by: Account, provider: Account, *, is_banned: bool) -> None:
        self._require_admin(by)
        standing = self._standing(provider)
        if is_banned:
            self._require_known(standing)
        if standing.is_banned == is_banned:
            raise Refused("AlreadyDone")
        standing.is_banned = is_banned

    def remove(self, by: Account, provider: Account) -> None:
        self._require_admin(by)
        standing = self._standing(provider)
        self._require_known(standing)
        standing.valid = standing.waiting = None

    # How it hangs together.

    @property
    def locked(self) -> int:
        """What hot jobs have locked."""
        return sum(job.locked for job in self.jobs if job.status <= RUNNING)

    def _job(self, number: int) -> Job:
        if not 1 <= number <= len(self.jobs):
            raise Refused("InvalidJob")
        return self.jobs[number - 1]

    def _hot(self, number: int) -> Job:
        job = self._job(number)
        if job.status > RUNNING:
            raise Refused("JobHotStatusOnly", job.status)
        return job

    def _held(self, by: Account, number: int) -> Job:
        job = self._hot(number)
        if by != job.provider:
            raise Refused("JobProviderOnly", by, job.provider)
        self._see(by)
        return job

    def _placed(self, job: Job) -> Job:
        if job.status not in {SCHEDULED, RUNNING}:
            raise Refused("RunningScheduledStatusOnly", job.status)
        return job

    def _require_edge(self, job: Job, to: int) -> None:
        if job.status > RUNNING:
            raise Refused("JobHotStatusOnly", job.status)
        if job.status == to:
            raise Refused("SameStatusError")
        if to not in EDGES[job.status]:
            raise Refused("InvalidTransition", job.status, to)

    def _move(self, job: Job, to: int) -> None:
        self._require_edge(job, to)
        job.status = to

    def _cancel_as_provider(self, job: Job, at: int) -> None:
        if job.status != SCHEDULED and not job.cancel_requested_at:
            raise Refused("InvalidTransition", job.status, CANCELLED)
        self._end(job, CANCELLED, at)

    def _end(self, job: Job, to: int, at: int) -> None:
        """What was locked leaves, once: to the provider, the grid and the customer."""
        cost, end = 0, self.now
        if job.status == RUNNING:
            latest = self.now
            if job.cancel_requested_at:
                latest = min(latest, job.cancel_requested_at + job.grace)
            end = clamp(at, job.started_at, latest)
            if to != PANICKED:
                cost = min(job.locked, -(-job.price * (end - job.started_at) // 60))
        self._move(job, to)
        job.ended_at, job.final_cost = end, cost
        fee = cost * job.fee // 10_000
        if job.provider != NOBODY:
            self._standing(job.provider).held -= 1
            self._pay(job.provider, cost - fee)
        self.fees += fee
        self._pay(job.customer, job.locked - cost)

    def _return(self, job: Job) -> None:
        """The job waits again, as if nobody had held it, save that its provider is avoided."""
        self._move(job, PENDING)
        self._standing(job.provider).held -= 1
        job.avoided.append(job.provider)
        job.provider = NOBODY
        job.price = job.assigned_at = job.claimed_at = job.started_at = 0

    def ready_at(self, job: Job) -> int:
        """From when on anybody may move the job on."""
        if job.status == PENDING:
            return job.latest_start + 1 if job.latest_start else NEVER
        if job.status == META_SCHEDULED:
            return job.assigned_at + self.settings.claimTimeout + 1
        return self.last_seen.get(job.provider, 0) + max(job.lease, self.settings.leaseDuration) + 1

    def _has_expired(self, job: Job) -> bool:
        return self.now >= self.ready_at(job)

    def _require_expired(self, job: Job) -> None:
        if not self._has_expired(job):
            raise Refused("NotExpired", self.ready_at(job))

    def _remaining(self, job: Job) -> int:
        if not job.price:
            return NEVER
        duration = job.locked * 60 // job.price
        if job.status != RUNNING:
            return duration
        deadline = job.started_at + duration
        if self.now >= deadline:
            raise Refused("JobTimeOver", deadline)
        return deadline - self.now

    def _add(self, job: Job, payer: Account, amount: int) -> None:
        room = MOST_LOCKED - job.locked
        if not 1 <= amount <= room:
            raise Refused("AmountOutOfBounds", amount, 1, room)
        job.locked += amount
        self._take(payer, amount)

    def _take(self, payer: Account, amount: int) -> None:
        allowed, balance = self.allowances.get(payer, 0), self.balances.get(payer, 0)
        if allowed < amount:
            raise Refused("ERC20InsufficientAllowance", self.contract, allowed, amount)
        if balance < amount:
            raise Refused("ERC20InsufficientBalance", payer, balance, amount)
        if allowed != NEVER:
            self.allowances[payer] = allowed - amount
        self.balances[payer] = balance - amount

    def _pay(self, to: Account, amount: int) -> None:
        self.balances[to] = self.balances.get(to, 0) + amount

    def _see(self, account: Account) -> None:
        self.last_seen[account] = self.now

    def _standing(self, account: Account) -> Provider:
        return self.providers.setdefault(account, Provider())

    def _require_known(self, standing: Provider) -> None:
        if standing.valid is None and standing.waiting is None:
            raise Refused("NoProvider")

    def _require_admin(self, by: Account) -> None:
        if by != self.admin:
            raise Refused("OwnableUnauthorizedAccount", by)

    def _is(self, role: str, account: Account) -> bool:
        return (role, account) in self.roles

    def _require_role(self, role: str, account: Account) -> None:
        if not self._is(role, account):
            raise Refused("RoleRequired", account, role)

    def _each(self, entries: Sequence[tuple[int, Callable[[], object]]]) -> list[tuple[int, Refused]]:
        """A bad entry is named and changes nothing; its neighbours do not notice."""
        outcomes: list[tuple[int, Any]] = [(number, self.attempt(act)) for number, act in entries]
        return [(number, refused) for number, refused in outcomes if refused is not None]


def price_per_minute(shape: Shape, prices: Prices) -> int:
    """Wei per minute."""
    cpus = shape.tasks * shape.cpus_per_task
    return cpus * (prices.cpu + shape.memory_per_cpu * prices.memory) + shape.gpus * prices.gpu


def clamp(value: int, lowest: int, highest: int) -> int:
    """The nearest value within the bounds."""
    return max(lowest, min(value, highest))
