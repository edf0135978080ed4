// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {Administered} from "./Administered.sol";
import {Credit} from "./Credit.sol";
import {IMetaScheduler} from "./interfaces/IMetaScheduler.sol";
import {ProviderManager} from "./ProviderManager.sol";
import {Escrow} from "./scheduler/Escrow.sol";
import {OperatorDesk} from "./scheduler/OperatorDesk.sol";

/// @title MetaScheduler
/// @notice The life and the money of every job, as one contract. Its parts, each on top of the one before:
/// GridSettings, JobLedger, Escrow, CustomerDesk, OperatorDesk.
contract MetaScheduler is OperatorDesk {
    constructor(address admin, Credit token, ProviderManager manager) Administered(admin) Escrow(token, manager) {}

    /// @inheritdoc IMetaScheduler
    function jobs() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IMetaScheduler
    function constants() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IMetaScheduler
    function multicall(bytes[] calldata calls) external returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done, bytes memory result) = address(this).delegatecall(calls[i]);
            if (!done) LowLevelCall.bubbleRevert(result);
            results[i] = result;
        }
    }
}
