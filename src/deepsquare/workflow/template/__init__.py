"""The templates of modules: the part of Go's text/template and of sprig's functions in which modules are written.

Pure and bounded: `scanner` makes tokens, `parser` a tree, `interpreter` a text, with the `functions` that there are.
Nothing is reached but the values that are given, nothing is called but what stands in the table, and output, work
and nesting have limits. Every error has its line and column. What Go has and modules do not need (`define`,
`template`, `block`, numbers with a fraction, the clock, the environment, randomness) is refused.
"""

from deepsquare.workflow.template.errors import TemplateError
from deepsquare.workflow.template.interpreter import MAX_WORK, Rendered, render

__all__ = ["MAX_WORK", "Rendered", "TemplateError", "render"]
