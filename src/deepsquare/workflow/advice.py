"""What to write where a value of another kind stands: advice for who has not written many workflows yet.

It shows the form of what is expected, made of the models, and never a value that was written: it may be a secret.
"""

from collections.abc import Iterator

from deepsquare.workflow.problems import Path
from deepsquare.workflow.shapes import FieldKey, Flag, ListOf, Model, RecordOf, Shape, keys_of
from deepsquare.workflow.tree import Entries, Items, Node, Scalar


def as_text(node: Node) -> str:
    """How the value in the place of a text becomes one."""
    if isinstance(node, Items):
        return "write it as one text, in quotes if it has brackets; `|` begins a text of several lines"
    if isinstance(node, Entries):
        return "put the text in quotes, or write it behind `|` in lines of its own"
    return 'write "" for an empty text' if node.is_null else "put it in quotes"


def as_list(node: Node, path: Path, shape: ListOf) -> str:
    """How the value in the place of a list becomes one."""
    if isinstance(node, Entries) and isinstance(shape.of, RecordOf):
        if any(key.startswith("-") for key in node.entries):
            return "put a space behind each dash (-)"
        if not node.entries.keys().isdisjoint(field.key.name for field in keys_of(shape.of.model())):
            return "put a dash (-) before each entry, also before a single one"
    return f"write {_named(path)}[{_example(shape.of)}]"


def as_record(node: Node, path: Path, model: type[Model]) -> str:
    """How the value in the place of a mapping becomes one."""
    if isinstance(node, Scalar) and _lacks_a_space(node.text, model):
        return "put a space behind the colon"
    if not path:
        return f"start with {' and '.join(f'`{field.key.name}:`' for field in keys_of(model) if field.required)}"
    return f"write {_named(path)}{_example(RecordOf(lambda: model))}"


def _lacks_a_space(text: str, model: type[Model]) -> bool:
    """Whether a key of the model stands here with its value right behind the colon, and is no address."""
    key, colon, value = text.partition(":")
    return bool(colon) and not value.startswith("/") and key in {field.key.name for field in keys_of(model)}


def _named(path: Path) -> str:
    """The key at the end of the path, or the dash of a list's entry."""
    key = path[-1] if path else ""
    return f"{key}: " if isinstance(key, str) else "- "


def _example(shape: Shape) -> str:
    """The least that stands in this place, with dots for what is free."""
    match shape:
        case RecordOf():
            written = (f"{field.key.name}: {_example(field.key.shape)}" for field in _usual(shape.model()))
            return f"{{{', '.join(written)}}}"
        case ListOf():
            return "[...]"
        case Flag():
            return "false"
        case _:
            return "..."


def _usual(model: type[Model]) -> Iterator[FieldKey]:
    """The fields that must be given, and one that usually is where that says too little."""
    fields = keys_of(model)
    is_enough = any(field.required for field in fields)
    choice = model.alternatives
    first = choice.keys[0] if choice is not None and choice.is_required else None
    usual = model.usual or first or ("" if is_enough else fields[0].key.name)
    return (field for field in fields if field.required or field.key.name == usual)
