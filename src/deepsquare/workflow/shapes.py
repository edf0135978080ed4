"""What a value may look like: the small vocabulary in which the models describe their fields.

The decoder and the JSON Schema read the same shapes, so that what an editor accepts and what the
compiler accepts cannot drift apart. A shape says nothing about other fields; `rules` does.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, ClassVar, cast, get_args, get_type_hints

from deepsquare.workflow.limits import MAX_ARGUMENT_BYTES, MAX_INT32, MIN_INT32

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a text does not do, and what would."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text; bare words of a file keep their source text."""

    max_bytes: int = MAX_ARGUMENT_BYTES
    check: Callable[[str], Complaint | None] | None = None
    pattern: str = ""
    """For editors: a regular expression that accepts whatever `check` accepts."""
    is_secret: bool = False
    """Never shown, never on a command line."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number of 32 bits."""

    minimum: int = MIN_INT32
    maximum: int = MAX_INT32


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one shape."""

    of: "Shape"


@dataclass(frozen=True, slots=True)
class RecordOf:
    """A mapping that one model describes; named, because a step holds steps."""

    model: Callable[[], type["Model"]]


Shape = Text | Whole | Flag | Choice | ListOf | RecordOf


@dataclass(frozen=True, slots=True)
class Key:
    """How a field of a model is written in a workflow."""

    name: str
    shape: Shape
    meaning: str
    """One sentence for editors and references."""


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Keys of which only one may be given."""

    keys: tuple[str, ...]
    is_required: bool
    """Whether one of them must be given."""
    advice: str
    """What to do about several of them."""


class Model:
    """What all models share. A model is a frozen dataclass whose fields are `Annotated[type, Key(...)]`."""

    __slots__ = ()

    aliases: ClassVar[Mapping[str, str]] = {}
    """Wrong keys that people write, with what they mean."""
    alternatives: ClassVar[Alternatives | None] = None
    usual: ClassVar[str] = ""
    """The key that most of them have, where none must be given."""


@dataclass(frozen=True, slots=True)
class FieldKey:
    """A field of a model: its Python name, its key, whether it must be given."""

    attribute: str
    key: Key
    required: bool
    default: object


_known_keys: dict[type[Model], tuple[FieldKey, ...]] = {}


def keys_of(model: type[Model]) -> tuple[FieldKey, ...]:
    """The fields of a model in the order of the model."""
    if model not in _known_keys:
        _known_keys[model] = tuple(_read_keys(model))
    return _known_keys[model]


def _read_keys(model: type[Model]) -> Iterator[FieldKey]:
    hints = get_type_hints(model, include_extras=True)
    for each in fields(cast("type[DataclassInstance]", model)):
        key = next(part for part in get_args(hints[each.name]) if isinstance(part, Key))
        required = each.default is MISSING
        yield FieldKey(each.name, key, required, None if required else each.default)
