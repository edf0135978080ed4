"""A command as bash: the described `srun`, then what it runs."""

from collections.abc import Iterator

from deepsquare.compiler.containers import write_container
from deepsquare.compiler.networks import write_network
from deepsquare.compiler.plan import Command
from deepsquare.compiler.quoting import quote
from deepsquare.compiler.writer import Writer
from deepsquare.workflow import arguments_of


def write_command(command: Command, writer: Writer) -> None:
    """One step of Slurm; if it fails, the function around it returns."""
    writer.word("step", command.path)
    writer.word("options", *command.options)
    if command.environment or (command.directory is not None and command.container is None):
        writer.needs("surroundings")
    if command.environment:
        writer.line("environment \\")
        assignments = [quote(f"{name}={value}") for name, value in command.environment]
        for assignment in assignments[:-1]:
            writer.line(f"  {assignment} \\")
        writer.line(f"  {assignments[-1]}")
    runner = write_network(command.network, writer)
    if command.container is not None:
        runner = f"{write_container(command.container, command, writer)} {runner}"
    elif command.directory is not None:
        writer.word("directory", command.directory)
    writer.line(" ".join([runner, *_program(command), "|| return"]))


def _program(command: Command) -> Iterator[str]:
    """The words of bash that are the program with its arguments; none of it: what an image is made to run."""
    if command.shell is not None:
        yield from (command.shell, "-c")
        if command.text.startswith(("-", "+")):  # else shells take it for options
            yield "--"
        yield quote(command.text)
    else:
        yield from map(quote, arguments_of(command.text))
