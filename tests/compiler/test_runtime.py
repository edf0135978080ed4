"""Each function of the runtime on its own, in a real bash: what its comment promises, without a workflow around it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from deepsquare.compiler.library import library
from tests.support.scripts import Outcome, ScriptSite

BEGIN = """
ds_logging=true
trap leave EXIT
prepare
step here
code() { return "$1"; }
say() { printf '%s\\n' "$*"; }
"""


def run(site: ScriptSite, parts: str, program: str, environment: Mapping[str, str] | None = None) -> Outcome:
    """What a program of these parts does, in a shell that has prepared for a job."""
    return site.run(f"{library(parts.split())}\n{BEGIN}\n{program}\n", environment)


def lines(site: ScriptSite, parts: str, program: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """What a program says that ends well, complains of nothing and leaves nothing behind."""
    outcome = run(site, parts, program, environment)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert site.scratch_folders() == []
    return outcome.stdout.splitlines()


def test_outlast_tells_how_a_process_ended(site: ScriptSite) -> None:
    program = """
    for code in 0 1 7 127 255; do (exit $code) & outlast $!; say $?; done
    sh -c 'kill -9 $$' & outlast $!; say $?
    """
    assert lines(site, "core", program) == ["0", "1", "7", "127", "255", "137"]


def test_outlast_outlasts_signals_to_its_own_shell(site: ScriptSite) -> None:
    program = """
    mkfifo "$ds_scratch/heard"
    trap 'ds_interrupted=yes; : >"$ds_scratch/heard"' USR1
    { for signal in 1 2 3; do kill -s USR1 $$; read -r <"$ds_scratch/heard"; done; exit 5; } &
    outlast $!; say $?
    """
    assert lines(site, "core", program) == ["5"]


def test_outlast_waits_for_nobody_else_where_bash_loses_a_process(site: ScriptSite) -> None:
    """Of a hundred that end together with a signal bash loses several, and would wait for what runs beside them."""
    program = """
    trap ds_interrupted=yes USR1
    read -r <> <(:) & beside=$!
    for ((round = 0; round < 100; round++)); do { kill -s USR1 $$; exit 5; } & outlast $! && say 0; done
    kill "$beside"; say ended
    """
    assert lines(site, "core", program) == ["ended"]


def test_attend_runs_a_command_in_a_group_of_its_own_without_input(site: ScriptSite) -> None:
    program = """
    group() { local fields; read -ra fields <"/proc/$BASHPID/stat"; [[ ${fields[4]} == "$BASHPID" ]]; }
    attend group; say $?
    attend cat <<<'not to be read'; say $?
    attend code 9; say $?
    say "[$ds_command] ${-//[!m]/}"
    ds_gate=(gate); gate() { say "gate of $*"; "$@"; }
    attend code 4; say $?
    """
    assert lines(site, "core", program) == ["0", "0", "9", "[] ", "gate of code 4", "4"]


def test_attend_asks_what_runs_to_end_when_its_shell_is_asked(site: ScriptSite) -> None:
    program = """
    trap 'finish 143' TERM
    attend sh -c "exec 2>/dev/null; trap 'echo asked; exit 0' TERM; kill -s TERM $$; while :; do sleep 0.01; done"
    say $?
    attend say never; say $?
    say "$ds_stopped $ds_ending"
    ds_stopped=''
    """
    assert lines(site, "core", program) == ["asked", "143", "143", "143 yes"]


def test_the_first_reason_to_stop_counts_and_a_shield_holds_it_off(site: ScriptSite) -> None:
    program = """
    ds_farewell=farewell; farewell() { say "farewell $1"; }
    halted; say $?
    stop 5 TERM; stop 6 INT
    say "$ds_stopped [$ds_ending]"
    halted; say $?
    ds_shield=yes; halted; say $?
    ds_stopped=''; finish 7; say "$ds_stopped $ds_ending"
    ds_stopped='' ds_shield=''; finish 8; say "$ds_stopped"
    ds_stopped=''
    """
    assert lines(site, "core", program) == ["1", "farewell TERM", "5 []", "0", "1", "7 yes", "farewell HUP", "8"]


def test_call_calls_each_until_one_fails(site: ScriptSite) -> None:
    program = """
    one() { say one; }; two() { say two; return 4; }
    call; say $?
    call one one; say $?
    call one two one; say $?
    """
    assert lines(site, "core", program) == ["0", "one", "one", "0", "one", "two", "4"]


def test_a_program_starts_with_the_strongest_variables_in_its_folder(site: ScriptSite) -> None:
    program = """
    ds_job_env=(A=job B=job C=job D=job E=job UID=7 LC_ALL=C)
    ds_kept_env=(B=kept C=kept D=kept E=kept) ds_own_env=(C=own D=own E=own) ds_scope_env=(D=scope E=scope)
    ds_step_env=(E=step "F=a 'b'  \\$(c)") ds_directory=/usr
    attend start sh -c 'echo "$A $B $C $D $E $F $PWD"; env | grep -E "^(UID|LC_ALL)="'
    ds_directory=/nowhere; attend start echo never; say $?
    ds_directory=/ ds_logging=false; attend start sh -c 'echo never; exit 3'; say $?
    """
    outcome = run(site, "core", program)
    said = ["job kept own scope step a 'b'  $(c) /usr", "LC_ALL=C", "UID=7", "1", "3"]
    assert sorted(outcome.stdout.splitlines()) == sorted(said)
    assert outcome.stderr == "deepsquare: here: the folder /nowhere cannot be entered\n"


def test_a_task_is_one_of_slurms_until_the_job_ends(site: ScriptSite) -> None:
    program = """
    options --ntasks=2 --gpus=0
    attend task echo on
    ds_ending=yes; attend task echo itself
    step next; attend task echo without
    ds_ending=''; attend task echo next
    """
    assert lines(site, "core", program, {"DEEPSQUARE_SITE_SRUN": "/bin/echo"}) == [
        "--export=ALL --ntasks=2 --gpus=0 echo on",
        "itself",
        "without",
        "--export=ALL echo next",
    ]


def test_a_step_forgets_what_the_one_before_had(site: ScriptSite) -> None:
    program = """
    ds_preludes=(prelude); prelude() { say "prelude of $ds_path"; }
    options --x; environment A=1; directory /usr
    say "${ds_options[*]} ${ds_step_env[*]} $ds_directory"
    step again
    say "${#ds_options[@]} ${#ds_step_env[@]}"; [[ $ds_directory == "$ds_scratch" ]]; say $?
    """
    assert lines(site, "core surroundings", program) == ["--x A=1 /usr", "prelude of again", "0 0", "0"]


def test_a_failed_command_is_told_and_doubted(site: ScriptSite) -> None:
    program = """
    ds_doubts=(doubt); doubt() { say doubt; }
    run true; say $?
    run sh -c 'exit 6'; say $?
    ds_stopped=143; run true; say $?
    ds_ending=yes; run true; say $?
    announce never
    ds_stopped='' ds_ending=''; announce 'a name'
    ds_logging=false; announce never
    """
    outcome = run(site, "core", program)
    assert outcome.stdout.splitlines() == ["0", "doubt", "6", "143", "143", "Running: a name"]
    assert outcome.stderr == (
        "deepsquare: here failed with exit code 6\ndeepsquare: here was stopped: the job is asked to end\n"
    )


def test_preparing_makes_the_volumes_and_leaving_removes_what_is_the_jobs(site: ScriptSite) -> None:
    program = """
    for name in STORAGE_PATH DEEPSQUARE_INPUT DEEPSQUARE_OUTPUT DEEPSQUARE_TMP DEEPSQUARE_SHARED_WORLD_TMP \\
      DEEPSQUARE_DISK_TMP DEEPSQUARE_DISK_WORLD_TMP; do
      for entry in "${ds_own_env[@]}"; do [[ $entry != "$name="* ]] || stat -c '%a %F' "${entry#*=}"; done
    done
    mkdir "$ds_scratch/closed"; : >"$ds_scratch/closed/file"; chmod 0500 "$ds_scratch/closed"
    more=$(mktemp -d); ds_litter+=("$more"); say "$more"
    """
    *modes, more = lines(site, "core", program)
    assert modes[0] == "700 directory"
    assert modes[3:] == ["700 directory", "1777 directory"] * 2
    assert not Path(more).exists()


def test_without_a_place_for_volumes_there_is_no_job(site: ScriptSite) -> None:
    outcome = site.run(
        f"{library(())}\nds_logging=true; job() {{ echo never; }}; main", {"DEEPSQUARE_SITE_SHARED_ROOT": ""}
    )
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "DEEPSQUARE_SITE_SHARED_ROOT is not set" in outcome.stderr


def test_with_gives_variables_to_its_function_alone(site: ScriptSite) -> None:
    program = """
    look() { say "${ds_scope_env[*]}"; return 3; }
    inner() { with "B=2 3" look; }
    with A=1 look; say $?
    with A=1 'C=*' inner; say $?
    with look; say $?
    say "${#ds_scope_env[@]}"
    """
    assert lines(site, "with", program) == ["A=1", "3", "A=1 C=* B=2 3", "3", "", "3", "0"]


def test_each_and_count_call_until_one_fails(site: ScriptSite) -> None:
    program = """
    look() { say "${ds_scope_env[*]}"; [[ ${ds_scope_env[*]} != *=5 ]] || return 8; }
    each look; say $?
    each look 'a  b' '' '*'; say $?
    each look 4 5 6; say $?
    count look 1 3 1; say $?
    count look 3 1 -2; say $?
    count look 1 8 4; say $?
    count look 2 1 1; say $?
    count look 1 2 -1; say $?
    """
    assert lines(site, "loop", program) == [
        *("0", "item=a  b", "item=", "item=*", "0", "item=4", "item=5", "8"),
        *("index=1", "index=2", "index=3", "0", "index=3", "index=1", "0", "index=1", "index=5", "8", "0", "0"),
    ]


def of_guard(body: int, catch: int | None, last: int | None) -> list[str]:
    """What a guard says whose functions end with these codes, and its own code."""
    said, result = ["body []"], body
    if body and catch is not None:
        said.append(f"catch [DEEPSQUARE_ERROR_CODE={body}]")
        result = catch
    if last is not None:
        said.append(f"finally [DEEPSQUARE_ERROR_CODE={result}]")
        result = result or last
    return [*said, str(result)]


def test_the_first_failure_of_a_guard_counts_but_for_one_that_catch_handled(site: ScriptSite) -> None:
    functions = {"body": (0, 3), "catch": (None, 0, 4), "finally": (None, 0, 5)}
    program = [
        f'{name}_{code}() {{ say "{name} [${{ds_scope_env[*]}}]"; return {code}; }}'
        for name, codes in functions.items()
        for code in codes
        if code is not None
    ]
    expected = []
    for body in functions["body"]:
        for catch in functions["catch"]:
            for last in functions["finally"]:
                names = [
                    "''" if code is None else f"{name}_{code}"
                    for name, code in zip(functions, (body, catch, last), strict=True)
                ]
                program.append(f"guard {' '.join(names)}; say $?")
                expected += of_guard(body or 0, catch, last)
    assert lines(site, "guard", "\n".join(program)) == expected


def test_a_guard_that_is_stopped_catches_nothing_and_finishes(site: ScriptSite) -> None:
    program = """
    caught() { say never; }
    last() { halted; say "last $? ${ds_scope_env[*]}"; attend code 6; }
    stopped() { stop 143 TERM; return 3; }
    guard stopped caught last; say $?
    guard stopped caught last; say $?
    ds_stopped=''
    skipped() { skip; return 9; }
    guard skipped caught caught; say $?
    late() { unready 7; }
    guard late '' last; say $?
    ended() { ds_stopped=143; unready 7; }
    guard ended caught caught; say $?
    ds_stopped=''
    """
    assert lines(site, "guard", program) == [
        *("last 1 DEEPSQUARE_ERROR_CODE=143", "143", "143", "9"),
        *("last 1 DEEPSQUARE_ERROR_CODE=7", "7", "7"),
    ]


def test_what_is_shielded_runs_to_its_end(site: ScriptSite) -> None:
    program = """
    trap 'finish 143' TERM
    ds_shield=yes
    for code in 0 1 255; do attend code $code; say $?; done
    attend sh -c "kill -s TERM $$; echo on; exit 4"; say "$? $ds_stopped"
    attend cat <<<'not to be read'; say $?
    ds_stopped=''
    """
    assert lines(site, "guard", program) == ["0", "1", "255", "on", "4 143", "0"]


@pytest.mark.parametrize("shield", ["", "yes"])
def test_what_is_suspended_has_not_ended(site: ScriptSite, shield: str) -> None:
    program = f"""
    ds_shield={shield}
    suspended() {{ exec sh -c 'echo $$ >"$1"; kill -s STOP 0; exit 5' sh "$ds_scratch/pid"; }}
    mkfifo "$ds_scratch/pid"
    {{
      read -r pid <"$ds_scratch/pid"
      until [[ $(<"/proc/$pid/stat") == *') T '* ]]; do :; done
      for ((round = 0; round < 100; round++)); do (:); done # long enough to be taken for ended
      read -ra fields <"/proc/$pid/stat"
      kill -s CONT -- "-${{fields[4]}}"
    }} &
    attend suspended; say $?
    """
    assert lines(site, "guard", program) == ["5"]


@pytest.mark.parametrize(("state", "said"), [("RUNNING", ["9", "[]"]), ("CANCELLED", ["143", "[143]"])])
def test_a_failure_in_a_job_that_slurm_ends_is_a_stop(
    site: ScriptSite, tmp_path: Path, state: str, said: list[str]
) -> None:
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(f"#!/bin/sh\necho 'JobId=1 JobState={state} Reason=None'\n")
    scontrol.chmod(0o755)
    (tmp_path / "srun").symlink_to("/bin/env")
    program = """
    DEEPSQUARE_SITE_SRUN=$SRUN SLURM_JOB_ID=1
    attend code 9 || { code=$?; call "${ds_doubts[@]}"; say "${ds_stopped:-$code}"; }
    say "[$ds_stopped]"; ds_stopped=''
    """
    assert lines(site, "guard", program, {"SRUN": str(tmp_path / "srun")}) == said


CONDITIONS = [
    ("1 -eq 1", "0 0"),
    ("1 -eq 2", "0 1"),
    ('$A = "a b"', "0 0"),
    ('"$A" = a*', "0 0"),
    ("-z $NONE", "0 0"),
    ("-d / && ! -e /nowhere", "0 0"),
    ("a == b || b == b", "0 0"),
    ("$(exit 5) = ''", "0 0"),
]


def test_a_condition_is_one_of_bash_with_the_variables_of_the_job(site: ScriptSite) -> None:
    program = ["ds_job_env=('A=a b')"]
    for text, _ in CONDITIONS:
        quoted = text.replace("'", "'\\''")
        program.append(f"consider here '{quoted}'; code=$?; holds; say $code $?")
    assert lines(site, "condition", "\n".join(program)) == [said for _, said in CONDITIONS]


def test_a_condition_that_bash_cannot_read_is_told_and_holds_not(site: ScriptSite) -> None:
    program = """
    consider here '1 -eq 1'
    consider there '1 -eq ] ('; code=$?; holds; say $code $?
    ds_stopped=143; consider here '1 -eq 1'; say $?
    """
    outcome = run(site, "condition", program)
    assert outcome.stdout.splitlines() == ["2 1", "143"]
    assert (
        "deepsquare: there: the condition cannot be understood; it stands between [[ and ]] of bash" in outcome.stderr
    )


KEPT = {
    "": [],
    "A=1\n": ["A=1"],
    "A=no line end": ["A=no line end"],
    "A=x,y,z\n": ["A=x,y,z"],
    'A=it\'s "quoted" `x` $(y) ${z} \\\n': ['A=it\'s "quoted" `x` $(y) ${z} \\'],
    "A=  spaces  \n": ["A=  spaces  "],
    "A=a=b==c\n": ["A=a=b==c"],
    "A=<<EOF\n": ["A=<<EOF"],
    "A=\n": ["A="],
    "A=1\nA=2\n": ["A=1", "A=2"],
    "A<<EOF\none\n\n three=3\nEOF\nB=after\n": ["A=one\n\n three=3", "B=after"],
    "A<<EOF\nEOF\n": ["A="],
    "A<<EOF\n\nEOF\n": ["A="],
    "A<<EOF\none\n\nEOF\n": ["A=one\n"],
    "A<<EOF\n EOF\nEOF \nEOF\n": ["A= EOF\nEOF "],
    "A<<EOF\none\nEOF": ["A=one"],
    "A<<a b'$(c)\none\na b'$(c)\n": ["A=one"],
    "A=x\r\n": ["A=x\r"],
    "A=*\n": ["A=*"],
    "_a9=x\n": ["_a9=x"],
    "nonsense\n\nB=é\n": ["B=é"],
    "A<<EOF\nnever ends\nB=2\n": [],
    "é=1\n1A=x\nA B=x\n=x\nPATH=x\nLD_X=x\nENV=x\nENVY=x\nDEEPSQUARE_=x\n": ["ENVY=x"],
}


def test_what_a_step_wrote_is_read_again_and_the_rest_is_told_once(site: ScriptSite, tmp_path: Path) -> None:
    folder = tmp_path / "contents"
    folder.mkdir()
    for number, content in enumerate(KEPT):
        (folder / f"{number:03d}").write_text(content, encoding="utf-8", newline="")
    program = f"""
    for file in {folder}/*; do
      cp "$file" "$ds_scratch/env"; ds_told=()
      read_kept; read_kept
      ((${{#ds_kept_env[@]}} == 0)) || printf '%s\\0' "${{ds_kept_env[@]}}"
      printf '\\0'
    done
    rm "$ds_scratch/env"; read_kept; say "${{#ds_kept_env[@]}}"
    """
    outcome = run(site, "kept", program)
    read = "".join("".join(f"{entry}\0" for entry in entries) + "\0" for entries in KEPT.values())
    assert outcome.stdout.split("\0") == [*read.split("\0")[:-1], "0\n"]
    reserved = [f"{name} is ignored: the name is reserved" for name in ("PATH", "LD_X", "ENV", "DEEPSQUARE_")]
    no_name = [f"line {number} is ignored: its key is no name of a variable" for number in (1, 2, 3, 4)]
    assert outcome.stderr.splitlines() == [
        f"deepsquare: $DEEPSQUARE_ENV: {complaint}"
        for complaint in (
            "line 1 is ignored: it is neither KEY=value nor KEY<<WORD",
            "line 1 is ignored: its block never ends",
            *no_name,
            *reserved,
        )
    ]


def test_at_once_runs_all_and_ends_with_the_first_failure(site: ScriptSite) -> None:
    program = """
    look() { say "${ds_scope_env[*]}"; }
    at_once each look a b c | sort; say ok
    at_once count look 1 3 1 | sort
    at_once each look; say $?
    fails() { [[ ${ds_scope_env[*]} == item=bad ]] && return 7; attend sleep 1000; }
    at_once each fails good bad fine; say $?
    say "${#ds_shells[@]} [$ds_stopped]"
    ds_stopped=143; at_once each look a; say $?
    ds_stopped=''
    """
    said = ["item=a", "item=b", "item=c", "ok", "index=1", "index=2", "index=3", "0", "7", "0 []", "143"]
    assert lines(site, "parallel", program) == said


def test_a_shell_of_its_own_writes_down_how_it_ended(site: ScriptSite) -> None:
    program = """
    for code in 0 1 9; do new_record; shell TERM code $code; outcome "$ds_shell"; say $?; done
    waits() { attend sh -c ": >$ds_scratch/$1; exec sleep 1000"; }
    until_it_runs() { until [[ -e $ds_scratch/$1 ]]; do sleep 0.01; done; }
    new_record; shell TERM waits a; until_it_runs a; ask_shells TERM "$ds_shell"; outcome "$ds_shell"; say $?
    new_record; shell TERM waits b; until_it_runs b; ds_shells=("$ds_shell"); ask_shells HUP
    outcome "$ds_shell"; say $?; ds_shells=()
    """
    assert lines(site, "shell", program) == ["0", "1", "9", "143", "143"]


def test_a_shell_that_is_asked_as_soon_as_it_is_there_ends_as_any_other(site: ScriptSite) -> None:
    program = """
    waits() { attend sleep 1000; }
    for signal in {HUP,TERM}{,,,,,,,,,}; do
      new_record; shell TERM waits; ask_shells "$signal" "$ds_shell"; outcome "$ds_shell"; say $?
    done
    """
    assert lines(site, "shell", program) == ["143"] * 20


def test_a_program_in_a_shell_of_its_own_leads_the_group_that_is_asked_to_end(site: ScriptSite) -> None:
    """Were there a bash before it, that one might be asked just while it makes the program, which would run on."""
    program = """
    shows() { attend sh -c 'read -r _ _ _ _ group _ </proc/$$/stat; [ "$group" = $$ ] && echo leads'; }
    new_record; shell TERM shows; outcome "$ds_shell"; say $?
    """
    assert lines(site, "shell", program) == ["leads", "0"]


def test_what_was_launched_is_awaited_by_its_handle(site: ScriptSite) -> None:
    program = """
    good() { attend true; }
    bad() { attend code 6; }
    worse() { attend code 8; }
    all() {
      launch one TERM good; launch two TERM bad; launch three TERM worse
      await one; say $?
      await nobody; say $?
      await one two; say $?
      await one three two; say $?
      await two; say $?
    }
    scope all; say $?
    await one; say $?
    """
    assert lines(site, "launch", program) == ["0", "0", "6", "8", "6", "0", "0"]


def test_a_scope_ends_what_it_launched_and_fails_with_what_nobody_awaited(site: ScriptSite) -> None:
    program = """
    waits() { attend sleep 1000; }
    asked() { launch '' TERM waits; }
    scope asked; say $?
    bad() { attend code 6; }
    alone() { launch '' 0 bad; }
    scope alone; say $?
    own() { launch '' 0 bad; return 3; }
    scope own; say $?
    needed() { : >"$ds_scratch/told"; }
    needs() { until [[ -e $ds_scratch/told ]]; do sleep 0.01; done; }
    both() { launch '' TERM waits; launch '' 0 needs; launch '' 0 needed; }
    scope both; say $?
    hear="exec 2>/dev/null; trap 'exit 0' USR1; : >$ds_scratch/ready; while :; do sleep 0.01; done"
    usr() { attend sh -c "$hear"; }
    told() { launch h USR1 usr; until [[ -e $ds_scratch/ready ]]; do sleep 0.01; done; }
    scope told; say $?
    say "${#ds_launched[@]} ${#ds_handles[@]}"
    """
    assert lines(site, "launch", program) == ["0", "6", "3", "0", "0", "0 0"]
