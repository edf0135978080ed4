"""What is wrong with a template, and where."""

from deepsquare.workflow.problems import Position


class TemplateError(Exception):
    """A template cannot be read or filled in. The message quotes no value, which may be a secret."""

    def __init__(self, message: str, position: Position, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint


class Misuse(Exception):
    """A function was given what it cannot take; the interpreter knows where."""


def position_in(text: str, offset: int) -> Position:
    """The line and column of a character."""
    start = text.rfind("\n", 0, offset) + 1
    return Position(text.count("\n", 0, start) + 1, offset - start + 1)
