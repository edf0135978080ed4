"""The end of a local cluster that is switched off: its running jobs end as lost, those that wait go on waiting.

As with any machine that is shut down: the keepers get TERM, and a job that was lost costs its customer nothing. The
next `LocalCluster` over the same root declares its nodes again and starts what waits.
"""

import os
import signal
from pathlib import Path

from deepsquare.clusters.local.layout import JobFolder, Root
from deepsquare.clusters.local.locks import held, is_alive
from deepsquare.clusters.port import NodeState
from deepsquare.clusters.records import read_json, write_json


def drain(path: Path) -> None:
    """Let nothing that waits start any more."""
    root = Root(path)
    with held(root.lock):
        nodes = (read_json(root.nodes) or {"nodes": []})["nodes"]
        write_json(root.nodes, {"nodes": [{**node, "state": NodeState.DRAINED.value} for node in nodes]})


def running(path: Path) -> list[JobFolder]:
    """The folders of the jobs whose keeper lives."""
    return [folder for folder in Root(path).folders() if is_alive(folder.lock)]


def tell_to_stop(folder: JobFolder) -> None:
    """Send TERM to the job's keeper; it ends the job and writes that it was lost."""
    started = read_json(folder.started)
    # The life lock tells that the keeper lives, so the number cannot have passed to another process.
    if started is not None and is_alive(folder.lock):
        os.kill(int(started["keeper"]), signal.SIGTERM)
