"""What a supervisor says when it lacks a right, tried with stand-ins for Slurm's commands."""

import os
import pwd
from pathlib import Path

import pytest

from deepsquare.clusters.slurm.checks import COMMANDS, missing_on
from deepsquare.clusters.slurm.commands import CommandFailed, Commands
from deepsquare.clusters.slurm.settings import SlurmSettings
from deepsquare.clusters.slurm.spool import Spool
from tests.support.programs import PROGRAMS


class Site:
    """A Slurm made of small scripts, and who we are there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.commands = folder / "bin"
        self.commands.mkdir()
        for name in COMMANDS:
            self.say(name, "true")
        self._monkeypatch = monkeypatch

    def say(self, command: str, script: str) -> None:
        program = self.commands / command
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def become(self, name: str) -> None:
        self._monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam(name).pw_uid)

    async def missing(self, account: str) -> list[str]:
        settings = SlurmSettings(spool=self.folder / "spool", bin_folder=self.commands)
        entry = pwd.getpwnam(account)
        spool = Spool(settings.spool, entry)
        spool.create()
        return await missing_on(settings, Commands(settings), entry, spool)


@pytest.fixture(params=PROGRAMS)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


async def test_missing_commands_are_named(site: Site) -> None:
    (site.commands / "sacct").unlink()

    (finding,) = await site.missing("nobody")

    assert "sacct" in finding
    assert "apt-get install slurm-client" in finding


async def test_only_root_may_submit_for_another_account(site: Site) -> None:
    site.become("daemon")

    (finding,) = await site.missing("nobody")

    assert "only root may submit jobs as nobody" in finding


@pytest.mark.parametrize("answer", ["echo None", "exit 1"])
async def test_a_supervisor_that_is_no_operator_is_told_so(site: Site, answer: str) -> None:
    site.become("daemon")
    site.say("sacctmgr", answer)

    (finding,) = await site.missing("daemon")

    assert "adminlevel=Operator" in finding


@pytest.mark.parametrize(
    ("command", "answer"),
    [("sacctmgr", "echo Operator"), ("sacctmgr", "echo Administrator"), ("scontrol", "echo 'SlurmUser   = daemon(1)'")],
)
async def test_an_operator_lacks_nothing(site: Site, command: str, answer: str) -> None:
    site.become("daemon")
    site.say(command, answer)

    assert await site.missing("daemon") == []


async def test_an_unreachable_slurm_is_no_finding_but_a_passing_error(site: Site) -> None:
    site.become("daemon")
    site.say("sbatch", "echo 'Unable to contact slurm controller' >&2; exit 1")

    with pytest.raises(CommandFailed) as failure:
        await site.missing("daemon")

    assert failure.value.transient
