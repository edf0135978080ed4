"""What lies where below a grid's state folder, and the lock that keeps a second grid out of it.

    grid.toml          the grid's address: chain, contract, gateway (written once the contracts stand)
    deployment.json    how far the first deployment is, until the contracts stand
    config.toml        the customer's settings: `dps` finds it from the folder above
    ports.json         the ports that were chosen
    keys/              a wallet and its password file per party, readable by their owner alone
    chain/ gateway/ NAME/    the data of each service
    logs/              what each service says
    lock               held by the `dps` that runs the grid

Nothing of a grid on this machine lies anywhere else.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepsquare.cli.failure import GridBusy

_PRIVATE = 0o700


class StateFolder:
    """The files of one grid on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.grid_file = self.path / "grid.toml"
        self.config_file = self.path / "config.toml"
        self.deployment = self.path / "deployment.json"
        self.ports = self.path / "ports.json"
        self.keys = self.path / "keys"
        self.logs = self.path / "logs"
        self._lock = self.path / "lock"

    def data(self, name: str) -> Path:
        """The folder of one service's data; it exists afterwards."""
        folder = self.path / name
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """The file of what one service says."""
        return self.logs / f"{name}.log"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, creating it where it is missing. Raises `GridBusy` where another `dps` holds it."""
        for folder in (self.path, self.keys, self.logs):
            folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GridBusy(
                f"another dps runs a grid in {self.path}",
                next_step="use that one, end it with Ctrl-C, or name another folder with --state",
            ) from None
        else:
            yield
        finally:
            os.close(descriptor)
