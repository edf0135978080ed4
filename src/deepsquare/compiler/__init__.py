"""Workflow -> one bash script that Slurm runs. Pure: the same workflow and salt give the same bytes.

The way: `lower` (models to a `plan`), `render` (plan to bash): the parts of the `library` that the script needs,
then the user's program. `flow` writes scopes, traps, loops and launched steps, `command` writes what a step runs;
`transports` fetches and sends data; each further subject (containers, networks, modules) is one module beside them,
with parts of the runtime of its own, whose functions may join `ds_preparations` (before the job) and `ds_preludes`
(before each command). `quoting` is the only door for a user's text. The script knows its site from the environment
alone: where volumes lie (`DEEPSQUARE_SITE_SHARED_ROOT`, `DEEPSQUARE_SITE_TMP_ROOT`, `DEEPSQUARE_SITE_WORLD_TMP`,
`DEEPSQUARE_SITE_DISK_ROOT`), whose job it is (`DEEPSQUARE_SITE_USER`), what its scratch folder is called after
(`DEEPSQUARE_SITE_JOB`), and which programs to use (`DEEPSQUARE_SITE_SRUN`, `DEEPSQUARE_SITE_CURL` and others).
"""

from deepsquare.compiler.definition import definition
from deepsquare.compiler.errors import CompilerError, InvalidSalt, UnquotableText
from deepsquare.compiler.render import is_logged
from deepsquare.compiler.script import Script, compile  # noqa: A004  (the word for it; used as compiler.compile)

__all__ = ["CompilerError", "InvalidSalt", "Script", "UnquotableText", "compile", "definition", "is_logged"]
