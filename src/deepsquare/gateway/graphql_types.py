"""The workflow language as GraphQL input types, under the names that published clients know.

Only the shape stands here; what a value may be is the workflow package's business, which checks every job
that comes through this door. Unlike in files, an unknown field is an error here: GraphQL has it so. A test
compares these types with the models of the workflow package.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import strawberry

_NAMES: Mapping[str, str] = {
    "if_": "if",
    "for_": "for",
    "finally_": "finally",
    "read_only_root_fs": "readOnlyRootFS",
    "allowed_ips": "allowedIPs",
}
"""Fields whose published name is not simply the camel case of ours."""


def _named(name: str) -> Any:
    return strawberry.field(name=_NAMES[name], default=None)


@strawberry.input(description="An environment variable.")
class EnvVar:
    key: str
    value: str


@strawberry.input(name="HTTPData", description="A file behind an HTTP or HTTPS address.")
class HttpData:
    url: str


@strawberry.input(name="S3Data", description="A folder in an S3 bucket.")
class S3Data:
    region: str
    bucket_url: str
    path: str
    access_key_id: str
    secret_access_key: str
    endpoint_url: str
    delete_sync: bool | None = None


@strawberry.input(description="Where data comes from or goes to: exactly one of the two.")
class TransportData:
    http: HttpData | None = None
    s3: S3Data | None = None


@strawberry.input(description="What the whole job gets; memory in MB per CPU.")
class JobResources:
    tasks: int
    cpus_per_task: int
    mem_per_cpu: int
    gpus: int


@strawberry.input(description="A network that steps of this job share.")
class VirtualNetwork:
    name: str
    gateway_address: str


@strawberry.input(description="What one command gets; defaults come from the job.")
class StepRunResources:
    tasks: int | None = None
    cpus_per_task: int | None = None
    mem_per_cpu: int | None = None
    gpus_per_task: int | None = None


@strawberry.input(description="A bind mount (deprecated: use the job's volumes).")
class Mount:
    host_dir: str
    container_dir: str
    options: str | None = None


@strawberry.input(description="The container in which a command runs.")
class ContainerRun:
    image: str
    registry: str | None = None
    username: str | None = None
    password: str | None = None
    apptainer: bool | None = None
    deepsquare_hosted: bool | None = None
    mounts: list[Mount] | None = None
    x11: bool | None = None
    mount_home: bool | None = None
    read_only_root_fs: bool | None = _named("read_only_root_fs")


@strawberry.input(description="The other end of a WireGuard tunnel.")
class WireguardPeer:
    public_key: str
    pre_shared_key: str | None = None
    allowed_ips: list[str] | None = _named("allowed_ips")
    endpoint: str | None = None
    persistent_keepalive: int | None = None


@strawberry.input(description="A WireGuard interface.")
class Wireguard:
    private_key: str
    address: list[str] | None = None
    peers: list[WireguardPeer] | None = None


@strawberry.input(description="A reverse tunnel to a port of the step.")
class Bore:
    target_port: int
    bore_address: str | None = None
    address: str | None = None
    port: int | None = None
    secret: str | None = None


@strawberry.input(description="A step's connection to a virtual network of the job.")
class VNet:
    name: str
    address: str


@strawberry.input(description="An interface of a step's network: exactly one kind.")
class NetworkInterface:
    wireguard: Wireguard | None = None
    bore: Bore | None = None
    vnet: VNet | None = None


@strawberry.input(description="One command.")
class StepRun:
    command: str
    shell: str | None = None
    resources: StepRunResources | None = None
    container: ContainerRun | None = None
    network: str | None = None
    dns: list[str] | None = None
    custom_network_interfaces: list[NetworkInterface] | None = None
    env: list[EnvVar] | None = None
    map_uid: int | None = None
    map_gid: int | None = None
    work_dir: str | None = None
    disable_cpu_binding: bool | None = None
    mpi: str | None = None


@strawberry.input(description="A range of numbers, both ends included.")
class ForRange:
    begin: int
    end: int
    increment: int | None = None


@strawberry.input(description="A loop over items or over a range.")
class StepFor:
    parallel: bool
    steps: list["Step"]
    items: list[str] | None = None
    range: ForRange | None = None


@strawberry.input(description="Steps that run beside the ones that follow.")
class StepAsyncLaunch:
    steps: list["Step"]
    handle_name: str | None = None
    signal_on_parent_step_exit: int | None = None


@strawberry.input(description="A module: steps that somebody else has written.")
class StepUse:
    source: str
    args: list[EnvVar] | None = None
    export_env_as: str | None = None
    steps: list["Step"] | None = None


@strawberry.input(description="One step: at most one of steps, run, for, launch and use.")
class Step:
    name: str | None = None
    depends_on: list[str] | None = None
    if_: str | None = _named("if_")
    steps: list["Step"] | None = None
    run: StepRun | None = None
    for_: StepFor | None = _named("for_")
    launch: StepAsyncLaunch | None = None
    use: StepUse | None = None
    catch: list["Step"] | None = None
    finally_: list["Step"] | None = _named("finally_")


@strawberry.input(description="A job: resources, data in, steps, data out.")
class Job:
    resources: JobResources
    steps: list[Step]
    env: list[EnvVar] | None = None
    enable_logging: bool | None = None
    input: TransportData | None = None
    input_mode: int | None = None
    output: TransportData | None = None
    continuous_output_sync: bool | None = None
    virtual_networks: list[VirtualNetwork] | None = None


@strawberry.input(description="An argument of a module.")
class ModuleInput:
    key: str
    description: str
    default: str | None = None


@strawberry.input(description="A variable that a module exports.")
class ModuleOutput:
    key: str
    description: str


@strawberry.input(description="A module: a named group of steps with inputs and outputs.")
class Module:
    name: str
    description: str
    steps: list[Step]
    minimum_resources: JobResources | None = None
    inputs: list[ModuleInput] | None = None
    outputs: list[ModuleOutput] | None = None


def plain(value: object) -> Any:
    """An input as the mapping that a workflow file would hold: published names, nothing that was left out."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {published_name(name): plain(given) for name, given in fields if given is not None}


def published_name(name: str) -> str:
    """`cpus_per_task` as clients write it: `cpusPerTask`."""
    first, *others = name.split("_")
    return _NAMES.get(name, first + "".join(part.capitalize() for part in others))
