"""Commands in containers of Apptainer: how the script calls it, on a site with a stand-in that records everything."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from deepsquare.workflow import Container, For, InvalidWorkflow, Launch, Mount, Run, RunResources, Step
from tests.support.profiles import examples
from tests.support.runtimes import RuntimeCall, RuntimeStandIn
from tests.support.scripts import BASH, Outcome, ScriptSite, command, script_of, script_of_steps, shell_words, variables
from tests.support.shellcheck import complaints
from tests.support.texts import ATTACKS, CANARY, TEXTS

HUB = Container(image="alpine:3", apptainer=True)


@pytest.fixture
def apptainer(tmp_path: Path) -> RuntimeStandIn:
    return RuntimeStandIn(tmp_path / "runtime")


def run(site: ScriptSite, apptainer: RuntimeStandIn, *steps: Step, **settings: str) -> Outcome:
    """Run a job of these steps on a site with these settings."""
    named = {f"DEEPSQUARE_SITE_{name.upper()}": value for name, value in settings.items()}
    return site.run(script_of_steps(*steps), {"DEEPSQUARE_SITE_APPTAINER": str(apptainer.path), **named})


def inside(container: Container, text: str = "true", **fields: object) -> Step:
    """A step that runs `text` in a container."""
    return Step(run=Run(command=text, container=container, **fields))  # type: ignore[arg-type]


def by_entrypoint(container: Container, text: str) -> Step:
    """A step that hands `text` to what the image is made to run."""
    return inside(container, text, shell="ENTRYPOINT")  # noqa: S604  (no shell of this machine)


def started(apptainer: RuntimeStandIn) -> list[RuntimeCall]:
    """The calls that started a container."""
    return [call for call in apptainer.take_calls() if call.arguments[1] in ("exec", "run")]


def test_a_command_runs_in_its_image_and_sees_the_jobs_volumes_at_their_places(
    site: ScriptSite, apptainer: RuntimeStandIn, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    outcome = run(site, apptainer, inside(HUB, "echo hello"), disk_root=str(disk), user="0xCafe")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "hello\n", "")
    (call,) = started(apptainer)
    scratch = outcome.calls[0].environment["STORAGE_PATH"]
    assert call.arguments[:4] == ["--silent", "exec", "--no-eval", "--contain"]
    assert call.option("--mount") == [
        f'type=bind,"source={source}","destination={destination}"'
        for source, destination in [
            (scratch, "/deepsquare"),
            (f"{site.shared}/tmp/0xCafe", "/deepsquare/tmp"),  # noqa: S108
            (f"{site.shared}/world-tmp", "/deepsquare/world-tmp"),
            (f"{disk}/tmp/0xCafe", "/deepsquare/disk/tmp"),  # noqa: S108
            (f"{disk}/world-tmp", "/deepsquare/disk/world-tmp"),
        ]
    ]
    assert call.arguments[-4].startswith(f"{scratch}/.images/")
    assert call.arguments[-3:] == ["/bin/sh", "-c", "echo hello"]
    assert "--writable-tmpfs" in call.arguments
    assert "--nv" not in call.arguments
    assert site.scratch_folders() == []
    assert list((disk / "tmp/0xCafe").iterdir()) == []


def test_only_root_of_his_own_namespaces_keeps_his_powers(
    recording_site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    steps = [inside(HUB, map_uid=0), inside(HUB, map_uid=7), inside(HUB, map_gid=0), inside(HUB)]
    outcome = run(recording_site, apptainer, *steps)
    assert ["--keep-privs" in call.program for call in outcome.calls] == [True, False, False, False]


def test_variables_of_a_container_are_those_of_deepsquare_then_the_steps_and_never_on_a_command_line(
    site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    show = 'echo "$STORAGE_PATH $DEEPSQUARE_ENV $DEEPSQUARE_DISK_TMP $NTASKS $item [$SECRET]"'
    loop = For(parallel=False, items=("one",), steps=(inside(HUB, show, env=variables({"SECRET": "s3cret\nof two"})),))
    outcome = run(site, apptainer, Step(loop=loop))
    assert outcome.stdout == "/deepsquare /deepsquare/env /deepsquare/disk/tmp 4 one [s3cret\nof two]\n"
    (call,) = started(apptainer)
    assert call.environment["APPTAINERENV_SECRET"] == "s3cret\nof two"
    assert "s3cret" not in str((call.arguments, outcome.calls[0].options, outcome.calls[0].program))


def test_what_a_step_writes_to_the_env_file_and_the_jobs_env_can_be_overruled_by_the_image(
    site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    steps = (command('echo KEPT=1 >>"$DEEPSQUARE_ENV"'), inside(HUB))
    script = script_of_steps(*steps, env={"JOB": "2"})
    assert site.run(script, {"DEEPSQUARE_SITE_APPTAINER": str(apptainer.path)}).exit_code == 0
    (call,) = started(apptainer)
    assert (call.environment["KEPT"], call.environment["JOB"]) == ("1", "2")
    assert not {"APPTAINERENV_KEPT", "APPTAINERENV_JOB"} & set(call.environment)


def test_an_image_is_pulled_once_for_a_job_however_many_want_it_at_once(
    site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    tasks = RunResources(tasks=2)
    loop = For(parallel=True, items=("a", "b", "c"), steps=(inside(HUB, resources=tasks), inside(HUB)))
    launch = Step(launch=Launch(signal_on_parent_step_exit=0, steps=(inside(HUB),)))
    assert run(site, apptainer, launch, Step(loop=loop), inside(HUB)).exit_code == 0
    calls = apptainer.take_calls()
    assert [call.arguments[-1] for call in calls if call.arguments[1] == "pull"] == ["docker://alpine:3"]
    assert len([call for call in calls if call.arguments[1] == "exec"]) == 3 * (2 + 1) + 2
    assert len([call for call in calls if call.arguments[1:3] == ["sif", "list"]]) <= 5


@pytest.mark.parametrize(
    ("container", "reference"),
    [
        (Container(image="alpine", apptainer=True), "docker://alpine"),
        (Container(image="a/b:1", registry="quay.io", apptainer=True), "docker://quay.io/a/b:1"),
        (Container(image="a/b:1", registry="127.0.0.1:5000", apptainer=True), "docker://127.0.0.1:5000/a/b:1"),
        (Container(image=f"a/b@sha256:{'0' * 64}", apptainer=True), f"docker://a/b@sha256:{'0' * 64}"),
    ],
)
def test_an_image_of_a_registry_is_called_as_the_registry_calls_it(
    site: ScriptSite, apptainer: RuntimeStandIn, container: Container, reference: str
) -> None:
    assert run(site, apptainer, inside(container)).exit_code == 0
    (pull,) = apptainer.take_calls("pull")
    assert pull.arguments[-1] == reference
    assert not [name for name in pull.environment if name.startswith("APPTAINER_DOCKER")]


def test_credentials_reach_the_pull_alone_and_no_command_line(site: ScriptSite, apptainer: RuntimeStandIn) -> None:
    password = 'p4ss "wo\'rd" $(touch PWNED)\n2'
    private = Container(image="a", registry="r.example", username="me", password=password, apptainer=True)
    outcome = run(site, apptainer, inside(private, "env"), inside(HUB))
    assert (outcome.exit_code, "p4ss" in outcome.stdout + outcome.stderr) == (0, False)
    calls = apptainer.take_calls()
    pull = calls[0]
    assert pull.environment["APPTAINER_DOCKER_USERNAME"] == "me"
    assert pull.environment["APPTAINER_DOCKER_PASSWORD"] == password
    for call in calls:
        assert "p4ss" not in str(call.arguments)
        assert call is pull or "p4ss" not in str(call.environment)
    assert "p4ss" not in str(outcome.calls)


def test_a_pull_that_fails_fails_the_step_with_the_tools_last_line_but_not_the_password(
    site: ScriptSite, tmp_path: Path
) -> None:
    apptainer = RuntimeStandIn(tmp_path / "failing", complaint="FATAL: PASSWORD is not welcome")
    private = Container(image="a", registry="r.example", username="me", password="s3cret", apptainer=True)
    outcome = run(site, apptainer, inside(private), command("echo never"))
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == (
        "deepsquare: steps[0]: the image 'r.example/a' cannot be fetched: FATAL: *** is not welcome\n"
    )
    assert site.scratch_folders() == []


@pytest.mark.parametrize("shell", ["ENTRYPOINT", "/bin/sh"])
def test_without_a_command_the_image_runs_what_it_is_made_to_run_and_its_exit_code_counts(
    site: ScriptSite, tmp_path: Path, shell: str
) -> None:
    apptainer = RuntimeStandIn(tmp_path / "seven", code=7)
    outcome = run(site, apptainer, inside(HUB, "", shell=shell))
    assert (outcome.exit_code, outcome.stdout) == (7, "the image's own program:\n")
    assert outcome.stderr == "deepsquare: steps[0] failed with exit code 7\n"


def test_the_shell_entrypoint_hands_the_words_of_the_command_to_the_images_program(
    site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    outcome = run(site, apptainer, by_entrypoint(HUB, "serve --name 'a b' $(touch PWNED) *"))
    assert outcome.stdout == "the image's own program: serve --name a b $(touch PWNED) *\n"
    (call,) = started(apptainer)
    assert call.arguments[-6:] == ["serve", "--name", "a b", "$(touch", "PWNED)", "*"]


def test_arguments_with_a_quote_that_never_ends_are_refused_with_their_place() -> None:
    with pytest.raises(InvalidWorkflow, match=r"steps\[0\].run.command: .* a quote or a backslash has no end"):
        script_of_steps(by_entrypoint(HUB, "it's"))


def test_the_exit_code_of_a_command_in_a_container_is_the_jobs(site: ScriptSite, apptainer: RuntimeStandIn) -> None:
    assert run(site, apptainer, inside(HUB, "exit 3")).exit_code == 3


def test_a_container_gets_gpus_home_and_a_read_only_image_only_where_it_asks_for_them(
    site: ScriptSite, apptainer: RuntimeStandIn, tmp_path: Path
) -> None:
    text = """\
resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 50, gpus: 1}
steps:
  - run: {command: 'true', container: {image: a, apptainer: true}}
  - run:
      command: 'true'
      workDir: /opt/work
      resources: {gpusPerTask: 1}
      container: {image: a, apptainer: true, mountHome: true, readOnlyRootFS: true}
"""
    home = tmp_path / 'a "home", of: mine'
    home.mkdir()
    environment = {"DEEPSQUARE_SITE_APPTAINER": str(apptainer.path), "HOME": str(home)}
    outcome = site.run(script_of(text), environment)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    plain, special = started(apptainer)
    assert plain.option("--pwd") == ["/srv/data"]
    assert len(plain.option("--mount")) == 5
    assert plain.environment["SLURM_STEP_GRES"] == "none"
    assert special.option("--pwd") == ["/opt/work"]
    assert "--nv" in special.arguments
    assert "--writable-tmpfs" not in special.arguments
    quoted = str(home).replace('"', '""')
    assert special.option("--mount")[5:] == [f'type=bind,"source={quoted}","destination={quoted}"']


def test_an_image_without_a_working_folder_of_its_own_starts_in_the_root(
    site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    folder = Container(image="/a/root", apptainer=True)
    assert run(site, apptainer, command("mkdir -p a/root"), inside(folder)).exit_code == 0
    (call,) = started(apptainer)
    assert call.option("--pwd") == ["/"]


def test_an_absolute_image_is_a_file_or_a_folder_of_the_scratch_folder(
    site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    image = Container(image="/images/a b.sif", apptainer=True)
    outcome = run(site, apptainer, command("mkdir images; echo x >'images/a b.sif'"), inside(image, "echo in"))
    assert (outcome.exit_code, outcome.stdout) == (0, "in\n")
    assert apptainer.take_calls("pull") == []


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ("true", "there is no image '/image.sif' in the job's scratch folder"),
        ("ln -s /etc/hostname image.sif", "the image '/image.sif' lies outside of the job's volumes"),
        ('ln -s "$STORAGE_PATH/../secret" image.sif', "the image '/image.sif' lies outside of the job's volumes"),
    ],
)
def test_an_image_that_is_not_there_or_leads_out_of_the_volumes_is_refused(
    site: ScriptSite, apptainer: RuntimeStandIn, prepare: str, message: str
) -> None:
    site.shared.mkdir()
    (site.shared / "secret").write_text("of another job")
    outcome = run(site, apptainer, command(prepare), inside(Container(image="/image.sif", apptainer=True)))
    assert (outcome.exit_code, outcome.stderr) == (1, f"deepsquare: steps[1]: {message}\n")
    assert started(apptainer) == []


@pytest.mark.parametrize("place", ["r.example/a/b:1.sif", "r.example/a/b:1", "a/b:1.sif", "a/b:1"])
def test_a_hosted_image_comes_from_the_library_of_the_site(
    site: ScriptSite, apptainer: RuntimeStandIn, tmp_path: Path, place: str
) -> None:
    image = tmp_path / "library" / place
    image.parent.mkdir(parents=True)
    image.touch()
    hosted = Container(image="a/b:1", registry="r.example", deepsquare_hosted=True)
    outcome = run(site, apptainer, inside(hosted, "echo in"), images=str(tmp_path / "library"))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "in\n", "")
    assert apptainer.take_calls("pull") == []


def test_a_hosted_image_that_the_site_has_not_got_is_refused(
    site: ScriptSite, apptainer: RuntimeStandIn, tmp_path: Path
) -> None:
    hosted = inside(Container(image="a/b:1", deepsquare_hosted=True))
    assert run(site, apptainer, hosted).stderr == (
        "deepsquare: steps[0]: this site has no library of images; leave deepsquareHosted out to use a registry\n"
    )
    (tmp_path / "b:1").touch()  # another one: the registry may be left out, not a part of the name
    assert run(site, apptainer, hosted, images=str(tmp_path)).stderr == (
        "deepsquare: steps[0]: there is no image 'a/b:1' in this site's library of images\n"
    )


def mounting(host: str, options: str | None = None) -> Step:
    mount = Mount(host_dir=host, container_dir="/in", options=options)
    return inside(Container(image="a", apptainer=True, mounts=(mount,)))


def test_a_mount_is_of_the_jobs_own_volumes_or_one_that_the_site_allows(
    site: ScriptSite, apptainer: RuntimeStandIn, tmp_path: Path
) -> None:
    models, results = tmp_path / "the models", tmp_path / "results"
    for folder in (models / "of/mine", results, tmp_path / "real"):
        folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    settings = {"mounts": f"{models}:{tmp_path}/link", "writable_mounts": str(results), "user": "me"}

    def bind(host: str, options: str | None = None) -> str:
        assert run(site, apptainer, command("mkdir data"), mounting(host, options), **settings).stderr == ""
        return started(apptainer)[-1].option("--mount")[5]

    assert bind(f"{models}/of/mine", "ro") == f'type=bind,"source={models}/of/mine","destination=/in",ro'
    assert bind(f"{tmp_path}/link", "ro") == f'type=bind,"source={tmp_path}/real","destination=/in",ro'
    assert bind(str(results), "rw") == f'type=bind,"source={results}","destination=/in"'
    assert bind("/deepsquare/tmp") == f'type=bind,"source={site.shared}/tmp/me","destination=/in"'  # noqa: S108
    assert bind("/deepsquare/data").startswith(f'type=bind,"source={site.shared}/job-')


@pytest.mark.parametrize(
    ("host", "options", "message"),
    [
        ("/etc", "ro", "the mount '/etc' is neither in the job's volumes nor allowed by this site"),
        ("/", "ro", "the mount '/' is neither in the job's volumes nor allowed by this site"),
        ("{folder}/models-of-others", "ro", "is neither in the job's volumes nor allowed by this site"),
        ("{folder}/models/link", "ro", "is neither in the job's volumes nor allowed by this site"),
        ("/deepsquare/out", "ro", "is neither in the job's volumes nor allowed by this site"),
        ("{folder}/models", None, "only for reading: say so by options: ro"),
        ("{folder}/nothing", "ro", "does not exist on this site"),
    ],
)
def test_any_other_mount_is_refused_when_the_job_runs(
    site: ScriptSite, tmp_path: Path, host: str, options: str | None, message: str
) -> None:
    apptainer = RuntimeStandIn(tmp_path / "runtime")
    for name in ("models", "models-of-others"):
        (tmp_path / name).mkdir()
    (tmp_path / "models/link").symlink_to("/etc")
    step = mounting(host.format(folder=tmp_path), options)
    outcome = run(site, apptainer, command("ln -s /etc out"), step, mounts=str(tmp_path / "models"))
    assert outcome.exit_code == 1
    assert message in outcome.stderr
    assert started(apptainer) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"DEEPSQUARE_SITE_APPTAINER": "/no/such/program"},
        {"DEEPSQUARE_SITE_RUNTIMES": "enroot"},
        {"DEEPSQUARE_SITE_RUNTIMES": ""},
    ],
)
def test_a_site_without_apptainer_says_so_and_which_label_tells(
    site: ScriptSite, apptainer: RuntimeStandIn, settings: dict[str, str]
) -> None:
    outcome = site.run(script_of_steps(inside(HUB)), {"DEEPSQUARE_SITE_APPTAINER": str(apptainer.path), **settings})
    complaint = "this site cannot run containers by apptainer; the label container.apptainer tells which sites can"
    assert (outcome.exit_code, outcome.stderr) == (1, f"deepsquare: steps[0]: {complaint}\n")


def test_what_a_killed_job_left_on_a_node_goes_with_the_next_one_of_its_customer_but_nothing_of_one_that_lives(
    site: ScriptSite, apptainer: RuntimeStandIn, tmp_path: Path
) -> None:
    up = tmp_path / "up"
    os.mkfifo(up)
    environment = {"DEEPSQUARE_SITE_APPTAINER": str(apptainer.path), "DEEPSQUARE_SITE_USER": "me"}
    other = site.start(script_of_steps(inside(HUB, f": >{up}; sleep 1000")), environment)
    up.read_bytes()
    folder = site.shared / "disk/tmp/me"
    (alive,) = folder.iterdir()
    (folder / "images-lost/deep").mkdir(parents=True)
    outcome = site.run(script_of_steps(inside(HUB, f"ls {folder} | grep -v {alive.name}")), environment)
    assert "lost" not in outcome.stdout
    assert list(folder.iterdir()) == [alive]
    other.terminate()
    site.finish(other)
    assert list(folder.iterdir()) == []


def test_a_container_that_fails_to_come_is_caught_like_any_failure(site: ScriptSite, tmp_path: Path) -> None:
    apptainer = RuntimeStandIn(tmp_path / "failing", complaint="no")
    step = Step(run=Run(command="", container=HUB), catch=(command('echo "caught $DEEPSQUARE_ERROR_CODE"'),))
    outcome = run(site, apptainer, step, command("echo on"))
    assert (outcome.exit_code, outcome.stdout) == (0, "caught 1\non\n")


def test_a_container_of_one_step_is_not_that_of_the_next(site: ScriptSite, apptainer: RuntimeStandIn) -> None:
    other = Container(image="b", apptainer=True)
    assert run(site, apptainer, inside(HUB), command("true"), inside(other)).exit_code == 0
    assert len(started(apptainer)) == 2


def test_a_step_on_the_host_of_a_job_with_containers_sees_the_hosts_paths(
    site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    outcome = run(site, apptainer, inside(HUB), command('echo "$STORAGE_PATH"; [ -d "$DEEPSQUARE_TMP" ]'))
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(f"{site.shared}/job-")


def test_a_signal_ends_a_pull_that_takes_too_long(site: ScriptSite, tmp_path: Path) -> None:
    started_at = tmp_path / "started"
    os.mkfifo(started_at)
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\n: >{started_at}\nexec sleep 1000\n")
    slow.chmod(0o755)
    job = site.start(script_of_steps(inside(HUB), command("true")), {"DEEPSQUARE_SITE_APPTAINER": str(slow)})
    started_at.read_bytes()
    job.terminate()
    outcome = site.finish(job)
    assert (outcome.exit_code, outcome.calls) == (143, [])
    assert site.scratch_folders() == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"image": "-alpine"}, "image"),
        ({"image": "--writable"}, "image"),
        ({"image": "a,b"}, "image"),
        ({"image": "a:b:c"}, "image"),
        ({"image": "docker://a"}, "image"),
        ({"image": "../a"}, "image"),
        ({"image": "/../a.sif"}, "image"),
        ({"image": "/a/../../b.sif"}, "image"),
        ({"image": "a\nb"}, "image"),
        ({"image": "a@sha256:0"}, "image"),
        ({"image": "$(touch PWNED)"}, "image"),
        ({"image": "a", "registry": "-r"}, "registry"),
        ({"image": "a", "registry": "r/../x"}, "registry"),
        ({"image": "a", "registry": "r:0"}, "registry"),
        ({"image": "a", "registry": "me:secret@r"}, "registry"),
        ({"image": "a", "mounts": (Mount(host_dir="/a/../b", container_dir="/b"),)}, "mounts[0].hostDir"),
        ({"image": "a", "mounts": (Mount(host_dir="/a:/b", container_dir="/b"),)}, "mounts[0].hostDir"),
        ({"image": "a", "mounts": (Mount(host_dir="/a", container_dir="/b,rw"),)}, "mounts[0].containerDir"),
        ({"image": "a", "mounts": (Mount(host_dir="a", container_dir="/b"),)}, "mounts[0].hostDir"),
        ({"image": "a", "mounts": (Mount(host_dir="/a", container_dir="/b", options="rw,suid"),)}, "mounts[0].options"),
        ({"image": "a", "registry": "r", "password": "\0"}, "password"),
    ],
)
def test_what_is_no_image_registry_or_mount_is_refused_with_its_place(fields: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidWorkflow) as raised:
        script_of_steps(inside(Container(apptainer=True, **fields)))  # type: ignore[arg-type]
    assert f"steps[0].run.container.{path}" in {problem.path for problem in raised.value.problems}
    assert "secret" not in str(raised.value)


def check_any_text(site: ScriptSite, apptainer: RuntimeStandIn, texts: list[str]) -> None:
    """Each text in every field of a container that takes any text, all in one job."""
    plain = [text.replace("/", "").replace(":", "").replace(",", "").strip(".") or "x" for text in texts]
    steps = []
    for number, (text, name) in enumerate(zip(texts, plain, strict=True)):
        private = Container(image="a", registry="r", username=text, password=text + "!", apptainer=True)
        (site.folder / "library" / f"{number}{name}").mkdir(parents=True, exist_ok=True)
        library = Container(
            image=f"/{number}{name}",
            deepsquare_hosted=True,
            mounts=(Mount(host_dir=f"{site.folder}/library/{number}{name}", container_dir=f"/{name}", options="ro"),),
        )
        steps += [
            inside(private, text, env=variables({"STEP": text}), work_dir=f"/{text}"),
            by_entrypoint(library, shlex.join([text, name])),
        ]
    places = {"images": str(site.folder / "library"), "mounts": str(site.folder / "library")}
    script = script_of_steps(*steps, env={"JOB": "".join(texts)})
    subprocess.run([BASH, "-n"], input=script.encode(), check=True, capture_output=True)
    named = {f"DEEPSQUARE_SITE_{name.upper()}": value for name, value in places.items()}
    outcome = site.run(script, {"DEEPSQUARE_SITE_APPTAINER": str(apptainer.path), **named})
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert not list(site.folder.rglob(CANARY))
    assert not Path(CANARY).exists()
    pulls = [call.environment for call in apptainer.take_calls("pull")]
    for number, (text, name) in enumerate(zip(texts, plain, strict=True)):
        first, second = outcome.calls[2 * number : 2 * number + 2]
        assert not text or first.program[-len(shell_words(text)) :] == shell_words(text)
        assert first.environment["STEP" if "\r" in text else "APPTAINERENV_STEP"] == text
        assert first.program[first.program.index("--pwd") + 1] == f"/{text}"
        assert second.program[-2:] == [text, name]
        source = f"source={site.folder}/library/{number}{name}".replace('"', '""')
        destination = f"destination=/{name}".replace('"', '""')
        assert second.program[second.program.index("--mount") + 11] == f'type=bind,"{source}","{destination}",ro'
        assert any(pull.get("APPTAINER_DOCKER_PASSWORD") == text + "!" for pull in pulls)


@pytest.mark.system
def test_attacks_in_every_field_of_a_container_are_only_text(
    recording_site: ScriptSite, apptainer: RuntimeStandIn
) -> None:
    check_any_text(recording_site, apptainer, ATTACKS)


@examples(quick=2, thorough=200, suppress=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=5, max_size=5))
def test_any_text_in_any_field_of_a_container_arrives_byte_for_byte(
    recording_site: ScriptSite, apptainer: RuntimeStandIn, texts: list[str]
) -> None:
    check_any_text(recording_site, apptainer, texts)


@pytest.mark.system
def test_shellcheck_has_nothing_to_say_about_containers() -> None:
    mounts = tuple(Mount(host_dir=f"/{text}", container_dir="/x") for text in ("a b", "$(x)", "'"))
    steps = [
        inside(Container(image="a", registry="r", username=text, password=text, mounts=mounts, apptainer=True), text)
        for text in ATTACKS
    ]
    assert complaints(script_of_steps(*steps)) == ""
