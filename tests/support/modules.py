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
