"""How a grid knows that its services serve, and what its gateway is told."""

import tomllib
from pathlib import Path

import pytest

from deepsquare.chain import GridAddress
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.parts import gateway_part
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.model import Address
from tests.support.foreign_gateway import ANSWER, foreign_gateway


async def test_a_gateway_of_another_grid_on_the_port_is_not_taken_for_this_grids(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    served = GridAddress(int(str(ANSWER["chain_id"])), Address(str(ANSWER["contract"])), 0)
    ours = GridAddress(served.chain_id, Address("0x" + "2" * 40), 0)
    with folder.held(), foreign_gateway() as url:
        for grid, is_ready in ((ours, False), (served, True)):
            async with GatewayClient(url, SigningDomain.of(grid)) as client:
                assert await gateway_part(folder, 8080, client).is_ready() is is_ready


@pytest.mark.parametrize("mirror", ["", "mirror"])
async def test_the_gateway_takes_modules_from_where_its_owner_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSQUARE_MODULE_MIRROR", mirror)
    folder = StateFolder(tmp_path / "state")
    domain = SigningDomain.of(GridAddress(1, Address("0x" + "2" * 40), 0))
    with folder.held():
        async with GatewayClient("http://127.0.0.1:1", domain) as client:
            gateway_part(folder, 8080, client)
    settings = GatewaySettings(**tomllib.loads((folder.path / "gateway.toml").read_text()))
    assert settings.module_mirror == (tmp_path / mirror if mirror else None)
    assert settings.module_cache == tmp_path / "state" / "gateway" / "modules"
