"""What Slurm keeps about ended jobs: the accounting database, else the job completion file, else nothing."""

from collections.abc import Sequence

from deepsquare.clusters.slurm.commands import Commands
from deepsquare.clusters.slurm.queue_text import SACCT_FORMAT, Row, parse_sacct

_MARGIN_SECONDS = 3600


class History:
    """Reads ended jobs by `sacct`, from wherever this cluster has them."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._options: tuple[str, ...] | None = None
        self._found_out = False

    async def rows(self, names: Sequence[str], uid: int, age_seconds: float) -> list[Row]:
        """The ended jobs of our account with these names that are at most so old; none where nothing is kept."""
        if not self._found_out:
            self._options = await self._find_out()
            self._found_out = True
        if self._options is None:
            return []
        since = f"now-{int(age_seconds) + _MARGIN_SECONDS}seconds"
        output = await self._commands.run(
            "sacct", *self._options, "-n", "-P", "-S", since, f"--name={','.join(names)}", "-o", SACCT_FORMAT
        )
        return [row for row in parse_sacct(output) if row.uid == uid]

    async def _find_out(self) -> tuple[str, ...] | None:
        """The options of `sacct` for this cluster's history."""
        config = await self._commands.run("scontrol", "show", "config")
        kinds = {}
        for line in config.splitlines():
            key, _, value = line.partition("=")
            kinds[key.strip()] = value.strip()
        if kinds.get("AccountingStorageType") == "accounting_storage/slurmdbd":
            return ("-X", "-a")
        if kinds.get("JobCompType") in ("jobcomp/filetxt", "jobcomp/mysql"):
            return ("-c",)
        return None
