"""Slurm's text about nodes -> machines and labels. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import archspec.cpu

from deepsquare.clusters.detect import label_value
from deepsquare.clusters.port import ClusterNode, NodeState
from deepsquare.model import Label, Node

_PAIR = re.compile(r"(?:^|\s)([A-Z][A-Za-z:/_]*)=")
_GRES = re.compile(r"\Agpu(?::([^:(]+(?=:\d)))?:(\d+)")
_DOWN = frozenset({"DOWN", "ERROR", "FAIL", "FAILING", "FUTURE", "UNKNOWN", "NOT_RESPONDING", "INVAL", "INVALID_REG"})
_DRAINED = frozenset({"DRAIN", "DRAINED", "DRAINING", "MAINT", "MAINTENANCE", "RESERVED", "BLOCKED"})
_REBOOTING = frozenset({"REBOOT", "REBOOT_ISSUED", "REBOOT_REQUESTED"})
_STATE_WORD = re.compile(r"[A-Z_]+")
_NOT_RESPONDING_MARK = "*"


@dataclass(frozen=True, slots=True)
class SlurmNode:
    """One node as `scontrol show node` tells it."""

    machine: ClusterNode
    arch: str
    os: str
    gpu_types: tuple[str, ...]
    features: tuple[str, ...]


def parse_pairs(line: str) -> dict[str, str]:
    """The `Key=value` pairs of one line; values may hold blanks, and the first of two equal keys counts."""
    pairs: dict[str, str] = {}
    matches = list(_PAIR.finditer(line))
    for index, match in enumerate(matches):
        end = matches[index + 1].start() if index + 1 < len(matches) else len(line)
        pairs.setdefault(match[1], line[match.end() : end].strip())
    return pairs


def parse_nodes(text: str, partition: str) -> list[SlurmNode]:
    """The nodes of one partition in `scontrol show node -o`."""
    nodes = []
    for line in text.splitlines():
        pairs = parse_pairs(line)
        if "NodeName" not in pairs or partition not in pairs.get("Partitions", "").split(","):
            continue
        gpus, gpu_types = _gpus(pairs.get("Gres", ""))
        cpus = int(pairs.get("CPUEfctv") or pairs["CPUTot"])
        memory_mb = int(pairs["RealMemory"]) - int(pairs.get("MemSpecLimit") or 0)
        machine = ClusterNode(pairs["NodeName"], Node(cpus, memory_mb, gpus), node_state(pairs.get("State", "")))
        features = tuple(part for part in pairs.get("ActiveFeatures", "").split(",") if part not in ("", "(null)"))
        nodes.append(SlurmNode(machine, pairs.get("Arch", ""), pairs.get("OS", ""), gpu_types, features))
    return nodes


def node_state(text: str) -> NodeState:
    """Ours for `IDLE+DRAIN`, `DOWN*`, `MIXED`."""
    words = set(_STATE_WORD.findall(text))
    if words & _DOWN or _NOT_RESPONDING_MARK in text:
        return NodeState.DOWN
    if words & (_DRAINED | _REBOOTING):
        return NodeState.DRAINED
    return NodeState.UP


def _gpus(gres: str) -> tuple[int, tuple[str, ...]]:
    """How many GPUs, and of which types, in `gpu:a100:4(S:0-1),gpu:2,nic:1`."""
    count, types = 0, []
    for entry in re.split(r",(?![^(]*\))", gres):
        if match := _GRES.match(entry):
            count += int(match[2])
            if match[1]:
                types.append(match[1])
    return count, tuple(types)


def default_partition(text: str) -> str | None:
    """The name of the default partition in `scontrol show partition -o`."""
    for line in text.splitlines():
        pairs = parse_pairs(line)
        if pairs.get("Default") == "YES":
            return pairs["PartitionName"]
    return None


def labels_of(nodes: Sequence[SlurmNode]) -> list[Label]:
    """What most nodes have in common. Slurm does not know processors: a feature named after one tells it."""
    found = {
        "os": _most_common(_os_name(node.os) for node in nodes),
        "arch": _most_common(node.arch for node in nodes),
        "cpu.microarch": _most_common(
            feature for node in nodes for feature in node.features if feature in archspec.cpu.TARGETS
        ),
        "gpu": _most_common(gpu_type for node in nodes for gpu_type in node.gpu_types),
    }
    return [Label(key, value) for key, text in found.items() if (value := label_value(text))]


def _most_common(texts: Iterable[str]) -> str:
    counted = Counter(text for text in texts if text)
    return counted.most_common(1)[0][0] if counted else ""


def _os_name(text: str) -> str:
    """The distribution, where the kernel's version names it (`Linux 6.1.0-13-amd64 #1 SMP Debian 6.1.55-1`)."""
    for name in ("debian", "ubuntu", "el7", "el8", "el9", "el10", "amzn", "suse"):
        if re.search(rf"(?<![a-z]){name}(?![a-z0-9])", text.lower()):
            return name
    return text.split(maxsplit=1)[0] if text else ""
