"""Fetching modules by git: what each version is, what is kept, what is refused, and that no secret gets out."""

import base64
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deepsquare.modules import GitModules, InvalidModuleHost, ModuleSettings, pins_of
from deepsquare.modules import cache as cache_module
from deepsquare.modules.git import Git, GitFailed
from deepsquare.workflow import FetchedModule, ModuleSource, ModuleUnavailable, load
from tests.support.clock import ManualClock
from tests.support.git_server import GitRepository, GitServer, git_server
from tests.support.programs import PROGRAMS

ONE, TWO = "name: one\nsteps: []\n", "name: two\nsteps: []\n"


@pytest.fixture(params=PROGRAMS)
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "hosted" / "owner" / "repo")


@pytest.fixture
def server(repository: GitRepository) -> Iterator[GitServer]:
    with git_server(repository.folder.parents[1]) as served:
        yield served


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(server: GitServer, tmp_path: Path) -> ModuleSettings:
    return ModuleSettings(hosts=(f"git.test={server.address}",), cache=tmp_path / "cache", seconds=100)


@pytest.fixture
def modules(settings: ModuleSettings, clock: ManualClock) -> GitModules:
    return GitModules(settings, clock=clock)


def fetch(modules: GitModules, source: str = "git.test/owner/repo") -> FetchedModule:
    return modules.fetch(ModuleSource.parse(source))


def refused(modules: GitModules, source: str = "git.test/owner/repo") -> str:
    with pytest.raises(ModuleUnavailable) as caught:
        fetch(modules, source)
    return f"{caught.value.message}; {caught.value.hint}"


def test_a_version_is_a_tag_a_branch_a_commit_or_the_repository_s_own_branch(
    modules: GitModules, repository: GitRepository
) -> None:
    first = repository.commit({"module.yaml": ONE})
    repository.git("tag", "v1")
    repository.git("tag", "--annotate", "--message", "x", "v1-annotated")
    repository.git("branch", "old")
    second = repository.commit({"module.yaml": TWO})
    for version in ("v1", "v1-annotated", "old", first):
        assert fetch(modules, f"git.test/owner/repo@{version}") == FetchedModule(ONE, first), version
    for version in ("@trunk", f"@{second[:7]}", ""):
        assert fetch(modules, f"git.test/owner/repo{version}") == FetchedModule(TWO, second), version


def test_a_folder_of_a_repository_is_a_module_with_tags_of_its_own(
    modules: GitModules, repository: GitRepository
) -> None:
    first = repository.commit({"a/b/module.yaml": ONE})
    repository.git("tag", "a/b/v1")
    repository.commit({"a/b/module.yaml": TWO, "module.yaml": TWO})
    repository.git("tag", "v1")
    assert fetch(modules, "git.test/owner/repo/a/b@v1") == FetchedModule(ONE, first)
    assert fetch(modules, "git.test/owner/repo@v1").text == TWO


def test_a_commit_is_asked_for_once_and_a_tag_once_in_a_while(
    modules: GitModules, repository: GitRepository, server: GitServer, clock: ManualClock
) -> None:
    first = repository.commit({"module.yaml": ONE})
    repository.git("tag", "v1")
    fetch(modules, "git.test/owner/repo@v1")
    asked = len(server.requests)
    fetch(modules, "git.test/owner/repo@v1")
    fetch(modules, f"git.test/owner/repo@{first}")
    assert len(server.requests) == asked
    second = repository.commit({"module.yaml": TWO})
    repository.git("tag", "--force", "v1")
    assert fetch(modules, "git.test/owner/repo@v1").commit == first
    clock.advance(301)
    assert fetch(modules, "git.test/owner/repo@v1") == FetchedModule(TWO, second)


def test_a_pin_wins_over_where_a_tag_has_moved(settings: ModuleSettings, repository: GitRepository) -> None:
    repository.commit({"module.yaml": ONE})
    repository.git("tag", "v1")
    text = (
        "resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}\n"
        "steps: [{use: {source: git.test/owner/repo@v1}}]\n"
    )
    uncached = replace(settings, cache=None)
    pins = pins_of(load(text, modules=GitModules(uncached)).modules)
    assert list(pins) == ["git.test/owner/repo@v1"]
    repository.commit({"module.yaml": TWO})
    repository.git("tag", "--force", "v1")
    assert load(text, modules=GitModules(uncached)).modules["steps[0]"].module.name == "two"
    pinned = load(text, modules=GitModules(uncached).pinned(pins))
    assert pinned.modules["steps[0]"].module.name == "one"
    assert "no commit" in refused(GitModules(uncached).pinned({"git.test/owner/repo": "v1"}))


