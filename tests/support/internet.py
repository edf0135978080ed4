"""A small internet of two network namespaces: a site whose only way out leads to one host, with all the servers.

Nothing of the machine's own network is in it. Needs user namespaces, which plain users have on most machines.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.scripts import Outcome, ScriptSite

SITE, HOST = "192.0.2.1", "192.0.2.254"
"""Addresses of the site and of the host, from the range for documentation."""

_LAST_WORDS = "echo up; exec sleep infinity"
_UNTIL_ALL_IS_GONE = """\
while ls -d "$SITE"/shared/disk/tmp/*/network-* 2>/dev/null ||
  ps -e -ww -o args | awk 'index($0, ENVIRON["SITE"]) { found = 1; print } END { exit !found }'
do sleep 0.1; done
"""
_WIREGUARD = """\
mount -t tmpfs tmpfs /run && mkdir /run/wireguard
wireguard-go -f wg0 >/dev/null 2>&1 & trap 'kill $!' EXIT
until [ -S /run/wireguard/wg0.sock ]; do sleep 0.05; done
wg setconf wg0 "$1" && ip address add 10.9.0.1/24 dev wg0 && ip link set wg0 up && echo up && wait
"""


@dataclass(frozen=True)
class Internet:
    """Where its two ends are."""

    site: tuple[str, ...]
    """Words that start a program at the site."""
    host: tuple[str, ...]
    other_node: tuple[str, ...]
    """Words for a program of the site: they start one on the host, as on another node of the same cluster."""
    _stack: ExitStack

    def serve(self, place: Sequence[str], address: str, folder: Path) -> None:
        """Files over http at this address, port 8000, until the end."""
        server = [sys.executable, "-um", "http.server", "8000", "--bind", address, "--directory", str(folder)]
        _start(self._stack, [*place, *server])

    def serve_wireguard(self, configuration: Path) -> None:
        """A peer on the host: what its `wg setconf` reads; its own address is 10.9.0.1/24."""
        _start(self._stack, [*self.host, "unshare", "--mount", "bash", "-c", _WIREGUARD, "bash", str(configuration)])


def _start(stack: ExitStack, argv: Sequence[str]) -> int:
    """A program that runs until the end; it has said its first line."""
    process = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
    stack.callback(process.terminate)
    assert process.stdout is not None
    assert process.stdout.readline(), f"{argv} has not started"
    return process.pid


def _inside(process: int) -> tuple[str, ...]:
    return ("nsenter", "--target", str(process), "--user", "--preserve-credentials", "--net", "--mount", "--wd=/")


@contextmanager
def internet() -> Iterator[Internet]:
    """Both ends, connected; all that was started there ends with it."""
    with ExitStack() as stack:
        namespaces = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
        site = _start(stack, [*namespaces, "sh", "-c", f"ip link set lo up && {_LAST_WORDS}"])
        host = _start(stack, [*_inside(site), "unshare", "--net", "sh", "-c", f"ip link set lo up && {_LAST_WORDS}"])
        for place, commands in (
            (site, f"ip link add out0 type veth peer name in0 netns {host}"),
            (site, f"ip address add {SITE}/24 dev out0; ip link set out0 up"),
            (host, f"ip address add {HOST}/24 dev in0; ip link set in0 up"),
            (site, f"ip route add default via {HOST}"),
        ):
            subprocess.run([*_inside(place), "sh", "-ec", commands], check=True)
        yield Internet(_inside(site), _inside(host), ("nsenter", f"--net=/proc/{host}/ns/net"), stack)


class ConnectedSite(ScriptSite):
    """A site in such a world. No file and no process of a job's networks may outlive the job by much."""

    def __init__(self, folder: Path, world: Internet, *more: str, record_only: bool = False) -> None:
        super().__init__(folder, record_only=record_only, launcher=(*world.site, *more))

    def finish(self, process: "subprocess.Popen[bytes]") -> Outcome:
        outcome = super().finish(process)
        assert self.scratch_folders() == []
        self.wait_until_all_is_gone()
        return outcome

    def wait_until_all_is_gone(self) -> None:
        """Nothing runs any more with a file of this site on its command line, nor is there a folder of a network."""
        environment = {**os.environ, "SITE": str(self.folder)}
        subprocess.run(["sh", "-c", _UNTIL_ALL_IS_GONE], env=environment, check=True, timeout=20)
