"""Errors of the floors below arrive as one tree."""

import pytest

from deepsquare.chain import errors as chain
from deepsquare.gateway import errors as gateway
from deepsquare.model import Address, JobId
from deepsquare.sdk import errors
from deepsquare.sdk.translation import translated

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("below", "above"),
    [
        (chain.ChainUnreachable("no answer"), errors.ChainUnreachable),
        (chain.WrongChain(1, 2), errors.WrongGrid),
        (chain.NoContract(Address("0x1")), errors.WrongGrid),
        (chain.UnknownJob(JobId(7)), errors.NotFound),
        (chain.InsufficientGasFunds(Address("0x1")), errors.NoGas),
        (chain.InvalidKey("no key"), errors.KeyProblem),
        (chain.ContractRefused("ERC20InsufficientBalance", {}, "too little", "get more"), errors.NoCredits),
        (chain.ContractRefused("ERC20InsufficientAllowance", {}, "not allowed", "allow it"), errors.NoAllowance),
        (chain.ContractRefused("CustomerOnly", {}, "not yours", "use another key"), errors.RefusedByChain),
        (chain.RpcError("eth_call", -1, "no"), errors.RefusedByChain),
        (gateway.GatewayUnreachable(URL, "refused"), errors.GatewayUnreachable),
        (gateway.GatewayBusy(URL, "busy", "later", 1.0), errors.Busy),
        (gateway.RefusedByGateway(403, "access_denied", "no"), errors.RefusedByGateway),
        (gateway.RefusedByGateway(404, "log_unknown", "no log"), errors.NotFound),
        (gateway.WrongGrid(URL, "chain 1", "chain 2"), errors.WrongGrid),
        (gateway.UnexpectedAnswer(URL, "nonsense"), errors.GatewayUnreachable),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_each_error_below_has_its_place_in_the_tree(below: Exception, above: type[Exception]) -> None:
    with pytest.raises(above) as raised, translated():
        raise below
    assert type(raised.value) is above
    assert raised.value.__cause__ is below


def test_message_and_next_step_are_told_apart() -> None:
    with pytest.raises(errors.WrongGrid) as raised, translated():
        raise chain.WrongChain(1, 2)
    assert raised.value.message == "the node serves chain 1, the grid lives on chain 2"
    assert raised.value.next_step.startswith("correct")


def test_every_error_is_of_exactly_one_kind() -> None:
    kinds = (errors.BadInput, errors.Unreachable, errors.Refused, errors.TryAgain)
    members = [member for member in vars(errors).values() if isinstance(member, type)]
    leaves = [member for member in members if issubclass(member, errors.DeepSquareError)]
    for leaf in leaves:
        if leaf is not errors.DeepSquareError:
            assert sum(issubclass(leaf, kind) for kind in kinds) == 1
