// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title HexHash
/// @notice A script's location is 64 lower-case hex digits, the SHA-256 of the script: one storage slot instead of three.
/// @dev Works on 32 digits at a time, each in its own byte of a word; no byte's arithmetic reaches its neighbour.
library HexHash {
    uint256 private constant ONES = 0x0101010101010101010101010101010101010101010101010101010101010101;

    /// @notice The hash that `text` spells.
    /// @return hash Zero where `text` is not exactly what `spell` would write, or spells zero.
    function parse(string memory text) internal pure returns (bytes32 hash) {
        if (bytes(text).length != 64) return 0;
        uint256 left;
        uint256 right;
        assembly ("memory-safe") {
            left := mload(add(text, 0x20))
            right := mload(add(text, 0x40))
        }
        (uint256 high, bool leftIsHex) = _pack(left);
        (uint256 low, bool rightIsHex) = _pack(right);
        if (leftIsHex && rightIsHex) hash = bytes32(high << 128 | low);
    }

    /// @notice `hash` as 64 lower-case hex digits.
    function spell(bytes32 hash) internal pure returns (string memory text) {
        uint256 left = _digits(_spread(uint256(hash) >> 128));
        uint256 right = _digits(_spread(uint256(hash) & type(uint128).max));
        text = string(abi.encodePacked(left, right));
    }

    /// @dev 32 hex digits to 16 bytes.
    function _pack(uint256 digits) private pure returns (uint256 packed, bool isHex) {
        // A letter has bit 6 set: its value is its low four bits plus 9.
        uint256 letters = (digits >> 6) & ONES;
        uint256 nibbles = (digits & (ONES * 0x0f)) + letters * 9;
        isHex = nibbles & (ONES * 0xf0) == 0 && _digits(nibbles) == digits;
        packed = (nibbles | nibbles >> 4) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        packed = (packed | packed >> 8) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        packed = (packed | packed >> 16) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        packed = (packed | packed >> 32) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        packed = (packed | packed >> 64) & type(uint128).max;
    }

    /// @dev 16 bytes to 32 nibbles, each in a byte: `_pack` backwards.
    function _spread(uint256 packed) private pure returns (uint256 nibbles) {
        nibbles = (packed | packed << 64) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        nibbles = (nibbles | nibbles << 32) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        nibbles = (nibbles | nibbles << 16) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        nibbles = (nibbles | nibbles << 8) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        nibbles = (nibbles | nibbles << 4) & (ONES * 0x0f);
    }

    /// @dev Nibbles to digits; `n + 6` has bit 4 set exactly for 10 to 15, which stand 0x27 further up in ASCII.
    function _digits(uint256 nibbles) private pure returns (uint256) {
        uint256 letters = ((nibbles + ONES * 6) >> 4) & ONES;
        return nibbles + ONES * 0x30 + letters * 0x27;
    }
}
