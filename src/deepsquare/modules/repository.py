"""Reading a git repository on this machine: which commit a version is, and a module's text in a commit.

Nothing is checked out: a text is read out of the objects, and what is no plain file there is refused.
"""

import re
from pathlib import Path

from deepsquare.modules.git import Git, GitFailed
from deepsquare.workflow import ModuleSource, ModuleUnavailable
from deepsquare.workflow.limits import MAX_TEXT_BYTES
from deepsquare.workflow.module_source import MODULE_FILE

COMMIT = re.compile(r"\A[0-9a-f]{40}\Z")
SHORT_COMMIT = re.compile(r"\A[0-9a-f]{7,40}\Z")


def references(source: ModuleSource) -> tuple[str, ...]:
    """What a version may be called in the repository, the first that is there counts; the module's own tags first."""
    if not source.version:
        return ("HEAD",)
    own = (f"refs/tags/{source.folder}/{source.version}",) if source.folder else ()
    return (*own, f"refs/tags/{source.version}", f"refs/heads/{source.version}")


class Repository:
    """A bare repository, or the `.git` of one that is not."""

    def __init__(self, git: Git, folder: Path) -> None:
        self._git = git
        self._folder = folder / ".git" if (folder / ".git").is_dir() else folder

    def commit(self, source: ModuleSource) -> str:
        """The commit of a version, also of a shortened commit. Raises `ModuleUnavailable`."""
        names = references(source)
        if SHORT_COMMIT.match(source.version):
            names = (*names, source.version)
        for name in names:
            try:
                found = self._git.run(
                    "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", folder=self._folder
                )
            except GitFailed:
                continue
            return found.decode().strip()
        raise no_version(source)

    def text(self, source: ModuleSource, commit: str) -> str:
        """The module's text in this commit. Raises `ModuleUnavailable`."""
        path = f"{source.folder}/{MODULE_FILE}" if source.folder else MODULE_FILE
        listed = self._git.run("ls-tree", "-z", "--full-tree", commit, "--", path, folder=self._folder).decode()
        if not listed:
            raise ModuleUnavailable(f"there is no file {path} in it", "name the folder in which module.yaml lies")
        mode, kind, blob = listed.partition("\t")[0].split(" ")
        if kind != "blob" or mode not in {"100644", "100755"}:
            raise ModuleUnavailable(f"its {path} is no plain file", "links are not followed: put the file there itself")
        size = int(self._git.run("cat-file", "-s", blob, folder=self._folder))
        if size > MAX_TEXT_BYTES:
            raise ModuleUnavailable(f"its {path} has {size} bytes; at most {MAX_TEXT_BYTES} are read")
        try:
            return self._git.run("cat-file", "blob", blob, folder=self._folder).decode()
        except UnicodeDecodeError as error:
            raise ModuleUnavailable(f"byte {error.start} of its {path} is no UTF-8", "save the file as UTF-8") from None


def no_version(source: ModuleSource) -> ModuleUnavailable:
    """Nothing there is called so."""
    if not source.version:
        return ModuleUnavailable("the repository is empty")
    hint = (
        "a commit that no tag or branch is at needs all of its 40 digits" if SHORT_COMMIT.match(source.version) else ""
    )
    return ModuleUnavailable(f"it has no tag, branch or commit {source.version}", hint)
