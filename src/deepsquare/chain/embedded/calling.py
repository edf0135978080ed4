"""eth_call and eth_estimateGas: running a message without a transaction.

Calls carry no fee: neither gas price nor base fee counts, so nobody needs gas money to ask. The value must be
covered, as in a transaction.
"""

from collections.abc import Sequence
from typing import Any

from deepsquare.chain.embedded.engine import BlockEnvironment, Outcome, StateReader
from deepsquare.chain.embedded.errors import EXECUTION_REVERTED, SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.parameters import CallRequest, argument, block_id, call_request, optional
from deepsquare.chain.embedded.presentation import hex_data
from deepsquare.chain.embedded.transactions import Call
from deepsquare.chain.embedded.view import View

_REVERT = "execution reverted"
_ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256)
_PANICS = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}
_WORD = 32
_PLAIN_TRANSFER_GAS = 21_000
_STIPEND_GAS = 2_300
_SPARE_PART = 8
_SPARED_DEPTH = 4
"""A call keeps back a 64th of the gas: an eighth to spare covers that for more calls within calls than these."""
_TOLERANCE_PERCENT = 25
"""An estimate may be that much above the least that works: gas is free here, and each further run costs time."""


def call(view: View, params: Sequence[Any]) -> str:
    """eth_call"""
    request = call_request(argument(params, 0))
    environment, state = view.moment(block_id(optional(params, 1, "latest")))
    trial = _Trial(view, request, environment, state)
    gas = view.genesis.gas_limit if request.gas is None else min(request.gas, view.genesis.gas_limit)
    outcome = trial.recall(gas)
    _expect_success(outcome)
    return hex_data(outcome.output)


def estimate_gas(view: View, params: Sequence[Any]) -> str:
    """eth_estimateGas"""
    request = call_request(argument(params, 0))
    environment, state = view.moment(block_id(optional(params, 1, "latest")))
    return hex(_Trial(view, request, environment, state).least_gas())


class _Trial:
    """One message over one state, run as often as it takes."""

    def __init__(self, view: View, request: CallRequest, environment: BlockEnvironment, state: StateReader) -> None:
        self._engine = view.engine
        self._memory = view.memory
        self._limit = view.genesis.gas_limit
        self._request = request
        self._state = state
        self._execution = view.engine.begin(environment, state)
        self._expect_funds()

    def run(self, gas: int) -> Outcome:
        message = self._message(gas)
        needed = self._engine.minimum_gas(message)
        if gas < needed:
            raise JsonRpcError(SERVER_ERROR, f"intrinsic gas too low: have {gas}, want {needed}")
        return self._execution.call(message)

    def recall(self, gas: int) -> Outcome:
        """As `run`, from memory where nothing that the message reads has changed."""
        return self._memory.outcome(self._message(gas), self._state, lambda: (self.run(gas), self._execution.reads()))

    def least_gas(self) -> int:
        """A gas limit with which the message succeeds: what it used and some to spare, or found by bisection."""
        if self._is_plain_transfer():
            return _PLAIN_TRANSFER_GAS
        asked = self._request.gas
        enough = min(asked, self._limit) if asked is not None and asked >= _PLAIN_TRANSFER_GAS else self._limit
        outcome = self.run(enough)
        if outcome.failure == "out of gas":
            raise JsonRpcError(SERVER_ERROR, f"gas required exceeds allowance ({enough})")
        _expect_success(outcome)
        # Refunds are paid at the end and a call keeps a 64th back: what was used is at times not enough.
        too_little = max(outcome.gas_used, self._engine.minimum_gas(self._message(enough))) - 1
        guess = outcome.gas_used + outcome.refund + _STIPEND_GAS + outcome.gas_used // _SPARE_PART
        if guess < enough and outcome.depth <= _SPARED_DEPTH:
            return guess
        if too_little < guess < enough:
            too_little, enough = self._narrow(too_little, guess, enough)
        while too_little + 1 < enough and (enough - too_little) * 100 >= enough * _TOLERANCE_PERCENT:
            too_little, enough = self._narrow(too_little, (too_little + enough) // 2, enough)
        return enough

    def _narrow(self, too_little: int, middle: int, enough: int) -> tuple[int, int]:
        return (too_little, middle) if self.run(middle).failure is None else (middle, enough)

    def _message(self, gas: int) -> Call:
        request = self._request
        return Call(
            sender=request.sender,
            to=request.to,
            value=request.value,
            data=request.data,
            gas=gas,
            access_list=request.access_list,
        )

    def _is_plain_transfer(self) -> bool:
        request = self._request
        if request.to is None or request.data or request.access_list:
            return False
        return self._execution.call(self._message(_PLAIN_TRANSFER_GAS)).gas_used == _PLAIN_TRANSFER_GAS and not (
            self._state.code(self._state.account(request.to).code_hash)
        )

    def _expect_funds(self) -> None:
        balance = self._state.account(self._request.sender).balance
        if balance < self._request.value:
            raise JsonRpcError(
                SERVER_ERROR,
                "insufficient funds for gas * price + value: "
                f"address {hex_data(self._request.sender)} have {balance} want {self._request.value}",
            )


def _expect_success(outcome: Outcome) -> None:
    if outcome.failure is None:
        return
    if outcome.failure == _REVERT:
        reason = _revert_reason(outcome.output)
        message = f"{_REVERT}: {reason}" if reason else _REVERT
        raise JsonRpcError(EXECUTION_REVERTED, message, hex_data(outcome.output))
    raise JsonRpcError(SERVER_ERROR, outcome.failure)


def _revert_reason(output: bytes) -> str:
    """The text of Error(string) or Panic(uint256); nothing for custom errors, whose names only their callers know."""
    selector, body = output[:4], output[4:]
    if selector == _PANIC_SELECTOR and len(body) == _WORD:
        code = int.from_bytes(body, "big")
        return _PANICS.get(code, f"unknown panic code: {code:#x}")
    if selector == _ERROR_SELECTOR and len(body) >= 2 * _WORD:
        length = int.from_bytes(body[_WORD : 2 * _WORD], "big")
        return body[2 * _WORD :][:length].decode(errors="replace")
    return ""
