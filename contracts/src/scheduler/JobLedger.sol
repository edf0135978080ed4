// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IJobReader, IMetaScheduler} from "../interfaces/IMetaScheduler.sol";
import {Job, JobCost, JobStatus, JobTerms, JobTime} from "../interfaces/JobTypes.sol";
import {Billing} from "../libraries/Billing.sol";
import {Blob} from "../libraries/Blob.sol";
import {Definition} from "../libraries/Definition.sol";
import {JobLife} from "../libraries/JobLife.sol";
import {StoredJob} from "../libraries/StoredJob.sol";
import {Text} from "../libraries/Text.sol";
import {AccountBook} from "./AccountBook.sol";
import {GridSettings} from "./GridSettings.sol";

/// @title JobLedger
/// @notice Where jobs are kept, how they are read, and the one way in which a job changes its state. Moves no money.
abstract contract JobLedger is IMetaScheduler, AccountBook, GridSettings {
    mapping(bytes32 jobId => StoredJob) internal _jobs;

    /// @inheritdoc IJobReader
    function get(bytes32 _jobId) external view returns (Job memory) {
        StoredJob storage job = _existing(_jobId);
        return Job({
            jobId: _jobId,
            status: job.status,
            customerAddr: _addressOf(job.customer),
            providerAddr: _addressOf(job.provider),
            definition: Definition.load(job),
            cost: JobCost({
                maxCost: job.maxCost,
                finalCost: _finalCost(job),
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
    function getByCustomer(address customerAddr) external view returns (bytes32[] memory) {
        uint32 number = _accounts[customerAddr].newestJob;
        bytes32[] memory ids = new bytes32[](_accounts[customerAddr].jobsRequested);
        for (uint256 i = ids.length; i > 0; --i) {
            ids[i - 1] = bytes32(uint256(number));
            number = _jobs[bytes32(uint256(number))].previousJob;
        }
        return ids;
    }

    /// @inheritdoc IJobReader
    function terms(bytes32 jobId) external view returns (JobTerms memory) {
        StoredJob storage job = _existing(jobId);
        address[] memory avoided = new address[](job.avoided.length);
        for (uint256 i = 0; i < avoided.length; ++i) {
            avoided[i] = _addressOf(job.avoided[i]);
        }
        return JobTerms({
            pricePerMin: job.pricePerMin,
            feeBasisPoints: job.feeBasisPoints,
            attempt: job.attempt,
            maxAttempts: job.maxAttempts,
            claimedAt: job.claimedAt,
            assignedAt: job.assignedAt,
            maxPricePerMin: job.maxPricePerMin,
            latestStart: job.latestStart,
            leaseDuration: job.leaseDuration,
            reportDelay: job.reportDelay,
            cancelGrace: job.cancelGrace,
            cancelTimeout: job.cancelTimeout,
            avoided: avoided
        });
    }

    /// @inheritdoc IJobReader
    function jobCount() external view returns (uint256) {
        return _settings.jobCount;
    }

    /// @inheritdoc IJobReader
    function leaseEnd(address provider) external view returns (uint64) {
        return uint64(_accounts[provider].lastSeenAt) + _settings.leaseDuration;
    }

    function _existing(bytes32 jobId) internal view returns (StoredJob storage job) {
        job = _jobs[jobId];
        if (job.customer == 0) revert InvalidJob();
    }

    /// @dev The job, if the caller holds it; the call proves that the caller is alive.
    function _held(bytes32 jobId) internal returns (StoredJob storage job) {
        job = _existing(jobId);
        if (!JobLife.isHot(job.status)) revert JobHotStatusOnly(uint8(job.status));
        Account storage account = _accounts[msg.sender];
        if (!_is(account, job.provider)) revert JobProviderOnly(msg.sender, _addressOf(job.provider));
        _see(account);
    }

    /// @dev The only place where a job's state changes. `provider` holds it, or is to hold it now.
    function _move(bytes32 jobId, StoredJob storage job, JobStatus to, address provider)
        internal
        returns (address customer)
    {
        JobStatus from = job.status;
        JobLife.requireEdge(from, to);
        customer = _addressOf(job.customer);
        job.status = to;
        job.changedAtBlock = uint32(block.number);
        emit JobTransitionEvent(jobId, from, to);
        emit JobChanged(jobId, provider, customer, from, to);
    }

    /// @dev The job waits again, as if nobody had held it, save that its provider is remembered.
    function _return(bytes32 jobId, StoredJob storage job, string memory reason) internal {
        address provider = _addressOf(job.provider);
        _move(jobId, job, JobStatus.PENDING, provider);
        --_accounts[provider].jobsHeld;
        job.avoided.push(job.provider);
        job.provider = 0;
        job.pricePerMin = 0;
        job.assignedAt = 0;
        job.claimedAt = 0;
        job.startedAt = 0;
        emit JobReturned(jobId, provider, Text.cut(reason));
    }

    /// @dev What a job that is over cost; a client that reads its start, end, price and ceiling comes to the same.
    function _finalCost(StoredJob storage job) private view returns (uint256) {
        if (JobLife.isHot(job.status) || job.status == JobStatus.PANICKED || job.startedAt == 0) return 0;
        return Billing.cost(job.maxCost, job.pricePerMin, job.endedAt - job.startedAt);
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
            // A longer lease holds for all jobs, a shorter one not for those that were requested before.
            last = _accounts[_addressOf(job.provider)].lastSeenAt + Math.max(job.leaseDuration, _settings.leaseDuration);
        }
        return (block.timestamp > last, last + 1);
    }
}
