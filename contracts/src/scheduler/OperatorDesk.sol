// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobOperator} from "../interfaces/IMetaScheduler.sol";
import {Assignment, JobStatus, Report} from "../interfaces/JobTypes.sol";
import {ProviderPrices} from "../interfaces/ProviderTypes.sol";
import {Billing} from "../libraries/Billing.sol";
import {JobLife} from "../libraries/JobLife.sol";
import {StoredJob} from "../libraries/StoredJob.sol";
import {CustomerDesk} from "./CustomerDesk.sol";

/// @title OperatorDesk
/// @notice What the scheduler and the providers do with jobs, and what anyone may do when one of them went away.
abstract contract OperatorDesk is CustomerDesk {
    /// @inheritdoc IJobOperator
    function assign(bytes32 jobId, address provider) external onlyRole(METASCHEDULER_ROLE) nonReentrant {
        StoredJob storage job = _existing(jobId);
        JobLife.requireEdge(job.status, JobStatus.META_SCHEDULED);
        (bool isValid, ProviderPrices memory prices) = providerManager.quote(provider);
        if (!isValid) revert ProviderNotJoined();
        if (job.attempt != 0) _requireNotAvoided(job, provider);
        uint256 price = Billing.pricePerMin(job.ntasks, job.cpusPerTask, job.memPerCpu, job.gpus, prices);
        _requireWithinLimits(job, price);

        job.provider = provider;
        job.assignedAt = uint40(block.timestamp);
        job.pricePerMin = uint96(price);
        ++job.attempt;
        ++_providers[provider].jobsHeld;
        _move(jobId, job, JobStatus.META_SCHEDULED);
        emit JobAssigned(jobId, provider, job.customer, price);
    }

    /// @inheritdoc IJobOperator
    function assignBatch(Assignment[] calldata assignments) external onlyRole(METASCHEDULER_ROLE) {
        for (uint256 i = 0; i < assignments.length; ++i) {
            Assignment calldata entry = assignments[i];
            _try(entry.jobId, abi.encodeCall(this.assign, (entry.jobId, entry.provider)));
        }
    }

    /// @inheritdoc IJobOperator
    function claim(bytes32 jobId) external nonReentrant {
        StoredJob storage job = _held(jobId);
        _move(jobId, job, JobStatus.SCHEDULED);
        job.claimedAt = uint40(block.timestamp);
    }

    /// @inheritdoc IJobOperator
    function claimBatch(bytes32[] calldata jobIds) external {
        for (uint256 i = 0; i < jobIds.length; ++i) {
            _try(jobIds[i], abi.encodeCall(this.claim, (jobIds[i])));
        }
    }

    /// @inheritdoc IJobOperator
    function refuse(bytes32 jobId, string calldata reason) external nonReentrant {
        StoredJob storage job = _held(jobId);
        JobStatus status = job.status;
        if (status != JobStatus.META_SCHEDULED && status != JobStatus.SCHEDULED) {
            revert MetaScheduledScheduledStatusOnly(uint8(status));
        }
        emit JobRefusedEvent(jobId, msg.sender, job.customer);
        _return(jobId, job, reason);
    }

    /// @inheritdoc IJobOperator
    function report(Report calldata entry) external nonReentrant {
        StoredJob storage job = _held(entry.jobId);
        if (entry.status > uint8(JobStatus.PANICKED) || entry.status < uint8(JobStatus.RUNNING)) {
            revert RunningColdStatusOnly(entry.status);
        }
        JobStatus to = JobStatus(entry.status);
        if (to == JobStatus.RUNNING) {
            _start(entry.jobId, job, entry.at);
            return;
        }
        _explain(job, entry.exitCode, entry.lastError);
        if (to == JobStatus.CANCELLED) {
            _cancelAsProvider(entry.jobId, job, entry.at);
        } else {
            _end(entry.jobId, job, to, entry.at);
        }
    }

    /// @inheritdoc IJobOperator
    function reportBatch(Report[] calldata entries) external {
        for (uint256 i = 0; i < entries.length; ++i) {
            _try(entries[i].jobId, abi.encodeCall(this.report, (entries[i])));
        }
    }

    /// @inheritdoc IJobOperator
    function panicJob(bytes32 _jobId, string calldata _lastError) external nonReentrant {
        StoredJob storage job = _existing(_jobId);
        if (!JobLife.isHot(job.status)) revert JobHotStatusOnly(uint8(job.status));
        if (msg.sender == job.provider) {
            _see(msg.sender);
        } else {
            if (!hasRole(METASCHEDULER_ROLE, msg.sender)) revert JobProviderOnly(msg.sender, job.provider);
            _requireExpired(job);
        }
        _explain(job, 0, _lastError);
        _end(_jobId, job, JobStatus.PANICKED, block.timestamp);
    }

    /// @inheritdoc IJobOperator
    function heartbeat() external {
        _see(msg.sender);
    }

    /// @inheritdoc IJobOperator
    function expire(bytes32 jobId) external nonReentrant {
        StoredJob storage job = _existing(jobId);
        JobStatus status = job.status;
        if (!JobLife.isHot(status)) revert JobHotStatusOnly(uint8(status));
        _requireExpired(job);
        if (status == JobStatus.PENDING) {
            _end(jobId, job, JobStatus.CANCELLED, block.timestamp);
        } else if (status == JobStatus.META_SCHEDULED) {
            _return(jobId, job, "claim timeout");
        } else if (status == JobStatus.SCHEDULED || _mayRunAgain(job)) {
            _return(jobId, job, "lease ended");
        } else {
            _explain(job, 0, "lease ended");
            _end(jobId, job, JobStatus.PANICKED, block.timestamp);
        }
    }

    /// @dev The start is what the provider says, within what the chain saw: after the claim, and at most the report
    /// delay before this block.
    function _start(bytes32 jobId, StoredJob storage job, uint256 reportedStart) private {
        _move(jobId, job, JobStatus.RUNNING);
        uint256 earliest = block.timestamp - _settings.reportDelay;
        if (earliest < job.claimedAt) earliest = job.claimedAt;
        job.startedAt = uint40(Billing.clamp(reportedStart, earliest, block.timestamp));
        ++job.runs;
    }

    /// @dev One entry of a batch, as a call of its own from the same sender. A revert of ours always has data; one
    /// without ran out of gas, and must fail the whole, or an estimate of gas would settle on skipping it.
    function _try(bytes32 jobId, bytes memory call) private {
        (bool done, bytes memory reason) = address(this).delegatecall(call);
        if (done) return;
        if (reason.length == 0) revert BatchOutOfGas(jobId);
        emit EntrySkipped(jobId, reason);
    }

    function _requireExpired(StoredJob storage job) private view {
        (bool expired, uint256 readyAt) = _expiry(job);
        if (!expired) revert NotExpired(readyAt);
    }

    function _requireNotAvoided(StoredJob storage job, address provider) private view {
        if (job.attempt == type(uint8).max) revert TooManyAttempts(type(uint8).max);
        uint256 count = job.avoided.length;
        for (uint256 i = 0; i < count; ++i) {
            if (job.avoided[i] == provider) revert ProviderAvoided(provider);
        }
    }

    function _requireWithinLimits(StoredJob storage job, uint256 price) private view {
        uint256 limit = type(uint96).max;
        if (job.hasLimits) {
            if (job.latestStart != 0 && block.timestamp > job.latestStart) revert LatestStartPassed(job.latestStart);
            if (job.maxPricePerMin != 0) limit = job.maxPricePerMin;
        }
        if (price > limit) revert PriceAboveLimit(price, limit);
    }

    /// @dev A job whose customer wants it to end has no attempts left.
    function _mayRunAgain(StoredJob storage job) private view returns (bool) {
        return job.runs < job.maxAttempts && job.cancelRequestedAt == 0;
    }
}
