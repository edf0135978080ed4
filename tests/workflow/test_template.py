"""Templates of modules: what each part of the language makes, and that every mistake has its place and an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.workflow import EnvVar, JobResources, Run, Step, Use, Workflow, load
from deepsquare.workflow.problems import Position
from deepsquare.workflow.template import TemplateError, render
from deepsquare.workflow.template.functions import FUNCTIONS
from deepsquare.workflow.yaml_writer import to_yaml
from tests.workflow.test_documents import HEAD

STEP = Step(
    name="caller",
    use=Use(
        source="host/owner/repo",
        args=(EnvVar(key="WHO", value="me"), EnvVar(key="HOW", value="well")),
        steps=(Step(name="step by user"), Step(name="another step by user")),
    ),
)
JOB = Workflow(
    resources=JobResources(tasks=4, cpus_per_task=2, memory_per_cpu_mb=100, gpus=0), steps=(STEP,), enable_logging=True
)


def fill(template: str) -> str:
    return render(template, {"Job": JOB, "Step": STEP}).text


def mistake(template: str) -> tuple[int, int, str]:
    with pytest.raises(TemplateError) as caught:
        fill(template)
    return caught.value.position.line, caught.value.position.column, caught.value.message


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain } text { {", "plain } text { {"),
        ("{{ .Job.Resources.Tasks }} {{.Job.Resources.MemPerCPU}}", "4 100"),
        ("{{ .Job.EnableLogging }} {{ .Step.Name }}", "true caller"),
        ("{{ .Step.If }}", ""),
        ("a {{- 1 -}} b {{ 2 -}}\n c\n {{- 3}}", "a1b 2c3"),
        ("a {{/* a comment }} */}} b {{- /* another */ -}} c", "a  bc"),
        ('{{ if eq .Step.Name "x" }}1{{ else if eq .Step.Name "caller" }}2{{ else }}3{{ end }}', "2"),
        ("{{ if .Step.If }}1{{ else if false }}2{{ else }}3{{ end }}", "3"),
        ("{{ if and .Step.Name (not .Step.If) }}yes{{ end }}", "yes"),
        ('{{ range .Step.Use.Args }}{{ if eq .Key "HOW" }}{{ .Value }}{{ end }}{{ end }}', "well"),
        ("{{ range $i, $a := .Step.Use.Args }}{{ $i }}{{ $a.Key }} {{ end }}", "0WHO 1HOW "),
        ("{{ range $a := .Step.Use.Args }}{{ $a.Value }},{{ end }}", "me,well,"),
        ("{{ range .Job.Env }}x{{ else }}none{{ end }}", "none"),
        (
            "{{ range until 9 }}{{ if eq . 2 }}{{ continue }}{{ else if gt . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "013",
        ),
        ("{{ $i := 7 }}{{ range $i, $v := list 1 2 }}{{ if true }}{{ break }}{{ end }}{{ end }}{{ $i }}", "7"),
        ("{{ $a := 1 }}{{ range list 1 2 }}{{ $a := 3 }}{{ if 1 }}{{ continue }}{{ end }}{{ end }}{{ $a }}", "1"),
        ('{{ range $k, $v := dict "b" 2 "a" 1 }}{{ $k }}{{ $v }}{{ end }}', "a1b2"),
        ("{{ with .Step.Use }}{{ .Source }} {{ $.Step.Name }}{{ end }}", "host/owner/repo caller"),
        ("{{ with .Step.If }}x{{ else }}y{{ end }}", "y"),
        ("{{ $n := 1 }}{{ range until 3 }}{{ $n = add $n . }}{{ end }}{{ $n }}", "4"),
        ("{{ if $x := .Step.Name }}{{ $x }}{{ end }}", "caller"),
        ("{{ (index .Step.Use.Args 1).Key }} {{ .Step.Use.Args | len }}", "HOW 2"),
        ('{{ "a\\tb" }}{{ `raw \\t` }}', "a\tbraw \\t"),
        ('{{ or .Step.If "x" }}{{ and 0 (fail "never asked") }}{{ .Step.If | or "y" }}', "x0y"),
        ("{{ print 1 2 .Step.Name 3 }}", "1 2caller3"),
    ],
)
def test_a_template_becomes_its_text(template: str, text: str) -> None:
    assert fill(template) == text


FUNCTION_CASES = {
    "not": ("not 0", "true"),
    "eq": ("eq 2 1 2", "true"),
    "ne": ('ne "a" "b"', "true"),
    "lt": ("lt 1 2", "true"),
    "le": ("le 2 2", "true"),
    "gt": ('gt "b" "a"', "true"),
    "ge": ("ge 1 2", "false"),
    "len": ('len "four"', "4"),
    "index": ('index (dict "a" 1) "a"', "1"),
    "print": ('print "a" 1', "a1"),
    "printf": ('printf "%s-%d %v%% %q" "a" 2 true "x\\"y"', 'a-2 true% "x\\"y"'),
    "default": ('.Step.If | default "d"', "d"),
    "empty": ("empty .Job.Env", "true"),
    "coalesce": ('coalesce "" 0 "c"', "c"),
    "ternary": ('ternary "a" "b" false', "b"),
    "fail": ('if false }}{{ fail "x" }}{{ end }}{{ "ok"', "ok"),
    "toYaml": ("toYaml .Step.Use.Args", "- key: WHO\n  value: me\n- key: HOW\n  value: well"),
    "toJson": ("toJson (index .Step.Use.Args 0)", '{"key":"WHO","value":"me"}'),
    "toString": ("toString 1 | len", "1"),
    "quote": ('quote "a\\"b" 1', '"a\\"b" "1"'),
    "squote": ('squote "a"', "'a'"),
    "indent": ('indent 2 "a\\nb"', "  a\n  b"),
    "nindent": ('nindent 1 "a\\nb"', "\n a\n b"),
    "upper": ('upper "a"', "A"),
    "lower": ('lower "A"', "a"),
    "trim": ('trim "  a "', "a"),
    "trimAll": ('trimAll "$" "$a$"', "a"),
    "trimPrefix": ('trimPrefix "a" "abc"', "bc"),
    "trimSuffix": ('trimSuffix "c" "abc"', "ab"),
    "trunc": ('trunc 2 "abc"', "ab"),
    "replace": ('replace "a" "b" "aa"', "bb"),
    "repeat": ('repeat 3 "ab"', "ababab"),
    "contains": ('contains "b" "abc"', "true"),
    "hasPrefix": ('"abc" | hasPrefix "b"', "false"),
    "hasSuffix": ('hasSuffix "c" "abc"', "true"),
    "b64enc": ('b64enc "abc"', "YWJj"),
    "b64dec": ('b64dec "YWJj"', "abc"),
    "sha256sum": ('sha256sum "" | trunc 8', "e3b0c442"),
    "list": ("list 1 2 | len", "2"),
    "dict": ('toYaml (dict "a" 1 "b" "x y")', "a: 1\nb: x y"),
    "get": ('get (dict "a" 1) "b"', ""),
    "hasKey": ('hasKey (dict "a" 1) "a"', "true"),
    "first": ("first (list 1 2)", "1"),
    "last": ("last (list 1 2)", "2"),
    "rest": ("rest (list 1 2 3) | len", "2"),
    "initial": ('initial (list "a" "b") | join ","', "a"),
    "has": ("has 2 (list 1 2)", "true"),
    "uniq": ('uniq (list "a" "b" "a") | join ""', "ab"),
    "without": ('without (list "a" "b") "a" | join ""', "b"),
    "join": ('join "-" (list 1 "a")', "1-a"),
    "splitList": ('splitList "," "a,b" | len', "2"),
    "until": ('until 3 | join ""', "012"),
    "untilStep": ('untilStep 6 0 -2 | join ","', "6,4,2"),
    "int": ('int "12"', "12"),
    "atoi": ('atoi "x"', "0"),
    "add": ("add 1 2 3", "6"),
    "add1": ("add1 1", "2"),
    "sub": ("sub 1 2", "-1"),
    "mul": ("mul 2 3", "6"),
    "div": ("div -7 2", "-3"),
    "mod": ("mod -7 2", "-1"),
    "max": ("max 1 3 2", "3"),
    "min": ("min 1 3 2", "1"),
}


def test_every_function_has_its_case() -> None:
    assert set(FUNCTION_CASES) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTION_CASES)
def test_a_function_makes_what_it_says(name: str) -> None:
    call, text = FUNCTION_CASES[name]
    assert fill(f"{{{{ {call} }}}}") == text


def test_steps_that_are_given_to_a_module_stand_where_it_wants_them() -> None:
    template = "steps:\n  - name: my step\n  {{- .Step.Use.Steps | toYaml | nindent 2 }}\n  - name: my other step\n"
    assert fill(template) == (
        "steps:\n  - name: my step\n  - name: step by user\n  - name: another step by user\n  - name: my other step\n"
    )
    assert fill("steps:\n  {{- .Step.Catch | toYaml | nindent 2 }}\n  - name: x\n") == "steps:\n  \n  - name: x\n"


@pytest.mark.parametrize(
    ("template", "line", "column", "words"),
    [
        ("a\n  {{ nope }}", 2, 6, "no function of this name"),
        ("{{ .Nope }}", 1, 4, "there is .Job and .Step"),
        ("{{ .Job.Tasks }}", 1, 8, "no field Tasks"),
        ("{{ .Step.Name.X }}", 1, 14, "a text has no fields"),
        ("{{ .Step.Run.Command }}", 1, 13, "ask with `if`"),
        ("{{ .Job }}", 1, 4, "cannot be printed"),
        ("{{ if .Job }}", 1, 4, "no end"),
        ("{{ if true }}{{ else }}", 1, 4, "no end"),
        ("{{ if true }}{{ else }}{{ else }}{{ end }}", 1, 27, "follows another"),
        ("{{ end }}", 1, 4, "nothing is open"),
        ("a {{", 1, 3, "never ends"),
        ("a {{ 1", 1, 3, "never ends"),
        ("{{ }}", 1, 4, "a value is missing"),
        ("{{ 1 2 }}", 1, 6, "takes no arguments"),
        ("{{ 1 | 2 }}", 1, 8, "only a function"),
        ("{{ $x }}", 1, 4, "not declared"),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", 1, 39, "not declared"),
        ("{{ $ := 1 }}", 1, 4, "cannot be declared"),
        ("{{ ( 1 }}", 1, 4, "not closed"),
        ("{{ ($x := 1) }}", 1, 5, "within parentheses"),
        ("{{ 1.5 }}", 1, 4, "means nothing"),
        ('{{ "\\q" }}', 1, 4, "escape"),
        ("{{ break }}", 1, 4, "outside of any range"),
        ('{{ define "x" }}{{ end }}', 1, 4, "not part of the language"),
        ("{{ eq 1 }}", 1, 4, "eq takes 2 to more values, not 1"),
        ("{{ upper 1 }}", 1, 4, "expected a text, found a number"),
        ('{{ eq 1 "1" }}', 1, 4, "cannot be compared"),
        ("{{ eq .Step .Step }}", 1, 4, "single value"),
        ("{{ index (list 1) 1 }}", 1, 4, "none with the number 1"),
        ("{{ list (list 1) }}", 1, 4, "single value"),
        ("{{ div 1 0 }}", 1, 4, "divided by 0"),
        ("{{ range 3 }}{{ end }}", 1, 10, "not over a number"),
        ('{{ fail "too small" }}', 1, 4, "the module says: too small"),
        (f"{{{{ {'9' * 30} }}}}", 1, 4, "too large"),
    ],
)
def test_a_mistake_is_told_at_its_place(template: str, line: int, column: int, words: str) -> None:
    found = mistake(template)
    assert found[:2] == (line, column)
    assert words in found[2]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ range until 10000 }}{{ range until 10000 }}x{{ end }}{{ end }}", "does not come to an end"),
        ("{{ range until 10000 }}{{ range until 10000 }}{{ end }}{{ end }}", "does not come to an end"),
        ("{{ until 100000 }}", "10000 values"),
        ('{{ repeat 1000000000 "x" }}', "longer than"),
        ('{{ $x := repeat 600000 "x" }}{{ $x }}{{ $x }}', "longer than"),
        ('{{ $x := "x" }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}', "does not come to an end"),
        ('{{ $x := repeat 1000000 "x" }}{{ range until 9 }}{{ contains "y" $x }}{{ end }}', "does not come to an end"),
        ('{{ range until 9999 }}{{ indent 1000000 "" }}{{ end }}', "does not come to an end"),
        ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "64 deep"),
        ("{{ if true }}" * 100 + "{{ end }}" * 100, "64 deep"),
        ("{{ $" + ".Job" * 100_000 + " }}", "64 fields"),
        ("{{ " + "(" * 64 + ".Nothing" + (")" + ".Job" * 64) * 64 + " }}", "no .Nothing"),
        ("{{ range until 9999 }}{{ len (list" + " $.Job.Resources.Tasks" * 1000 + ") }}{{ end }}", "come to an end"),
        ("{{ mul 9000000000 9000000000 }}", "too large"),
    ],
)
def test_no_template_takes_more_than_a_module_may(template: str, words: str) -> None:
    assert words in mistake(template)[2]


WORDS = [
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    ".",
    ".Job",
    ".Step.Use.Args",
    ".Resources",
    "$",
    "$x",
    ":=",
    "=",
    "|",
    "(",
]
MORE = [")", ",", '"a"', "`b`", '"', "1", "-3", "if", "else", "end", "range", "with", "break", "define", "nil", "true"]


@given(st.lists(st.sampled_from([*WORDS, *MORE, *FUNCTIONS, "and", "or", "é", "/*", "*/"]), max_size=30).map(" ".join))
def test_no_template_whatever_does_anything_but_fill_or_complain(template: str) -> None:
    place = Position(1, 1)
    try:
        fill(template)
    except TemplateError as error:
        place = error.position
    lines = template.split("\n")
    assert 1 <= place.line <= len(lines)
    assert 1 <= place.column <= len(lines[place.line - 1]) + 1


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n"), max_size=12)


@given(st.dictionaries(st.sampled_from(["name", "if", "x y"]), TEXTS), st.integers(0, 9))
def test_what_toyaml_writes_is_read_back_as_it_was(data: dict[str, str], depth: int) -> None:
    step = Step(name=data.get("name"), run=Run(command=data.get("x y", ""), env=()))
    template = f"{HEAD}steps:\n{' ' * depth}{{{{- .Steps | toYaml | nindent {depth} }}}}\n"
    loaded = load(render(template, {"Steps": (step, step)}).text)
    assert loaded.require().steps == (step, step)
    assert "\n" not in to_yaml(data.get("if", "x"))


def test_a_place_of_the_text_is_found_in_the_template() -> None:
    rendered = render("a\nb {{ $x := 1 }}{{ nindent 2 .Text }} c\nd", {"Text": "x\ny"})
    assert rendered.text == "a\nb \n  x\n  y c\nd"
    places = {(1, 1): (1, 1), (2, 1): (2, 1), (3, 3): (2, 19), (4, 3): (2, 19), (4, 5): (2, 38), (5, 1): (3, 1)}
    for (line, column), origin in places.items():
        assert rendered.origin(Position(line, column)) == Position(*origin), (line, column)
