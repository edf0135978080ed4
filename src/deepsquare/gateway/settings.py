"""The gateway's settings, each with its default and its bounds; docs/gateway.md lists them all.

The defaults are those of one machine: loopback, SQLite in the working folder, no CORS. What a grid in
the open needs (a public URL, PostgreSQL, a proxy) is set explicitly, never guessed.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from deepsquare.gateway.address import InvalidGatewayUrl, normalised
from deepsquare.modules import DEFAULT_HOSTS, ModuleSettings

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
KIB = 1024
MIB = 1024 * KIB

_Seconds = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
_PerSecond = Annotated[float, Field(gt=0)]


class GatewaySettings(BaseModel):
    """Everything that an operator may decide about one gateway."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 lets the system choose one.")
    public_urls: tuple[str, ...] = Field(
        (),
        description="What clients call this gateway; a signature made for any other name is refused. "
        "Empty: http://127.0.0.1, http://localhost and http://[::1] with the port.",
    )
    database_url: str = Field(
        "sqlite:///gateway.sqlite",
        description="Where scripts and logs are kept: an SQLAlchemy URL of SQLite or PostgreSQL (postgresql+psycopg://...).",
        repr=False,
    )

    unnamed_script_seconds: _Seconds = Field(
        DAY_SECONDS, description="A script that no job ever names is deleted after this time."
    )
    script_grace_seconds: float = Field(
        300, ge=0, description="A script is deleted this long after the last job that names it is over."
    )
    unnamed_scripts_mb: _Count = Field(
        1024, description="Room for scripts that no job names yet; beyond it larger ones give way to smaller ones."
    )
    log_bytes_per_job: _Count = Field(
        64 * MIB, ge=KIB, description="A job's log is closed with a last line once it has this many bytes."
    )
    log_retention_seconds: _Seconds = Field(
        7 * DAY_SECONDS, description="A job's log is deleted this long after the job's end."
    )
    log_end_grace_seconds: float = Field(
        30, ge=0, description="How long followers of a job that is over wait for a log that nobody declared complete."
    )

    workflow_bytes: _Count = Field(MIB, description="Longest body of a workflow or a GraphQL request.")
    append_bytes: _Count = Field(MIB, description="Longest body of one append to a log.")
    other_body_bytes: _Count = Field(16 * KIB, description="Longest body of any other request.")
    compile_threads: _Count = Field(2, description="Workflows that are compiled at the same time.")
    compile_queue: _Count = Field(500, description="Workflows that wait to be compiled; beyond it the answer is 503.")

    module_hosts: tuple[str, ...] = Field(
        DEFAULT_HOSTS,
        description="Hosts that are asked for modules: `host`, by https, or `host=URL` for where its repositories lie.",
    )
    module_mirror: Path | None = Field(
        None, description="A folder of git repositories, `host/owner/repo` in it, which are taken from there alone."
    )
    module_cache: Path | None = Field(
        None, description="A folder for modules that were fetched; none: nothing is kept."
    )
    module_git: str = Field("git", description="The program git.")
    module_seconds: _Seconds = Field(
        30, description="How long one call of git may take; four times as long, all those for one workflow."
    )
    module_megabytes: _Count = Field(64, description="How large a module's repository may be, without its history.")
    module_fresh_seconds: float = Field(
        300, ge=0, description="How long a tag or a branch of a module is taken to stand where it stood."
    )
    module_threads: _Count = Field(4, description="Workflows with modules that are compiled at the same time.")

    challenge_seconds: _Seconds = Field(60, description="A challenge must be answered within this time.")
    requests_per_second: _PerSecond = Field(50, description="Requests per second and client address, in the long run.")
    requests_burst: _Count = Field(1000, description="Requests that one client address may make at once.")
    appends_per_second: _PerSecond = Field(500, description="Appends per second and client address, in the long run.")
    appends_burst: _Count = Field(5000, description="Appends that one client address may make at once.")
    tracked_addresses: _Count = Field(10_000, description="Client addresses whose rates are remembered.")
    followers: _Count = Field(1000, description="Followers of logs at the same time.")
    follow_poll_seconds: _Seconds = Field(
        0.2, description="How often a follower looks for what another gateway process has stored."
    )
    concurrent_requests: _Count = Field(2000, description="Connections at the same time; beyond it the answer is 503.")
    connections_per_address: _Count = Field(
        200, description="Connections of one client address; loopback and trusted proxies have no such bound."
    )
    request_seconds: _Seconds = Field(60, description="A request's head and body must arrive within this time.")

    graphql_introspection: bool = Field(False, description="True: clients may ask for the GraphQL schema.")
    graphql_tokens: _Count = Field(20_000, description="Longest GraphQL document, in tokens.")
    graphql_depth: _Count = Field(10, description="Deepest selection of a GraphQL document.")
    graphql_aliases: int = Field(5, ge=0, description="Most aliases in a GraphQL document.")

    cors_origins: tuple[str, ...] = Field((), description="Web origins whose pages may call this gateway.")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses of proxies whose X-Forwarded-For header is believed."
    )

    @field_validator("public_urls")
    @classmethod
    def _normalise(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(normalised(url) for url in urls)
        except InvalidGatewayUrl as problem:
            raise ValueError(str(problem)) from None

    @field_validator("module_hosts")
    @classmethod
    def _known_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return ModuleSettings(hosts=hosts).hosts

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if not url.startswith(("sqlite://", "postgresql+psycopg://")):
            raise ValueError("write sqlite:///path/of/file or postgresql+psycopg://user@host/database")
        return url

    @property
    def modules(self) -> ModuleSettings:
        """How modules of workflows are fetched."""
        return ModuleSettings(
            hosts=self.module_hosts,
            mirror=self.module_mirror,
            cache=self.module_cache,
            git=self.module_git,
            seconds=self.module_seconds,
            megabytes=self.module_megabytes,
            fresh_seconds=self.module_fresh_seconds,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The normalised URLs under which clients may know this gateway."""
        return self.public_urls or tuple(
            normalised(f"http://{host}:{self.port}") for host in ("127.0.0.1", "localhost", "[::1]")
        )
