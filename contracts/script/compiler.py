"""The compiler of the contracts as a process that stays, with the settings of one profile of `foundry.toml`."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OUTPUTS = [f"evm.{code}.{part}" for code in ("bytecode", "deployedBytecode") for part in ("object", "sourceMap")]

Contract = tuple[str, str]
"""The file and the name of a contract."""


class DoesNotCompile(Exception):
    """The message of the first error."""


class Compiler:
    """Compiles what lies in `home`, or something else in place of some of it. One request at a time."""

    def __init__(self, home: Path, forge: Path, profile: str) -> None:
        asked = ["env", f"FOUNDRY_PROFILE={profile}", str(forge), "config", "--json"]
        chosen = json.loads(subprocess.run(asked, cwd=home, capture_output=True, check=True).stdout)
        self._settings = {
            "remappings": chosen["remappings"],
            "optimizer": {"enabled": chosen["optimizer"], "runs": chosen["optimizer_runs"]},
            "viaIR": chosen["via_ir"],
            "evmVersion": chosen["evm_version"],
            "metadata": {"bytecodeHash": chosen["bytecode_hash"], "appendCBOR": chosen["cbor_metadata"]},
            "debug": {"revertStrings": chosen["revert_strings"]},
        }
        self._process = subprocess.Popen(
            ["node", "script/compile-server.mjs"], cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.communicate()

    def trees(self, files: Sequence[str]) -> dict[str, Any]:
        """The syntax tree of each of these files."""
        answer = self._ask({}, files, {"*": {"": ["ast"]}})
        return {file: answer["sources"][file]["ast"] for file in files}

    def codes(self, wanted: Sequence[Contract], changed: Mapping[str, str]) -> dict[Contract, dict[str, Any]]:
        """The bytecodes of each contract, as the compiler calls them, and under `files` what files have a part in them.

        Raises `DoesNotCompile`.
        """
        selection = {file: {name: OUTPUTS for of, name in wanted if of == file} for file, _ in wanted}
        answer = self._ask(changed, list(selection), selection)
        numbers = {source["id"]: file for file, source in answer["sources"].items()}
        codes = {}
        for file, name in wanted:
            evm = answer["contracts"][file][name]["evm"]
            maps = (evm[each].pop("sourceMap") for each in ("bytecode", "deployedBytecode"))
            codes[file, name] = {**evm, "files": {numbers.get(each, "") for each in set().union(*map(_sources, maps))}}
        return codes

    def _ask(self, changed: Mapping[str, str], targets: Sequence[str], selection: Mapping[str, Any]) -> dict[str, Any]:
        settings = {**self._settings, "outputSelection": selection}
        request = json.dumps({"settings": settings, "changed": changed, "targets": targets})
        print(request, file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(next(iter(self._process.stdout or ())))
        for each in answer.get("errors", ()):
            if each["severity"] == "error":
                raise DoesNotCompile(each["formattedMessage"])
        return answer


def _sources(source_map: str) -> set[int]:
    """The numbers of the files in a source map; some stand for code of the compiler's own."""
    # start:length:file:jump:depth, where an empty field says the same as in the entry before.
    fields = (entry.split(":")[2:3] for entry in source_map.split(";"))
    return {int(file[0]) for file in fields if file and file[0]}
