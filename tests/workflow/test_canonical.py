"""The canonical dump: what is written is read back as the same workflow, by either door."""

import json

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.workflow import (
    EnvVar,
    JobResources,
    Run,
    RunResources,
    Step,
    Workflow,
    dump,
    from_data,
    load,
    to_data,
)
from tests.support.texts import NAMES, TEXTS

ENV = st.lists(st.builds(EnvVar, key=NAMES, value=TEXTS), max_size=3).map(tuple)
RUNS = st.builds(
    Run,
    command=TEXTS,
    shell=st.sampled_from(["/bin/bash", "/bin/ash", "/bin/sh"]),
    resources=st.builds(RunResources, tasks=st.none() | st.just(1), gpus_per_task=st.none() | st.integers(0, 2)),
    dns=st.just(()) | st.just(("1.1.1.1",)),
    env=ENV,
    work_dir=st.none() | TEXTS.map(lambda text: f"/{text}"),
    disable_cpu_binding=st.booleans(),
    mpi=st.none() | st.sampled_from(["none", "pmix", "pmix_v4", "pmi2"]),
)
NAMES_OF_STEPS = st.none() | TEXTS
STEPS = st.recursive(
    st.builds(Step, name=NAMES_OF_STEPS, run=st.none() | RUNS),
    lambda inner: st.builds(Step, name=NAMES_OF_STEPS, steps=st.lists(inner, max_size=3).map(tuple)),
    max_leaves=5,
)
WORKFLOWS = st.builds(
    Workflow,
    resources=st.builds(
        JobResources,
        tasks=st.integers(1, 2**31 - 1),
        cpus_per_task=st.integers(1, 2**31 - 1),
        memory_per_cpu_mb=st.integers(1, 2**31 - 1),
        gpus=st.integers(2, 2**31 - 1),
    ),
    steps=st.lists(STEPS, max_size=3).map(tuple),
    env=ENV,
    enable_logging=st.booleans(),
)


@given(WORKFLOWS)
def test_a_workflow_survives_its_dump(workflow: Workflow) -> None:
    assert load(dump(workflow)).workflow == workflow
    assert from_data(to_data(workflow)).workflow == workflow
    assert json.loads(dump(workflow)) == to_data(workflow)


def test_the_dump_says_nothing_that_is_the_default() -> None:
    resources = JobResources(tasks=1, cpus_per_task=2, memory_per_cpu_mb=3, gpus=0)
    workflow = Workflow(resources=resources, steps=(Step(run=Run(command="x")),))
    assert to_data(workflow) == {
        "resources": {"tasks": 1, "cpusPerTask": 2, "memPerCpu": 3, "gpus": 0},
        "steps": [{"run": {"command": "x"}}],
    }
