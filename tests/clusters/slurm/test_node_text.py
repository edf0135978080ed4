"""Slurm's text about nodes."""

import pytest

from deepsquare.clusters.port import ClusterNode, NodeState
from deepsquare.clusters.slurm.node_text import default_partition, labels_of, node_state, parse_nodes
from deepsquare.model import Label, Node

NODES = """\
NodeName=n1 Arch=x86_64 CoresPerSocket=1  CPUAlloc=0 CPUEfctv=6 CPUTot=8 CPULoad=0.08 AvailableFeatures=zen3,ib \
ActiveFeatures=zen3,ib Gres=gpu:a100:2(S:0-1),gpu:a100:1,nic:1 NodeAddr=n1 NodeHostName=n1 Version=22.05.8 \
OS=Linux 6.1.0-13-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.55-1 RealMemory=2000 MemSpecLimit=200 State=IDLE+DRAIN \
ThreadsPerCore=1 Partitions=main,closed  BootTime=2026-11-20T10:50:54 Reason=CPUTot=99 State=UP [root@now]
NodeName=n2 Arch=x86_64 CPUTot=4 ActiveFeatures=(null) Gres=(null) OS=Linux 6.1.0 #1 SMP Debian RealMemory=1000 \
State=MIXED Partitions=main
NodeName=n3 CPUTot=4 RealMemory=1000 State=DOWN* Partitions=other
"""


def test_nodes_of_the_partition_have_what_jobs_can_use() -> None:
    machines = [node.machine for node in parse_nodes(NODES, "main")]

    assert machines == [
        ClusterNode("n1", Node(cpus=6, memory_mb=1800, gpus=3), NodeState.DRAINED),
        ClusterNode("n2", Node(cpus=4, memory_mb=1000, gpus=0), NodeState.UP),
    ]


def test_labels_are_what_most_nodes_have() -> None:
    assert labels_of(parse_nodes(NODES, "main")) == [
        Label("os", "debian"),
        Label("arch", "x86-64"),
        Label("cpu.microarch", "zen3"),
        Label("gpu", "a100"),
    ]


def test_a_cluster_that_says_nothing_has_no_labels() -> None:
    assert labels_of(parse_nodes(NODES, "other")) == []


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("IDLE", NodeState.UP),
        ("ALLOCATED", NodeState.UP),
        ("MIXED+PLANNED", NodeState.UP),
        ("IDLE+CLOUD+POWERED_DOWN", NodeState.UP),
        ("COMPLETING", NodeState.UP),
        ("IDLE+DRAIN", NodeState.DRAINED),
        ("MIXED+DRAIN", NodeState.DRAINED),
        ("IDLE+MAINT", NodeState.DRAINED),
        ("RESERVED", NodeState.DRAINED),
        ("REBOOT_ISSUED", NodeState.DRAINED),
        ("DOWN", NodeState.DOWN),
        ("DOWN*", NodeState.DOWN),
        ("IDLE*", NodeState.DOWN),
        ("DOWN+DRAIN", NodeState.DOWN),
        ("IDLE+NOT_RESPONDING", NodeState.DOWN),
        ("UNKNOWN", NodeState.DOWN),
    ],
)
def test_only_nodes_that_can_take_work_are_up(text: str, state: NodeState) -> None:
    assert node_state(text) is state


def test_the_default_partition_is_found() -> None:
    text = "PartitionName=a AllowGroups=ALL Default=NO\nPartitionName=b AllowGroups=ALL Default=YES\n"

    assert default_partition(text) == "b"
    assert default_partition("PartitionName=a Default=NO\n") is None
