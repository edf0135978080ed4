"""Which of several sites that could start a job gets it: the seam for objectives."""

from collections.abc import Sequence
from typing import Protocol

from deepsquare.scheduling.matching import JobRequest, Offer


class Policy(Protocol):
    """A preference among offers. Pure: the same job and offers always give the same choice."""

    def choose(self, job: JobRequest, offers: Sequence[Offer]) -> Offer:
        """The best of `offers`, of which there is at least one."""
        ...


class CheapestFirst:
    """The lowest price per minute; among equals the site with most free CPUs, then the lowest address."""

    def choose(self, job: JobRequest, offers: Sequence[Offer]) -> Offer:  # noqa: ARG002 - other policies look at the job
        return min(
            offers,
            key=lambda offer: (
                offer.price_per_minute,
                -sum(node.cpus for node in offer.free),
                offer.provider.address,
            ),
        )
