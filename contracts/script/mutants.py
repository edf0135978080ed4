"""Puts every small mistake of Slither's mutators into the contracts, one at a time, and expects the tests to notice.

    python script/mutants.py [--only NAME ...] [--list] [--again FILE]

Run by `make mutants` in an environment with Slither. A mutant that survives is printed with its change, and makes the
exit status 1, unless `equivalent-mutants.txt` says why it changes nothing. Each result is appended to OUT/results.tsv.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slither import Slither
from slither.core.declarations import Contract
from slither.tools.mutator.mutators import all_mutators

HOME = Path(__file__).parents[1]
MUTATORS = ("AOR", "ASOR", "BOR", "CR", "LOR", "MIA", "ROR", "UOR")
"""Arithmetic, assignments, bits, statements left out, logic, conditions turned to constants, comparisons, signs."""

LEFT_OUT = ("JobLifeGasTest", "BillingProof")
"""What compares the bytecode rather than what it does, and what only Halmos runs."""

COPIED = ("src", "test", "snapshots", "foundry.toml", "solc-wrapper", "customer-abi.json")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one place of one source."""

    file: Path
    mutator: str
    line: int
    start: int
    end: int
    text: str

    @property
    def name(self) -> str:
        """Stays the same while the line and what becomes of it stay the same."""
        return f"{self.file.stem}.{self.mutator}.{hashlib.sha256(self.change.encode()).hexdigest()[:8]}"

    @property
    def change(self) -> str:
        """The line before and after, without its number."""
        original = self.file.read_bytes()
        begin = original.rfind(b"\n", 0, self.start) + 1
        stop = original.find(b"\n", self.end)
        before = original[begin:stop].decode()
        after = (original[begin : self.start] + self.text.encode() + original[self.end : stop]).decode()
        return " => ".join(" ".join(each.split()) for each in (before, after))

    def applied(self) -> bytes:
        """The whole source with the mistake in it."""
        original = self.file.read_bytes()
        return original[: self.start] + self.text.encode() + original[self.end :]


def mutants(slither: Slither) -> Iterator[Mutant]:
    """All of them, each once, in the order of the sources."""
    seen = set[tuple[Path, int, int, str]]()
    for unit in slither.compilation_units:
        for contract in sorted(unit.contracts, key=lambda each: each.source_mapping.filename.absolute):
            file = Path(contract.source_mapping.filename.absolute)
            if file.is_relative_to(HOME / "src") and not contract.is_interface:
                for mutant in _of(contract, file, unit):
                    key = (mutant.file, mutant.start, mutant.end, mutant.text)
                    if key not in seen and mutant.applied() != file.read_bytes():
                        seen.add(key)
                        yield mutant


def _of(contract: Contract, file: Path, unit: object) -> Iterator[Mutant]:
    for name in MUTATORS:
        kind = getattr(all_mutators, name)
        maker = kind(unit, 0, "", "", contract, None, False, None, [])
        # Its public `mutate` runs the tests as well, in place and each after two compilations.
        patches = maker._mutate().get("patches", {})  # noqa: SLF001
        for patch in patches.get(str(file), ()):
            yield Mutant(file, name, patch["line_number"], patch["start"], patch["end"], patch["new_string"])


class Trial:
    """A copy of the contracts in which one source at a time is wrong."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._forge = shutil.which("forge") or "forge"
        self._environment = os.environ | {
            "FOUNDRY_PROFILE": "mutants",
            "FOUNDRY_OUT": str(place / "out"),
            "FOUNDRY_CACHE_PATH": str(place / "cache"),
        }
        place.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            source = HOME / name
            if source.is_dir():
                shutil.rmtree(place / name, ignore_errors=True)
                shutil.copytree(source, place / name)
            else:
                shutil.copy2(source, place / name)
        if not (place / "node_modules").exists():
            (place / "node_modules").symlink_to(HOME / "node_modules")

    def verdict(self, mutant: Mutant) -> str:
        """`killed`, `survived`, or `invalid` where it does not compile."""
        target = self._place / mutant.file.relative_to(HOME)
        target.write_bytes(mutant.applied())
        try:
            if self._run("build", "src").returncode:
                return "invalid"
            return "killed" if self.tests().returncode else "survived"
        finally:
            shutil.copy2(mutant.file, target)

    def tests(self) -> subprocess.CompletedProcess[str]:
        """All tests until the first that fails."""
        return self._run("test", "--fail-fast", "--no-match-contract", "|".join(LEFT_OUT))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._forge, *arguments],
            cwd=self._place,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )


def equivalent() -> dict[str, str]:
    """Names of mutants that change nothing, with the reason."""
    lines = (HOME / "equivalent-mutants.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sources by their stem, or mutants by their name")
    parser.add_argument("--list", action="store_true", help="show them, and try none")
    parser.add_argument("--out", type=Path, default=HOME.parent / ".tools/proofs/mutants")
    chosen = parser.parse_args()
    os.chdir(HOME)
    found = list(mutants(Slither(".", foundry_out_directory=os.environ.get("FOUNDRY_OUT", "out"))))
    if chosen.only:
        found = [each for each in found if each.file.stem in chosen.only or each.name in chosen.only]
    if chosen.list:
        for each in found:
            print(f"{each.name}  {each.file.stem}:{each.line}  {each.change}")
        print(f"{len(found)} mutants")
        return 0
    known, survivors = equivalent(), 0
    trial = Trial(chosen.out)
    sound = trial.tests()
    if sound.returncode:
        print(sound.stdout[-3000:], "the tests fail without any mistake", sep="\n", file=sys.stderr)
        return 2
    with (chosen.out / "results.tsv").open("a", encoding="utf-8") as results:
        for each in found:
            verdict = "equivalent" if each.name in known else trial.verdict(each)
            survivors += verdict == "survived"
            row = f"{verdict}\t{each.name}\t{each.file.stem}:{each.line}\t{each.change}"
            print(row, file=results, flush=True)
            if verdict == "survived":
                print(row, flush=True)
    print(f"{len(found)} mutants, {survivors} survived", flush=True)
    return min(survivors, 1)


if __name__ == "__main__":
    sys.exit(main())
