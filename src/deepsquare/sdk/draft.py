"""A job that is ready to be requested: compiled, kept by the gateway, judged by every provider; no money moved yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from deepsquare.model import Affinity, JobDefinition, Label, price_per_minute
from deepsquare.scheduling import (
    OBJECTIVE_HINT,
    Candidate,
    JobRequest,
    Offer,
    Rejection,
    Rule,
    Site,
    candidates,
    objective_complaint,
)
from deepsquare.sdk.amounts import Credits, to_credits, to_wei
from deepsquare.sdk.errors import InvalidValue, NoProvider
from deepsquare.workflow import Problem

_MINUTES_PER_HOUR = 60
_UNBOUNDED = 2**128
"""More wei than any job can cost: to ask who could run it if money played no role."""


class TermsArguments(TypedDict, total=False):
    """The keyword arguments of `submit` and `prepare`."""

    credits: Credits | None
    name: str
    uses: Sequence[Label]
    affinities: Sequence[Affinity]
    delegate: bool
    attempts: int
    max_price_per_minute: Credits
    latest_start: datetime | None
    wait_for_provider: bool
    raise_allowance: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """On what conditions a job shall run, beyond what its workflow says."""

    credits: Credits | None = None
    """How many to lock: they bound the bill and, divided by the price, the walltime.

    None: as many as an hour costs at the cheapest provider that can run the job; where none can, at the cheapest.
    """
    name: str = ""
    """At most 32 bytes of UTF-8."""
    uses: Sequence[Label] = ()
    """Labels that a provider must have, and wishes (`objective=...`)."""
    affinities: Sequence[Affinity] = ()
    """Rules on a provider's labels."""
    delegate: bool = False
    """The grid may top up the job from the account's allowance, slice by slice."""
    attempts: int = 1
    """How often the job may be tried; more than once only if running it twice does no harm."""
    max_price_per_minute: Credits = 0
    """A provider that is dearer does not get the job; 0 is no ceiling."""
    latest_start: datetime | None = None
    """After this moment a job that still waits may be cancelled by anyone."""
    wait_for_provider: bool = False
    """Queue the job even where no provider of today can ever run it."""
    raise_allowance: bool = True
    """Allow the grid to take the credits where it may not yet; False: raise `NoAllowance` instead.

    The allowance is then set to what the job locks, by a signature that travels in the request: one transaction, and
    where the request fails nothing is allowed.
    """

    def __post_init__(self) -> None:
        """Raise `InvalidValue` for an objective that there is not, and for two."""
        if complaint := objective_complaint(self.uses):
            raise InvalidValue(complaint, next_step=OBJECTIVE_HINT)


@dataclass(frozen=True, slots=True)
class Draft:
    """What `prepare` found out, for `request` and for a person to look at."""

    definition: JobDefinition
    terms: Terms
    locked: int
    """Wei of credit that the request will lock."""
    candidates: Sequence[Candidate]
    """What each provider answers: the chosen one first, then other offers by price, then rejections."""
    warnings: Sequence[Problem]

    @property
    def chosen(self) -> Candidate | None:
        """Who would start the job now; None where it has to wait."""
        return next((candidate for candidate in self.candidates if candidate.is_chosen), None)

    @property
    def price_per_minute(self) -> Decimal | None:
        """Credits per minute at the chosen provider."""
        chosen = self.chosen
        if chosen is None or isinstance(chosen.answer, Rejection):
            return None
        return to_credits(chosen.answer.price_per_minute)

    @property
    def can_be_requested(self) -> bool:
        """Whether a provider of today can run the job, now or later; or whether it shall wait for one in any case."""
        return self.terms.wait_for_provider or any(map(_is_able, self.candidates))

    def require_provider(self) -> None:
        """Raise `NoProvider` where waiting alone will never help."""
        if any(map(_is_able, self.candidates)):
            return
        rejections = [row.answer for row in self.candidates if isinstance(row.answer, Rejection)]
        reasons = {answer.provider: answer.message for answer in rejections}
        if not rejections:
            raise NoProvider("the grid has no provider yet", reasons, next_step="try again when there is one")
        raise NoProvider("no provider can run this job as it is", reasons, next_step=self._what_helps(rejections))

    def _what_helps(self, rejections: Sequence[Rejection]) -> str:
        """What the customer can do: where more credits would, as few as the cheapest of those providers takes."""
        prices = {row.site.provider.address: row.site.provider.prices for row in self.candidates}
        too_dear = [answer for answer in rejections if answer.rule in (Rule.CREDITS, Rule.PRICE_CEILING)]
        easiest = min(
            too_dear,
            key=lambda answer: price_per_minute(self.definition, prices[answer.provider]),
            default=rejections[0],
        )
        return easiest.help


def draft_of(
    definition: JobDefinition,
    terms: Terms,
    sites: Sequence[Site],
    now: datetime,
    warnings: Sequence[Problem],
    *,
    queue: Sequence[JobRequest] = (),
) -> Draft:
    """What the providers answer to a job that comes to `queue` at the moment `now`.

    Raises `InvalidValue` where nobody names a price.
    """
    if terms.credits is None and terms.wait_for_provider and not sites:
        raise InvalidValue(
            "the grid has no provider yet, so no price tells how many credits to lock",
            next_step="say how many: --credits, or `credits=` in a program",
        )
    ceiling = to_wei(terms.max_price_per_minute)

    def ask(locked: int) -> list[Candidate]:
        request = JobRequest(definition, locked, now, max_price_per_minute=ceiling, latest_start=terms.latest_start)
        return candidates(request, sites, now, queue=queue)

    locked = _an_hour(definition, ask(_UNBOUNDED)) if terms.credits is None else to_wei(terms.credits)
    return Draft(definition, terms, locked, ask(locked), warnings)


def _an_hour(definition: JobDefinition, answers: Sequence[Candidate]) -> int:
    """Wei for an hour at the cheapest provider that can run the job, now or later; where none can, at the cheapest."""
    able = [row for row in answers if _is_able(row)] or answers
    prices = (price_per_minute(definition, row.site.provider.prices) for row in able)
    return min(prices, default=0) * _MINUTES_PER_HOUR


def _is_able(row: Candidate) -> bool:
    """Whether this provider can run the job, now or later."""
    return isinstance(row.answer, Offer) or row.answer.is_temporary
