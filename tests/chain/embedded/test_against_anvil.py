"""The same transactions on the embedded chain and on anvil, whose EVM (revm) is another implementation altogether.

Gas, success, logs, code, storage and balances must agree to the last unit. Programs are made at random from a fixed
seed, so that a difference comes back; what legitimately differs between nodes (time, block numbers, who gets the
fees) is left out of them.
"""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.http_rpc import HttpRpc
from deepsquare.chain.rpc import Rpc
from tests.chain.embedded.programs import OPCODES, assemble, creation_of
from tests.chain.embedded.wallet import CHAIN_ID, RICH, Wallet, receipt, word
from tests.support.nodes import anvil

pytestmark = pytest.mark.system

ARTIFACTS = Path(__file__).parents[3] / "src" / "deepsquare" / "chain" / "artifacts"
DIFFER_BETWEEN_NODES = {"TIMESTAMP", "NUMBER", "COINBASE", "GASLIMIT", "BASEFEE", "BLOCKHASH"}
MOSTLY_END = {"STOP", "RETURN", "REVERT", "INVALID", "SELFDESTRUCT", "JUMP", "JUMPI"}
SLOTS = range(4)
PROGRAMS = 150
ITEMS = 40
GAS = 400_000


@pytest.fixture
async def reference(tmp_path: Path, wallet: Wallet) -> AsyncIterator[HttpRpc]:
    options = ("--base-fee", "0", "--gas-price", "0", "--gas-limit", "50000000", "--no-mining")
    async with anvil(tmp_path, CHAIN_ID, *options, rules="prague") as node:
        rpc = HttpRpc(node.url)
        await rpc.request("anvil_setBalance", [wallet.address, hex(RICH)])
        yield rpc
        await rpc.close()


def random_program(source: random.Random) -> bytes:
    """Opcodes in any order, over a stack of numbers that mostly let them do something."""
    names = [name for name in OPCODES if name not in DIFFER_BETWEEN_NODES | MOSTLY_END]
    common = (0, 0, 0, 1, 1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 64, 100, 255)
    huge = (256, 1000, 30_000, 2**64, 2**160 - 1, 2**255, 2**256 - 1)
    items = [str(source.choice(common)) for _ in range(ITEMS)]
    for _ in range(ITEMS):
        chance = source.random()
        if chance < 0.5:
            items.append(str(source.choice(common if source.random() < 0.95 else huge)))
        elif chance < 0.7:
            items.append(source.choice(("SSTORE", "SLOAD", "CALL", "STATICCALL", "MSTORE", "LOG1", "GAS", "TSTORE")))
        else:
            items.append(source.choice(names))
    items.append(source.choice(sorted(MOSTLY_END)))
    return assemble(" ".join(items))


async def outcome(rpc: Rpc, raw: str, *contracts: str) -> dict[str, Any]:
    """What a transaction did, as far as a client can see."""
    sent = await rpc.request("eth_sendRawTransaction", [raw])
    if isinstance(rpc, HttpRpc):
        await rpc.request("evm_mine")
    mined = await receipt(rpc, sent)
    touched = [*contracts, *([mined["contractAddress"]] if mined["contractAddress"] else [])]
    calls = [("eth_getStorageAt", [address, hex(slot), "latest"]) for address in touched for slot in SLOTS]
    calls += [(method, [address, "latest"]) for address in touched for method in ("eth_getCode", "eth_getBalance")]
    return {
        "gas": int(mined["gasUsed"], 16),
        "status": mined["status"],
        "created": mined["contractAddress"] and mined["contractAddress"].lower(),
        "logs": [(log["address"].lower(), log["topics"], log["data"]) for log in mined["logs"]],
        "bloom": mined["logsBloom"],
        "state": await rpc.batch(calls),
    }


async def expect_agreement(
    chain: EmbeddedChain, reference: HttpRpc, raw: str, *contracts: str, about: str
) -> dict[str, Any]:
    ours = await outcome(chain, raw, *contracts)
    theirs = await outcome(reference, raw, *contracts)
    assert ours == theirs, about
    return ours


async def test_random_programs_do_the_same(chain: EmbeddedChain, reference: HttpRpc, wallet: Wallet) -> None:
    source = random.Random(20300101)  # noqa: S311 - wants repetition, not secrecy
    succeeded = 0
    for number in range(PROGRAMS):
        program = random_program(source)
        about = f"program {number}: {program.hex()}"
        creation = wallet.sign(data=creation_of(program), gas=GAS)
        contract = (await expect_agreement(chain, reference, creation, about=about))["created"]
        for call in (
            wallet.sign(to=contract, data=word(number), gas=GAS, value=3),
            wallet.sign(to=contract, gas=GAS, maxFeePerGas=0, maxPriorityFeePerGas=0),
        ):
            done = await expect_agreement(chain, reference, call, contract, about=about)
            succeeded += done["status"] == "0x1"
    assert succeeded > PROGRAMS / 5


