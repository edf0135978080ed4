// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobErrors} from "../interfaces/IJobErrors.sol";
import {Affinity, JobDefinition, JobStatus, Label} from "../interfaces/JobTypes.sol";
import {Blob} from "./Blob.sol";
import {HexHash} from "./HexHash.sol";

/// @notice A job as it is kept. One slot per group; the last group is written for few jobs only.
struct StoredJob {
    // Who asks, and for how much.
    address customer;
    uint24 gpus;
    uint24 memPerCpu;
    uint24 cpusPerTask;
    uint24 ntasks;
    // The money. The final cost follows from `billedSeconds`.
    uint96 maxCost;
    uint96 pricePerMin;
    uint32 billedSeconds;
    uint16 feeBasisPoints;
    uint8 storageType;
    uint8 maxAttempts;
    // The life. `attempt` counts assignments, `runs` starts.
    JobStatus status;
    bool delegateSpendingAuthority;
    bool hasLimits;
    uint8 attempt;
    uint8 runs;
    uint40 submittedAt;
    uint40 claimedAt;
    uint40 startedAt;
    uint40 endedAt;
    uint40 changedAtBlock;
    // Who runs it.
    address provider;
    uint40 assignedAt;
    uint40 cancelRequestedAt;
    // What is run; zero where the location is no SHA-256 and stands in `details`.
    bytes32 scriptHash;
    bytes32 name;
    // What few jobs have.
    uint96 maxPricePerMin;
    uint40 latestStart;
    int64 exitCode;
    address details;
    address lastError;
    address[] avoided;
}

/// @title Definition
/// @notice How a job's definition is checked, kept and read back.
library Definition {
    /// @notice The last storage type of the published interface.
    uint256 internal constant LAST_STORAGE_TYPE = 4;

    /// @notice The most bytes that location, uses and affinities may take together, ABI-encoded.
    uint256 internal constant MAX_DETAILS = 8192;

    /// @notice Check `definition` and keep it in `job`.
    function store(StoredJob storage job, JobDefinition calldata definition) internal {
        if (
            definition.ntasks == 0 || definition.cpusPerTask == 0 || definition.memPerCpu == 0
                || bytes(definition.batchLocationHash).length == 0 || definition.storageType > LAST_STORAGE_TYPE
        ) revert IJobErrors.InvalidJobDefinition();

        job.gpus = _countable(definition.gpus);
        job.memPerCpu = _countable(definition.memPerCpu);
        job.cpusPerTask = _countable(definition.cpusPerTask);
        job.ntasks = _countable(definition.ntasks);
        job.storageType = definition.storageType;
        bytes32 scriptHash = HexHash.parse(definition.batchLocationHash);
        job.scriptHash = scriptHash;
        if (scriptHash == 0 || definition.uses.length != 0 || definition.affinity.length != 0) {
            job.details = _storeDetails(definition, scriptHash);
        }
    }

    /// @notice The definition kept in `job`.
    function load(StoredJob storage job) internal view returns (JobDefinition memory definition) {
        definition.gpus = job.gpus;
        definition.memPerCpu = job.memPerCpu;
        definition.cpusPerTask = job.cpusPerTask;
        definition.ntasks = job.ntasks;
        definition.storageType = job.storageType;
        if (job.details != address(0)) {
            (definition.batchLocationHash, definition.uses, definition.affinity) =
                abi.decode(Blob.read(job.details), (string, Label[], Affinity[]));
        }
        if (job.scriptHash != 0) definition.batchLocationHash = HexHash.spell(job.scriptHash);
    }

    function _storeDetails(JobDefinition calldata definition, bytes32 scriptHash) private returns (address) {
        for (uint256 i = 0; i < definition.affinity.length; ++i) {
            _requireOperator(definition.affinity[i].op);
        }
        string memory location = scriptHash == 0 ? definition.batchLocationHash : "";
        bytes memory details = abi.encode(location, definition.uses, definition.affinity);
        if (details.length > MAX_DETAILS) revert IJobErrors.InvalidJobDefinition();
        return Blob.write(details);
    }

    function _requireOperator(bytes2 op) private pure {
        if (op != "<" && op != "<=" && op != "==" && op != ">=" && op != ">" && op != "!=" && op != "in") {
            revert IJobErrors.InvalidJobDefinition();
        }
    }

    /// @dev Over 16 million tasks, CPUs, GPUs, or MB per CPU are no job; below, no price can overflow.
    function _countable(uint64 amount) private pure returns (uint24) {
        if (amount > type(uint24).max) revert IJobErrors.InvalidJobDefinition();
        return uint24(amount);
    }
}
