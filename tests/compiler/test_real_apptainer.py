"""Scripts with containers on a real Apptainer, with images of a registry on loopback: what no stand-in can promise."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepsquare.workflow import Container, For, Mount, Run, RunResources, Step
from tests.support import registry as registries
from tests.support.needs import need
from tests.support.registry import REPOSITORY, Image, Registry
from tests.support.scripts import Outcome, ScriptSite, command, script_of_steps, variables
from tests.support.slurm import JOB_ACCOUNT, SlurmLab
from tests.support.texts import ATTACKS

pytestmark = pytest.mark.system

PLAIN_HTTP = {"APPTAINER_NOHTTPS": "1"}
PASSWORD = 'p4ss "wo\'rd" $(touch PWNED)'


@pytest.fixture(scope="module", autouse=True)
def _apptainer() -> None:
    need(registries.unavailable())


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry(Image(environment={"ITS_OWN": "of the image", "SHARED": "of the image"})) as running:
        yield running


@pytest.fixture
def private() -> Iterator[Registry]:
    with Registry(user="me", password=PASSWORD) as running:
        yield running


def image(registry: Registry, **fields: object) -> Container:
    values = {"image": f"{REPOSITORY}:1", "registry": registry.address, "apptainer": True, **fields}
    return Container(**values)  # type: ignore[arg-type]


def inside(container: Container, text: str, **fields: object) -> Step:
    return Step(run=Run(command=text, container=container, **fields))  # type: ignore[arg-type]


def run(site: ScriptSite, *steps: Step, **settings: str) -> Outcome:
    named = {f"DEEPSQUARE_SITE_{name.upper()}": value for name, value in settings.items()}
    return site.run(script_of_steps(*steps, env={"SHARED": "of the job", "JOB": "of the job"}), PLAIN_HTTP | named)


def test_a_command_sees_its_image_its_volumes_and_nothing_else_of_the_host(
    site: ScriptSite, registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "of the host").touch()
    look = f"""
        pwd; ls -d /bin/busybox; ls "{tmp_path}" || echo "no host"; ls -A "$HOME"
        for folder in "$STORAGE_PATH" "$DEEPSQUARE_TMP" "$DEEPSQUARE_SHARED_WORLD_TMP" "$DEEPSQUARE_DISK_TMP" \
            "$DEEPSQUARE_DISK_WORLD_TMP" "$DEEPSQUARE_OUTPUT" "$DEEPSQUARE_INPUT" /; do
          touch "$folder/made here" && echo "$folder"
        done
        echo "KEPT=a,b" >> "$DEEPSQUARE_ENV"
    """
    outcome = run(site, inside(image(registry), look), command('echo "$KEPT"; ls "$STORAGE_PATH/made here"'))
    assert outcome.exit_code == 0, outcome.stderr
    *lines, kept, made = outcome.stdout.splitlines()
    assert lines == [
        "/srv/data",
        "/bin/busybox",
        "no host",
        "/deepsquare",
        "/deepsquare/tmp",
        "/deepsquare/world-tmp",
        "/deepsquare/disk/tmp",
        "/deepsquare/disk/world-tmp",
        "/deepsquare/output",
        "/deepsquare/input",
        "/",
    ]
    assert (kept, made.endswith("/made here")) == ("a,b", True)
    assert site.scratch_folders() == []


def test_variables_come_in_their_order_and_byte_for_byte(site: ScriptSite, registry: Registry) -> None:
    values = {f"V{number}": text for number, text in enumerate(ATTACKS)} | {"ITS_OWN": "of the step"}
    show = 'printf %s "$SHARED|$JOB|$KEPT|$ITS_OWN|$NTASKS|'
    show += "|".join(f"$V{number}" for number in range(len(ATTACKS))) + '"'
    steps = (command('echo KEPT=kept >>"$DEEPSQUARE_ENV"'), inside(image(registry), show, env=variables(values)))
    outcome = run(site, *steps)
    assert outcome.stdout == "|".join(["of the image", "of the job", "kept", "of the step", "4", *ATTACKS])
    assert (outcome.exit_code, outcome.stderr) == (0, "")


def test_any_command_arrives_byte_for_byte(site: ScriptSite, registry: Registry) -> None:
    steps = [inside(image(registry), "; ".join(f"printf %s {_quoted(text)}" for text in ATTACKS)), command("true")]
    outcome = run(site, *steps)
    assert (outcome.exit_code, outcome.stderr, outcome.stdout) == (0, "", "".join(ATTACKS))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.parametrize(
    ("text", "is_arguments", "printed"),
    [
        ("", False, "entrypoint and command\n"),
        ("", True, "entrypoint and command\n"),
        ("a 'b  c' $(id) *", True, "entrypoint a b  c $(id) *\n"),
    ],
)
def test_the_images_own_program_runs(
    site: ScriptSite, registry: Registry, text: str, is_arguments: bool, printed: str
) -> None:
    step = inside(image(registry), text, **({"shell": "ENTRYPOINT"} if is_arguments else {}))
    outcome = run(site, step)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, printed, "")


def test_the_exit_code_of_the_images_own_program_is_not_hidden(site: ScriptSite) -> None:
    with Registry(Image(entrypoint=("/bin/sh", "-c"), command=("exit 9",))) as registry:
        assert run(site, inside(image(registry), "")).exit_code == 9
        assert run(site, inside(image(registry), "exit 6")).exit_code == 6


@pytest.fixture
def homes() -> Iterator[Path]:
    """A folder outside of /dev/shm, of which each container has its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


