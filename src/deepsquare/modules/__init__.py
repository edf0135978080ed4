"""Where the modules of workflows come from: git repositories of allowed hosts, or of a mirror in a folder.

`GitModules` is the port `deepsquare.workflow.Modules` over git itself: nothing is checked out, no hook or filter runs,
no link is followed, no submodule is entered. Git's own credential helpers open private repositories; no secret is on
a command line, and nothing that git prints gets into an error.
"""

from deepsquare.modules.pinning import NO_PINS, Pins, pins_of
from deepsquare.modules.repository import COMMIT
from deepsquare.modules.resolver import GitModules
from deepsquare.modules.settings import DEFAULT_HOSTS, InvalidModuleHost, ModuleSettings

__all__ = ["COMMIT", "DEFAULT_HOSTS", "NO_PINS", "GitModules", "InvalidModuleHost", "ModuleSettings", "Pins", "pins_of"]
