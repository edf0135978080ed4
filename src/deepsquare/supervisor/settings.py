"""What an operator may set of a supervisor, each with its default and its bounds; docs/supervisor.md lists all.

Pure values: who reads them from which file, and puts cluster and journal beside them, is not decided here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from deepsquare.model import Address, InvalidAmount, JobTag, Prices, parse_credits
from deepsquare.supervisor.scratch import scratch_name

_LABEL_KEY = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_MAX_LABEL_CHARACTERS = 64


def _wei(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError('write the amount in quotes, for example "0.25": a bare number may lose digits')  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        return parse_credits(value)
    except InvalidAmount as error:
        raise ValueError(str(error)) from None


_Credits = Annotated[int, BeforeValidator(_wei)]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]
_Count = Annotated[int, Field(ge=1, le=256)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PriceSettings(_Settings):
    """What this cluster costs, in credits per minute, as decimals in quotes."""

    cpu_per_minute: _Credits = Field(description="Credits for one CPU and one minute.")
    memory_mb_per_minute: _Credits = Field(description="Credits for one MB of memory and one minute.")
    gpu_per_minute: _Credits = Field(0, description="Credits for one GPU and one minute.")

    @property
    def prices(self) -> Prices:
        """The prices in wei of credit."""
        return Prices(self.gpu_per_minute, self.cpu_per_minute, self.memory_mb_per_minute)


class LimitSettings(_Settings):
    """How patient the supervisor is."""

    lost_after_looks: _Count = Field(
        5, description="Looks in which a cluster that answers does not know a job of its own."
    )
    lost_grace_seconds: _Seconds = Field(
        120, description="And for how long at least, before the job counts as lost and its customer pays nothing."
    )
    submit_settle_seconds: _Seconds = Field(
        15, description="How long a submit whose answer was lost may still arrive; until then it is not repeated."
    )
    longest_job_minutes: int = Field(
        10_080, ge=1, le=525_600, description="The longest time limit that a job is given, whatever it has paid for."
    )
    refused_script_seconds: float = Field(
        30, ge=0, description="How long a gateway that answers may refuse a job's script before the job goes back."
    )
    log_patience_seconds: float = Field(
        86_400,
        ge=0,
        description="How long the log of a job that is over may wait for the gateway before it is dropped.",
    )


class PaceSettings(_Settings):
    """How often the supervisor looks, and how much it does at once."""

    look_seconds: _Seconds = Field(5, description="The longest pause between two looks; news starts one earlier.")
    least_pause_seconds: float = Field(0.2, ge=0, le=10, description="The shortest pause between two looks.")
    reread_seconds: _Seconds = Field(15, description="How old a job as read from the chain may grow without an event.")
    registration_seconds: _Seconds = Field(60, description="How often the cluster is compared with its registration.")
    status_seconds: _Seconds = Field(
        5, description="How often a meta-scheduler that has a door is told how the cluster stands."
    )
    log_seconds: _Seconds = Field(0.1, description="How often the outputs of jobs are looked at.")
    sync_seconds: _Seconds = Field(60, description="How often a job's output in S3 is kept in step while it runs.")
    log_chunk_bytes: int = Field(
        262_144, ge=1024, le=1_048_576, description="The largest piece of a log in one request, and in memory per job."
    )
    claim_batch: _Count = Field(50, description="Claims in one transaction.")
    report_batch: _Count = Field(32, description="Reports in one transaction.")
    fetches_at_once: _Count = Field(8, description="Scripts fetched at the same time.")
    submits_at_once: _Count = Field(8, description="Submits to the cluster at the same time.")
    logs_at_once: _Count = Field(8, description="Logs sent at the same time.")


class VolumeSettings(_Settings):
    """Where the volumes of jobs lie on this site; the script of a job reads them from its environment."""

    shared_root: Path = Field(
        Path("/var/lib/deepsquare/volumes"),
        description="A folder that all nodes see under this path: scratch of each job, and what jobs share.",
    )
    tmp_root: Path | None = Field(None, description="Folders that each customer keeps. Empty: `tmp` in shared_root.")
    world_tmp: Path | None = Field(None, description="A folder that all customers share. Empty: `world-tmp` there.")
    disk_root: Path | None = Field(None, description="A folder on each node's own disk. Empty: `disk` in shared_root.")

    @property
    def environment(self) -> dict[str, str]:
        """What the script of a job is told of them."""
        return _named(
            {
                "SHARED_ROOT": self.shared_root,
                "TMP_ROOT": self.tmp_root,
                "WORLD_TMP": self.world_tmp,
                "DISK_ROOT": self.disk_root,
            }
        )


class ToolSettings(_Settings):
    """Programs that jobs use, as every node has them: a name that is on the PATH there, or a path."""

    srun: str | None = Field(None, description="Starts tasks; `scontrol` and `scancel` lie beside it.")
    apptainer: str = Field("apptainer", description="Runs containers of Apptainer, 1.1 or newer.")
    enroot: str = Field("enroot", description="Runs containers of Enroot, 3.1 or newer.")
    curl: str = Field("curl", description="Fetches and sends data over http.")
    rclone: str = Field("rclone", description="Fetches and sends data in S3.")
    slirp4netns: str = Field("slirp4netns", description="Leads networks of steps out, where they ask for it.")
    pasta: str = Field("pasta", description="Leads networks of steps out, where they ask for it.")
    wireguard: str = Field("wireguard-go", description="WireGuard where the kernel has none.")
    tunnel: str | None = Field(None, description="Opens a tunnel from a server to a port of a step.")

    @property
    def environment(self) -> dict[str, str]:
        """What the script of a job is told of them."""
        return _named({name.upper(): getattr(self, name) for name in type(self).model_fields})


class ContainerSettings(_Settings):
    """What containers may do here."""

    runtimes: tuple[Literal["apptainer", "enroot"], ...] = Field(
        ("apptainer", "enroot"), description="Which runtimes jobs may use; a label tells of each that is found."
    )
    images: Path | None = Field(None, description="The site's library of images for `deepsquareHosted`.")
    mounts: tuple[Path, ...] = Field((), description="Folders that containers may mount for reading.")
    writable_mounts: tuple[Path, ...] = Field((), description="Folders that they may mount for writing, too.")

    @field_validator("mounts", "writable_mounts")
    @classmethod
    def _plain_folders(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        for folder in folders:
            if not folder.is_absolute() or ":" in str(folder):
                raise ValueError(f"{str(folder)!r} cannot be allowed: write a path from the root, without a colon")
        return folders

    @property
    def environment(self) -> dict[str, str]:
        """What the script of a job is told of them."""
        return _named(
            {
                "RUNTIMES": " ".join(self.runtimes),
                "IMAGES": self.images,
                "MOUNTS": ":".join(map(str, self.mounts)),
                "WRITABLE_MOUNTS": ":".join(map(str, self.writable_mounts)),
            }
        )


class NetworkSettings(_Settings):
    """Which networks of their own commands may have here."""

    kinds: tuple[Literal["slirp4netns", "pasta"], ...] = Field(
        ("slirp4netns", "pasta"), description="Which ways out jobs may use; labels tell what of it works."
    )

    @property
    def environment(self) -> dict[str, str]:
        """What the script of a job is told of them."""
        return _named({"NETWORKS": " ".join(self.kinds)})


def _named(values: Mapping[str, str | Path | None]) -> dict[str, str]:
    """Variables of a job's script; what is not set has the script's own default."""
    return {f"DEEPSQUARE_SITE_{name}": str(value) for name, value in values.items() if value is not None}


class SupervisorSettings(_Settings):
    """Everything that an operator may decide about one supervisor, but for where its grid and its cluster are."""

    prices: PriceSettings
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Labels of this cluster; they win over detected ones of the same key.",
    )
    volumes: VolumeSettings = VolumeSettings()
    tools: ToolSettings = ToolSettings()
    containers: ContainerSettings = ContainerSettings()
    networks: NetworkSettings = NetworkSettings()
    limits: LimitSettings = LimitSettings()
    pace: PaceSettings = PaceSettings()

    @field_validator("labels")
    @classmethod
    def _plain_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        for key, value in labels.items():
            if not _LABEL_KEY.fullmatch(key) or len(key) > _MAX_LABEL_CHARACTERS:
                raise ValueError(f"{key!r} is no label key; write lower-case words joined by dots or dashes")
            if not value or len(value) > _MAX_LABEL_CHARACTERS or value != value.lower() or " " in value:
                raise ValueError(f"{key} = {value!r}: write lower case, words joined by dashes, at most 64 characters")
        return labels

    def environment(self, customer: Address, tag: JobTag) -> dict[str, str]:
        """What the script of one attempt at a customer's job is told of its site."""
        site = self.volumes.environment | self.tools.environment | self.containers.environment
        site |= self.networks.environment
        site |= _named({"SYNC_SECONDS": str(self.pace.sync_seconds)})
        return site | {"DEEPSQUARE_SITE_USER": customer.lower(), "DEEPSQUARE_SITE_JOB": scratch_name(tag)}
