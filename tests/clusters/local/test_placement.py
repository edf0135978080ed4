"""Where a job's tasks go."""

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.clusters.local.placement import Need, Room, place

needs = st.builds(
    Need,
    tasks=st.integers(1, 6),
    cpus_per_task=st.integers(1, 4),
    memory_per_task_mb=st.integers(1, 500),
    gpus=st.integers(0, 4),
)
room_shapes = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2000), st.integers(0, 4)), min_size=1, max_size=4)


def rooms_of(shapes: list[tuple[int, int, int]]) -> list[Room]:
    rooms, first = [], 0
    for index, (cpus, memory_mb, gpus) in enumerate(shapes):
        rooms.append(Room(f"n{index}", tuple(range(first, first + cpus)), memory_mb, tuple(range(gpus))))
        first += cpus
    return rooms


@given(needs, room_shapes)
def test_a_placed_job_has_all_it_asked_for_and_nothing_that_is_not_free(
    need: Need, shapes: list[tuple[int, int, int]]
) -> None:
    rooms = {room.node: room for room in rooms_of(shapes)}

    shares = place(need, list(rooms.values()))

    if shares is None:
        return
    assert sum(share.tasks for share in shares) == need.tasks
    assert sum(len(share.gpus) for share in shares) == need.gpus
    for share in shares:
        room = rooms[share.node]
        assert len(share.cpus) == share.tasks * need.cpus_per_task
        assert share.memory_mb == share.tasks * need.memory_per_task_mb <= room.memory_mb
        assert set(share.cpus) <= set(room.cpus)
        assert set(share.gpus) <= set(room.gpus)


@given(needs, room_shapes)
def test_what_is_taken_is_gone_and_what_is_left_is_free(need: Need, shapes: list[tuple[int, int, int]]) -> None:
    rooms = {room.node: room for room in rooms_of(shapes)}

    for share in place(need, list(rooms.values())) or ():
        left = rooms[share.node].without(share)
        assert not set(left.cpus) & set(share.cpus)
        assert len(left.cpus) + len(share.cpus) == len(rooms[share.node].cpus)
        assert left.memory_mb >= 0


def test_a_task_never_lies_on_two_nodes() -> None:
    assert place(Need(1, 4, 1, 0), rooms_of([(3, 100, 0), (3, 100, 0)])) is None


def test_tasks_of_a_job_may_lie_on_several_nodes() -> None:
    shares = place(Need(3, 2, 10, 0), rooms_of([(4, 100, 0), (4, 100, 0)]))

    assert shares is not None
    assert [(share.node, share.tasks) for share in shares] == [("n0", 2), ("n1", 1)]


def test_gpus_that_do_not_divide_by_tasks_lie_anywhere_on_the_jobs_nodes() -> None:
    shares = place(Need(2, 1, 1, 1), rooms_of([(4, 100, 0), (4, 100, 1)]))

    assert shares is not None
    assert [(share.node, share.tasks, share.gpus) for share in shares] == [("n1", 2, (0,))]
