"""What compiling a workflow raises, beyond `deepsquare.workflow.InvalidWorkflow` for a workflow that breaks the rules.

CompilerError
├── UnquotableText      a text that no shell can carry; a checked workflow holds none
└── InvalidSalt         the caller's mistake
"""


class CompilerError(ValueError):
    """A workflow or an argument that cannot be made into a script."""


class UnquotableText(CompilerError):
    """A text with a character that cannot stand in a script. The text itself is not repeated."""


class InvalidSalt(CompilerError):
    """A salt that cannot stand in the script's header."""
