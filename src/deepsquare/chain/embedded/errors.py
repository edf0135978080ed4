"""What can go wrong with an embedded chain.

    EmbeddedChainError
        DatabaseInUse           another process has the database open for writing
        NotAChainDatabase       the file is something else, or of a version this program does not know
        WrongChainId            the database belongs to another chain
        CannotListen            the address for JSON-RPC is taken or not ours
    JsonRpcError                an answer to a client: code, message and data of JSON-RPC

The first group ends a start. The second is part of normal service and never leaves the package: the server writes
it to the wire, and `EmbeddedChain` raises it as the error of the `Rpc` port.
"""


class EmbeddedChainError(Exception):
    """The chain cannot be opened, or not served."""


class DatabaseInUse(EmbeddedChainError):
    """A second process tried to open a database for writing."""


class NotAChainDatabase(EmbeddedChainError):
    """The file was not written by this program, or by a version with another schema."""


class WrongChainId(EmbeddedChainError):
    """The database was created with another chain id."""


class CannotListen(EmbeddedChainError):
    """The server could not bind its address."""


PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
LIMIT_EXCEEDED = -32005
EXECUTION_REVERTED = 3


class JsonRpcError(Exception):
    """The error object of a JSON-RPC answer. `data` is a string or None; for a revert, the revert data in hex."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
