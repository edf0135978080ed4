// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {JobStatus} from "../interfaces/JobTypes.sol";

/// @notice A job as it is kept: one slot per group, each step of its life writes one or two of them. Accounts are
/// numbers (`AccountBook`), seconds have 32 bits (until the year 2106).
struct StoredJob {
    // The money, and between whom it moves.
    uint96 maxCost;
    uint96 pricePerMin;
    uint32 customer;
    uint32 provider;
    // The life. `attempt` counts assignments, `runs` starts. Billed is the time between `startedAt` and `endedAt`.
    JobStatus status;
    bool delegateSpendingAuthority;
    uint8 attempt;
    uint8 runs;
    uint16 feeBasisPoints;
    uint32 assignedAt;
    uint32 claimedAt;
    uint32 startedAt;
    uint32 endedAt;
    uint32 cancelRequestedAt;
    uint32 changedAtBlock;
    uint16 reportDelay;
    // The shape, the customer's job before this one, and the settings of the moment of the request.
    uint24 gpus;
    uint24 memPerCpu;
    uint24 cpusPerTask;
    uint24 ntasks;
    uint8 storageType;
    uint8 maxAttempts;
    uint32 submittedAt;
    uint32 previousJob;
    uint24 leaseDuration;
    uint24 cancelTimeout;
    uint16 cancelGrace;
    bool hasLimits;
    // What is run; zero where the location is no SHA-256 and stands in `details`.
    bytes32 scriptHash;
    bytes32 name;
    // What few jobs have.
    uint96 maxPricePerMin;
    uint32 latestStart;
    int64 exitCode;
    address details;
    address lastError;
    uint32[] avoided;
}