def test_a_cache_that_cannot_be_used_is_no_failure(settings: ModuleSettings, repository: GitRepository) -> None:
    repository.commit({"module.yaml": ONE})
    no_folder = repository.folder / "module.yaml"
    assert fetch(GitModules(replace(settings, cache=no_folder))).text == ONE


def test_a_cache_does_not_grow_for_ever(
    modules: GitModules, repository: GitRepository, settings: ModuleSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MAX_FILES", 2)
    for _ in range(4):
        fetch(modules, f"git.test/owner/repo@{repository.commit({'module.yaml': ONE})}")
    assert settings.cache is not None
    assert len(list((settings.cache / "texts").iterdir())) == 2


def test_a_mirror_serves_any_host_and_nobody_else_is_asked(
    settings: ModuleSettings, server: GitServer, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    plain = GitRepository(mirror / "anywhere.test" / "owner" / "repo")
    commit = plain.commit({"module.yaml": ONE, "in/module.yaml": TWO})
    plain.git("tag", "v1")
    plain.git("clone", "--quiet", "--bare", ".", str(mirror / "git.test" / "owner" / "repo.git"))
    modules = GitModules(replace(settings, mirror=mirror))
    for source in ("anywhere.test/owner/repo", "anywhere.test/owner/repo@v1", f"anywhere.test/owner/repo@{commit[:8]}"):
        assert fetch(modules, source) == FetchedModule(ONE, commit), source
    assert fetch(modules, "git.test/owner/repo/in@trunk") == FetchedModule(TWO, commit)
    assert "no tag, branch or commit v2" in refused(modules, "git.test/owner/repo@v2")
    assert "no tag, branch or commit" in refused(modules, f"git.test/owner/repo@{'0' * 40}")
    assert server.requests == []


def test_only_allowed_hosts_are_asked(settings: ModuleSettings, server: GitServer) -> None:
    said = refused(GitModules(settings), "evil.test/owner/repo")
    assert said.startswith("modules are not fetched from evil.test here; allowed are: git.test")
    assert "allowed are: none" in refused(GitModules(replace(settings, hosts=())))
    assert server.requests == []


@pytest.mark.parametrize("host", ["file:///etc", "x=file:///etc", "x=ext::sh", "a b", "x=ssh://h", "x=https://u:p@h"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidModuleHost, match="write for example"):
        ModuleSettings(hosts=(host,))


@pytest.mark.parametrize("scheme", ["file://", "ext::", "ssh://", "git://"])
def test_no_other_protocol_is_spoken_whatever_git_is_told(
    settings: ModuleSettings, repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    repository.commit({"module.yaml": ONE})
    address = settings.address("git.test")
    config = tmp_path / "gitconfig"
    canary = tmp_path / "canary"
    target = {"ext::": f"ext::touch {canary} ", "file://": f"file://{tmp_path}/hosted/"}.get(
        scheme, f"{scheme}127.0.0.1:1/"
    )
    config.write_text(f'[url "{target}"]\n\tinsteadOf = {address}/\n[protocol "ext"]\n\tallow = always\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    assert "could not read" in refused(GitModules(settings))
    assert not canary.exists()


def test_links_and_submodules_are_not_followed(modules: GitModules, repository: GitRepository) -> None:
    secret = repository.folder.parent / "secret.yaml"
    secret.write_text(ONE)
    for name, target in (("file", "../../secret.yaml"), ("inside", "../real/module.yaml")):
        (repository.folder / name).mkdir()
        (repository.folder / name / "module.yaml").symlink_to(target)
    (repository.folder / "folder").symlink_to("real")
    commit = repository.commit({"real/module.yaml": ONE})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module/module.yaml")
    repository.git("commit", "--quiet", "--message", "x")
    for name in ("file", "inside", "module"):
        assert "no plain file" in refused(modules, f"git.test/owner/repo/{name}"), name
    assert "there is no file folder/module.yaml" in refused(modules, "git.test/owner/repo/folder")
    assert fetch(modules, "git.test/owner/repo/real").text == ONE


def test_no_hook_of_anybody_s_runs(
    modules: GitModules, repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\n\thooksPath = {hooks}\n[init]\n\ttemplateDir = {hooks}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    repository.commit({"module.yaml": ONE})
    assert fetch(modules).text == ONE
    assert not (tmp_path / "canary").exists()


def test_what_is_not_there_is_told_apart(modules: GitModules, repository: GitRepository) -> None:
    assert "the repository is empty" in refused(modules)
    repository.commit({"other.yaml": ONE})
    assert "there is no file module.yaml" in refused(modules)
    assert "no such repository, or it is private" in refused(modules, "git.test/owner/nowhere")
    assert "no tag, branch or commit v9" in refused(modules, "git.test/owner/repo@v9")
    assert "needs all of its 40 digits" in refused(modules, "git.test/owner/repo@abcdef0")


def test_a_text_that_is_too_long_or_no_text_is_refused(modules: GitModules, repository: GitRepository) -> None:
    repository.commit({"module.yaml": "#" * 1048577})
    assert "at most 1048576" in refused(modules, f"git.test/owner/repo@{repository.git('rev-parse', 'HEAD')}")
    (repository.folder / "module.yaml").write_bytes(b"\xff")
    assert "no UTF-8" in refused(modules, f"git.test/owner/repo@{repository.commit({})}")


def test_a_repository_that_is_too_large_is_refused(settings: ModuleSettings, repository: GitRepository) -> None:
    repository.commit({"module.yaml": ONE})
    (repository.folder / "large").write_bytes(os.urandom(2 * 1024 * 1024))
    repository.commit({})
    assert "larger than 1 MB" in refused(GitModules(replace(settings, megabytes=1)))
    assert fetch(GitModules(settings)).text == ONE


def test_objects_that_grow_out_of_all_memory_are_refused(settings: ModuleSettings, tmp_path: Path) -> None:
    """A few kilobytes as they travel: 16 MB of zeros, and a change of it that is them 192 times over, 3 GB."""
    zeros = bytes(0xFFFFFF)
    change = b"\xff\xff\xff\x07" + b"\xc0\xfe\xff\xff\x0b" + b"\xf0\xff\xff\xff" * 192
    name = hashlib.sha1(b"blob %d\0" % len(zeros) + zeros, usedforsecurity=False).digest()
    pack = b"PACK" + struct.pack(">II", 2, 2)
    pack += b"\xbf\xff\xff\x3f" + zlib.compress(zeros)
    pack += bytes([0xF0 | len(change) & 15, len(change) >> 4]) + name + zlib.compress(change)
    (tmp_path / "a.pack").write_bytes(pack + hashlib.sha1(pack, usedforsecurity=False).digest())
    git = Git(settings.git, seconds=100, megabytes=64)
    git.run("init", "--quiet", "--bare", str(tmp_path / "bare"))
    with pytest.raises(GitFailed, match="larger than 64 MB"):
        git.run("index-pack", str(tmp_path / "a.pack"), folder=tmp_path / "bare")


def test_git_that_takes_too_long_is_ended_and_git_that_is_not_there_is_told(
    settings: ModuleSettings, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    slow.chmod(0o755)
    assert "longer than 0.2 s" in refused(GitModules(replace(settings, git=str(slow), seconds=0.2)))
    assert "git" in refused(GitModules(replace(settings, git="/nowhere/git")))


def test_all_that_git_does_for_one_workflow_has_an_end(settings: ModuleSettings, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    slow.chmod(0o755)
    modules = GitModules(replace(settings, git=str(slow), seconds=0.05)).pinned({})
    told = [refused(modules, f"git.test/owner/repo{number}") for number in range(6)]
    assert "longer than 0.05 s" in told[0]
    assert "longer than 0.2 s for the modules of one workflow" in told[-1]


def test_a_private_repository_is_opened_by_a_credential_helper_and_no_secret_gets_out(
    settings: ModuleSettings,
    repository: GitRepository,
    server: GitServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository.commit({"module.yaml": ONE})
    server.password = "Basic " + base64.b64encode(b"me:s3cret").decode()
    modules = GitModules(replace(settings, cache=None))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert "it is private; check its name; for a private one set up a credential helper" in refused(modules)
    seen = tmp_path / "seen"
    helper = tmp_path / "helper"
    helper.write_text(f"#!/bin/sh\nenv > {seen}\n[ $1 != get ] || printf 'username=me\\npassword=s3cret\\n'\n")
    helper.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[credential]\n\thelper = {helper}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("DEEPSQUARE_KEY", "0xkey")
    assert fetch(modules).text == ONE
    assert "DEEPSQUARE_KEY" not in seen.read_text()
    server.password = "Basic other"
    assert "s3cret" not in refused(modules)
