// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IJobOperator} from "../interfaces/IMetaScheduler.sol";
import {Assignment, JobStatus, Report} from "../interfaces/JobTypes.sol";
import {ProviderPrices} from "../interfaces/ProviderTypes.sol";
import {Billing} from "../libraries/Billing.sol";
import {Blob} from "../libraries/Blob.sol";
import {JobLife} from "../libraries/JobLife.sol";
import {StoredJob} from "../libraries/StoredJob.sol";
import {CustomerDesk} from "./CustomerDesk.sol";

/// @title OperatorDesk
/// @notice What the scheduler and the providers do with jobs, and what anyone may do when one of them went away.
abstract contract OperatorDesk is CustomerDesk {
    /// @inheritdoc IJobOperator
    function assign(bytes32 jobId, address provider) external onlyRole(METASCHEDULER_ROLE) {
        StoredJob storage job = _existing(jobId);
        JobLife.requireEdge(job.status, JobStatus.META_SCHEDULED);
        (bool isValid, ProviderPrices memory prices) = providerManager.quote(provider);
        if (!isValid) revert ProviderNotJoined();
        uint32 account = _numberOf(provider);
        uint8 attempt = job.attempt;
        if (attempt != 0) _requireNotAvoided(job, provider, account);
        uint256 price = Billing.pricePerMin(job.ntasks, job.cpusPerTask, job.memPerCpu, job.gpus, prices);
        _requireWithinLimits(job, price);

        ++_accounts[provider].jobsHeld;
        address customer = _move(jobId, job, JobStatus.META_SCHEDULED, provider);
        job.assignedAt = uint32(block.timestamp);
        job.attempt = attempt + 1;
        job.provider = account;
        job.pricePerMin = uint96(price);
        emit JobAssigned(jobId, provider, customer, price);
    }

    /// @inheritdoc IJobOperator
    function assignBatch(Assignment[] calldata assignments) external onlyRole(METASCHEDULER_ROLE) {
        for (uint256 i = 0; i < assignments.length; ++i) {
            Assignment calldata entry = assignments[i];
            _try(entry.jobId, abi.encodeCall(this.assign, (entry.jobId, entry.provider)));
        }
    }

    /// @inheritdoc IJobOperator
    function claim(bytes32 jobId) external {
        StoredJob storage job = _held(jobId);
        job.claimedAt = uint32(block.timestamp);
        _move(jobId, job, JobStatus.SCHEDULED, msg.sender);
    }

    /// @inheritdoc IJobOperator
    function claimBatch(bytes32[] calldata jobIds) external {
        for (uint256 i = 0; i < jobIds.length; ++i) {
            _try(jobIds[i], abi.encodeCall(this.claim, (jobIds[i])));
        }
    }

    /// @inheritdoc IJobOperator
    function refuse(bytes32 jobId, string calldata reason) external {
        StoredJob storage job = _held(jobId);
        JobStatus status = job.status;
        if (status != JobStatus.META_SCHEDULED && status != JobStatus.SCHEDULED) {
            revert MetaScheduledScheduledStatusOnly(uint8(status));
        }
        emit JobRefusedEvent(jobId, msg.sender, _addressOf(job.customer));
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
        if (entry.exitCode != 0) job.exitCode = entry.exitCode;
        _explain(job, entry.lastError);
        if (to == JobStatus.CANCELLED) {
            _cancelAsProvider(entry.jobId, job, entry.at);
        } else {
            _end(entry.jobId, job, to, msg.sender, entry.at);
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
        address provider = _addressOf(job.provider);
        if (msg.sender == provider) {
            _see(_accounts[provider]);
        } else {
            if (!hasRole(METASCHEDULER_ROLE, msg.sender)) revert JobProviderOnly(msg.sender, provider);
            _requireExpired(job);
        }
        _explain(job, _lastError);
        _end(_jobId, job, JobStatus.PANICKED, provider, block.timestamp);
    }

    /// @inheritdoc IJobOperator
    function heartbeat() external {
        _see(_accounts[msg.sender]);
    }

    /// @inheritdoc IJobOperator
    function expire(bytes32 jobId) external nonReentrant {
        StoredJob storage job = _existing(jobId);
        JobStatus status = job.status;
        if (!JobLife.isHot(status)) revert JobHotStatusOnly(uint8(status));
        _requireExpired(job);
        if (status == JobStatus.PENDING) {
            _end(jobId, job, JobStatus.CANCELLED, address(0), block.timestamp);
        } else if (status == JobStatus.META_SCHEDULED) {
            _return(jobId, job, "claim timeout");
        } else if (status == JobStatus.SCHEDULED || _mayRunAgain(job)) {
            _return(jobId, job, "lease ended");
        } else {
            _explain(job, "lease ended");
            _end(jobId, job, JobStatus.PANICKED, _addressOf(job.provider), block.timestamp);
        }
    }

    /// @dev The start is what the provider says, within what the chain saw: after the claim, and at most the report
    /// delay before this block.
    function _start(bytes32 jobId, StoredJob storage job, uint256 reportedStart) private {
        uint256 earliest = Math.max(job.claimedAt, block.timestamp - job.reportDelay);
        uint32 start = uint32(Billing.clamp(reportedStart, earliest, block.timestamp));
        // No more starts than assignments, which are counted in as many bits.
        unchecked {
            ++job.runs;
        }
        job.startedAt = start;
        _move(jobId, job, JobStatus.RUNNING, msg.sender);
    }

    /// @dev One entry of a batch, as a call of its own from the same sender. A revert of ours always has data; one
    /// without ran out of gas, as one did that could not write a blob. That must fail the whole, or an estimate of gas
    /// would settle on skipping the entry.
    // The call is to this contract itself, and what it emitted stands in the right order.
    // slither-disable-next-line reentrancy-events
    function _try(bytes32 jobId, bytes memory call) private {
        (bool done, bytes memory reason) = address(this).delegatecall(call);
        if (done) return;
        if (reason.length == 0 || bytes4(reason) == Blob.BlobNotWritten.selector) revert BatchOutOfGas(jobId);
        emit EntrySkipped(jobId, reason);
    }

    function _requireExpired(StoredJob storage job) private view {
        (bool expired, uint256 readyAt) = _expiry(job);
        if (!expired) revert NotExpired(readyAt);
    }

    function _requireNotAvoided(StoredJob storage job, address provider, uint32 account) private view {
        if (job.attempt == type(uint8).max) revert TooManyAttempts(type(uint8).max);
        uint256 count = job.avoided.length;
        for (uint256 i = 0; i < count; ++i) {
            if (job.avoided[i] == account) revert ProviderAvoided(provider);
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
