"""Containers in which commands run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from deepsquare.workflow.formats import check_image, check_mount_path, check_registry
from deepsquare.workflow.limits import MAX_NAME_BYTES
from deepsquare.workflow.shapes import Choice, Flag, Key, ListOf, Model, RecordOf, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount(Model):
    """A folder of the host in a container. Deprecated: the job's volumes are there anyway."""

    host_dir: Annotated[str, Key("hostDir", Text(MAX_NAME_BYTES, check_mount_path), "The folder on the host.")]
    container_dir: Annotated[str, Key("containerDir", Text(MAX_NAME_BYTES, check_mount_path), "Where it appears.")]
    options: Annotated[
        str | None, Key("options", Choice(("rw", "ro")), "rw: it can be written (the default); ro: only read.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Model):
    """The container of a command: its image, who runs it, what it sees of the host."""

    aliases: ClassVar[Mapping[str, str]] = {"name": "image", "user": "username", "readOnly": "readOnlyRootFS"}

    image: Annotated[
        str,
        Key(
            "image",
            Text(MAX_NAME_BYTES, check_image),
            "An image of a registry (`name:tag`), or the absolute path of a file below `$STORAGE_PATH`.",
        ),
    ]
    registry: Annotated[
        str | None,
        Key("registry", Text(MAX_NAME_BYTES, check_registry), "The registry's host; Docker Hub by default."),
    ] = None
    username: Annotated[str | None, Key("username", Text(MAX_NAME_BYTES), "Who asks the registry.")] = None
    password: Annotated[
        str | None, Key("password", Text(MAX_NAME_BYTES, is_secret=True), "The password for the registry.")
    ] = field(default=None, repr=False)
    apptainer: Annotated[bool, Key("apptainer", Flag(), "True: run it with Apptainer; false: with Enroot.")] = False
    deepsquare_hosted: Annotated[
        bool, Key("deepsquareHosted", Flag(), "The image is one of the provider's own library; implies Apptainer.")
    ] = False
    mounts: Annotated[
        tuple[Mount, ...], Key("mounts", ListOf(RecordOf(lambda: Mount)), "Deprecated: folders of the host.")
    ] = ()
    x11: Annotated[bool, Key("x11", Flag(), "Give the container the host's X11 socket.")] = False
    mount_home: Annotated[bool, Key("mountHome", Flag(), "Give the container the user's home on the host.")] = False
    read_only_root_fs: Annotated[bool, Key("readOnlyRootFS", Flag(), "The image's own files cannot be changed.")] = (
        False
    )


def uses_apptainer(container: Container) -> bool:
    """Whether Apptainer runs it; else Enroot does."""
    return container.apptainer or container.deepsquare_hosted
