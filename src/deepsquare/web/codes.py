"""A service's error codes: one name, one HTTP status and one piece of advice for each way of saying no."""

import enum
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Meaning:
    """What stands behind a code."""

    status: int
    hint: str


class Code(enum.Enum):
    """Why a service refuses; each service has its own codes. Clients branch on the code, never on the message."""

    @property
    def text(self) -> str:
        """The code as it travels: `log_gap`."""
        return self.name.lower()

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return self._meaning.status

    @property
    def hint(self) -> str:
        """What whoever gets this code can do."""
        return self._meaning.hint

    @property
    def _meaning(self) -> Meaning:
        meaning: Meaning = self.value
        return meaning


@dataclass(frozen=True, slots=True)
class SharedCodes:
    """The codes that every service has by the same names: for what its doors and its framework refuse."""

    not_found: Code
    method_not_allowed: Code
    body_too_large: Code
    invalid_request: Code
    too_many_requests: Code
    internal_error: Code
    stopping: Code

    @classmethod
    def of(cls, codes: type[Code]) -> Self:
        """Those of one service. Raises `KeyError` where it lacks one."""
        return cls(*(codes[field.name.upper()] for field in fields(cls)))
