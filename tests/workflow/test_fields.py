"""Every rule of every supported field: what it accepts and what it refuses, at its place."""

from dataclasses import dataclass
from typing import Any

import pytest

from deepsquare.workflow import RESERVED_NAMES, Severity, from_data


def job(**changes: Any) -> dict[str, Any]:
    """A good job with these keys changed."""
    resources = {"tasks": 4, "gpus": 2, "cpusPerTask": 2, "memPerCpu": 100}
    return {"resources": resources, "steps": [], **changes}


def with_resources(**changes: Any) -> dict[str, Any]:
    return job(resources={**job()["resources"], **changes})


def with_run(**changes: Any) -> dict[str, Any]:
    return job(steps=[{"run": {"command": "true", **changes}}])


def with_shell(program: str) -> dict[str, Any]:
    return job(steps=[{"run": {"command": "true", "shell": program}}])


def with_env(*pairs: Any) -> dict[str, Any]:
    return job(env=[{"key": key, "value": value} for key, value in pairs])


ACCEPTED = {
    "no steps": job(),
    "one of each resource": with_resources(tasks=1, cpusPerTask=1, memPerCpu=1, gpus=0),
    "the largest numbers": with_resources(tasks=2**31 - 1, cpusPerTask=2**31 - 1, memPerCpu=2**31 - 1, gpus=2**31 - 1),
    "logging on": job(enableLogging=True),
    "logging off": job(enableLogging=False),
    "logging null": job(enableLogging=None),
    "env": with_env(("A", "x"), ("_", ""), ("a1_B", "many\nlines\r\n\tand 'quotes'")),
    "no env": job(env=[]),
    "env null": job(env=None),
    "names that only look reserved": with_env(
        ("MYPATH", ""),
        ("LD", ""),
        ("ENVIRONMENT", ""),
        ("SLURM", ""),
        ("XDEEPSQUARE_", ""),
        ("path", ""),
        ("ENROOT", ""),
    ),
    "an empty step": job(steps=[{}]),
    "a named group": job(steps=[{"name": "group", "steps": [{"steps": [{"run": {"command": "true"}}]}]}]),
    "nulls everywhere": job(
        steps=[{"name": None, "run": {"command": "x", "env": None, "workDir": None, "mpi": None, "resources": None}}]
    ),
    "an empty command": with_run(command=""),
    **{f"shell {shell}": with_shell(shell) for shell in ("/bin/bash", "/bin/ash", "/bin/sh")},
    **{f"mpi {mpi}": with_run(mpi=mpi) for mpi in ("none", "pmix", "pmix_v4", "pmi2")},
    "the host network": with_run(network="host"),
    "dns": with_run(dns=["1.1.1.1", "2001:db8::1"]),
    "a work dir": with_run(workDir="/any where/'quoted'"),
    "no cpu binding": with_run(disableCpuBinding=True),
    "step env": with_run(env=[{"key": "NTASKS", "value": "mine"}]),
    "all resources of the job": with_run(resources={"tasks": 2, "cpusPerTask": 4, "memPerCpu": 100, "gpusPerTask": 1}),
    "no resources of the job": with_run(resources={"tasks": 1, "cpusPerTask": 1, "memPerCpu": 1, "gpusPerTask": 0}),
    "more memory for fewer CPUs": with_run(resources={"tasks": 1, "cpusPerTask": 1, "memPerCpu": 800}),
    "nulls and empty lists that ask for nothing": job(
        input=None, continuousOutputSync=False, virtualNetworks=[], steps=[{"catch": [], "if": None}]
    ),
}


@dataclass(frozen=True)
class Refused:
    """A job that breaks one rule, where, and a part of what is said."""

    data: dict[str, Any]
    path: str
    message: str


