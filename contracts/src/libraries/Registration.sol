// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProviderManager} from "../interfaces/IProviderManager.sol";
import {Label} from "../interfaces/JobTypes.sol";
import {ProviderHardware, ProviderPrices} from "../interfaces/ProviderTypes.sol";
import {Blob} from "./Blob.sol";

/// @title Registration
/// @notice What a provider offers: what is refused, and how it is kept. A node takes one word, so that a blob holds
/// more than 700 of them.
library Registration {
    /// @notice The highest price of one GPU, CPU or MB per minute: over a million credits.
    uint256 internal constant MAX_PRICE = type(uint80).max;

    /// @notice Reverts where the machines or the prices make no sense.
    function requireValid(ProviderHardware calldata hardware, ProviderPrices calldata prices) internal pure {
        uint256 nodes = hardware.nodes;
        if (nodes == 0) revert IProviderManager.InvalidNodesCount();
        if (
            hardware.gpusPerNode.length != nodes || hardware.cpusPerNode.length != nodes
                || hardware.memPerNode.length != nodes
        ) revert IProviderManager.ArrayLengthMismatch();
        if (_isZero(hardware.cpusPerNode)) revert IProviderManager.InvalidTotalCpus();
        if (_isZero(hardware.memPerNode)) revert IProviderManager.InvalidTotalMem();
        _requireBounded(prices.gpuPricePerMin);
        _requireBounded(prices.cpuPricePerMin);
        _requireBounded(prices.memPricePerMin);
    }

    /// @notice The bytes that stand for this offer; equal offers have equal bytes.
    function pack(ProviderHardware calldata hardware, ProviderPrices calldata prices, Label[] calldata labels)
        internal
        pure
        returns (bytes memory)
    {
        uint256[] memory nodes = new uint256[](hardware.nodes);
        for (uint256 i = 0; i < nodes.length; ++i) {
            nodes[i] = uint256(hardware.gpusPerNode[i]) << 128 | uint256(hardware.cpusPerNode[i]) << 64
                | hardware.memPerNode[i];
        }
        return abi.encode(prices, nodes, labels);
    }

    /// @notice The offer kept at `pointer`.
    function unpack(address pointer)
        internal
        view
        returns (ProviderPrices memory prices, ProviderHardware memory hardware, Label[] memory labels)
    {
        uint256[] memory nodes;
        (prices, nodes, labels) = abi.decode(Blob.read(pointer), (ProviderPrices, uint256[], Label[]));
        hardware = ProviderHardware({
            nodes: uint64(nodes.length),
            gpusPerNode: new uint64[](nodes.length),
            cpusPerNode: new uint64[](nodes.length),
            memPerNode: new uint64[](nodes.length)
        });
        for (uint256 i = 0; i < nodes.length; ++i) {
            hardware.gpusPerNode[i] = uint64(nodes[i] >> 128);
            hardware.cpusPerNode[i] = uint64(nodes[i] >> 64);
            hardware.memPerNode[i] = uint64(nodes[i]);
        }
    }

    /// @notice The Keccak-256 of the offer kept at `pointer`, as the arguments of `register` are ABI-encoded.
    function digest(address pointer) internal view returns (bytes32) {
        (ProviderPrices memory prices, ProviderHardware memory hardware, Label[] memory labels) = unpack(pointer);
        return keccak256(abi.encode(hardware, prices, labels));
    }

    function _isZero(uint64[] calldata amounts) private pure returns (bool) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            if (amounts[i] != 0) return false;
        }
        return true;
    }

    function _requireBounded(uint256 price) private pure {
        if (price > MAX_PRICE) revert IProviderManager.PriceOutOfBounds(price, MAX_PRICE);
    }
}
