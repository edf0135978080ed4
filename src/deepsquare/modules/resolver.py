"""Sources -> modules: from the mirror, from the cache, from their hosts."""

import math
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from deepsquare.clock import Clock, SystemClock
from deepsquare.modules.cache import Cache
from deepsquare.modules.git import Git
from deepsquare.modules.pinning import NO_PINS, Pins
from deepsquare.modules.repository import COMMIT, SHORT_COMMIT, Repository, no_version, references
from deepsquare.modules.settings import ModuleSettings
from deepsquare.workflow import FetchedModule, ModuleSource, ModuleUnavailable

_CALLS_IN_ALL = 4
"""As many calls of git that take their whole time may come for one workflow."""


class GitModules:
    """Fetches modules by git. `pins` say which commits some sources stand for; they win over where a tag is now."""

    def __init__(
        self,
        settings: ModuleSettings | None = None,
        *,
        pins: Pins = NO_PINS,
        clock: Clock | None = None,
        calls_in_all: float = math.inf,
    ) -> None:
        self._settings = settings or ModuleSettings()
        self._pins = pins
        self._clock = clock or SystemClock()
        self._git = Git(
            self._settings.git,
            seconds=self._settings.seconds,
            megabytes=self._settings.megabytes,
            all_seconds=calls_in_all * self._settings.seconds,
        )
        self._cache = Cache(self._settings.cache)

    def pinned(self, pins: Pins) -> "GitModules":
        """The same for one workflow, with these pins: what git does for it has an end, however many modules it uses."""
        return GitModules(self._settings, pins=pins, clock=self._clock, calls_in_all=_CALLS_IN_ALL)

    def fetch(self, source: ModuleSource) -> FetchedModule:
        """The module at this source. Raises `ModuleUnavailable`."""
        pin = self._pins.get(source.text)
        if pin is not None:
            if COMMIT.match(pin) is None:
                raise ModuleUnavailable("it is pinned to what is no commit", "a commit has 40 digits")
            source = ModuleSource(source.host, source.repository, source.folder, pin)
        mirrored = self._mirrored(source)
        if mirrored is not None:
            repository = Repository(self._git, mirrored)
            commit = repository.commit(source)
            return FetchedModule(repository.text(source, commit), commit)
        address = self._settings.address(source.host)
        if address is None:
            allowed = ", ".join(host.partition("=")[0] for host in self._settings.hosts) or "none"
            message = f"modules are not fetched from {source.host} here"
            raise ModuleUnavailable(message, f"allowed are: {allowed}; allow it, or put a copy into the mirror")
        return self._from_host(source, f"{address}/{source.repository}")

    def _mirrored(self, source: ModuleSource) -> Path | None:
        """The repository in the mirror, where it has it."""
        if self._settings.mirror is None:
            return None
        folder = self._settings.mirror / source.host / source.repository
        return next((place for place in (folder, folder.with_name(f"{folder.name}.git")) if place.is_dir()), None)

    def _from_host(self, source: ModuleSource, url: str) -> FetchedModule:
        commit = self._commit(source, url)
        text = self._cache.text(source, commit)
        if text is None:
            text = self._download(source, url, commit)
            self._cache.keep_text(source, commit, text)
        return FetchedModule(text, commit)

    def _commit(self, source: ModuleSource, url: str) -> str:
        if COMMIT.match(source.version):
            return source.version
        now = self._clock.now()
        commit = self._cache.commit(source, now, timedelta(seconds=self._settings.fresh_seconds))
        if commit is None:
            commit = self._ask(source, url)
            self._cache.keep_commit(source, commit, now)
        return commit

    def _ask(self, source: ModuleSource, url: str) -> str:
        """Where a version stands now, at its host."""
        names = references(source)
        patterns = [pattern for name in names for pattern in (name, f"{name}^{{}}")]
        commits = self._listed(url, *patterns)
        for name in names:
            found = commits.get(f"{name}^{{}}") or commits.get(name)  # an annotated tag, and then what it is of
            if found is not None and COMMIT.match(found):
                return found
        if SHORT_COMMIT.match(source.version):
            meant = {commit for commit in self._listed(url).values() if commit.startswith(source.version)}
            if len(meant) == 1:
                return meant.pop()
        raise no_version(source)

    def _listed(self, url: str, *patterns: str) -> Mapping[str, str]:
        """The commits that tags and branches are at, by their names."""
        listed = self._git.run("ls-remote", "--quiet", "--", url, *patterns, protocol=urlsplit(url).scheme).decode()
        return {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}

    def _download(self, source: ModuleSource, url: str, commit: str) -> str:
        with tempfile.TemporaryDirectory(prefix="deepsquare-module-") as folder:
            place = Path(folder)
            self._git.run("init", "--quiet", "--bare", "--template=", "--", str(place))
            self._git.run(
                *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", url, commit),
                folder=place,
                protocol=urlsplit(url).scheme,
            )
            return Repository(self._git, place).text(source, commit)
