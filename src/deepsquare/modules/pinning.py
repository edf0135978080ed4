"""Pins: the commits at which a workflow's modules were found, so that others compile the very same script.

A tag may move between two readings. So who submits a workflow sends along which commit each source was for
them, and the gateway takes these; git checks that a commit's content is what its name says.
"""

from collections.abc import Mapping
from types import MappingProxyType

from deepsquare.workflow import UsedModules

Pins = Mapping[str, str]
"""From a source, as it is written in a workflow or in a module, to the commit that it stands for."""


NO_PINS: Pins = MappingProxyType({})


def pins_of(modules: UsedModules) -> Pins:
    """The pins of the modules that a workflow was loaded with."""
    return {module.source.text: module.commit for module in modules.values()}
