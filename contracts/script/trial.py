"""A copy of the contracts in which one mistake at a time takes the place of what is right, and the tests as judges."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compiler import Compiler, Contract
from mistakes import Mistake

PROFILE = "mutants"
COPIED = ("src", "test", "script", "snapshots", "foundry.toml", "solc-wrapper", "customer-abi.json")

TOKEN, GRID = ("src/Credit.sol", "Credit"), ("src/MetaScheduler.sol", "MetaScheduler")
JUDGED = (TOKEN, GRID, ("src/ProviderManager.sol", "ProviderManager"), ("test/Libraries.t.sol", "LibrariesTest"))
"""What is deployed, and a test that holds code of the libraries itself."""

UNFIT = "test_the_contracts_fit_into_an_account"
"""Not without the optimizer."""

APART = "JobLifeGasTest"
"""Compares the gas rather than what is done."""

ROUNDS = (
    ("--no-match-contract", f"{APART}|InvariantsTest|TableTest", "--no-match-test", f"testFuzz|{UNFIT}"),
    ("--no-match-contract", f"{APART}|InvariantsTest", "--no-match-test", UNFIT),
    ("--match-contract", "InvariantsTest"),
)
"""The quickest tests first: they find most. Each has a build of its own: Forge forgets what a choice leaves out."""

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
        self._artifacts: dict[Path, str] = {}
        self._copy()

    def prepare(self) -> None:
        """Build what is right, and see that it passes, and that the tests see what takes its place.

        Raises `Untrustworthy` where it is not so.
        """
        self._sound = self._ready().codes(JUDGED, {})
        if not self._is_sound():
            # Nothing was built here, or something else, or a run was ended while a mistake was in place.
            shutil.rmtree(self._builds, ignore_errors=True)
        passed, digest = self._place / "passed", self._digest()
        is_known = self._is_sound() and passed.exists() and passed.read_text(encoding="ascii") == digest
        killer = None if is_known else self.killer({})
        if killer is not None:
            raise Untrustworthy(f"{killer} fails without any mistake")
        if not self._is_sound():
            raise Untrustworthy("Forge compiles the contracts in another way: see the settings in compiler.py")
        files = [
            file for round_ in range(len(ROUNDS)) for each in JUDGED if (file := self._artifact(round_, each)).exists()
        ]
        self._artifacts = {file: file.read_text(encoding="utf-8") for file in files}
        if not is_known and self.killer({GRID: self._sound[TOKEN]}) is None:
            raise Untrustworthy("the tests pass with another contract in the place of the MetaScheduler")
        passed.write_text(digest, encoding="ascii")

    def twin(self, place: Path) -> "Trial":
        """Another folder with the same in it, ready like this one."""
        twin = Trial(self._home, place)
        shutil.rmtree(twin._builds, ignore_errors=True)
        shutil.copytree(self._builds, twin._builds)
        twin._sound = self._sound
        twin._artifacts = {place / file.relative_to(self._place): text for file, text in self._artifacts.items()}
        return twin

    def files(self) -> list[str]:
        """The files of ours that have a part in what is deployed."""
        parts = set().union(*(code["files"] for code in self._sound.values()))
        return sorted(file for file in parts if file.startswith("src/"))

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
        for number, chosen in enumerate(ROUNDS):
            failed = self._failure_with(codes, number, chosen)
            if failed is not None:
                return failed
        return None

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
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
        if not (self._place / "node_modules").exists():
            (self._place / "node_modules").symlink_to(self._home / "node_modules")

    @property
    def _builds(self) -> Path:
        return self._place / "builds"

    def _artifact(self, round_: int, contract: Contract) -> Path:
        file, name = contract
        return self._builds / str(round_) / "out" / Path(file).name / f"{name}.json"

    def _ready(self) -> Compiler:
        self._compilations += 1
        if self._compilations % RESTART_AFTER == 0:
            self.close()
        if self._compiler is None:
            self._compiler = Compiler(self._place, self._forge, PROFILE)
        return self._compiler

    def _digest(self) -> str:
        folders = (self._place / name for name in COPIED if (self._place / name).is_dir())
        files = [file for folder in folders for file in folder.rglob("*.*") if file.is_file()]
        return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()

    def _is_sound(self) -> bool:
        """Whether each round has its build, and each build is what is right."""
        built = {
            file: code
            for round_ in range(len(ROUNDS))
            for each, code in self._sound.items()
            if (file := self._artifact(round_, each)).exists()
        }
        return all(self._artifact(round_, GRID) in built for round_ in range(len(ROUNDS))) and all(
            json.loads(file.read_text(encoding="utf-8"))["bytecode"]["object"] == "0x" + code["bytecode"]["object"]
            for file, code in built.items()
        )

    def _failure_with(self, codes: dict[Contract, dict[str, Any]], round_: int, chosen: Sequence[str]) -> str | None:
        places = {self._artifact(round_, contract): code for contract, code in codes.items()}
        changed = {file: code for file, code in places.items() if file in self._artifacts}
        for file, code in changed.items():
            artifact = json.loads(self._artifacts[file])
            for which in ("bytecode", "deployedBytecode"):
                artifact[which]["object"] = "0x" + code[which]["object"]
            file.write_text(json.dumps(artifact), encoding="utf-8")
        try:
            return self._failure(round_, chosen)
        finally:
            for file in changed:
                file.write_text(self._artifacts[file], encoding="utf-8")

    def _failure(self, round_: int, chosen: Sequence[str]) -> str | None:
        try:
            done = subprocess.run(
                [self._forge, "test", "--fail-fast", "--threads", "1", *chosen],
                cwd=self._place,
                env=os.environ
                | {
                    "FOUNDRY_PROFILE": PROFILE,
                    "FOUNDRY_OUT": f"builds/{round_}/out",
                    "FOUNDRY_CACHE_PATH": f"builds/{round_}/cache",
                },
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "patience"
        if done.returncode == 0:
            return None
        failed = re.search(r"^\[FAIL[^\n]*\] (\w+)\(", done.stdout, re.MULTILINE)
        if failed is None:
            raise Untrustworthy(f"no test failed, but Forge did: {(done.stderr or done.stdout).strip()[-1000:]}")
        return failed.group(1)
