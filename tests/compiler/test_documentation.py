"""docs/workflow.md keeps its word: every example on it runs and prints what the page says, every key is on it."""

import re
from pathlib import Path

import pytest

from deepsquare import compiler, workflow
from deepsquare.workflow import (
    RESERVED_NAMES,
    RESOURCE_NAMES,
    Bore,
    Container,
    EnvVar,
    HttpData,
    JobResources,
    Module,
    Mount,
    NetworkMember,
    Run,
    RunResources,
    S3Data,
    Step,
    Use,
    VirtualNetwork,
    Wireguard,
    WireguardPeer,
    Workflow,
)
from deepsquare.workflow.shapes import keys_of
from deepsquare.workflow.template.functions import FUNCTIONS
from tests.support.file_server import file_server
from tests.support.internet import ConnectedSite
from tests.support.modules import MemoryModules
from tests.support.needs import need_program
from tests.support.runtimes import RuntimeStandIn
from tests.support.scripts import ScriptSite, script_of

PAGE = (Path(__file__).parents[2] / "docs" / "workflow.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```\n(?:\nprints\n\n```\n(.*?)```\n)?", PAGE, re.DOTALL)
MODULES = MemoryModules(dict(re.findall(r"```gotemplate\n(?=# (\S+)/module\.yaml\n)(.*?)```", PAGE, re.DOTALL)))


def test_every_example_says_what_it_prints() -> None:
    assert len(EXAMPLES) >= 3
    assert all(printed for _, printed in EXAMPLES)


VIRTUAL = [example for example in EXAMPLES if "virtualNetworks" in example[0]]


@pytest.mark.system
@pytest.mark.parametrize(("text", "printed"), VIRTUAL)
def test_an_example_with_virtual_networks_prints_what_the_page_says(
    inner_site: ConnectedSite, text: str, printed: str
) -> None:
    outcome = inner_site.run(script_of(text))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, printed, "")


@pytest.mark.parametrize(("text", "printed"), [example for example in EXAMPLES if example not in VIRTUAL])
def test_an_example_of_the_page_prints_what_the_page_says(
    site: ScriptSite, tmp_path: Path, text: str, printed: str
) -> None:
    if "http:" in text:
        need_program("curl")
    runtime = RuntimeStandIn(tmp_path / "runtime")
    with file_server() as server:
        server.serve("/zipcodes.csv", b"8001,Zurich\n4001,Basel\n")
        loaded = workflow.load(text.replace("https://data.example", server.address), modules=MODULES)
        assert loaded.problems == ()
        script = compiler.compile(loaded, salt="0" * 32).text
        outcome = site.run(script, {"DEEPSQUARE_SITE_APPTAINER": str(runtime.path)})
    assert (outcome.exit_code, outcome.stdout) == (0, printed)
    assert all(" failed with exit code " in line for line in outcome.stderr.splitlines())


MODELS = [
    Workflow,
    JobResources,
    EnvVar,
    Step,
    Run,
    RunResources,
    Container,
    Mount,
    HttpData,
    S3Data,
    Use,
    Module,
    Wireguard,
    WireguardPeer,
    Bore,
    NetworkMember,
    VirtualNetwork,
]


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_on_the_page(model: type[Workflow]) -> None:
    for field in keys_of(model):
        assert re.search(rf"`(?:[a-z]+\.)?{field.key.name}`", PAGE), field.key.name


def test_every_setting_of_a_site_that_a_script_reads_is_on_the_page() -> None:
    runtime = Path(compiler.__file__).parent / "runtime"
    read = {name for file in runtime.glob("*.sh") for name in re.findall(r"DEEPSQUARE_SITE_\w+", file.read_text())}
    assert [name for name in read if f"`{name}`" not in PAGE] == []


def test_every_variable_and_every_reserved_name_is_on_the_page(site: ScriptSite) -> None:
    (call,) = site.run(script_of(EXAMPLES[0][0])).calls
    given = {name for name in call.environment if name.startswith("DEEPSQUARE_")} | {"STORAGE_PATH"}
    for name in (*given, *RESERVED_NAMES, *RESOURCE_NAMES):
        assert f"`{name}`" in PAGE, name


def test_every_function_of_templates_is_on_the_page() -> None:
    for name in (*FUNCTIONS, "and", "or"):
        assert f"`{name}`" in PAGE, name
