"""The contracts and the rule book in step: the same calls, legal and illegal, the same states, money and errors."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from deepsquare.chain import abi
from tests.contracts.evm_grid import EvmGrid, Reverted, role
from tests.contracts.rule_book import (
    EDGES,
    FINISHED,
    META_SCHEDULED,
    NEVER,
    NOBODY,
    PANICKED,
    PAUSER_ROLE,
    PENDING,
    RUNNING,
    SCHEDULED,
    SCHEDULER_ROLE,
    Grid,
    Job,
    Prices,
    Refused,
    Settings,
    Shape,
)

START = 1_900_000_000
SUPPLY = 10**30
CREDIT = 10**18
ADMIN, SCHEDULER, ONE, TWO, ANN, BOB, STRANGER = (f"0x{digit * 40}" for digit in "1234567")
PROVIDERS, CUSTOMERS = (ONE, TWO), (ANN, BOB)
EVERYBODY = (ADMIN, SCHEDULER, *PROVIDERS, *CUSTOMERS, STRANGER)
SCRIPT = "0f" * 32
MOST_JOBS = 9
"""Few, so that much happens to each."""

CUSTOMER, PROVIDER = "the job's customer", "the job's provider"
anybody = st.sampled_from((*EVERYBODY, *[CUSTOMER] * 4, *[PROVIDER] * 7))
provider = st.sampled_from((*PROVIDERS, STRANGER))
picks = st.integers(0, 9)
"""Which job, see `InStep.number`."""
prices = st.builds(
    Prices, gpu=st.sampled_from((0, CREDIT)), cpu=st.sampled_from((0, 7, CREDIT)), memory=st.sampled_from((0, 13))
)
shapes = st.builds(
    Shape,
    tasks=st.sampled_from((1, 17, 0, 2**24)),
    cpus_per_task=st.sampled_from((1, 3)),
    memory_per_cpu=st.sampled_from((1, 5)),
    gpus=st.sampled_from((0, 2)),
)
amounts = st.sampled_from((0, 1, 59, CREDIT // 3, 10 * CREDIT, 90 * CREDIT, 2**96))
spans = st.sampled_from((0, 1, 29, 59, 60, 61, 119, 121, 299, 300, 301, 599, 600, 601, 899, 900, 901, 1800, 3601))
offsets = st.sampled_from((-4000, -301, -300, -60, -1, 0, 1, 60, 4000))


class InStep(RuleBasedStateMachine):
    """Whatever is done to the one is done to the other."""

    def __init__(self) -> None:
        super().__init__()
        self.evm = EvmGrid(ADMIN, SUPPLY, START)
        self.grid = Grid(self.evm.addresses[abi.META_SCHEDULER], ADMIN, SUPPLY)
        self.grid.now = START
        self.touched: set[int] = set()
        """The jobs that a step had to do with: they are compared after it, and all of them at the end."""
        self.do(
            lambda: self.grid.set_role(ADMIN, SCHEDULER_ROLE, SCHEDULER, has=True),
            ADMIN,
            "grantRole",
            role(SCHEDULER_ROLE),
            SCHEDULER,
        )
        for customer in CUSTOMERS:
            self.evm.call(ADMIN, abi.CREDIT, "transfer", customer, 300 * CREDIT)
            self.grid.balances[ADMIN] -= 300 * CREDIT
            self.grid.balances[customer] = 300 * CREDIT
            self.allow(customer, 1000 * CREDIT)
        for address in PROVIDERS:
            self.register(address, Prices(CREDIT, CREDIT + 7, 0))
            self.admit(ADMIN, address)
        for number, state in enumerate((PENDING, META_SCHEDULED, SCHEDULED, RUNNING, RUNNING), 1):
            self.request(CUSTOMERS[number % 2], Shape(), 30 * CREDIT, number > 3, number % 3, 0, None)
            for _ in range(state):
                self.go_on(number, PROVIDERS[number % 2])

    # The wheel that both turn.

    def do(
        self, act: Callable[[], object], by: str, function: str, *arguments: object, contract: str = abi.META_SCHEDULER
    ) -> None:
        refused = self.grid.attempt(act)
        reverted = None
        try:
            self.evm.call(by, contract, function, *arguments)
        except Reverted as error:
            reverted = (error.name, error.arguments)
        assert reverted == said(refused)

    def do_batch(
        self, act: Callable[[], list[tuple[int, Refused]]], by: str, function: str, entries: list[Any]
    ) -> None:
        skipped: list[tuple[int, Refused]] = []
        self.do(lambda: skipped.extend(act()), by, function, entries)
        expected = [(number, *(said(refused) or ())) for number, refused in skipped]
        if self.grid._is(SCHEDULER_ROLE, by) or function != "assignBatch":
            assert self.evm.skipped() == expected

    @rule(seconds=spans)
    def wait(self, seconds: int) -> None:
        self.grid.now += seconds
        self.evm.now += seconds

    # Customers.

    @rule(
        by=st.sampled_from((*CUSTOMERS, *CUSTOMERS, STRANGER)),
        shape=shapes,
        locked=amounts,
        delegates=st.booleans(),
        attempts=st.sampled_from((0, 1, 2)),
        max_price=st.sampled_from((0, 0, 1, 3 * CREDIT, 2**100)),
        start_in=st.sampled_from((None, None, -1, 0, 300, 2**33)),
    )
    def request(  # noqa: PLR0917 - a rule's arguments are drawn by name
        self, by: str, shape: Shape, locked: int, delegates: bool, attempts: int, max_price: int, start_in: int | None
    ) -> None:
        if len(self.grid.jobs) >= MOST_JOBS:
            return
        latest = 0 if start_in is None else self.grid.now + start_in
        fields: tuple[Any, ...] = (
            shape.gpus,
            shape.memory_per_cpu,
            shape.cpus_per_task,
            shape.tasks,
            SCRIPT,
            0,
            [],
            [],
        )
        self.do(
            lambda: self.grid.request(
                by,
                shape,
                locked,
                delegates=delegates,
                max_attempts=attempts,
                max_price=max_price,
                latest_start=latest,
            ),
            by,
            "requestJob",
            fields,
            locked,
            bytes(32),
            (delegates, attempts, max_price, latest),
        )

    @rule(by=st.sampled_from(CUSTOMERS), amount=st.sampled_from((0, CREDIT, 1000 * CREDIT, NEVER)))
    def allow(self, by: str, amount: int) -> None:
        meta_scheduler = self.evm.addresses[abi.META_SCHEDULER]
        self.do(lambda: self.grid.approve(by, amount), by, "approve", meta_scheduler, amount, contract=abi.CREDIT)

    @rule(by=anybody, pick=picks)
    def cancel(self, by: str, pick: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        self.do(lambda: self.grid.cancel(by, number), by, "cancelJob", word(number))

    @rule(by=anybody, pick=picks, amount=amounts)
    def top_up(self, by: str, pick: int, amount: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        self.do(lambda: self.grid.top_up(by, number, amount), by, "topUpJob", word(number), amount)

    @rule(by=anybody, pick=picks)
    def top_up_delegate(self, by: str, pick: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        self.do(lambda: self.grid.top_up_delegate(by, number), by, "topUpJobDelegate", word(number))

    @rule(by=anybody, pick=picks, delegates=st.booleans())
    def delegate(self, by: str, pick: int, delegates: bool) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        act = "setDelegateSpendingAuthority"
        self.do(lambda: self.grid.delegate(by, number, delegates=delegates), by, act, word(number), delegates)

    # Schedulers and providers.

    @rule(by=st.sampled_from((SCHEDULER, SCHEDULER, STRANGER)), pick=picks, place=provider)
    def assign(self, by: str, pick: int, place: str) -> None:
        number = self.number(pick)
        self.do(lambda: self.grid.assign(by, number, place), by, "assign", word(number), place)

    @rule(
        by=st.sampled_from((SCHEDULER, SCHEDULER, STRANGER)),
        entries=st.lists(st.tuples(picks, provider), min_size=1, max_size=4),
    )
    def assign_batch(self, by: str, entries: list[tuple[int, str]]) -> None:
        wanted = [(self.number(pick), place) for pick, place in entries]
        words = [(word(number), place) for number, place in wanted]
        self.do_batch(lambda: self.grid.assign_batch(by, wanted), by, "assignBatch", words)

    @rule(by=anybody, pick=picks)
    def claim(self, by: str, pick: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        self.do(lambda: self.grid.claim(by, number), by, "claim", word(number))

    @rule(by=provider, entries=st.lists(picks, min_size=1, max_size=4))
    def claim_batch(self, by: str, entries: list[int]) -> None:
        wanted = [self.number(pick) for pick in entries]
        self.do_batch(lambda: self.grid.claim_batch(by, wanted), by, "claimBatch", [word(each) for each in wanted])

    @rule(by=anybody, pick=picks)
    def refuse(self, by: str, pick: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        self.do(lambda: self.grid.refuse(by, number), by, "refuse", word(number), "why not")

    @rule(by=anybody, pick=picks, status=st.integers(0, 9), offset=offsets, code=st.sampled_from((0, 3, -1)))
    def report(self, by: str, pick: int, status: int, offset: int, code: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        at = self.grid.now + offset
        error = "it broke" if code else ""
        fields = (word(number), status, at, code, error)
        self.do(lambda: self.grid.report(by, number, status, at, code=code, error=error), by, "report", fields)

    @rule(by=provider, entries=st.lists(st.tuples(picks, st.integers(2, 9), offsets), min_size=1, max_size=4))
    def report_batch(self, by: str, entries: list[tuple[int, int, int]]) -> None:
        told = [(self.number(pick), status, self.grid.now + offset) for pick, status, offset in entries]
        fields = [(word(number), status, at, 0, "") for number, status, at in told]
        self.do_batch(lambda: self.grid.report_batch(by, told), by, "reportBatch", fields)

    @rule(by=anybody, pick=picks)
    def panic(self, by: str, pick: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        self.do(lambda: self.grid.panic(by, number), by, "panicJob", word(number), "panic")

    @rule(by=provider)
    def heartbeat(self, by: str) -> None:
        self.do(lambda: self.grid.heartbeat(by), by, "heartbeat")

    @rule(by=anybody, pick=picks)
    def expire(self, by: str, pick: int) -> None:
        number = self.number(pick)
        by = self.who(by, number)
        self.do(lambda: self.grid.expire(by, number), by, "expire", word(number))

    @rule(pick=picks, place=st.sampled_from(PROVIDERS))
    def go_on(self, pick: int, place: str) -> None:
        """The next legal step of a job's best life, so that later states are reached often."""
        number = self.number(pick)
        if not number:
            return
        job = self.grid.jobs[number - 1]
        if job.status == PENDING:
            self.assign(SCHEDULER, number, place)
        elif job.status == META_SCHEDULED:
            self.claim(job.provider, number)
        elif job.status == SCHEDULED:
            self.report(job.provider, number, RUNNING, 0, 0)
        elif job.status == RUNNING:
            self.report(job.provider, number, FINISHED, 0, 0)

    # Those who govern.

    @rule(
        by=st.sampled_from((ADMIN, ADMIN, STRANGER)),
        name=st.sampled_from(list(vars(Settings()))),
        value=st.sampled_from((0, 1, 30, 60, 120, 600, 3000, 3001, 3600, 86401, 7 * 86400, CREDIT)),
    )
    def turn(self, by: str, name: str, value: int) -> None:
        self.do(lambda: self.grid.turn(by, name, value), by, f"set{name[0].upper()}{name[1:]}", value)

    @rule(by=st.sampled_from((*EVERYBODY, BOB)), is_open=st.sampled_from((True, True, False)))
    def pause(self, by: str, is_open: bool) -> None:
        self.do(lambda: self.grid.pause(by, is_open=is_open), by, "setEnableRequestNewJob", is_open)

    @rule(by=st.sampled_from((ADMIN, STRANGER)), account=st.sampled_from((BOB, STRANGER)), has=st.booleans())
    def set_pauser(self, by: str, account: str, has: bool) -> None:
        act = "grantRole" if has else "revokeRole"
        self.do(lambda: self.grid.set_role(by, PAUSER_ROLE, account, has=has), by, act, role(PAUSER_ROLE), account)

    @rule(by=st.sampled_from((ADMIN, ADMIN, STRANGER)), to=st.sampled_from(EVERYBODY), share=st.sampled_from((0, 1, 2)))
    def withdraw(self, by: str, to: str, share: int) -> None:
        amount = self.grid.fees * share // 2 + share // 2
        self.do(lambda: self.grid.withdraw(by, to, amount), by, "withdrawFees", to, amount)

    @rule(by=provider, offer=prices)
    def register(self, by: str, offer: Prices) -> None:
        fields: tuple[Any, ...] = ((1, [1], [1], [1]), (offer.gpu, offer.cpu, offer.memory), [])
        self.do(lambda: self.grid.register(by, offer), by, "register", *fields, contract=abi.PROVIDER_MANAGER)

    @rule(by=st.sampled_from((ADMIN, ADMIN, STRANGER)), address=provider)
    def admit(self, by: str, address: str) -> None:
        self.do(lambda: self.grid.admit(by, address), by, "approve", address, contract=abi.PROVIDER_MANAGER)

    @rule(
        by=st.sampled_from((ADMIN, ADMIN, STRANGER)), address=provider, is_banned=st.sampled_from((True, False, False))
    )
    def ban(self, by: str, address: str, is_banned: bool) -> None:
        act = "ban" if is_banned else "unban"
        self.do(
            lambda: self.grid.ban(by, address, is_banned=is_banned), by, act, address, contract=abi.PROVIDER_MANAGER
        )

    @rule(by=st.sampled_from((ADMIN, STRANGER)), address=provider)
    def remove(self, by: str, address: str) -> None:
        self.do(lambda: self.grid.remove(by, address), by, "remove", address, contract=abi.PROVIDER_MANAGER)

    # What must be equal, always.

    @invariant()
    def money_is_equal_to_the_wei(self) -> None:
        contract = self.evm.addresses[abi.META_SCHEDULER]
        held = self.read(abi.CREDIT, "balanceOf", contract)
        assert held == self.grid.locked + self.grid.fees
        assert self.read(abi.META_SCHEDULER, "collectedFees") == self.grid.fees
        for account in EVERYBODY:
            assert self.read(abi.CREDIT, "balanceOf", account) == self.grid.balances.get(account, 0)
        assert sum(self.grid.balances.values()) + held == SUPPLY

    @invariant()
    def jobs_and_standings_are_equal(self) -> None:
        assert self.read(abi.META_SCHEDULER, "jobCount") == len(self.grid.jobs)
        for number in self.touched - {0}:
            assert self.job(number) == as_read(self.grid.jobs[number - 1])
        self.touched.clear()
        for address in PROVIDERS:
            standing = self.grid.providers[address]
            assert self.read(abi.PROVIDER_MANAGER, "getJobCount", address) == standing.held
            is_valid = standing.valid is not None and not standing.is_banned
            assert self.read(abi.PROVIDER_MANAGER, "isValidForScheduling", address) == is_valid
            lease_end = self.grid.last_seen.get(address, 0) + self.grid.settings.leaseDuration
            assert self.read(abi.META_SCHEDULER, "leaseEnd", address) == lease_end
        for customer in CUSTOMERS:
            allowed = self.read(abi.CREDIT, "allowance", customer, self.evm.addresses[abi.META_SCHEDULER])
            assert allowed == self.grid.allowances.get(customer, 0)

    def teardown(self) -> None:
        """When all leases ran out, a stranger can end every job that somebody held, and its customer every one that
        waits: no credit stays behind but fees.
        """
        for _ in range(3):
            self.wait(8 * 86400)
            for number, job in enumerate(self.grid.jobs, 1):
                if job.status in EDGES and self.grid.ready_at(job) <= self.grid.now:
                    self.expire(STRANGER, number)
                elif job.status == PENDING:
                    self.cancel(job.customer, number)
        assert all(job.status not in EDGES for job in self.grid.jobs)
        assert self.grid.locked == 0
        self.touched = set(range(1, len(self.grid.jobs) + 1))
        self.jobs_and_standings_are_equal()
        self.money_is_equal_to_the_wei()

    def read(self, contract: str, function: str, *arguments: object) -> Any:
        return self.evm.call(STRANGER, contract, function, *arguments)

    def job(self, number: int) -> tuple[Any, ...]:
        published = self.read(abi.META_SCHEDULER, "get", word(number))
        _, status, customer, place, _, cost, time, _, asked, error, code = published
        submitted, start, end, asked_at, _, panicked_at = time
        terms = self.read(abi.META_SCHEDULER, "terms", word(number))
        assert asked == (asked_at != 0)
        assert panicked_at == (end if status == PANICKED else 0)
        return (status, customer, place, *cost[:2], cost[3], submitted, start, end, asked_at, error, code, *terms)

    def number(self, pick: int) -> int:
        """A job: the one of this number, where there is none another one; 0 is none ever."""
        count = len(self.grid.jobs)
        number = pick if pick <= count else 1 + pick % count
        self.touched.add(number)
        return number

    def who(self, by: str, number: int) -> str:
        """An account, where it was named by its part in a job."""
        if by not in {CUSTOMER, PROVIDER}:
            return by
        if not 1 <= number <= len(self.grid.jobs):
            return STRANGER
        job = self.grid.jobs[number - 1]
        return job.customer if by == CUSTOMER or job.provider == NOBODY else job.provider


def as_read(job: Job) -> tuple[Any, ...]:
    """A job as `InStep.job` reads it from the contract."""
    return (
        *(job.status, job.customer, job.provider, job.locked, job.final_cost, job.delegates),
        *(job.submitted_at, job.started_at, job.ended_at, job.cancel_requested_at, job.last_error, job.exit_code),
        *(job.price, job.fee, job.attempt, job.max_attempts, job.claimed_at, job.assigned_at),
        *(job.max_price, job.latest_start, job.lease, job.report_delay, job.grace, job.cancel_timeout),
        tuple(job.avoided),
    )


def said(refused: Refused | None) -> tuple[str, tuple[Any, ...]] | None:
    """The refusal as the contract tells it."""
    if refused is None:
        return None
    roles = {SCHEDULER_ROLE, PAUSER_ROLE}
    return refused.name, tuple(role(str(each)) if each in roles else each for each in refused.arguments)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


TestInStep = InStep.TestCase
