"""What may stand in `if`: whatever one test of bash may be; nothing that ends it early."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.workflow.conditions import check_condition

ONE_TEST = [
    "1 -eq 1",
    "$A = b && ( -f x || ! -d y )",
    "$A =~ ^[[:alpha:]]+$",
    "$A = [[:space:]]",
    '"]]" = x',
    "']]' = x",
    r"\]] = x",
    r"$'a\' ]] ' = x",
    '"$(echo " ]] ")" = x',
    "$( [[ a = b ]] && echo x ) = x",
    "$(( (1 + 2) * 3 )) -eq 9",
    "${A:-' ]] '} = x",
    "`echo ]]` = x",
    "a]] = x",
    "]]a = x",
    "a &&\n b",
    "a && # why: ]] 'tis so\n b",
    "$(echo # ]] )\n) = x",
    "$# -eq ${#A}",
    "a \\\n = b",
    "'\\' = x",
    "'\\\n]] ' = x",
    "'never ends",
    "$(never ends",
    "",
]
MORE_THAN_ONE = [
    "1 ]]; touch PWNED; [[ 1",
    "]]",
    "a\n]]\ntouch PWNED\n[[ b",
    "(1)]];touch PWNED",
    "'a' ]] && touch PWNED",
    '"$(x)" = x ]]&touch PWNED',
    r"\' ]]; touch PWNED; [[ \'",
    '"a" = "b" ]]|x',
    "x \\\n]]; touch PWNED; [[ y",
    "x ]\\\n]; touch PWNED; [[ y",
    "1 -eq 1 # '\n]]; touch PWNED\n[[ x # '",
    "-n $(echo # '\n) ]]; touch PWNED\n[[ x # '",
]


@pytest.mark.parametrize("text", ONE_TEST)
def test_one_test_is_accepted(text: str) -> None:
    assert check_condition(text) is None


@pytest.mark.parametrize("text", MORE_THAN_ONE)
def test_a_test_that_ends_before_its_end_is_refused(text: str) -> None:
    complaint = check_condition(text)
    assert complaint is not None
    assert "ends before its end" in complaint.message


@pytest.mark.parametrize("opening", ["$(", '"$(', "${", "(", "'", '"'])
def test_a_test_may_be_nested_as_deep_as_its_text_is_long(opening: str) -> None:
    assert check_condition(f"-n {opening * 20_000}") is None


PARTS = st.sampled_from([*" \n\"'\\()[]&|;!<>=a", "]]", " ]] ", "[[", "$'", "${", "-n ", ">out", " # ", "\\\n"])


@pytest.mark.programs
@given(st.lists(PARTS, max_size=12).map("".join))
def test_bash_ends_no_accepted_test_early(text: str) -> None:
    """A word behind the test shows whether bash took it for a part of the test: then it is no assignment of ours."""
    if check_condition(text) is not None:
        return
    program = f"[[ {text} ]]; exit $((10 + $?))"
    bash = shutil.which("bash") or ""
    done = subprocess.run([bash, "-rc", program], capture_output=True, check=False, env={"PATH": "/nowhere"})
    assert b"command not found" not in done.stderr
