"""Small EVM programs, written in opcodes so that no compiler is needed."""

import itertools

_CODES = {
    "STOP": 0x00, "ADD": 0x01, "MUL": 0x02, "SUB": 0x03, "DIV": 0x04, "SDIV": 0x05, "MOD": 0x06, "SMOD": 0x07,
    "ADDMOD": 0x08, "MULMOD": 0x09, "EXP": 0x0A, "SIGNEXTEND": 0x0B, "LT": 0x10, "GT": 0x11, "SLT": 0x12, "SGT": 0x13,
    "EQ": 0x14, "ISZERO": 0x15, "AND": 0x16, "OR": 0x17, "XOR": 0x18, "NOT": 0x19, "BYTE": 0x1A, "SHL": 0x1B,
    "SHR": 0x1C, "SAR": 0x1D, "KECCAK256": 0x20, "ADDRESS": 0x30, "BALANCE": 0x31, "ORIGIN": 0x32, "CALLER": 0x33,
    "CALLVALUE": 0x34, "CALLDATALOAD": 0x35, "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "CODESIZE": 0x38,
    "CODECOPY": 0x39, "GASPRICE": 0x3A, "EXTCODESIZE": 0x3B, "EXTCODECOPY": 0x3C, "RETURNDATASIZE": 0x3D,
    "RETURNDATACOPY": 0x3E, "EXTCODEHASH": 0x3F, "BLOCKHASH": 0x40, "COINBASE": 0x41, "TIMESTAMP": 0x42,
    "NUMBER": 0x43, "GASLIMIT": 0x45, "CHAINID": 0x46, "SELFBALANCE": 0x47, "BASEFEE": 0x48, "POP": 0x50,
    "MLOAD": 0x51, "MSTORE": 0x52, "MSTORE8": 0x53, "SLOAD": 0x54, "SSTORE": 0x55, "JUMP": 0x56, "JUMPI": 0x57,
    "PC": 0x58, "MSIZE": 0x59, "GAS": 0x5A, "JUMPDEST": 0x5B, "TLOAD": 0x5C, "TSTORE": 0x5D, "MCOPY": 0x5E,
    "PUSH0": 0x5F, "DUP1": 0x80, "DUP2": 0x81, "DUP3": 0x82, "SWAP1": 0x90, "SWAP2": 0x91, "LOG0": 0xA0, "LOG1": 0xA1,
    "LOG2": 0xA2, "LOG3": 0xA3, "LOG4": 0xA4, "CREATE": 0xF0, "CALL": 0xF1, "RETURN": 0xF3, "DELEGATECALL": 0xF4,
    "CREATE2": 0xF5, "STATICCALL": 0xFA, "REVERT": 0xFD, "INVALID": 0xFE, "SELFDESTRUCT": 0xFF,
}  # fmt: skip
OPCODES = tuple(_CODES)


def assemble(text: str) -> bytes:
    """Bytes of a program: opcode names, and numbers, which are pushed."""
    return b"".join(bytes([_CODES[item]]) if item in _CODES else push(int(item, 0)) for item in text.split())


def push(number: int) -> bytes:
    """The shortest push of a number."""
    size = (number.bit_length() + 7) // 8
    return bytes([_CODES["PUSH0"] + size]) + number.to_bytes(size, "big")


def creation_of(program: bytes) -> bytes:
    """Initcode that leaves `program` as the contract's code."""
    header_size = next(size for size in itertools.count(8) if len(_creation_header(program, size)) == size)
    return _creation_header(program, header_size) + program


def _creation_header(program: bytes, offset: int) -> bytes:
    return assemble(f"{len(program)} {offset} PUSH0 CODECOPY {len(program)} PUSH0 RETURN")


_RETURN_TOP = "PUSH0 MSTORE 32 PUSH0 RETURN"

STORE_ARGUMENT = assemble("PUSH0 CALLDATALOAD PUSH0 SSTORE STOP")
"""Stores the argument in slot 0."""
STORE_PAIR = assemble("32 CALLDATALOAD PUSH0 CALLDATALOAD SSTORE STOP")
"""Stores the second argument in the slot that the first one names."""
COUNT = assemble("PUSH0 SLOAD 1 ADD DUP1 PUSH0 SSTORE " + _RETURN_TOP)
"""Adds 1 to slot 0 and returns it."""
TELL_TIME = assemble("TIMESTAMP " + _RETURN_TOP)
TELL_NUMBER = assemble("NUMBER " + _RETURN_TOP)
TELL_SLOT_0 = assemble("PUSH0 SLOAD " + _RETURN_TOP)
TELL_BASE_FEE = assemble("BASEFEE " + _RETURN_TOP)
STORE_TIME = assemble("TIMESTAMP PUSH0 SSTORE STOP")
REVERT_WITH_ARGUMENTS = assemble("CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY CALLDATASIZE PUSH0 REVERT")
"""Reverts with its whole call data."""
LOG_ARGUMENTS = assemble("32 CALLDATALOAD PUSH0 CALLDATALOAD 32 PUSH0 LOG2 STOP")
"""Logs its two arguments as topics, with a word of zeros as data."""
SPEND_ALL_GAS = assemble("JUMPDEST PUSH0 JUMP")
INVALID = assemble("INVALID")
CALL_ITSELF = assemble("PUSH0 PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS CALL STOP")
"""Calls itself as deep as the gas carries."""
KEEP_TEMPORARILY = assemble("PUSH0 TLOAD PUSH0 SSTORE 7 PUSH0 TSTORE STOP")
"""Stores what transient storage held at the start, then writes it."""
