"""Where modules come from: how a source is written, and the port through which their texts are fetched."""

from dataclasses import dataclass
from typing import Protocol

MODULE_FILE = "module.yaml"
"""The file of a module's folder that is the module."""


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """`host/owner/repo[/path][@version]`, taken apart."""

    host: str
    repository: str
    """Owner and name: `owner/repo`."""
    folder: str
    """The module's folder within it; empty for the repository itself."""
    version: str
    """A tag, a branch or a commit; empty for the branch that the repository calls its own."""

    @classmethod
    def parse(cls, source: str) -> "ModuleSource":
        """Takes apart a source that `check_module_source` found good."""
        place, _, version = source.partition("@")
        host, owner, name, *folder = place.split("/")
        return cls(host, f"{owner}/{name}", "/".join(folder), version)

    @property
    def text(self) -> str:
        """The source as it is written."""
        return f"{self.place}@{self.version}" if self.version else self.place

    @property
    def place(self) -> str:
        """The source without its version."""
        return "/".join(filter(None, (self.host, self.repository, self.folder)))


@dataclass(frozen=True, slots=True)
class FetchedModule:
    """A module's text, and the commit that it is of."""

    text: str
    commit: str
    """In lower-case hex. It stands for the text: another text has another commit."""


class ModuleUnavailable(Exception):
    """A module cannot be had. Neither text holds a secret."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Modules(Protocol):
    """What fetches modules."""

    def fetch(self, source: ModuleSource) -> FetchedModule:
        """The module at this source now. Raises `ModuleUnavailable`."""
        ...
