"""Modules of workflows for this user: from the hosts and the mirror of the settings, with a cache of the user's."""

from collections.abc import Callable

from deepsquare.modules import DEFAULT_HOSTS, GitModules, ModuleSettings
from deepsquare.sdk.configuration import Configuration
from deepsquare.workflow import FetchedModule, ModuleSource


class UserModules:
    """Fetches modules as the settings say, which are looked up when a workflow uses the first one."""

    def __init__(self, find_configuration: Callable[[], Configuration]) -> None:
        self._find_configuration = find_configuration
        self._modules: GitModules | None = None

    def fetch(self, source: ModuleSource) -> FetchedModule:
        """The module at this source. Raises `ModuleUnavailable`, and `InvalidValue` where a setting is wrong."""
        if self._modules is None:
            self._modules = GitModules(_settings(self._find_configuration()))
        return self._modules.fetch(source)


def _settings(configuration: Configuration) -> ModuleSettings:
    from platformdirs import user_cache_path  # noqa: PLC0415 - only workflows with modules need it

    hosts = configuration.get("module_hosts")
    return ModuleSettings(
        hosts=DEFAULT_HOSTS if hosts is None else tuple(filter(None, hosts.split(","))),
        mirror=configuration.path("module_mirror"),
        cache=user_cache_path("deepsquare") / "modules",
    )
