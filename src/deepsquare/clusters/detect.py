"""What a Linux machine says about itself, as labels with the standard keys: lower case, words joined with `-`."""

import os
import platform
import re
from pathlib import Path

import archspec.cpu

from deepsquare.model import Label

_NOT_NAME = re.compile(r"\((?:R|TM|tm|r)\)|\bCPU\b|@.*")
_NOT_WORD = re.compile(r"[^a-z0-9.]+")


def machine_labels() -> list[Label]:
    """`os`, `arch`, `cpu` and `cpu.microarch` of this machine; what cannot be told is left out."""
    found = {
        "os": _os_id(),
        "arch": label_value(platform.machine()),
        "cpu": _cpu_model(),
        "cpu.microarch": label_value(archspec.cpu.host().name),
    }
    return [Label(key, value) for key, value in found.items() if value]


def label_value(text: str) -> str:
    """Words in lower case joined with `-`: `Sky Lake_X` is `sky-lake-x`."""
    return _NOT_WORD.sub("-", text.lower()).strip("-")


def _cpu_model() -> str:
    """The processor's name without trademarks and clock rate (`amd-epyc-7763-64-core-processor`)."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return label_value(_NOT_NAME.sub(" ", value))
    return ""


def _os_id() -> str:
    """The distribution as os-release names it (`debian`), else the kernel's name."""
    try:
        return label_value(platform.freedesktop_os_release()["ID"])
    except OSError:
        return label_value(os.uname().sysname)
