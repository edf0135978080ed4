// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Blob
/// @notice Long data, written once and read rarely, kept as the code of an account: 200 gas a byte where storage
/// slots take 690.
/// @dev The code starts with STOP, so that nobody can execute it.
library Blob {
    /// @notice More bytes than one blob can hold.
    error BlobTooLarge(uint256 size, uint256 maximum);

    /// @notice The data could not be kept: there was too little gas, nothing else can stop it.
    error BlobNotWritten(uint256 size);

    /// @notice The largest blob: the limit of an account's code (EIP-170), less the STOP.
    uint256 internal constant MAX_SIZE = 24_575;

    /// @notice Keep `data`; it is read back at the address returned.
    function write(bytes memory data) internal returns (address pointer) {
        if (data.length > MAX_SIZE) revert BlobTooLarge(data.length, MAX_SIZE);
        // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: ten bytes that return all that follows them.
        bytes memory initcode = abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a5f395ff3", hex"00", data);
        assembly ("memory-safe") {
            pointer := create(0, add(initcode, 0x20), mload(initcode))
        }
        if (pointer == address(0)) revert BlobNotWritten(data.length);
    }

    /// @notice The data kept at `pointer`; nothing for the zero address.
    function read(address pointer) internal view returns (bytes memory data) {
        if (pointer == address(0)) return data;
        uint256 size = pointer.code.length - 1;
        data = new bytes(size);
        assembly ("memory-safe") {
            extcodecopy(pointer, add(data, 0x20), 1, size)
        }
    }
}
