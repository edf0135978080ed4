"""Modules in memory: texts by their sources, and who asked for them."""

import hashlib
from collections.abc import Mapping

from deepsquare.workflow import FetchedModule, ModuleSource, ModuleUnavailable


class MemoryModules:
    """Has these modules: the text of `module.yaml` by its place, `host/owner/repo/path`, in every version."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)
        self.asked: list[ModuleSource] = []

    def fetch(self, source: ModuleSource) -> FetchedModule:
        self.asked.append(source)
        text = self.texts.get(source.place)
        if text is None:
            raise ModuleUnavailable("there is no such repository", "check its name")
        return FetchedModule(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_PUBLISHED = "github.com/deepsquare-io/workflow-modules"

PUBLISHED_MODULES = MemoryModules(
    {
        f"{_PUBLISHED}/tty2web": """\
name: tty2web
description: Puts a program where the published module of this name puts its own.
minimumResources: {tasks: 1, cpusPerTask: 1, memPerCpu: 10, gpusPerTask: 0}
inputs:
  - {key: VERSION, description: which one, default: v1}
steps:
  - name: setup
    run:
      command: echo "$VERSION" > "$STORAGE_PATH/tty2web"
""",
        f"{_PUBLISHED}/http-filebrowser": """\
name: http-filebrowser
description: Says what it would serve, with the inputs and the template of the published module of this name.
inputs:
  - {key: ROOT, description: what is served}
  - {key: NO_AUTH, description: without a password, default: 'false'}
steps:
  - name: '{{ range .Step.Use.Args }}{{ if eq .Key "NO_AUTH" }}{{ .Value }}{{ end }}{{ end }}'
    run:
      command: echo "${ROOT:-$STORAGE_PATH} $NO_AUTH"
""",
    }
)
"""Stand-ins for the modules that published workflows use: the same places and inputs, other steps."""
