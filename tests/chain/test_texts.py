"""What strangers wrote on the chain cannot take over a terminal, forge a line of a log or read as something else."""

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain import codec
from deepsquare.chain.texts import lines, one_line
from deepsquare.model import Affinity, AffinityOperator, JobDefinition, Label

HOSTILE = "\x1b]0;owned\x07\x1b[2Jred\r\nFAKE\x00\u202e\u2028\x9b"


@given(st.text())
def test_one_line_is_printable_and_as_long(text: str) -> None:
    assert one_line(text).isprintable()
    assert len(one_line(text)) == len(text)
    assert one_line(one_line(text)) == one_line(text)


def test_what_people_write_stays_as_it_is() -> None:
    assert one_line("Zürich 北京 🚀 'a'") == "Zürich 北京 🚀 'a'"
    assert lines("first\n\tsecond") == "first\n\tsecond"


def test_lines_keep_nothing_but_line_ends_and_tabs() -> None:
    assert lines(HOSTILE).replace("\n", "").isprintable()


def test_a_definition_as_read_has_no_control_character() -> None:
    label = Label(HOSTILE, HOSTILE)
    hostile = JobDefinition(1, 1, 1, 0, HOSTILE, uses=(label,), affinities=(Affinity(label, AffinityOperator.LESS),))
    read = codec.definition(codec.definition_fields(hostile))
    assert all(
        text.isprintable()
        for text in (
            read.script_hash,
            *(text for wish in (*read.uses, read.affinities[0].label) for text in (wish.key, wish.value)),
        )
    )
