// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Text
/// @notice Bounds what others write: a long reason is cut, never refused, so that no job hangs on a long error text.
library Text {
    /// @notice The longest text kept, in bytes.
    uint256 internal constant MAX_BYTES = 1024;

    /// @notice `text`, cut to `MAX_BYTES` at the border of a UTF-8 character.
    function cut(string memory text) internal pure returns (string memory) {
        bytes memory raw = bytes(text);
        if (raw.length <= MAX_BYTES) return text;
        uint256 end = MAX_BYTES;
        // A byte 10xxxxxx continues a character; at most three of them follow its first byte.
        while (end > MAX_BYTES - 3 && raw[end] & 0xc0 == 0x80) --end;
        assembly ("memory-safe") {
            mstore(raw, end)
        }
        return string(raw);
    }
}
