// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobCounter} from "../interfaces/IProviderManager.sol";
import {IJobReader, IMetaScheduler} from "../interfaces/IMetaScheduler.sol";
import {Job, JobCost, JobStatus, JobTerms, JobTime} from "../interfaces/JobTypes.sol";
import {Billing} from "../libraries/Billing.sol";
import {Blob} from "../libraries/Blob.sol";
import {JobLife} from "../libraries/JobLife.sol";
import {Definition, StoredJob} from "../libraries/StoredJob.sol";
import {Text} from "../libraries/Text.sol";
import {GridSettings} from "./GridSettings.sol";

/// @title JobLedger
/// @notice Where jobs and the signs of life of providers are kept, how they are read, and the one way in which a job
/// changes its state. Moves no money.
abstract contract JobLedger is IMetaScheduler, GridSettings {
    /// @dev One slot, written with each transaction of a provider.
    struct ProviderState {
        uint40 lastSeenAt;
        uint64 jobsHeld;
    }

    mapping(bytes32 jobId => StoredJob) internal _jobs;
    mapping(address provider => ProviderState) internal _providers;
    mapping(address customer => uint40[]) internal _jobsOf;

    /// @inheritdoc IJobReader
    function get(bytes32 _jobId) external view returns (Job memory) {
        StoredJob storage job = _existing(_jobId);
        return Job({
            jobId: _jobId,
            status: job.status,
            customerAddr: job.customer,
            providerAddr: job.provider,
            definition: Definition.load(job),
            cost: JobCost({
                maxCost: job.maxCost,
                finalCost: Billing.cost(job.maxCost, job.pricePerMin, job.billedSeconds),
                pendingTopUp: 0,
                delegateSpendingAuthority: job.delegateSpendingAuthority
            }),
            time: JobTime({
                submit: job.submittedAt,
                start: job.startedAt,
                end: job.endedAt,
                cancelRequestTimestamp: job.cancelRequestedAt,
                blockNumberStateChange: job.changedAtBlock,
                panicTimestamp: job.status == JobStatus.PANICKED ? job.endedAt : 0
            }),
            jobName: job.name,
            hasCancelRequest: job.cancelRequestedAt != 0,
            lastError: string(Blob.read(job.lastError)),
            exitCode: job.exitCode
        });
    }

    /// @inheritdoc IJobReader
    function getByCustomer(address customerAddr) external view returns (bytes32[] memory ids) {
        uint40[] storage numbers = _jobsOf[customerAddr];
        ids = new bytes32[](numbers.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = bytes32(uint256(numbers[i]));
        }
    }

    /// @inheritdoc IJobReader
    function terms(bytes32 jobId) external view returns (JobTerms memory) {
        StoredJob storage job = _existing(jobId);
        return JobTerms({
            pricePerMin: job.pricePerMin,
            feeBasisPoints: job.feeBasisPoints,
            attempt: job.attempt,
            maxAttempts: job.maxAttempts,
            claimedAt: job.claimedAt,
            assignedAt: job.assignedAt,
            maxPricePerMin: job.maxPricePerMin,
            latestStart: job.latestStart,
            avoided: job.avoided
        });
    }

    /// @inheritdoc IJobReader
    function jobCount() external view returns (uint256) {
        return _settings.jobCount;
    }

    /// @inheritdoc IJobReader
    function leaseEnd(address provider) public view returns (uint64) {
        return uint64(_providers[provider].lastSeenAt) + _settings.leaseDuration;
    }

    /// @inheritdoc IJobCounter
    function jobsHeldBy(address provider) external view returns (uint64) {
        return _providers[provider].jobsHeld;
    }

    function _existing(bytes32 jobId) internal view returns (StoredJob storage job) {
        job = _jobs[jobId];
        if (job.customer == address(0)) revert InvalidJob();
    }

    /// @dev The job, if the caller holds it; the call proves that the caller is alive.
    function _held(bytes32 jobId) internal returns (StoredJob storage job) {
        job = _existing(jobId);
        if (!JobLife.isHot(job.status)) revert JobHotStatusOnly(uint8(job.status));
        if (msg.sender != job.provider) revert JobProviderOnly(msg.sender, job.provider);
        _see(msg.sender);
    }

    function _see(address provider) internal {
        _providers[provider].lastSeenAt = uint40(block.timestamp);
    }

    /// @dev The only place where a job's state changes.
    function _move(bytes32 jobId, StoredJob storage job, JobStatus to) internal {
        JobStatus from = job.status;
        JobLife.requireEdge(from, to);
        job.status = to;
        job.changedAtBlock = uint40(block.number);
        emit JobTransitionEvent(jobId, from, to);
        emit JobChanged(jobId, job.provider, job.customer, from, to);
    }

    /// @dev The job waits again, as if nobody had held it, save that its provider is remembered.
    function _return(bytes32 jobId, StoredJob storage job, string memory reason) internal {
        address provider = job.provider;
        _move(jobId, job, JobStatus.PENDING);
        --_providers[provider].jobsHeld;
        job.avoided.push(provider);
        job.provider = address(0);
        job.assignedAt = 0;
        job.claimedAt = 0;
        job.startedAt = 0;
        job.pricePerMin = 0;
        emit JobReturned(jobId, provider, Text.cut(reason));
    }

    /// @dev Whether anyone may move the job on now; if not, from when on (never where its state has no clock).
    function _expiry(StoredJob storage job) internal view returns (bool expired, uint256 readyAt) {
        JobStatus status = job.status;
        uint256 last;
        if (status == JobStatus.PENDING) {
            last = job.latestStart;
            if (last == 0) return (false, type(uint256).max);
        } else if (status == JobStatus.META_SCHEDULED) {
            last = uint256(job.assignedAt) + _settings.claimTimeout;
        } else {
            last = leaseEnd(job.provider);
        }
        return (block.timestamp > last, last + 1);
    }
}
