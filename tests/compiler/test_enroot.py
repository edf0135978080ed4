"""Commands in containers of Enroot: how the script calls it by its published command line, with a stand-in."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from deepsquare.workflow import Container, For, InvalidWorkflow, Mount, Run, RunResources, Step
from tests.support.profiles import examples
from tests.support.runtimes import RuntimeCall, RuntimeStandIn
from tests.support.scripts import BASH, Outcome, ScriptSite, command, script_of_steps, variables
from tests.support.shellcheck import complaints
from tests.support.slurm import SlurmLab
from tests.support.texts import ATTACKS, CANARY, TEXTS, UNTIL_A_SIGNAL

HUB = Container(image="alpine:3")


@pytest.fixture
def enroot(tmp_path: Path) -> RuntimeStandIn:
    return RuntimeStandIn(tmp_path / "runtime", name="enroot")


def run(site: ScriptSite, enroot: RuntimeStandIn, *steps: Step, **settings: str) -> Outcome:
    named = {f"DEEPSQUARE_SITE_{name.upper()}": value for name, value in settings.items()}
    job = {"SHARED": "of the job", "JOB": "of the job"}
    return site.run(script_of_steps(*steps, env=job), {"DEEPSQUARE_SITE_ENROOT": str(enroot.path), **named})


def inside(container: Container, text: str = "true", **fields: object) -> Step:
    return Step(run=Run(command=text, container=container, **fields))  # type: ignore[arg-type]


def verbs(calls: list[RuntimeCall]) -> list[str]:
    return [call.arguments[0] for call in calls]


def test_an_image_is_imported_once_and_each_task_has_a_container_of_its_own_that_is_removed(
    site: ScriptSite, enroot: RuntimeStandIn
) -> None:
    step = inside(HUB, "echo in", resources=RunResources(tasks=2))
    outcome = run(site, enroot, Step(loop=For(parallel=True, items=("a", "b"), steps=(step,))))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "in\n" * 4, "")
    calls = enroot.take_calls()
    assert sorted(verbs(calls)) == ["create"] * 4 + ["import"] + ["remove"] * 4 + ["start"] * 4
    (imported,) = [call for call in calls if call.arguments[0] == "import"]
    assert imported.arguments[1] == "--output"
    assert imported.arguments[3:] == ["--", "docker://alpine:3"]
    names = {call.arguments[2] for call in calls if call.arguments[0] == "create"}
    assert len(names) == 4
    assert {call.arguments[-1] for call in calls if call.arguments[0] == "remove"} == names
    for call in calls:
        folders = [value for name, value in call.environment.items() if name.startswith("ENROOT_")]
        assert folders
        assert all("/images-" in folder or "/enroot-" in folder for folder in folders), (
            "nothing is read from the account's own folders"
        )
    assert site.scratch_folders() == []
    assert not [*site.shared.rglob("images-*"), *site.shared.rglob("enroot-*")]


@pytest.mark.parametrize(
    ("container", "reference"),
    [
        (Container(image="a/b:1"), "docker://a/b:1"),
        (Container(image="a/b:1", registry="quay.io"), "docker://quay.io#a/b:1"),
        (Container(image="quay.io/a/b:1"), "docker://quay.io#a/b:1"),
        (Container(image="localhost:5000/b"), "docker://localhost:5000#b"),
        (Container(image=f"a/b@sha256:{'0' * 64}"), f"docker://a/b:sha256:{'0' * 64}"),
        (Container(image=f"a/b:1@sha256:{'0' * 64}", registry="r:1"), f"docker://r:1#a/b:sha256:{'0' * 64}"),
        (
            Container(image="b", registry="nvcr.io", username="$oauthtoken", password="p"),
            "docker://$oauthtoken@nvcr.io#b",
        ),
    ],
)
def test_an_image_is_called_as_enroot_calls_it(
    site: ScriptSite, enroot: RuntimeStandIn, container: Container, reference: str
) -> None:
    assert run(site, enroot, inside(container)).exit_code == 0
    assert enroot.take_calls("import")[0].arguments[-1] == reference


def test_credentials_stand_in_a_private_file_while_the_image_is_fetched_and_nowhere_else(
    site: ScriptSite, enroot: RuntimeStandIn
) -> None:
    private = Container(image="a", registry="r.example:5000", username="me", password="p4ss#$(id)`'".replace("'", ""))
    outcome = run(site, enroot, inside(private, f"env; grep -r p4s[s] {site.folder}/shared || :"))
    assert (outcome.exit_code, "p4ss" in outcome.stdout + outcome.stderr) == (0, False)
    assert enroot.credentials.read_text() == (
        "machine r.example login me password p4ss#$(id)`\ndefault login me password p4ss#$(id)`\n"
    )
    assert "p4ss" not in str(enroot.take_calls())
    assert "p4ss" not in str(outcome.calls)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"username": "me", "password": "two words"}, "password"),
        ({"username": "me", "password": "$(id)"}, "password"),
        ({"username": "me", "password": 'a"b'}, "password"),
        ({"username": "me", "password": "a\nb"}, "password"),
        ({"username": "me@example.com", "password": "a"}, "username"),
        ({"username": "me machine x", "password": "a"}, "username"),
        ({"password": "a"}, "password"),
    ],
)
def test_credentials_that_its_file_cannot_hold_are_refused_with_their_place(fields: dict[str, str], path: str) -> None:
    with pytest.raises(InvalidWorkflow) as raised:
        script_of_steps(inside(Container(image="a", registry="r", **fields)))  # type: ignore[arg-type]
    assert {problem.path for problem in raised.value.problems} == {f"steps[0].run.container.{path}"}


def test_variables_come_in_their_order(site: ScriptSite, enroot: RuntimeStandIn) -> None:
    show = 'echo "$SHARED|$JOB|$KEPT|$ITS_OWN|$STORAGE_PATH|$DEEPSQUARE_TMP|$NTASKS|$item|$SLURM_PROCID"'
    show += '; echo "$OF_THE_HOST|$NVIDIA_VISIBLE_DEVICES"'
    step = inside(HUB, show, env=variables({"ITS_OWN": "of the step"}))
    keep = command('echo "KEPT=a,b" >>"$DEEPSQUARE_ENV"')
    script = script_of_steps(
        keep, Step(loop=For(parallel=False, items=("one",), steps=(step,))), env={"SHARED": "job", "JOB": "of the job"}
    )
    outcome = site.run(script, {"DEEPSQUARE_SITE_ENROOT": str(enroot.path), "OF_THE_HOST": "of the host"})
    assert outcome.stdout == (
        "of the image|of the job|a,b|of the step|/deepsquare|/deepsquare/tmp|4|one|0\nof the host|void\n"
    )
    assert (outcome.exit_code, outcome.stderr) == (0, "")


def test_the_images_own_program_runs_with_arguments_or_without_and_its_exit_code_counts(
    site: ScriptSite, tmp_path: Path
) -> None:
    enroot = RuntimeStandIn(tmp_path / "nine", name="enroot", code=9)
    arguments = inside(HUB, "serve 'a  b' $(id)", shell="ENTRYPOINT")  # noqa: S604  (no shell of this machine)
    outcome = run(site, enroot, arguments, inside(HUB, ""))
    assert (outcome.exit_code, outcome.stdout) == (9, "entrypoint serve a  b $(id)\nthe image runs\n")


def test_what_fails_fails_the_step_with_its_reason(site: ScriptSite, tmp_path: Path, enroot: RuntimeStandIn) -> None:
    assert run(site, enroot, inside(HUB, "exit 7")).exit_code == 7
    failing = RuntimeStandIn(tmp_path / "failing", name="enroot", complaint="[ERROR] no such image")
    outcome = run(site, failing, inside(HUB))
    assert (outcome.exit_code, outcome.stderr) == (
        1,
        "deepsquare: steps[0]: the image 'alpine:3' cannot be fetched: [ERROR] no such image\n",
    )
    missing = site.run(script_of_steps(inside(HUB)), {"DEEPSQUARE_SITE_ENROOT": "/no/such/enroot"})
    assert "this site cannot run containers by enroot; the label container.enroot tells" in missing.stderr


def test_each_runtime_fetches_its_own_form_of_the_same_image(
    site: ScriptSite, enroot: RuntimeStandIn, tmp_path: Path
) -> None:
    apptainer = RuntimeStandIn(tmp_path / "apptainer")
    other = Container(image="alpine:3", apptainer=True)
    assert run(site, enroot, inside(HUB), inside(other), apptainer=str(apptainer.path)).exit_code == 0
    assert (len(enroot.take_calls("import")), len(apptainer.take_calls("pull"))) == (1, 1)


def test_a_file_of_the_job_is_an_image_too(site: ScriptSite, enroot: RuntimeStandIn) -> None:
    outcome = run(site, enroot, command("echo x >own.sqsh"), inside(Container(image="/own.sqsh"), "echo in"))
    assert (outcome.exit_code, outcome.stdout) == (0, "in\n")
    assert "import" not in verbs(enroot.take_calls())


def test_mounts_home_and_read_only_images_stand_in_the_configuration(
    site: ScriptSite, enroot: RuntimeStandIn, tmp_path: Path
) -> None:
    models, home = tmp_path / "the models", tmp_path / "home"
    models.mkdir()
    home.mkdir()
    mount = Mount(host_dir=str(models), container_dir="/opt/my models", options="ro")
    box = Container(image="a", mounts=(mount,), mount_home=True, read_only_root_fs=True)
    settings = {"DEEPSQUARE_SITE_MOUNTS": str(models), "DEEPSQUARE_SITE_ENROOT": str(enroot.path), "HOME": str(home)}
    look = f'echo "$HOME"; grep ^#ENROOT {site.shared}/job-*/.images/*.conf'
    outcome = site.run(script_of_steps(inside(box, look)), settings)
    assert outcome.stdout == f"{home}\n#ENROOT_REMAP_ROOT=n\n#ENROOT_ROOTFS_WRITABLE=n\n#ENROOT_MOUNT_HOME=n\n"
    lines = enroot.mounts.read_text().splitlines()
    assert [line.split()[1] for line in lines[:5]] == [
        "/deepsquare",
        "/deepsquare/tmp",
        "/deepsquare/world-tmp",
        "/deepsquare/disk/tmp",
        "/deepsquare/disk/world-tmp",
    ]
    escaped = str(models).replace(" ", "\\040")
    assert lines[5:] == [
        f"{home} {home} none x-create=auto,bind,rw",
        f"{escaped} /opt/my\\040models none x-create=auto,bind,ro",
    ]


def check_any_text(site: ScriptSite, enroot: RuntimeStandIn, texts: list[str]) -> None:
    """Each text as a command, as arguments, as a folder and as a value of every strength, all in one job."""
    folders = [site.folder / "folders" / f"_{text.replace('/', '')}" for text in texts]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    names = {f"V{number}": text for number, text in enumerate(texts)}
    shown = " ".join(f'"$V{number}" "$W{number}"' for number in range(len(texts)))
    inner = variables({f"W{number}": text for number, text in enumerate(texts)})
    show = f"printf '%s|' {shown}"
    steps = [inside(HUB, f"{show}; pwd; printf %s {shlex.quote(text)}", env=inner) for text in texts[:1]]
    steps += [
        inside(HUB, f"printf '%s|' {shlex.quote(text)} \"$PWD\"", work_dir=str(folder))
        for text, folder in zip(texts, folders, strict=True)
    ]
    script = script_of_steps(*steps, env=names)
    subprocess.run([BASH, "-n"], input=script.encode(), check=True, capture_output=True)
    outcome = site.run(script, {"DEEPSQUARE_SITE_ENROOT": str(enroot.path)})
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert not list(site.folder.rglob(CANARY))
    values = "".join(f"{text}|{text}|" for text in texts)
    assert outcome.stdout.startswith(values)
    assert outcome.stdout.endswith("".join(f"{t}|{folder}|" for t, folder in zip(texts, folders, strict=True)))
    enroot.take_calls()


@pytest.mark.system
def test_attacks_in_a_container_of_enroot_are_only_text(site: ScriptSite, enroot: RuntimeStandIn) -> None:
    check_any_text(site, enroot, [text for text in ATTACKS if "\r" not in text][:12])
    check_any_text(site, enroot, ["\r\ntouch PWNED\r\n", *ATTACKS[12:]])


@examples(quick=1, thorough=100, suppress=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=3, max_size=3))
def test_any_text_in_a_container_of_enroot_arrives_byte_for_byte(
    site: ScriptSite, enroot: RuntimeStandIn, texts: list[str]
) -> None:
    check_any_text(site, enroot, texts)


def test_names_that_shells_keep_for_themselves_do_no_harm(site: ScriptSite, enroot: RuntimeStandIn) -> None:
    names = ("UID", "PPID", "EUID", "SHELLOPTS", "PS4", "name", "entry", "weak", "LC_ALL", "BASHOPTS")
    step = inside(HUB, 'echo "$name|$entry|$weak|$PS4"', env=variables(dict.fromkeys(names, "odd 'value'")))
    outcome = run(site, enroot, step)
    assert (outcome.exit_code, outcome.stdout) == (0, "|".join(["odd 'value'"] * 4) + "\n")


def test_a_signal_reaches_the_command_and_its_container_is_removed(
    site: ScriptSite, enroot: RuntimeStandIn, tmp_path: Path
) -> None:
    up = tmp_path / "up"
    os.mkfifo(up)
    wait = f"trap 'trap \"\" TERM; echo asked; exit 5' TERM; : >{up}; {UNTIL_A_SIGNAL}"
    job = site.start(script_of_steps(inside(HUB, wait)), {"DEEPSQUARE_SITE_ENROOT": str(enroot.path)})
    up.read_bytes()
    job.terminate()
    outcome = site.finish(job)
    assert (outcome.exit_code, outcome.stdout) == (143, "asked\n")
    assert verbs(enroot.take_calls())[-1] == "remove"
    assert site.scratch_folders() == []


@pytest.mark.system
def test_tasks_on_several_nodes_of_slurm_are_cancelled_and_leave_no_container(
    lab: SlurmLab, enroot: RuntimeStandIn, tmp_path: Path
) -> None:
    """A real srun hands a signal on to each task alone: the shell around the container passes it on."""
    wait = f"trap 'echo asked; exit 5' TERM; : >{tmp_path}/up-$SLURM_PROCID; {UNTIL_A_SIGNAL}"
    (tmp_path / "job.sh").write_text(script_of_steps(inside(HUB, wait, resources=RunResources(tasks=2))))
    environment = {
        **lab.environment,
        "DEEPSQUARE_SITE_SHARED_ROOT": str(tmp_path / "shared"),
        "DEEPSQUARE_SITE_ENROOT": str(enroot.path),
    }
    options = ["--nodes=2", "--ntasks=4", "--cpus-per-task=2", "--mem-per-cpu=100M", f"--output={tmp_path}/output"]
    argv = ["sbatch", "--parsable", "--export=ALL", *options, str(tmp_path / "job.sh")]
    submitted = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True)
    lab.wait_until(lambda: len(list(tmp_path.glob("up-*"))) == 2, "both tasks run")
    lab.run("scancel", submitted.stdout.strip())
    lab.wait_until(lambda: list((tmp_path / "shared").glob("job-*")) == [], "the job is over")
    lab.wait_until(lambda: not list((tmp_path / "shared").rglob("task-*")), "its containers are gone")
    assert (tmp_path / "output").read_text().splitlines().count("asked") == 2
    calls = verbs(enroot.take_calls())
    assert [calls.count(verb) for verb in ("import", "create", "start", "remove")] == [1, 2, 2, 2]


@pytest.mark.system
def test_shellcheck_has_nothing_to_say_about_containers_of_enroot() -> None:
    mounts = tuple(Mount(host_dir=f"/{text}", container_dir="/x") for text in ("a b", "$(x)", "'"))
    box = Container(image="a", registry="r", username="me", password="p", mounts=mounts)
    assert complaints(script_of_steps(*[inside(box, text) for text in ATTACKS])) == ""
