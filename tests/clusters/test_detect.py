"""What a machine says about itself."""

import pytest

from deepsquare.clusters.detect import label_value, machine_labels


@pytest.mark.parametrize(
    ("text", "value"),
    [("Sky Lake_X", "sky-lake-x"), ("x86_64", "x86-64"), ("  AMD EPYC 7763 ", "amd-epyc-7763"), ("", "")],
)
def test_words_are_lower_case_and_joined_with_dashes(text: str, value: str) -> None:
    assert label_value(text) == value


def test_a_machine_has_a_system_an_architecture_and_a_processor() -> None:
    labels = {label.key: label.value for label in machine_labels()}

    assert {"os", "arch", "cpu.microarch"} <= labels.keys()
    assert all(labels.values())
