// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobErrors} from "../interfaces/IJobErrors.sol";
import {Affinity, JobDefinition, Label} from "../interfaces/JobTypes.sol";
import {Blob} from "./Blob.sol";
import {HexHash} from "./HexHash.sol";
import {StoredJob} from "./StoredJob.sol";

/// @title Definition
/// @notice How a job's definition is checked, kept and read back.
library Definition {
    /// @notice The most tasks, CPUs of a task, GPUs, or MB of a CPU: over 16 million are no job, and no price overflows.
    uint256 internal constant MAX_COUNT = type(uint24).max;

    /// @notice The last storage type of the published interface.
    uint256 internal constant LAST_STORAGE_TYPE = 4;

    /// @notice The most bytes that location, uses and affinities may take together, ABI-encoded.
    uint256 internal constant MAX_DETAILS = 8192;

    /// @notice Keep `definition` in `job`, or revert where its numbers, location, storage type or operators make no job.
    function store(StoredJob storage job, JobDefinition calldata definition) internal {
        (uint64 gpus, uint64 memPerCpu, uint64 cpusPerTask, uint64 ntasks, uint8 storageType) =
            (definition.gpus, definition.memPerCpu, definition.cpusPerTask, definition.ntasks, definition.storageType);
        if (
            gpus > MAX_COUNT || !_isCount(memPerCpu) || !_isCount(cpusPerTask) || !_isCount(ntasks)
                || bytes(definition.batchLocationHash).length == 0 || storageType > LAST_STORAGE_TYPE
        ) revert IJobErrors.InvalidJobDefinition();

        job.gpus = uint24(gpus);
        job.memPerCpu = uint24(memPerCpu);
        job.cpusPerTask = uint24(cpusPerTask);
        job.ntasks = uint24(ntasks);
        job.storageType = storageType;
        bytes32 scriptHash = HexHash.parse(definition.batchLocationHash);
        if (scriptHash != 0) job.scriptHash = scriptHash;
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

    function _isCount(uint64 amount) private pure returns (bool) {
        return amount != 0 && amount <= MAX_COUNT;
    }
}
