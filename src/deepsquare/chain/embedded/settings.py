"""What a chain node needs to know to run as a service."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from deepsquare.chain.embedded.genesis import CHAIN_ID
from deepsquare.chain.embedded.server import LOOPBACK

_HexAddress = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class NodeSettings(BaseModel):
    """A chain node: where its chain lies, where it listens, and what the chain starts with.

    `chain_id` and `funded` (address to wei) shape the chain when its database is created. Later, another chain id
    is refused and `funded` is not looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: Path
    host: str = LOOPBACK
    port: int = Field(default=8545, ge=0, le=65535)
    chain_id: int = Field(default=CHAIN_ID, gt=0, lt=2**53)
    funded: dict[_HexAddress, Annotated[int, Field(ge=0, lt=2**256)]] = Field(default_factory=dict)
