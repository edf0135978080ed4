// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The states of a job's life. The first four are hot: credits are locked and something may still happen. The
/// others are cold and final.
enum JobStatus {
    PENDING,
    META_SCHEDULED,
    SCHEDULED,
    RUNNING,
    CANCELLED,
    FINISHED,
    FAILED,
    OUT_OF_CREDITS,
    PANICKED
}

/// @notice One fact about a cluster, or one wish of a job.
struct Label {
    string key;
    string value;
}

/// @notice A rule that a cluster's labels must satisfy. `op` is left-aligned ASCII: `<` `<=` `==` `>=` `>` `!=` `in`.
struct Affinity {
    Label label;
    bytes2 op;
}

/// @notice What a job asks for. `gpus` counts for the whole job, `memPerCpu` is MB for each CPU of each task.
/// `storageType` is a plain number here because a compiler-made check of an enum would revert without data.
struct JobDefinition {
    uint64 gpus;
    uint64 memPerCpu;
    uint64 cpusPerTask;
    uint64 ntasks;
    string batchLocationHash;
    uint8 storageType;
    Label[] uses;
    Affinity[] affinity;
}

/// @notice The money of a job, in wei of credit. `pendingTopUp` is always 0: a top-up counts at once.
struct JobCost {
    uint256 maxCost;
    uint256 finalCost;
    uint256 pendingTopUp;
    bool delegateSpendingAuthority;
}

/// @notice The moments of a job, unix seconds; 0 for what has not happened.
struct JobTime {
    uint256 submit;
    uint256 start;
    uint256 end;
    uint256 cancelRequestTimestamp;
    uint256 blockNumberStateChange;
    uint256 panicTimestamp;
}

/// @notice One job, as published clients read it.
struct Job {
    bytes32 jobId;
    JobStatus status;
    address customerAddr;
    address providerAddr;
    JobDefinition definition;
    JobCost cost;
    JobTime time;
    bytes32 jobName;
    bool hasCancelRequest;
    string lastError;
    int64 exitCode;
}

/// @notice What a customer may ask for beyond the published request; 0 is the default or no limit.
/// @param maxAttempts How often the job may be started; 0 means 1, for a job may not be safe to run twice.
/// @param maxPricePerMin The dearest assignment the customer accepts, in wei per minute.
/// @param latestStart Unix seconds; past it a job that still waits is not assigned and anyone may cancel it.
struct RequestOptions {
    bool delegateSpendingAuthority;
    uint8 maxAttempts;
    uint128 maxPricePerMin;
    uint64 latestStart;
}

/// @notice An EIP-2612 permit of the caller for the MetaScheduler: what it may take, until when the signature is good
/// (unix seconds), and the signature.
struct Permit {
    uint256 value;
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice The conditions that hold for one job, beyond what the published struct shows.
/// @param leaseDuration Seconds; the grid's present lease where that is longer.
/// @param attempt How often the job was assigned: 1 during the first assignment.
/// @param avoided Providers that refused, gave back or lost this job; it never goes to them again.
struct JobTerms {
    uint256 pricePerMin;
    uint16 feeBasisPoints;
    uint8 attempt;
    uint8 maxAttempts;
    uint64 claimedAt;
    uint64 assignedAt;
    uint128 maxPricePerMin;
    uint64 latestStart;
    uint64 leaseDuration;
    uint64 reportDelay;
    uint64 cancelGrace;
    uint64 cancelTimeout;
    address[] avoided;
}

/// @notice One entry of a batch of assignments.
struct Assignment {
    bytes32 jobId;
    address provider;
}

/// @notice What a provider says about a job it holds.
/// @param status A `JobStatus`: RUNNING or a cold one. A plain number, so that a wrong one is refused by name.
/// @param at Unix seconds: the start for RUNNING, the end for a cold state. The contract clamps it.
/// @param lastError Kept up to 1024 bytes, cut at a character's border.
struct Report {
    bytes32 jobId;
    uint8 status;
    uint64 at;
    int64 exitCode;
    string lastError;
}
