"""How amounts, numbers and reasons are said."""

import pytest

from deepsquare.cli.wording import counted, headline, resources
from deepsquare.model import Node


@pytest.mark.parametrize(("number", "said"), [(0, "0 CPUs"), (1, "1 CPU"), (2, "2 CPUs")])
def test_one_is_singular(number: int, said: str) -> None:
    assert counted(number, "CPU") == said


def test_gpus_are_named_where_there_are_any() -> None:
    assert resources([Node(cpus=4, memory_mb=512, gpus=1)]) == "4 CPUs, 512 MB, 1 GPU"
    assert resources([Node(cpus=1, memory_mb=512, gpus=0)]) == "1 CPU, 512 MB"


def test_the_headline_of_a_reason_leaves_the_output_away() -> None:
    assert headline("the job ended with exit code 3\nRunning: check\nfailed") == "the job ended with exit code 3"
