"""A small interpreter of the language's control flow: which commands must run, in which order, and how the job ends.

It is the language's meaning in the fewest words, and knows nothing of bash. Jobs are plain data, as in a file. A
command is known by its text, which it writes to a trace with what it sees: `item`, `index` and the error code.
Where things run beside each other, the order is partial; where one of them is cut short, events become optional.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Data = Mapping[str, Any]

TRUE, FALSE, BROKEN = "1 -eq 1", "1 -eq 2", "a b"
"""The conditions that it knows; others compare `$item` with a word."""


class Undetermined(Exception):
    """More than one end is right: it depends on what is faster."""


@dataclass(eq=False)
class Event:
    """A command that runs; if it is optional, it may not."""

    key: tuple[str, str, str]
    """The command, `$item` and `$index`."""
    error_code: str
    is_optional: bool = False


@dataclass(eq=False)
class Launched:
    """Steps that run beside others."""

    events: list[Event]
    code: int
    signal: int
    is_awaited: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What a step sees."""

    item: str = ""
    index: str = ""
    error_code: str = ""
    handles: Mapping[str, Launched] = field(default_factory=dict)
    may_be_cut: bool = False
    """Within a parallel loop, another iteration may end this one at any moment."""


Result = tuple[int, list[Event]]


class Interpreter:
    """Interprets one job. `order` holds pairs of groups: all events of the first come before all of the second."""

    def __init__(self) -> None:
        self.order: list[tuple[list[Event], list[Event]]] = []

    def scope(self, steps: Sequence[Data], seen: Surroundings) -> Result:
        """Steps one after another, and the end of what they launched."""
        handles = dict(seen.handles)
        launched: list[Launched] = []
        done: list[Event] = []
        code = 0
        for step in steps:
            before = len(launched)
            code, events = self._step(step, replace(seen, handles=handles), launched)
            for started in launched[before:]:
                self.order.append((list(done), started.events))
                if "handleName" in step["launch"]:
                    handles[step["launch"]["handleName"].lower()] = started
            self.order.append((list(done), events))
            done += events
            if code:
                break
        for each in launched:
            if each.signal and not each.is_awaited:
                _make_optional(each.events)
                if each.code:
                    raise Undetermined
            elif not each.is_awaited:
                code = code or each.code
            done += each.events
        return code, done

    def _step(self, step: Data, seen: Surroundings, launched: list[Launched]) -> Result:
        awaited = [seen.handles[name.lower()] for name in step.get("dependsOn", ()) if name.lower() in seen.handles]
        for each in awaited:
            if seen.may_be_cut and (each.code or each.signal):
                raise Undetermined
            each.is_awaited = True
        code = next((each.code for each in awaited if each.code), 0)
        events: list[Event] = []
        if not code and "if" in step:
            if step["if"] == BROKEN:
                code = 2
            elif not _holds(step["if"], seen):
                return 0, []
        if not code:
            code, events = self._action(step, seen, launched)
        if code and step.get("catch"):
            code, more = self.scope(step["catch"], replace(seen, error_code=str(code)))
            events = self._then(events, more)
        if step.get("finally"):
            last, more = self.scope(step["finally"], replace(seen, error_code=str(code)))
            events = self._then(events, more)
            code = code or last
        for each in awaited:
            self.order.append((each.events, list(events)))
        return code, events

    def _then(self, events: list[Event], more: list[Event]) -> list[Event]:
        self.order.append((list(events), list(more)))
        return events + more

    def _action(self, step: Data, seen: Surroundings, launched: list[Launched]) -> Result:
        if "run" in step:
            name, code = step["run"]["command"].split("#")[1:3]
            return int(code), [Event((name, seen.item, seen.index), seen.error_code)]
        if "launch" in step:
            launch = step["launch"]
            code, events = self.scope(launch["steps"], seen)
            launched.append(Launched(events, code, launch.get("signalOnParentStepExit", 15)))
            return 0, []
        if "for" in step:
            return self._loop(step["for"], seen)
        return self.scope(step.get("steps", ()), seen)

    def _loop(self, loop: Data, seen: Surroundings) -> Result:
        iterations = [self._prepare(loop, value, seen) for value in _values(loop)]
        if loop["parallel"]:
            return _at_once([self.scope(loop["steps"], each) for each in iterations])
        events: list[Event] = []
        for each in iterations:
            code, more = self.scope(loop["steps"], each)
            events = self._then(events, more)
            if code:
                return code, events
        return 0, events

    @staticmethod
    def _prepare(loop: Data, value: str, seen: Surroundings) -> Surroundings:
        may_be_cut = seen.may_be_cut or loop["parallel"]
        inside = replace(seen, may_be_cut=may_be_cut)
        return replace(inside, item=value) if "items" in loop else replace(inside, index=value)


def _values(loop: Data) -> list[str]:
    if "items" in loop:
        return list(loop["items"])
    numbers = loop["range"]
    increment = numbers.get("increment", 1)
    return [str(number) for number in range(numbers["begin"], numbers["end"] + (1 if increment > 0 else -1), increment)]


def _at_once(results: list[Result]) -> Result:
    """The first iteration that fails cuts the others short."""
    failed = [result for result in results if result[0]]
    if len({code for code, _ in failed}) > 1:
        raise Undetermined
    for result in results:
        if failed and (result[0] == 0 or len(failed) > 1):
            _make_optional(result[1])
    return (failed[0][0] if failed else 0), [event for _, events in results for event in events]


def _make_optional(events: Iterable[Event]) -> None:
    for event in events:
        event.is_optional = True


def _holds(condition: str, seen: Surroundings) -> bool:
    return condition in {TRUE, f"$item = {seen.item}"}
