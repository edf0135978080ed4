"""Which networks of their own jobs can have on this site, as labels: `network.pasta=yes`.

Each is tried as far as that leaves nothing behind: namespaces and a WireGuard interface are made for a moment.
"""

import os
import shutil
from pathlib import Path

from deepsquare.model import Label
from deepsquare.supervisor.inquiry import answer_of
from deepsquare.supervisor.settings import SupervisorSettings

TUNNEL_DEVICE = Path("/dev/net/tun")

_NAMESPACES = ("unshare", "--user", "--map-root-user", "--net", "--mount")
_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")
"""Where jobs look for programs, too."""
_ELSEWHERE = "192.0.2.1"
"""An address of nobody: what leads there says under which address other nodes reach this one."""


def network_labels(settings: SupervisorSettings, device: Path = TUNNEL_DEVICE) -> list[Label]:
    """A label for each thing that works here. `device`: what makes a network lead out."""
    return [Label(key, "yes") for key in _abilities(settings, device)]


def _abilities(settings: SupervisorSettings, device: Path) -> list[str]:
    tools = settings.tools
    if answer_of(*_NAMESPACES, "true") is None:
        return []
    found = ["user-namespaces"]
    if not os.access(device, os.R_OK | os.W_OK):
        return found
    leads_out = {kind for kind in ("slirp4netns", "pasta") if answer_of(getattr(tools, kind), "--version") is not None}
    kinds = [kind for kind in settings.networks.kinds if kind in leads_out]
    found += [f"network.{kind}" for kind in kinds]
    if kinds and tools.tunnel is not None and _has(tools.tunnel):
        found.append("network.tunnel")
    if kinds and _has("wg") and (_kernel_has_wireguard() or _has(tools.wireguard)):
        found.append("network.wireguard")
        if "pasta" in leads_out and _has_address():
            found.append("network.virtual")
    return found


def _has(program: str) -> bool:
    return _found(program) is not None


def _found(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS)))


def _kernel_has_wireguard() -> bool:
    return answer_of(*_NAMESPACES, _found("ip") or "ip", "link", "add", "wg0", "type", "wireguard") is not None


def _has_address() -> bool:
    return " src " in (answer_of(_found("ip") or "ip", "-4", "route", "get", _ELSEWHERE) or "")
