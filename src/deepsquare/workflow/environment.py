"""Environment variables that a workflow sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deepsquare.workflow.limits import MAX_NAME_BYTES
from deepsquare.workflow.names import VARIABLE_PATTERN, check_variable_name
from deepsquare.workflow.shapes import Key, Model, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar(Model):
    """One environment variable: any text as its value, delivered byte for byte."""

    aliases: ClassVar[Mapping[str, str]] = {"name": "key"}

    key: Annotated[str, Key("key", Text(MAX_NAME_BYTES, check_variable_name, VARIABLE_PATTERN), "The variable's name.")]
    value: Annotated[str, Key("value", Text(), "Its value, any text.")]
