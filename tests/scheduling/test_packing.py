"""Tasks onto nodes: nothing is ever over-committed, and what fits is found."""

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import JobDefinition, Node
from deepsquare.scheduling.packing import pack, pack_all
from tests.support.sites import definition

nodes_of_a_site = st.lists(
    st.builds(Node, st.integers(0, 16), st.integers(0, 4000), st.integers(0, 4)), min_size=1, max_size=5
).map(tuple)
shapes = st.builds(
    lambda tasks, cpus, memory_mb, gpus: definition(tasks, cpus, memory_mb, gpus=gpus),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(1, 500),
    st.integers(0, 8),
)


def amounts(nodes: tuple[Node, ...]) -> tuple[int, int, int]:
    return sum(n.cpus for n in nodes), sum(n.memory_mb for n in nodes), sum(n.gpus for n in nodes)


@given(nodes_of_a_site, shapes)
def test_packing_takes_exactly_what_the_job_asks_for_and_never_more_than_a_node_has(
    nodes: tuple[Node, ...], shape: JobDefinition
) -> None:
    left = pack(shape, nodes)
    if left is None:
        return
    assert all(n.cpus >= 0 and n.memory_mb >= 0 and n.gpus >= 0 for n in left)
    before, after = amounts(nodes), amounts(left)
    assert tuple(b - a for b, a in zip(before, after, strict=True)) == (shape.cpus, shape.memory_mb, shape.gpus)


@given(nodes_of_a_site, shapes)
def test_a_job_without_gpus_fits_exactly_when_its_tasks_fit_node_by_node(
    nodes: tuple[Node, ...], shape: JobDefinition
) -> None:
    plain = definition(shape.tasks, shape.cpus_per_task, shape.memory_per_cpu_mb)
    room = sum(min(n.cpus // plain.cpus_per_task, n.memory_mb // plain.memory_per_task_mb) for n in nodes)
    assert (pack(plain, nodes) is not None) == (room >= plain.tasks)


@given(nodes_of_a_site, st.lists(shapes, max_size=6))
def test_what_is_left_is_never_negative_even_where_a_site_shrank(
    nodes: tuple[Node, ...], held: list[JobDefinition]
) -> None:
    assert all(n.cpus >= 0 and n.memory_mb >= 0 and n.gpus >= 0 for n in pack_all(held, nodes))


def test_a_task_is_never_split_over_two_nodes() -> None:
    assert pack(definition(cpus=6), (Node(4, 9000), Node(4, 9000))) is None


def test_tasks_spread_over_nodes_to_reach_their_gpus() -> None:
    assert pack(definition(tasks=2, gpus=4), (Node(8, 9000, 2), Node(8, 9000, 2))) is not None


def test_gpus_on_nodes_without_a_task_do_not_count() -> None:
    assert pack(definition(tasks=1, gpus=4), (Node(8, 9000, 2), Node(8, 9000, 2))) is None


def test_a_narrow_job_goes_onto_the_fullest_node_that_holds_it() -> None:
    left = pack(definition(), (Node(8, 9000), Node(2, 9000)))
    assert left is not None
    assert left[0] == Node(8, 9000)


def test_jobs_without_gpus_keep_off_the_gpu_nodes() -> None:
    left = pack(definition(), (Node(8, 9000, 4), Node(8, 9000)))
    assert left is not None
    assert left[0] == Node(8, 9000, 4)
