"""What became of each mutant, kept in a file from run to run.

A verdict holds as long as all that it speaks of is the same: the code that is deployed of the source, the mistake, and
the text of the test that noticed it. What survived is tried again each time.
"""

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from compiler import DoesNotCompile
from mistakes import Mistake
from trial import Trial

TEST = re.compile(r"^    function (\w+)\(.*?^    }$", re.MULTILINE | re.DOTALL)


class Verdicts:
    """The outcome of each mutant by its name: `killed`, `survived`, `same` where it makes the same code, `invalid`
    where it makes none.
    """

    def __init__(self, file: Path, sources: Mapping[str, str], tests: Mapping[str, str]) -> None:
        """`sources` by their path and `tests` by their name: a digest of what stands there now."""
        self._file = file
        self._sources = sources
        self._tests = tests
        self._lock = threading.Lock()
        self._of_code: dict[str, str] = {}
        self._killers: dict[str, str] = {}
        self.known: dict[str, str] = {}
        for name, outcome, killer in self._kept():
            self.known[name], self._killers[name] = outcome, killer

    def judge(self, trial: Trial, mistake: Mistake) -> None:
        """Try it, and keep what became of it."""
        try:
            codes = trial.codes(mistake)
        except DoesNotCompile:
            self._keep(mistake, "invalid", "")
            return
        if not codes:
            self._keep(mistake, "same", "")
            return
        digest = _digest(repr(sorted((each, code["bytecode"]) for each, code in codes.items())))
        twin = self._of_code.setdefault(digest, mistake.name)
        if twin != mistake.name and twin in self.known:
            self._keep(mistake, self.known[twin], self._killers[twin])
            return
        killer = trial.killer(codes)
        self._keep(mistake, "survived" if killer is None else "killed", killer or "")

    def _kept(self) -> Iterator[tuple[str, str, str]]:
        """Name, outcome and killer of what still holds."""
        rows = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        for row in rows:
            source, outcome, name, place, _, killer, test = row.split("\t")
            is_of_now = source == self._sources.get(place.partition(":")[0]) and test == self._tests.get(killer, "")
            if is_of_now and outcome != "survived":
                yield name, outcome, killer

    def _keep(self, mistake: Mistake, outcome: str, killer: str) -> None:
        """Write it down, and tell about a survivor."""
        place = f"{mistake.file}:{mistake.line}"
        told = (mistake.name, place, mistake.change)
        row = "\t".join((self._sources[mistake.file], outcome, *told, killer, self._tests.get(killer, "")))
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            self.known[mistake.name], self._killers[mistake.name] = outcome, killer
            print(row, file=file, flush=True)
            if outcome == "survived":
                print("survived", *told, sep="  ", flush=True)


def tests_in(folder: Path) -> dict[str, str]:
    """A digest of each function in the tests."""
    digests: dict[str, str] = {}
    for file in sorted(folder.glob("*.sol")):
        for found in TEST.finditer(file.read_text(encoding="utf-8")):
            # The name of some stands in several files.
            digests[found[1]] = _digest(digests.get(found[1], "") + found[0])
    return digests


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