def test_a_read_only_image_cannot_be_changed_and_a_home_is_mounted_where_it_is_asked_for(
    site: ScriptSite, registry: Registry, homes: Path
) -> None:
    home = homes / 'a "home", of: mine'
    home.mkdir()
    (home / "mine").touch()
    step = inside(image(registry, read_only_root_fs=True, mount_home=True), f'touch /x; ls "{_escaped(home)}"; exit 0')
    outcome = site.run(script_of_steps(step), PLAIN_HTTP | {"HOME": str(home)})
    assert outcome.stdout == "mine\n"
    assert "Read-only file system" in outcome.stderr


def _escaped(path: Path) -> str:
    return str(path).replace('"', '\\"')


def test_an_image_is_pulled_once_by_tag_and_once_by_digest_and_loops_wait_for_it(
    site: ScriptSite, registry: Registry
) -> None:
    by_digest = image(registry, image=f"{REPOSITORY}@{registry.image.digest}")
    tasks = RunResources(tasks=2)
    body = (inside(image(registry), "echo in", resources=tasks), inside(by_digest, "echo in"))
    outcome = run(site, Step(loop=For(parallel=True, items=("a", "b", "c"), steps=body)))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "in\n" * 9, "")
    assert registry.pulls == 2


def test_an_image_that_a_registry_has_not_got_fails_with_the_registrys_words(
    site: ScriptSite, registry: Registry
) -> None:
    outcome = run(site, inside(image(registry, image=f"{REPOSITORY}:2"), "true"))
    assert outcome.exit_code == 1
    assert f"the image '{registry.address}/{REPOSITORY}:2' cannot be fetched: FATAL:" in outcome.stderr


def test_a_private_registry_lets_in_who_has_the_password_and_the_log_never_shows_it(
    site: ScriptSite, private: Registry
) -> None:
    outcome = run(site, inside(image(private, username="me", password=PASSWORD), "env; echo in"))
    assert outcome.exit_code == 0, outcome.stderr
    assert "p4ss" not in outcome.stdout + outcome.stderr + str(outcome.calls)
    for fields in ({}, {"username": "me", "password": "wr0ng"}):
        refused = run(site, inside(image(private, **fields), "true"))
        assert refused.exit_code == 1
        assert "unauthorized" in refused.stderr
        assert "wr0ng" not in refused.stderr


def test_a_file_and_a_folder_can_be_images_of_the_job_and_of_the_sites_library(
    site: ScriptSite, registry: Registry, tmp_path: Path
) -> None:
    library = tmp_path / "library" / "r.example" / "team"
    library.mkdir(parents=True)
    pull = f'apptainer --silent pull "$STORAGE_PATH/own.sif" docker://{registry.address}/{REPOSITORY}:1'
    registries.write_root(library / "tools:1")
    outcome = run(
        site,
        command(f'{pull} && cp "$STORAGE_PATH/own.sif" "{library}/file:2.sif"'),
        command(f'mkdir root && cp -R "{library}/tools:1/." root'),
        inside(Container(image="/own.sif", apptainer=True), 'echo "file $ITS_OWN"; pwd'),
        inside(Container(image="/root", apptainer=True), "echo folder; pwd; touch /made && ls -d /made"),
        inside(Container(image="team/tools:1", registry="r.example", deepsquare_hosted=True), "echo hosted"),
        inside(Container(image="team/file:2", registry="r.example", deepsquare_hosted=True), "echo hosted"),
        images=str(tmp_path / "library"),
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout == "file of the image\n/srv/data\nfolder\n/\n/made\nhosted\nhosted\n"


def test_what_the_site_allows_is_mounted_and_for_reading_only(
    site: ScriptSite, registry: Registry, tmp_path: Path
) -> None:
    models = tmp_path / "the models"
    models.mkdir()
    (models / "one").touch()
    mounted = image(registry, mounts=(Mount(host_dir=str(models), container_dir="/opt/my models", options="ro"),))
    outcome = run(site, inside(mounted, 'ls "/opt/my models"; touch "/opt/my models/two"'), mounts=str(models))
    assert (outcome.exit_code, outcome.stdout) == (1, "one\n")
    assert "Read-only file system" in outcome.stderr


def test_tasks_on_several_nodes_of_slurm_share_one_image_and_any_account_can_run_it(
    lab: SlurmLab, registry: Registry
) -> None:
    place = lab.folder / "containers"
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    step = inside(image(registry), 'echo "$SLURMD_NODENAME $(id -u) $PWD"', resources=RunResources(tasks=2))
    loop = For(parallel=True, items=("a", "b"), steps=(step,))
    (place / "job.sh").write_text(script_of_steps(Step(loop=loop)))
    output = place / "output"
    names = ["PATH", "HOME", "DEEPSQUARE_SITE_SHARED_ROOT", *PLAIN_HTTP]
    options = ["--ntasks=4", "--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=2", "--mem-per-cpu=100M"]
    argv = ["sbatch", "--wait", f"--uid={JOB_ACCOUNT}", f"--output={output}", f"--chdir={place}", *options]
    environment = {
        **lab.environment,
        **PLAIN_HTTP,
        "HOME": "/nonexistent",
        "DEEPSQUARE_SITE_SHARED_ROOT": str(place / "shared"),
    }
    done = subprocess.run(
        [*argv, f"--export={','.join(names)}", str(place / "job.sh")], env=environment, check=False, timeout=100
    )
    lines = [line for line in output.read_text().splitlines() if not line.startswith("srun: ")]
    assert done.returncode == 0, lines
    assert len(lines) == 4
    assert len({line.split()[0] for line in lines}) == 2
    assert {line.split(maxsplit=1)[1] for line in lines} == {"65534 /srv/data"}
    assert registry.pulls == 1
    assert list((place / "shared").glob("job-*")) == []
