// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Label} from "./JobTypes.sol";

/// @notice The machines of a cluster, node by node: entry `i` of each array speaks of node `i`. Memory in MB.
struct ProviderHardware {
    uint64 nodes;
    uint64[] gpusPerNode;
    uint64[] cpusPerNode;
    uint64[] memPerNode;
}

/// @notice Wei of credit per minute, for one GPU, one CPU and one MB.
struct ProviderPrices {
    uint256 gpuPricePerMin;
    uint256 cpuPricePerMin;
    uint256 memPricePerMin;
}

/// @notice One provider, as published clients read it; all zero where there is none.
struct Provider {
    address addr;
    ProviderHardware providerHardware;
    ProviderPrices providerPrices;
    Label[] labels;
    bool isBanned;
}
