"""Containers as bash: the words that describe one, and who starts the command in it.

What depends on the site (where an image lies, what may be mounted, which runtime is there) the script finds out when
it runs: the same script runs on any site.
"""

from collections.abc import Iterator

from deepsquare.compiler.plan import Command
from deepsquare.compiler.writer import Writer
from deepsquare.workflow import Container, split_registry, uses_apptainer


def write_container(container: Container, command: Command, writer: Writer) -> str:
    """Describes the container; the word of the runtime that starts the command in it."""
    runtime = "apptainer" if uses_apptainer(container) else "enroot"
    writer.needs(runtime)
    writer.word("image", *_image(container))
    if container.username is not None or container.password is not None:
        writer.word("credentials", container.username or "", container.password or "")
    for mount in container.mounts:
        writer.word("mount_folder", mount.host_dir, mount.container_dir, mount.options or "rw")
    sights = tuple(_sights(container, command))
    if sights:
        writer.word("sees", *sights)
    if command.directory is not None:
        writer.word("inside", command.directory)
    return f"in_{runtime} {'run' if command.shell is None else 'exec'}"


def _image(container: Container) -> tuple[str, ...]:
    """Where to look for the image, and what for; in a library the registry may be left out."""
    if container.deepsquare_hosted:
        return "library", _name(container).lstrip("/"), container.image.lstrip("/")
    if container.image.startswith("/"):
        return "file", container.image
    return "registry", _name(container) if uses_apptainer(container) else _name_for_enroot(container)


def _name(container: Container) -> str:
    return container.image if container.registry is None else f"{container.registry}/{container.image}"


def _name_for_enroot(container: Container) -> str:
    """`[<registry>#]<image>[:<tag or digest>]`."""
    name, _, digest = container.image.partition("@")
    registry = container.registry
    if registry is None:
        registry, name = split_registry(name)
    if digest:
        path, slash, last = name.rpartition("/")
        name = f"{path}{slash}{last.partition(':')[0]}:{digest}"
    return name if registry is None else f"{registry}#{name}"


def _sights(container: Container, command: Command) -> Iterator[str]:
    """What it is given of the host, whether it may change its own files, and whether it keeps the powers of root."""
    if not container.read_only_root_fs:
        yield "changes"
    if command.gpus_per_task:
        yield "gpus"
    if command.network.map_uid == 0:
        yield "root"
    if container.mount_home:
        yield "home"
    if container.x11:
        yield "x11"
