"""`$DEEPSQUARE_ENV`: what a step writes there reaches every later step, byte for byte."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsquare.workflow import RESERVED_NAMES
from tests.support.scripts import ScriptSite, command, script_of_steps
from tests.support.texts import NAMES

VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def later_environment(site: ScriptSite, content: str) -> dict[str, str]:
    """What the step after one that appended `content` sees."""
    file = site.folder / "content"
    file.write_bytes(content.encode("utf-8"))
    steps = (command(f'cat {file} >>"$DEEPSQUARE_ENV"'), command("true"))
    *_, last = site.run(script_of_steps(*steps)).calls
    return last.environment


@pytest.mark.parametrize("name", ["line", "ds_child", "UID"])
def test_later_steps_see_names_that_the_script_itself_uses(site: ScriptSite, name: str) -> None:
    assert later_environment(site, f"{name}=77\n")[name] == "77"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_values_written_as_blocks_arrive_intact(site: ScriptSite, values: dict[str, str]) -> None:
    blocks = "".join(f"{name}<<end-of-{name}-block\n{value}\nend-of-{name}-block\n" for name, value in values.items())
    seen = later_environment(site, blocks)
    assert {name: seen.get(name) for name in values} == values


def test_every_later_step_sees_what_any_earlier_one_wrote(site: ScriptSite) -> None:
    steps = (
        command("echo A=1 >>$DEEPSQUARE_ENV"),
        command("echo $A; echo B=2 >>$DEEPSQUARE_ENV"),
        command("echo $A $B; echo A=3 >>$DEEPSQUARE_ENV"),
        command("echo $A $B"),
    )
    assert site.run(script_of_steps(*steps)).stdout == "1\n1 2\n3 2\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("nonsense\n", "line 1 is ignored: it is neither KEY=value nor KEY<<WORD"),
        ("\n\nA<<EOF\nnever ends\n", "line 3 is ignored: its block never ends"),
        ("A<<\n", "line 1 is ignored: it is neither KEY=value nor KEY<<WORD"),
        ("1A=x\n", "line 1 is ignored: its key is no name of a variable"),
        ("A B=x\n", "line 1 is ignored: its key is no name of a variable"),
        ("=x\n", "line 1 is ignored: its key is no name of a variable"),
        ("é=x\n", "line 1 is ignored: its key is no name of a variable"),
        ("a[$(touch PWNED)]=x\n", "line 1 is ignored: its key is no name of a variable"),
    ],
)
def test_what_cannot_be_understood_is_told_once_without_its_value(
    site: ScriptSite, content: str, complaint: str
) -> None:
    write = command('printf %s "$CONTENT" >>"$DEEPSQUARE_ENV"', env={"CONTENT": content + "GOOD=yes"})
    outcome = site.run(script_of_steps(write, command("true"), command("ls")))
    assert outcome.exit_code == 0
    assert outcome.stderr == f"deepsquare: $DEEPSQUARE_ENV: {complaint}\n"
    assert "PWNED" not in outcome.stdout
    if "never ends" not in complaint:
        assert outcome.calls[-1].environment["GOOD"] == "yes"


@pytest.mark.parametrize("pattern", RESERVED_NAMES)
def test_a_reserved_name_is_ignored_and_told_once(site: ScriptSite, pattern: str) -> None:
    name = pattern.replace("*", "X")
    steps = (command(f"echo {name}=stolen >>$DEEPSQUARE_ENV"), command("true"), command("true"))
    outcome = site.run(script_of_steps(*steps))
    assert outcome.stderr == f"deepsquare: $DEEPSQUARE_ENV: {name} is ignored: the name is reserved\n"
    assert outcome.calls[-1].environment.get(name) != "stolen"


@pytest.mark.parametrize("damage", ["rm $DEEPSQUARE_ENV", "rm $DEEPSQUARE_ENV; mkdir $DEEPSQUARE_ENV"])
def test_a_file_that_is_gone_keeps_nothing_and_breaks_nothing(site: ScriptSite, damage: str) -> None:
    outcome = site.run(script_of_steps(command("echo A=1 >>$DEEPSQUARE_ENV"), command(damage), command("echo [$A]")))
    assert (outcome.exit_code, outcome.stdout) == (0, "[]\n")


def test_a_fifo_in_the_files_place_does_not_hang_the_job(site: ScriptSite) -> None:
    steps = (command("rm $DEEPSQUARE_ENV; mkfifo $DEEPSQUARE_ENV"), command("echo on"))
    assert site.run(script_of_steps(*steps)).stdout == "on\n"


def test_the_locale_of_the_site_changes_nothing(site: ScriptSite) -> None:
    steps = (command("echo A=é,ü >>$DEEPSQUARE_ENV; echo é=x >>$DEEPSQUARE_ENV"), command("echo $A"))
    for locale in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C"}, {"LANG": "C.UTF-8"}):
        outcome = site.run(script_of_steps(*steps), locale)
        assert outcome.stdout == "é,ü\n"
        assert [call.environment.get("LC_ALL") for call in outcome.calls] == [locale.get("LC_ALL")] * 2
    assert os.environ.get("A") is None
