"""Stand-ins for container runtimes: programs that record how they were called and run the command on this machine."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

_RECORDER = """\
#!{python} -IS
import os, sys
record = {{
    "arguments": [os.fsencode(argument) for argument in sys.argv[1:]], "environment": dict(os.environb.items())
}}
folder = {calls!r}
with open(os.path.join(folder, f"{{len(os.listdir(folder)):05d}}-{{os.getpid()}}"), "w") as file:
    file.write(repr(record))
arguments = sys.argv[1:]
"""

_CONFIGURATION = '{"Env":["A=\\"WorkingDir\\":\\"/no\\""],"WorkingDir":"/srv/data"}'
"""What an image says of itself: a variable that looks like a working folder, and its working folder."""

_APPTAINER = (
    _RECORDER
    + """\
arguments.remove("--silent")
verb = arguments.pop(0)
if verb == "pull":
    if {complaint!r}:
        sys.exit(print({complaint!r}.replace("PASSWORD", os.environ.get("APPTAINER_DOCKER_PASSWORD", ""))) or 255)
    with open(arguments[-2], "x") as file:
        file.write("an image")
elif verb == "sif":
    if arguments[0] == "list":
        print("ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE")
        print("1    |1       |NONE    |32176-32230               |Def.FILE")
        print("3    |1       |NONE    |36546-36707               |JSON.Generic")
    elif arguments[1] == "3":
        print({configuration!r}, end="")
else:
    while arguments[0].startswith("--"):
        if arguments.pop(0) in ("--mount", "--pwd"):
            arguments.pop(0)
    image = arguments.pop(0)
    assert os.path.exists(image), image
    for name in list(os.environb):
        if name.startswith(b"APPTAINERENV_"):
            os.environb[name.removeprefix(b"APPTAINERENV_")] = os.environb.pop(name)
    if verb == "run":
        sys.exit(print("the image's own program:", *arguments) or {code!r})
    os.execvp(arguments[0], arguments)
"""
)


_ENROOT = """\
#!/bin/bash
# As Enroot's manual says: a container is a folder with an environment and a beginning of its own; a configuration may
# add to both. Places of the container that are mounted are looked for on this machine.
set -euo pipefail
{python} -IS - "$@" <<'END'
{recorder}
END
verb=$1
shift
case $verb in
import)
  [ "$1" = --output ] && [ "$3" = -- ]
  cat -- "$ENROOT_CONFIG_PATH/.credentials" >{credentials!r} 2>/dev/null || :
  [ -z {complaint!r} ] || {{ printf '%s\\n' {complaint!r} >&2; exit 1; }}
  echo "an image" >"$2"
  ;;
create)
  [ "$1" = --name ] && [ "$3" = -- ] && [ -e "$4" ]
  mkdir -- "$ENROOT_DATA_PATH/$2" "$ENROOT_DATA_PATH/$2/etc"
  printf 'SHARED=of the image\\nITS_OWN=of the image\\n' >"$ENROOT_DATA_PATH/$2/etc/environment"
  printf '. %s\\nif [ $# -gt 0 ]; then exec echo entrypoint "$@"; fi\\necho the image runs; exit {code}\\n' \\
    "$ENROOT_DATA_PATH/$2/etc/rc.local" >"$ENROOT_DATA_PATH/$2/etc/rc"
  ;;
start)
  [ "$1" = --conf ] && [ "$3" = -- ]
  export ENROOT_ROOTFS=$ENROOT_DATA_PATH/$4
  bash -n "$2"
  source "$2"
  hooks
  mounts >{mounts!r}
  read -r scratch _ <{mounts!r}
  mapfile -t variables < <(cat -- "$ENROOT_ROOTFS/etc/environment"; environ)
  sed -i "s|/deepsquare/|$scratch/|" "$ENROOT_ROOTFS/etc/rc.local"
  shift 4
  exec env -i PATH="$PATH" "${{variables[@]}}" sh "$ENROOT_ROOTFS/etc/rc" "$@"
  ;;
remove)
  [ "$1" = --force ] && [ "$2" = -- ]
  rm -r -- "${{ENROOT_DATA_PATH:?}}/$3"
  ;;
esac
"""


@dataclass(frozen=True)
class RuntimeCall:
    """One call of a runtime."""

    arguments: list[str]
    environment: dict[str, str]

    def option(self, name: str) -> list[str]:
        """The values of an option, in order."""
        return [value for key, value in zip(self.arguments, self.arguments[1:], strict=False) if key == name]


class RuntimeStandIn:
    """A program at `path` that takes the place of a runtime.

    `complaint` has every fetch of an image fail with this as its last line; `code` is the exit code of an image's own
    program.
    """

    def __init__(self, folder: Path, *, name: str = "apptainer", complaint: str = "", code: int = 0) -> None:
        folder.mkdir(parents=True)
        self._calls = folder / "calls"
        self._calls.mkdir()
        self.path = folder / name
        self.credentials = folder / "credentials"
        self.mounts = folder / "mounts"
        values = {
            "python": sys.executable,
            "calls": str(self._calls),
            "configuration": _CONFIGURATION,
            "complaint": complaint,
            "code": code,
            "credentials": str(self.credentials),
            "mounts": str(self.mounts),
        }
        text = _APPTAINER if name == "apptainer" else _ENROOT
        self.path.write_text(text.format(**values, recorder=_RECORDER.format(**values)))
        self.path.chmod(0o755)

    def take_calls(self, verb: str = "") -> list[RuntimeCall]:
        """The calls since the last time; with a verb (`pull`) only those."""
        files = sorted(self._calls.iterdir())
        records = [ast.literal_eval(file.read_text()) for file in files]
        for file in files:
            file.unlink()
        calls = [RuntimeCall(_texts(record["arguments"]), _environment(record["environment"])) for record in records]
        return [call for call in calls if verb in ("", *call.arguments[:2])]


def _texts(raw: list[bytes]) -> list[str]:
    return [text.decode("utf-8", "surrogateescape") for text in raw]


def _environment(raw: dict[bytes, bytes]) -> dict[str, str]:
    return dict(zip(_texts(list(raw)), _texts(list(raw.values())), strict=True))