@pytest.mark.parametrize(
    "text",
    [
        "1 PUSH0 SSTORE PUSH0 PUSH0 SSTORE 2 PUSH0 SSTORE PUSH0 PUSH0 SSTORE",  # refunds taken back and given again
        "PUSH0 PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS CALL",  # as deep as the gas carries
        "1 1 TSTORE PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS DELEGATECALL 1 TLOAD PUSH0 SSTORE",
        "ADDRESS SELFDESTRUCT",
        "PUSH0 SELFDESTRUCT",
        "9 SELFDESTRUCT",
        "CODESIZE PUSH0 PUSH0 CODECOPY CODESIZE PUSH0 PUSH0 CREATE PUSH0 SSTORE",
        "7 CODESIZE PUSH0 PUSH0 CREATE2 PUSH0 SSTORE 7 CODESIZE PUSH0 PUSH0 CREATE2 1 SSTORE",  # the second collides
        "PUSH0 PUSH0 PUSH0 PUSH0 1 4660 GAS CALL PUSH0 SSTORE",  # value to a new account
        "PUSH0 PUSH0 PUSH0 PUSH0 PUSH0 51966 GAS CALL PUSH0 SSTORE",  # none to one that stays empty
        "32 PUSH0 128 PUSH0 1 GAS STATICCALL PUSH0 MLOAD PUSH0 SSTORE",  # ecrecover of nothing
        "32 PUSH0 100 PUSH0 2 GAS STATICCALL PUSH0 MLOAD PUSH0 SSTORE",  # sha256
        "32 PUSH0 100 PUSH0 3 GAS STATICCALL PUSH0 MLOAD PUSH0 SSTORE",  # ripemd160
        "1 PUSH0 MSTORE 1 32 MSTORE 1 64 MSTORE 32 PUSH0 99 PUSH0 5 GAS STATICCALL PUSH0 SSTORE",  # modular exponent
        "64 PUSH0 128 PUSH0 6 GAS STATICCALL PUSH0 SSTORE",  # addition on bn128
        "64 PUSH0 96 PUSH0 7 GAS STATICCALL PUSH0 SSTORE",  # multiplication on bn128
        "32 PUSH0 PUSH0 PUSH0 8 GAS STATICCALL PUSH0 MLOAD PUSH0 SSTORE",  # the empty pairing
        "1 PUSH0 SSTORE PUSH0 PUSH0 REVERT",
        "INVALID",
    ],
)
async def test_the_corners_of_the_rules_are_the_same(
    chain: EmbeddedChain, reference: HttpRpc, wallet: Wallet, text: str
) -> None:
    creation = wallet.sign(data=creation_of(assemble(text)), value=100)
    contract = (await expect_agreement(chain, reference, creation, about=text))["created"]
    for fields in ({"gas": 2_000_000}, {"gas": 60_000}, {"gas": 2_000_000, "value": 5}):
        await expect_agreement(chain, reference, wallet.sign(to=contract, **fields), contract, about=text)


async def test_gas_before_execution_is_the_same(chain: EmbeddedChain, reference: HttpRpc, wallet: Wallet) -> None:
    access_list = [{"address": wallet.address, "storageKeys": [word(1), word(2)]}]
    for fields in (
        {"to": wallet.address},
        {"to": wallet.address, "data": b"\0" * 500 + b"\1" * 500},  # the floor of EIP-7623
        {"to": wallet.address, "data": b"\1" * 3000, "accessList": access_list, "type": 1},
        {"data": b""},
        {"data": assemble("STOP") * 5000},  # initcode by the word, EIP-3860
        {"data": assemble("24576 PUSH0 RETURN"), "gas": 10_000_000},
        {"data": assemble("24577 PUSH0 RETURN"), "gas": 10_000_000},  # code too long, EIP-170
        {"data": assemble("239 PUSH0 MSTORE8 1 PUSH0 RETURN")},  # code beginning with 0xef, EIP-3541
    ):
        await expect_agreement(chain, reference, wallet.sign(**fields), about=str(fields)[:100])


async def test_the_grids_contracts_cost_the_same_to_deploy(
    chain: EmbeddedChain, reference: HttpRpc, wallet: Wallet
) -> None:
    created: list[str] = []
    arguments: list[tuple[str, list[str], list[Any]]] = [
        ("Credit", ["address", "uint256"], [wallet.address, 10**24]),
        ("ProviderManager", ["address"], [wallet.address]),
        ("MetaScheduler", ["address", "address", "address"], [wallet.address]),
    ]
    for name, types, values in arguments:
        bytecode = json.loads((ARTIFACTS / f"{name}.json").read_text())["bytecode"]
        filled = [*values, *created][: len(types)]
        raw = wallet.sign(data=bytes.fromhex(bytecode[2:]) + encode(types, filled), gas=20_000_000)
        created.append((await expect_agreement(chain, reference, raw, about=name))["created"])
