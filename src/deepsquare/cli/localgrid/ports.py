"""Free ports for the services of a grid: chosen by the system once, then kept with the state.

A port that somebody else took meanwhile is replaced; whoever needs it reads it anew at each start.
"""

import json
import socket
from collections.abc import Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"


def keep_ports(path: Path, names: Sequence[str]) -> dict[str, int]:
    """A free port for each name: the one kept in `path` where it is still free, else a new one."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    ports: dict[str, int] = {}
    # All sockets stay open until every port is chosen: no two parts get the same one.
    sockets = []
    try:
        for name in names:
            listening = _listen(int(kept.get(name, 0))) or _listen(0)
            if listening is None:
                raise OSError(f"this machine has no free port on {LOOPBACK}")
            sockets.append(listening)
            ports[name] = listening.getsockname()[1]
    finally:
        for listening in sockets:
            listening.close()
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(ports, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return ports


def _listen(port: int) -> socket.socket | None:
    """A socket that holds `port` (0: any), or None where somebody else has it."""
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        candidate.bind((LOOPBACK, port))
        candidate.listen(1)
    except OSError:
        candidate.close()
        return None
    return candidate
