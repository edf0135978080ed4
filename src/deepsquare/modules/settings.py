"""What may be decided about fetching modules."""

import re
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOSTS = ("github.com", "gitlab.com")

_HOST = re.compile(r"\A(?P<name>[A-Za-z0-9.:-]+)(?:=(?P<url>https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?))?\Z")


class InvalidModuleHost(ValueError):
    """An entry of the list of hosts that means nothing."""


@dataclass(frozen=True, slots=True)
class ModuleSettings:
    """How modules are fetched."""

    hosts: tuple[str, ...] = DEFAULT_HOSTS
    """Hosts that may be asked: `host`, by https, or `host=https://another.host/path` for where its repositories lie."""
    mirror: Path | None = None
    """A folder of git repositories, `host/owner/repo` in it: what is there is taken from there alone, from any host."""
    cache: Path | None = None
    """A folder for what was fetched; None: nothing is kept."""
    git: str = "git"
    seconds: float = 30
    """How long one call of git may take."""
    megabytes: int = 64
    """How large a repository may be, without its history, as it travels."""
    fresh_seconds: float = 300
    """How long a tag or a branch is taken to stand where it stood. A commit never moves."""

    def __post_init__(self) -> None:
        for host in self.hosts:
            if _HOST.match(host) is None:
                raise InvalidModuleHost(f"{host!r} is no host; write for example git.example.org, or name=https://host")

    def address(self, host: str) -> str | None:
        """Where the repositories of a host lie; None where it must not be asked."""
        for entry in self.hosts:
            name, _, url = entry.partition("=")
            if name.lower() == host.lower():
                return (url or f"https://{name}").rstrip("/")
        return None
