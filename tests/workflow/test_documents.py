"""YAML 1.2 and JSON: what a text means, which texts are no workflow, and that every complaint has its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.workflow import Loaded, from_data, load
from deepsquare.workflow.limits import MAX_DEPTH, MAX_STEPS, MAX_TEXT_BYTES

PARTS = [
    "a",
    "0",
    " ",
    "\n",
    "\n ",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    " #",
    "&a ",
    "*a",
    "!",
    "!!str ",
    "!<",
    ">",
    "|",
    "|2",
]
MORE_PARTS = [
    "'",
    '"',
    "\\",
    "\\x",
    "\\U",
    "F",
    "%",
    "%YAML ",
    "%TAG ",
    "1.2",
    "---\n",
    "...\n",
    "? ",
    "<<",
    "\r",
    "\ufeff",
    "é",
]
DOCUMENTS = st.lists(st.sampled_from([*PARTS, *MORE_PARTS]), max_size=25).map("".join)
"""Texts that look like YAML from a distance."""

HEAD = "resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}\n"


def command_of(loaded: Loaded) -> str:
    """The command of the first step."""
    run = loaded.require().steps[0].run
    assert run is not None
    return run.command


def load_command(source: str) -> Loaded:
    """A workflow whose command is written as `source`."""
    return load(f"{HEAD}steps:\n  - run:\n      command: {source}\n")


def only_problem(loaded: Loaded) -> tuple[str, int | None, int | None, str]:
    (problem,) = loaded.problems
    return problem.path, problem.line, problem.column, problem.message


@pytest.mark.parametrize(
    "source",
    [
        "on",
        "off",
        "yes",
        "no",
        "true",
        "null",
        "~",
        "8080",
        "010",
        "0x10",
        "1.10",
        "1e3",
        "12:30:45",
        "1_000",
        ".inf",
        "2001-12-14",
        "=",
        "-x",
        "a:b",
        "é",
    ],
)
def test_bare_words_in_a_text_field_keep_their_source_text(source: str) -> None:
    assert command_of(load_command(source)) == source


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("'it''s'", "it's"),
        (r'"a\tb\n\"c\" \u00e9 \U0001F986 \\"', 'a\tb\n"c" é \U0001f986 \\'),
        (r'"\ud83e\udd86 \/"', "\U0001f986 /"),
        ("|\n        one\n          two\n\n        three\n", "one\n  two\n\nthree\n"),
        ("|-\n        one\n", "one"),
        ("|+\n        one\n", "one\n\n"),
        (">\n        one\n        two\n\n        three\n", "one two\nthree\n"),
        (">-\n        one\n        two\n          indented\n", "one two\n  indented"),
        ("one\n        two", "one two"),
        ("!!str 8080", "8080"),
        ("! 8080", "8080"),
        ("|\n        a\u2028b\u2029c\u2028        d\n", "a\u2028b\u2029c\u2028        d\n"),
        ("'a\u2028b'", "a\u2028b"),
        ("a # comment", "a"),
        ("a#b", "a#b"),
        ("'\ufeff'", "\ufeff"),
    ],
)
def test_every_style_of_text_means_what_yaml_says(source: str, text: str) -> None:
    assert command_of(load_command(source)) == text


def test_line_ends_of_windows_are_line_ends() -> None:
    text = f"{HEAD}steps:\n  - run:\n      command: |\n        a\n        b\n".replace("\n", "\r\n")
    assert command_of(load(text)) == "a\nb\n"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r")))
def test_any_text_survives_json_escaped_and_raw(text: str) -> None:
    for ensure_ascii in (True, False):
        data = {
            "resources": {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 10},
            "steps": [{"run": {"command": text}}],
        }
        assert command_of(load(json.dumps(data, ensure_ascii=ensure_ascii, indent="\t"))) == text


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t")).filter(lambda text: text.strip())
)
def test_any_line_survives_in_a_block(text: str) -> None:
    loaded = load(f"{HEAD}steps:\n  - run:\n      command: |2\n        {text}\n")
    assert command_of(loaded) == f"{text}\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "steps: []",
        "---\n" + HEAD + "steps: []\n...\n",
        "\ufeff" + HEAD + "steps: []",
        "%YAML 1.2\n---\n" + HEAD + "steps: []",
        "job:\n  resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}\n  steps: []",
        "# comment\n---\njob:\n  steps: []\n  " + HEAD,
        '{"resources":{"tasks":1,"gpus":0,"cpusPerTask":1,"memPerCpu":10},"steps":[]}',
        '{"job": {"resources": {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 10}, "steps": []}}',
        '{"$schema": "x", "resources":{"tasks":1,"gpus":0,"cpusPerTask":1,"memPerCpu":10},"steps":[]}',
        "r: &r {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}\nresources: *r\nsteps: []",
    ],
)
def test_the_job_stands_at_the_top_or_under_one_key(text: str) -> None:
    loaded = load(text)
    assert loaded.require().resources.tasks == 1


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "just words", "- a\n- b\n", "42", "{}"])
def test_a_text_without_a_job_says_so(text: str) -> None:
    loaded = load(text)
    assert loaded.workflow is None
    assert loaded.problems


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "steps: [", 2),
        (HEAD + "steps:\n\t- a", 3),
        (HEAD + 'steps: "', 2),
        ("a: b: c", 1),
        (HEAD + "steps: []\n  b: c", 3),
        (HEAD + "steps: *nowhere", 2),
        (HEAD + "steps: []\n---\n" + HEAD, 3),
        (HEAD + "? [a]\n: b\n", 2),
        (HEAD + "steps: &a [*a]", 2),
        (HEAD + "steps: !!python/object:os.system []", 2),
        (HEAD + "<<: {a: b}\nsteps: []", 2),
        (HEAD + 'steps: "\\q"', 2),
        (HEAD + "steps: @", 2),
        ("%FOO\n%YAML 9.9\n" + HEAD, 2),
        ("%YAML 1.3\n---\n" + HEAD, 1),
        (HEAD + 'steps: "\\U00110000"', 2),
        (HEAD + 'steps: "\\UFFFFFFFF"', 2),
    ],
)
def test_a_text_that_is_no_workflow_is_refused_at_its_place(text: str, line: int) -> None:
    loaded = load(text, "job.yaml")
    assert loaded.workflow is None
    assert line in {problem.line for problem in loaded.problems}
    assert loaded.problems[0].describe("job.yaml").startswith("job.yaml:")


@given(st.text(st.sampled_from("ab01 \n\t:-[]{}#&*!|>'\"%@`,?=<\\\x00é\u2028\ud800"), max_size=40) | DOCUMENTS)
def test_no_text_whatever_breaks_the_reader(text: str) -> None:
    assert load(text).workflow is None


def test_each_duplicate_key_is_an_error_and_all_are_told() -> None:
    loaded = load("resources: {tasks: 1, gpus: 0, tasks: 2, cpusPerTask: 1, memPerCpu: 10}\nsteps: []\nsteps: []\n")
    assert [(problem.path, problem.line, problem.column) for problem in loaded.problems] == [
        ("resources.tasks", 1, 32),
        ("steps", 3, 1),
    ]
    assert "twice" in loaded.problems[0].message


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9f", "\ud800", "\uffff"])
def test_a_control_character_is_refused_where_it_stands(character: str) -> None:
    loaded = load(f"{HEAD}steps:\n  - run:\n      command: 'ab{character}'\n")
    path, line, column, message = only_problem(loaded)
    assert (path, line, column) == ("", 4, 19)
    assert message == f"the character U+{ord(character):04X} is not allowed"


@pytest.mark.parametrize("escape", [r"\0", r"\a", r"\e", r"\x7f", r"\N", r"\ud83e", r"\udd86\ud83e"])
def test_an_escaped_control_character_is_refused_where_it_stands(escape: str) -> None:
    path, line, column, _ = only_problem(load_command(f'"ab{escape}"'))
    assert (path, line, column) == ("steps[0].run.command", 4, 16)


def test_a_text_that_is_too_long_is_refused() -> None:
    assert "at most 1048576" in only_problem(load(HEAD + "#" * MAX_TEXT_BYTES))[3]
    assert load(HEAD + "steps: []\n#" + "x" * (MAX_TEXT_BYTES - len(HEAD) - 20)).workflow


def nested(depth: int) -> str:
    """A workflow whose collections are nested `depth` deep, in a key that nobody knows."""
    return HEAD + "steps: []\nx: " + "[" * (depth - 1) + "]" * (depth - 1)


def test_a_text_that_is_nested_too_deeply_is_refused() -> None:
    assert load(nested(MAX_DEPTH)).workflow
    assert "64 deep" in only_problem(load(nested(MAX_DEPTH + 1)))[3]
    assert "64 deep" in only_problem(load(nested(100_000)))[3]


def test_aliases_cannot_nest_what_the_text_may_not() -> None:
    half = "[" * 40 + "]" * 40
    loaded = load(f"{HEAD}steps: []\na: &a {half}\nb: {'[' * 40}*a{']' * 40}")
    assert any("64 deep" in problem.message for problem in loaded.problems)


def test_aliases_that_explode_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    loaded = load(HEAD + "steps: []\n" + "\n".join(lines))
    assert loaded.workflow is None
    assert "100000 values" in loaded.problems[0].message


def test_aliases_that_repeat_a_long_text_too_often_are_refused() -> None:
    text = HEAD + f"steps: []\na: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 5)}]"
    assert "aliases repeat more than" in only_problem(load(text))[3]


def test_too_many_steps_are_refused() -> None:
    def of(count: int) -> Loaded:
        resources = {"tasks": 1, "cpusPerTask": 1, "memPerCpu": 1, "gpus": 0}
        return from_data({"resources": resources, "steps": [{}] * count})

    assert len(of(MAX_STEPS).require().steps) == MAX_STEPS
    assert "10000 steps" in only_problem(of(MAX_STEPS + 1))[3]
