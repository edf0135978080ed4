"""A command as bash: the described `srun`, then what it runs."""

from deepsquare.compiler.plan import Command
from deepsquare.compiler.quoting import quote
from deepsquare.compiler.writer import Writer


def write_command(command: Command, writer: Writer) -> None:
    """One step of Slurm; if it fails, the function around it returns."""
    writer.word("step", command.path)
    writer.word("options", *command.options)
    if command.environment or command.directory is not None:
        writer.needs("surroundings")
    if command.environment:
        writer.line("environment \\")
        assignments = [quote(f"{name}={value}") for name, value in command.environment]
        for assignment in assignments[:-1]:
            writer.line(f"  {assignment} \\")
        writer.line(f"  {assignments[-1]}")
    if command.directory is not None:
        writer.word("directory", command.directory)
    writer.line(f"run {command.shell} -c {quote(command.text)} || return")
