"""Answers to calls, remembered for as long as nothing that they read has changed.

Everybody on a grid reads the same few jobs again and again, and interpreting a call costs a hundred times what
reading its slots does. A call is a pure function of its message and of the accounts and slots that it read; where
all of these still have their values, in whatever block, the answer is the same. Calls that looked at the block
itself (its time, its number, older hashes) are not remembered.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deepsquare.chain.embedded.engine import Outcome, Reads, StateReader
from deepsquare.chain.embedded.transactions import Call

MOST_ANSWERS = 4_096
MOST_READS = 512
"""A call that reads more than this is not remembered: looking everything up again would cost too much."""


@dataclass(frozen=True, slots=True)
class _Answer:
    reads: Reads
    outcome: Outcome

    def still_holds(self, state: StateReader) -> bool:
        slots = self.reads.slots.items()
        accounts = self.reads.accounts.items()
        return all(state.slot(*place) == value for place, value in slots) and all(
            state.account(address) == account for address, account in accounts
        )


@dataclass(slots=True)
class _Turn:
    """Who may interpret a call now, and how many want to."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    takers: int = 0


class Memory:
    """The answers of one node; used by many threads."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Call, _Answer] = OrderedDict()
        self._turns: dict[Call, _Turn] = {}
        self._lock = threading.Lock()

    def outcome(self, call: Call, state: StateReader, interpret: Callable[[], tuple[Outcome, Reads | None]]) -> Outcome:
        """The outcome of this call over this state: as it is known, or by `interpret`, which says what it read.

        Whoever asks while another thread interprets the same call waits for that answer: after every block
        several ask for the same job.
        """
        known = self._recall(call, state)
        if known is not None:
            return known
        with self._turn(call):
            known = self._recall(call, state)
            if known is not None:
                return known
            outcome, reads = interpret()
            if reads is not None:
                self._remember(call, reads, outcome)
            return outcome

    @contextmanager
    def _turn(self, call: Call) -> Iterator[None]:
        """One thread at a time for each call."""
        with self._lock:
            turn = self._turns.setdefault(call, _Turn())
            turn.takers += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.takers -= 1
                if not turn.takers:
                    del self._turns[call]

    def _recall(self, call: Call, state: StateReader) -> Outcome | None:
        with self._lock:
            answer = self._answers.get(call)
        if answer is None or not answer.still_holds(state):
            return None
        with self._lock:
            if call in self._answers:
                self._answers.move_to_end(call)
        return answer.outcome

    def _remember(self, call: Call, reads: Reads, outcome: Outcome) -> None:
        """Keep the outcome of a call; the newest of the same call, and of all calls the most recently used."""
        if len(reads.slots) + len(reads.accounts) > MOST_READS:
            return
        with self._lock:
            self._answers[call] = _Answer(reads, outcome)
            self._answers.move_to_end(call)
            while len(self._answers) > MOST_ANSWERS:
                self._answers.popitem(last=False)
