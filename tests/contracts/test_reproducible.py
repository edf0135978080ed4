"""What the package ships is what the sources in the tree compile to."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contracts.shipped import ARTIFACTS_FOLDER, CONTRACTS, CONTRACTS_FOLDER
from tests.support.nodes import tool


@pytest.mark.system
def test_the_shipped_artifacts_are_what_the_sources_compile_to(tmp_path: Path) -> None:
    out, cache, target = tmp_path / "out", tmp_path / "cache", tmp_path / "artifacts"
    build = [tool("forge"), "build", "src", "--out", str(out), "--cache-path", str(cache)]
    built = subprocess.run(build, cwd=CONTRACTS_FOLDER, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    node = shutil.which("node")
    assert node is not None, "the compiler ran, so node is there"
    subprocess.run([node, str(CONTRACTS_FOLDER / "script" / "write-artifacts.mjs"), str(out), str(target)], check=True)
    for contract in CONTRACTS:
        ours = (ARTIFACTS_FOLDER / f"{contract}.json").read_text(encoding="utf-8")
        assert (target / f"{contract}.json").read_text(encoding="utf-8") == ours, "run: make -C contracts artifacts"