REFUSED = {
    "no resources": Refused({"steps": []}, "resources", "required"),
    "no steps": Refused({"resources": job()["resources"]}, "steps", "required"),
    "steps null": Refused(job(steps=None), "steps", "expected a list"),
    "steps that are no list": Refused(job(steps={}), "steps", "expected a list, found a mapping"),
    "a step that is no mapping": Refused(job(steps=["x"]), "steps[0]", "expected a mapping, found text"),
    **{
        f"{key} {value!r}": Refused(with_resources(**{key: value}), f"resources.{key}", message)
        for key in ("tasks", "cpusPerTask", "memPerCpu", "gpus")
        for value, message in (
            (-1, "expected at least"),
            (2**31, "expected at most 2147483647"),
            (1.5, "expected a whole number, found 1.5"),
            (1.0, "expected a whole number, found 1.0"),
            ("1", 'expected a whole number, found text "1"'),
            ("x" * 41, "expected a whole number, found text"),
            (True, "expected a whole number, found true"),
            (None, "expected a whole number, found nothing"),
            ([1], "expected a whole number, found a list"),
        )
    },
    **{
        f"no {key}": Refused(with_resources(**{key: 0}), f"resources.{key}", "expected at least 1, found 0")
        for key in ("tasks", "cpusPerTask", "memPerCpu")
    },
    "logging text": Refused(job(enableLogging="true"), "enableLogging", 'expected true or false, found text "true"'),
    "logging number": Refused(job(enableLogging=1), "enableLogging", "expected true or false, found 1"),
    **{
        f"env {key!r}": Refused(with_env((key, "x")), "env[0].key", "a variable's name")
        for key in ("", "1A", "A-B", "A B", "A=", "é", "A\n", "\nA", "A.B", "a[0]")
    },
    **{
        f"env {pattern}": Refused(with_env((pattern.replace("*", "X"), "x")), "env[0].key", "reserved")
        for pattern in RESERVED_NAMES
    },
    **{
        f"step env {name}": Refused(with_run(env=[{"key": name, "value": ""}]), "steps[0].run.env[0].key", "reserved")
        for name in ("LD_PRELOAD", "BASH_ENV", "SLURM_CONF", "STORAGE_PATH", "DEEPSQUARE_SITE_SRUN", "APPTAINERENV_X")
    },
    "env without a value": Refused(job(env=[{"key": "A"}]), "env[0].value", "required"),
    "env without a key": Refused(job(env=[{"value": "A"}]), "env[0].key", "required"),
    "env number": Refused(with_env(("A", 1)), "env[0].value", "expected a text"),
    "env null value": Refused(with_env(("A", None)), "env[0].value", "expected a text, found nothing"),
    "env NUL": Refused(with_env(("A", "a\0b")), "env[0].value", "control character U+0000"),
    "env escape": Refused(with_env(("A", "\x1b[31m")), "env[0].value", "control character U+001B"),
    "env half a character": Refused(with_env(("A", "\ud83e")), "env[0].value", "surrogate"),
    "env too long": Refused(with_env(("A", "é" * 60_001)), "env[0].value", "120002 bytes"),
    "env as a mapping": Refused(job(env={"A": "x"}), "env", "expected a list"),
    "name NUL": Refused(job(steps=[{"name": "\0"}]), "steps[0].name", "control character"),
    "name list": Refused(job(steps=[{"name": []}]), "steps[0].name", "expected a text, found a list"),
    "name too long": Refused(job(steps=[{"name": "x" * 4097}]), "steps[0].name", "4097 bytes"),
    "run and steps": Refused(
        job(steps=[{"run": {"command": "x"}, "steps": []}]), "steps[0].run", "only one of steps, run"
    ),
    "no command": Refused(job(steps=[{"run": {}}]), "steps[0].run.command", "required"),
    "run text": Refused(job(steps=[{"run": "echo"}]), "steps[0].run", "expected a mapping, found text"),
    "command NUL": Refused(with_run(command="a\0"), "steps[0].run.command", "control character"),
    "command too long": Refused(with_run(command="x" * 120_001), "steps[0].run.command", "120001 bytes"),
    "unknown shell": Refused(with_shell("/bin/zsh"), "steps[0].run.shell", "expected one of /bin/bash"),
    "shell with a newline": Refused(with_shell("/bin/sh\n"), "steps[0].run.shell", "expected one of"),
    "no container for ENTRYPOINT": Refused(with_shell("ENTRYPOINT"), "steps[0].run.shell", "container"),
    "unknown mpi": Refused(with_run(mpi="openmpi"), "steps[0].run.mpi", "expected one of none, pmix"),
    "mpi flag": Refused(with_run(mpi=True), "steps[0].run.mpi", "expected one of none"),
    "unknown network": Refused(with_run(network="bridge"), "steps[0].run.network", "expected one of host"),
    "dns name": Refused(with_run(dns=["one.one"]), "steps[0].run.dns[0]", "no IP address"),
    "relative work dir": Refused(with_run(workDir="a/b"), "steps[0].run.workDir", "must be absolute"),
    "empty work dir": Refused(with_run(workDir=""), "steps[0].run.workDir", "must be absolute"),
    "work dir NUL": Refused(with_run(workDir="/a\0"), "steps[0].run.workDir", "control character"),
    "cpu binding text": Refused(with_run(disableCpuBinding="no"), "steps[0].run.disableCpuBinding", "true or false"),
    **{
        f"step {key} {value}": Refused(with_run(resources={key: value}), f"steps[0].run.resources.{key}", message)
        for key, value, message in (
            ("tasks", 0, "expected at least 1"),
            ("cpusPerTask", 0, "expected at least 1"),
            ("memPerCpu", 0, "expected at least 1"),
            ("gpusPerTask", -1, "expected at least 0"),
            ("tasks", 5, "asks for 5 tasks, but the job has 4"),
            ("cpusPerTask", 9, "asks for 9 CPUs in all, but the job has 8"),
            ("memPerCpu", 401, "asks for 802 MB in all, but the job has 800 MB"),
            ("gpusPerTask", 3, "asks for 3 GPUs in all, but the job has 2"),
        )
    },
    "too many CPUs by tasks": Refused(
        with_run(resources={"tasks": 3, "cpusPerTask": 3}), "steps[0].run.resources.cpusPerTask", "9 CPUs"
    ),
    "too many GPUs by tasks": Refused(
        with_run(resources={"tasks": 3, "gpusPerTask": 1}), "steps[0].run.resources.gpusPerTask", "3 GPUs"
    ),
    "deep inside": Refused(
        job(steps=[{}, {"steps": [{}, {"run": {"command": 1}}]}]), "steps[1].steps[1].run.command", "expected a text"
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    loaded = from_data(ACCEPTED[name])
    assert loaded.workflow is not None
    assert not [problem for problem in loaded.problems if problem.severity is Severity.ERROR]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_its_place(name: str) -> None:
    case = REFUSED[name]
    loaded = from_data(case.data)
    assert loaded.workflow is None
    (problem,) = loaded.problems
    assert (problem.severity, problem.path, problem.line, problem.column) == (Severity.ERROR, case.path, None, None)
    assert case.message in problem.message


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        (with_run(command=""), "steps[0].run.command", "does nothing"),
        (with_run(dns=["1.1.1.1"]), "steps[0].run.dns", "no effect on the host network"),
        (with_env(("NTASKS", "9")), "env[0].key", "NTASKS has no effect here"),
        (with_env(("A", "1"), ("A", "2")), "env[1].key", "A is given twice"),
    ],
)
def test_what_has_no_effect_is_a_warning(data: dict[str, Any], path: str, message: str) -> None:
    loaded = from_data(data)
    assert loaded.workflow is not None
    (problem,) = loaded.problems
    assert (problem.severity, problem.path) == (Severity.WARNING, path)
    assert message in problem.message


def test_a_secret_value_is_in_no_message() -> None:
    loaded = from_data(with_env(("A", "s3cret\0"), ("B", "s3cret" * 30_000), ("C", ["s3cret"])))
    assert len(loaded.problems) == 3
    assert "s3cret" not in str(loaded.problems)
