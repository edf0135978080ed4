"""Pictures of a schedule: the only module here that needs matplotlib (the extra `plot`) and that writes."""

from collections.abc import Sequence
from pathlib import Path

from deepsquare.simulation.timeline import timeline
from deepsquare.simulation.world import Machine, Record

_DAY_SECONDS = 86_400


class MissingMatplotlib(RuntimeError):
    """Nothing can be drawn without it."""


def draw(path: Path, title: str, records: Sequence[Record], machines: Sequence[Machine]) -> None:
    """Draw utilisation and queue over time; the file's ending says the format. Raises `MissingMatplotlib`."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise MissingMatplotlib("plots need matplotlib, which is not installed") from None
    lines = timeline(records)
    days = [moment / _DAY_SECONDS for moment in lines.moments]
    cpus = sum(machine.cpus for machine in machines)
    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.fill_between(days, [busy / cpus for busy in lines.busy_cpus], step="post", linewidth=0)
    above.set(title=title, ylabel="utilisation", ylim=(0, 1))
    below.fill_between(days, lines.waiting_jobs, step="post", linewidth=0, color="tab:orange")
    below.set(xlabel="days", ylabel="waiting jobs")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
