"""An account on a grid: what the roles of all parties have in common."""

from deepsquare.chain.ledger import Ledger
from deepsquare.chain.sender import Sender
from deepsquare.model import Address


class GridAccount:
    """An account on a grid. Methods return once the change stands in a block; errors as in `Sender.send`."""

    def __init__(self, ledger: Ledger, sender: Sender) -> None:
        self._ledger = ledger
        self._sender = sender

    @property
    def address(self) -> Address:
        """Whose account it is."""
        return self._sender.address
