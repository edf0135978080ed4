"""The form between a workflow and its script: what happens, in order, with every default filled in.

Lowering decides, rendering writes; neither the models nor the bash need to know of each other. The words of
this form:

- A `Scope` is steps in order. What was launched in it ends with it; the handles of launched steps are known
  from there on to the rest of the scope and to every scope inside of it.
- A `Step` is an action with what surrounds it: handles that it awaits, a condition, and its two traps:
  `catch`, where the action fails, and `conclusion` (`finally`), however it goes, also where the job is asked to end.
- An action is a `Command`, a `Scope` of its own, a `Loop`, a `Launch` or a `Call` of a module.

Containers, networks and transports are described here in the words of the language, complete and checked; each
has its own module in this package, which turns it into what the script does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from deepsquare.workflow import Container, JobResources, NetworkInterface, Transport, VirtualNetwork

Variables = tuple[tuple[str, str], ...]
"""Names and values in the order in which they count: a later one wins."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a command sees of the network, and as whom it sees itself."""

    kind: str
    """host, slirp4netns or pasta."""
    dns: tuple[str, ...] = ()
    interfaces: tuple[NetworkInterface, ...] = ()
    map_uid: int | None = None
    map_gid: int | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One `srun`: a program in each task of a step."""

    path: str
    """Where it stands in the workflow (`steps[2].steps[0]`); holds nothing of the user's."""
    options: tuple[str, ...]
    """Arguments of srun, one word each."""
    environment: Variables
    directory: str | None
    """None: the job's scratch folder; in a container the image's own."""
    shell: str | None
    """None: what the container's image is made to run (ENTRYPOINT)."""
    text: str
    """What the shell runs; without one the arguments of the image's own program."""
    container: Container | None
    gpus_per_task: int
    network: Network


@dataclass(frozen=True, slots=True)
class Scope:
    """Steps one after another; the first failure ends them."""

    path: str
    steps: tuple["Step", ...]

    @property
    def launches(self) -> bool:
        """True where a step of this very scope is launched: it must be ended with the scope."""
        return any(isinstance(step.action, Launch) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Items:
    """A loop's texts; `$item` is one after the other."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A loop's numbers, both ends included; `$index` is one after the other."""

    begin: int
    end: int
    increment: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A scope for each value: one after another, or all at once."""

    values: Items | Numbers
    is_parallel: bool
    body: Scope


@dataclass(frozen=True, slots=True)
class Launch:
    """A scope that runs beside the steps that follow it."""

    handle: str | None
    """In lower case: a handle's case does not count."""
    signal: int
    """What its commands get when the scope around it ends; 0: nothing, it is awaited."""
    body: Scope


@dataclass(frozen=True, slots=True)
class Call:
    """A module's steps, with its inputs as variables."""

    arguments: Variables
    exports: Variables
    """From the name of an output to the name under which the caller sees it."""
    body: Scope


Action = Command | Scope | Loop | Launch | Call


@dataclass(frozen=True, slots=True)
class Step:
    """An action with what surrounds it."""

    path: str
    name: str | None
    awaits: tuple[str, ...]
    """Handles, in lower case."""
    condition: str | None
    action: Action | None
    catch: Scope | None
    conclusion: Scope | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole job."""

    summary: str
    """One line for the reader of the script; holds nothing of the user's but numbers."""
    resources: JobResources
    variables: Variables
    """What the resources export."""
    environment: Variables
    is_logged: bool
    body: Scope
    modules: tuple[str, ...]
    """Where each module comes from, to its commit; holds nothing that a comment could not."""
    networks: tuple[VirtualNetwork, ...]
    fetched: Transport | None
    fetched_mode: int | None
    sent: Transport | None
    is_sent_continuously: bool


def steps_of(scope: Scope) -> Iterator[Step]:
    """All steps of a scope, those of inner scopes included."""
    for step in scope.steps:
        yield step
        for inner in inner_scopes(step):
            yield from steps_of(inner)


def inner_scopes(step: Step) -> Iterator[Scope]:
    """The scopes within a step: of its action and of its traps."""
    match step.action:
        case Scope() as scope:
            yield scope
        case Loop(body=body) | Launch(body=body) | Call(body=body):
            yield body
        case _:
            pass
    yield from (trap for trap in (step.catch, step.conclusion) if trap is not None)
