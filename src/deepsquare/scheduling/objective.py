"""What the customer of a job wants of its place: a wish among the labels that the job names (`objective=cost`)."""

from collections.abc import Iterable
from enum import StrEnum

from deepsquare.model import Label

OBJECTIVE_LABEL = "objective"


class Objective(StrEnum):
    """What matters to a customer."""

    COST = "cost"
    """The cheapest place."""
    TIME = "time"
    """The earliest start."""
    ENERGY = "energy"
    """The cleanest power."""
    BALANCED = "balanced"
    """A low price, and the wide clusters for wide jobs."""


_OBJECTIVES = {objective.value: objective for objective in Objective}


def objective_of(uses: Iterable[Label]) -> Objective:
    """What a job wants; balanced where it does not say, or says what `objective_complaint` complains of."""
    wanted = _wanted(uses)
    return _OBJECTIVES.get(wanted[0], Objective.BALANCED) if len(wanted) == 1 else Objective.BALANCED


def objective_complaint(uses: Iterable[Label]) -> str | None:
    """What is wrong with the objective of a job; None where nothing is."""
    wanted = _wanted(uses)
    if len(wanted) > 1:
        return f"the job has two objectives: {wanted[0]} and {wanted[1]}"
    if wanted and wanted[0] not in _OBJECTIVES:
        return f"{wanted[0]!r} is no objective"
    return None


OBJECTIVE_HINT = f"name one objective: {', '.join(_OBJECTIVES)}"
"""What helps where there is a complaint."""


def _wanted(uses: Iterable[Label]) -> list[str]:
    """The objectives that are named, each once."""
    return list(dict.fromkeys(use.value for use in uses if use.key == OBJECTIVE_LABEL))
