"""A copy of the contracts in which one mistake at a time takes the place of what is right, and the tests as judges."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compiler import Compiler, Contract
from mistakes import Mistake

PROFILE = "mutants"
COPIED = ("src", "test", "script", "snapshots", "foundry.toml", "solc-wrapper", "customer-abi.json")

TOKEN, GRID = ("src/Credit.sol", "Credit"), ("src/MetaScheduler.sol", "MetaScheduler")
JUDGED = (TOKEN, GRID, ("src/ProviderManager.sol", "ProviderManager"), ("test/Libraries.t.sol", "LibrariesTest"))
"""What is deployed, and a test that holds code of the libraries itself."""

MEASURES = ("JobLifeGas.t.sol", "Size.t.sol")
"""Tests of what the optimizer makes of the contracts rather than of what they do."""

ROUNDS = ({"FOUNDRY_FUZZ_RUNS": "1", "FOUNDRY_INVARIANT_RUNS": "1"}, {})
"""A glance finds most mistakes. No round chooses among the tests: in order to know what there is to choose from, Forge
compiles all of them once more for every run."""

PATIENCE_SECONDS = 900
"""A loop without end stops when its gas does; on a busy machine that takes a while."""

RESTART_AFTER = 60
"""Compilations. The compiler never gives memory back."""


class Untrustworthy(Exception):
    """The tests say nothing about mistakes here, and why."""


class Trial:
    """One folder, one compiler, one mistake at a time."""

    def __init__(self, home: Path, place: Path) -> None:
        self._home = home
        self._place = place
        self._forge = home / "node_modules/@foundry-rs/forge-linux-amd64/bin/forge"
        self._compiler: Compiler | None = None
        self._compilations = 0
        self._sound: dict[Contract, dict[str, Any]] = {}
        self._artifacts: dict[Contract, str] = {}
        self._copy()

    def prepare(self) -> None:
        """Build what is right, and see that it passes, and that the tests see what takes its place.

        Raises `Untrustworthy` where it is not so.
        """
        self._sound = self._ready().codes(JUDGED, {})
        if not self._is_sound():
            # Nothing was built here, or something else, or a run was ended while a mistake was in place.
            shutil.rmtree(self._build, ignore_errors=True)
        passed, digest = self._place / "passed", self._digest()
        is_known = self._is_sound() and passed.exists() and passed.read_text(encoding="ascii") == digest
        killer = None if is_known else self.killer({})
        if killer is not None:
            raise Untrustworthy(f"{killer} fails without any mistake")
        if not self._is_sound():
            raise Untrustworthy("Forge compiles the contracts in another way: see the settings in compiler.py")
        self._artifacts = {each: self._artifact(each).read_text(encoding="utf-8") for each in JUDGED}
        if not is_known and self.killer({GRID: self._sound[TOKEN]}) is None:
            raise Untrustworthy("the tests pass with another contract in the place of the MetaScheduler")
        passed.write_text(digest, encoding="ascii")

    def twin(self, place: Path) -> "Trial":
        """Another folder with the same in it, ready like this one."""
        twin = Trial(self._home, place)
        shutil.rmtree(twin._build, ignore_errors=True)
        shutil.copytree(self._build, twin._build)
        twin._sound, twin._artifacts = self._sound, self._artifacts
        return twin

    def files(self) -> list[str]:
        """The files of ours that have a part in what is deployed."""
        parts = set().union(*(code["files"] for code in self._sound.values()))
        return sorted(file for file in parts if file.startswith("src/"))

    def standing(self) -> dict[str, str]:
        """For each of these files, a digest of what is deployed of it while nothing is wrong."""
        return {file: self._digest_of(file) for file in self.files()}

    def trees(self) -> dict[str, Any]:
        """Their syntax trees."""
        return self._ready().trees(self.files())

    def codes(self, mistake: Mistake) -> dict[Contract, dict[str, Any]]:
        """Each contract that the mistake changes, as it is with it. Raises `DoesNotCompile`."""
        touched = [contract for contract, code in self._sound.items() if mistake.file in code["files"]]
        wrong = mistake.applied((self._home / mistake.file).read_bytes())
        codes = self._ready().codes(touched, {mistake.file: wrong})
        return {each: code for each, code in codes.items() if code["bytecode"] != self._sound[each]["bytecode"]}

    def killer(self, codes: dict[Contract, dict[str, Any]]) -> str | None:
        """The first test that fails with these contracts in their places; None where all pass."""
        for contract, code in codes.items():
            artifact = json.loads(self._artifacts[contract])
            for which in ("bytecode", "deployedBytecode"):
                artifact[which]["object"] = "0x" + code[which]["object"]
            self._artifact(contract).write_text(json.dumps(artifact), encoding="utf-8")
        try:
            return next((failed for effort in ROUNDS if (failed := self._failure(effort)) is not None), None)
        finally:
            for contract in codes:
                self._artifact(contract).write_text(self._artifacts[contract], encoding="utf-8")

    def close(self) -> None:
        """End the compiler."""
        if self._compiler is not None:
            self._compiler.close()
            self._compiler = None

    def _copy(self) -> None:
        self._place.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            source, target = self._home / name, self._place / name
            if source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target, ignore=shutil.ignore_patterns(*MEASURES))
            else:
                shutil.copy2(source, target)
        if not (self._place / "node_modules").exists():
            (self._place / "node_modules").symlink_to(self._home / "node_modules")

    @property
    def _build(self) -> Path:
        return self._place / "build"

    def _artifact(self, contract: Contract) -> Path:
        file, name = contract
        return self._build / "out" / Path(file).name / f"{name}.json"

    def _ready(self) -> Compiler:
        self._compilations += 1
        if self._compilations % RESTART_AFTER == 0:
            self.close()
        if self._compiler is None:
            self._compiler = Compiler(self._place, self._forge, PROFILE)
        return self._compiler

    def _digest_of(self, file: str) -> str:
        objects = [
            code["bytecode"]["object"]
            for (home, _), code in self._sound.items()
            if home.startswith("src/") and file in code["files"]
        ]
        return hashlib.sha256("".join(objects).encode()).hexdigest()[:16]

    def _digest(self) -> str:
        folders = (self._place / name for name in COPIED if (self._place / name).is_dir())
        files = [file for folder in folders for file in folder.rglob("*.*") if file.is_file()]
        return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()

    def _is_sound(self) -> bool:
        """Whether what is right is what is built."""
        return all(
            (file := self._artifact(each)).exists()
            and json.loads(file.read_text(encoding="utf-8"))["bytecode"]["object"] == "0x" + code["bytecode"]["object"]
            for each, code in self._sound.items()
        )

    def _failure(self, effort: Mapping[str, str]) -> str | None:
        places = {"FOUNDRY_OUT": "build/out", "FOUNDRY_CACHE_PATH": "build/cache"}
        try:
            done = subprocess.run(
                [self._forge, "test", "--fail-fast", "--threads", "1"],
                cwd=self._place,
                env=os.environ | {"FOUNDRY_PROFILE": PROFILE} | places | effort,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "patience"
        if done.returncode == 0:
            return None
        # Between the reason and the name of an invariant stand the calls that broke it.
        failed = re.search(r"^\[FAIL.*?\b(\w+)\([^()\n]*\) \((?:gas|runs):", done.stdout, re.MULTILINE | re.DOTALL)
        if failed is None:
            raise Untrustworthy(f"no test failed, but Forge did: {(done.stderr or done.stdout).strip()[-1000:]}")
        return failed.group(1)
