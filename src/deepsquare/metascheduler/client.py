"""What the meta-scheduler offers to others: its own view of the grid, so that they can explain its decisions.

A decision is a pure function of the chain; whoever has the same view comes to the same answer.
"""

from deepsquare.chain import EventReader, Ledger
from deepsquare.clock import Clock
from deepsquare.metascheduler.view import GridView, request_of

__all__ = ["GridView", "request_of", "survey"]


async def survey(ledger: Ledger, clock: Clock) -> GridView:
    """The grid as it is now: hot jobs, providers, what is bound where. Raises `ChainUnreachable`."""
    view = GridView(ledger, EventReader(ledger), clock)
    await view.refresh()
    return view
