// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IJobCustomer} from "../interfaces/IMetaScheduler.sol";
import {JobDefinition, JobStatus, Permit, RequestOptions} from "../interfaces/JobTypes.sol";
import {Billing} from "../libraries/Billing.sol";
import {Definition} from "../libraries/Definition.sol";
import {JobLife} from "../libraries/JobLife.sol";
import {StoredJob} from "../libraries/StoredJob.sol";
import {Escrow} from "./Escrow.sol";

/// @title CustomerDesk
/// @notice What customers do with jobs: request, cancel, top up.
abstract contract CustomerDesk is Escrow {
    using SafeERC20 for IERC20;

    /// @inheritdoc IJobCustomer
    function requestNewJob(
        JobDefinition calldata _definition,
        uint256 _lockedCredits,
        bytes32 _jobName,
        bool _delegateSpendingAuthority
    ) external returns (bytes32) {
        // Zeros are the defaults.
        // slither-disable-next-line uninitialized-local
        RequestOptions memory options;
        options.delegateSpendingAuthority = _delegateSpendingAuthority;
        return _request(_definition, _lockedCredits, _jobName, options);
    }

    /// @inheritdoc IJobCustomer
    function requestJob(
        JobDefinition calldata definition,
        uint256 lockedCredits,
        bytes32 jobName,
        RequestOptions calldata options
    ) external returns (bytes32) {
        return _request(definition, lockedCredits, jobName, options);
    }

    // The token is asked before there is a job: a permit changes nothing here.
    // slither-disable-start reentrancy-benign,reentrancy-events
    /// @inheritdoc IJobCustomer
    function requestNewJobWithPermit(
        JobDefinition calldata definition,
        uint256 lockedCredits,
        bytes32 jobName,
        RequestOptions calldata options,
        Permit calldata permit
    ) external returns (bytes32) {
        try IERC20Permit(address(credit))
            .permit(msg.sender, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s) {}
        catch (bytes memory reason) {
            bool isAllowed = credit.allowance(msg.sender, address(this)) >= lockedCredits;
            if (!isAllowed && reason.length != 0) LowLevelCall.bubbleRevert(reason);
        }
        return _request(definition, lockedCredits, jobName, options);
    }

    // slither-disable-end reentrancy-benign,reentrancy-events

    /// @inheritdoc IJobCustomer
    function cancelJob(bytes32 _jobId) external nonReentrant {
        StoredJob storage job = _existing(_jobId);
        if (!JobLife.isHot(job.status)) revert JobHotStatusOnly(uint8(job.status));
        Account storage caller = _accounts[msg.sender];
        if (_is(caller, job.customer)) {
            _cancelAsCustomer(_jobId, job);
        } else if (_is(caller, job.provider)) {
            _see(caller);
            _cancelAsProvider(_jobId, job, block.timestamp);
        } else {
            (bool expired,) = _expiry(job);
            if (job.status != JobStatus.PENDING || !expired) revert CustomerMetaSchedulerProviderOnly();
            _end(_jobId, job, JobStatus.CANCELLED, address(0), block.timestamp);
        }
    }

    /// @inheritdoc IJobCustomer
    function topUpJob(bytes32 _jobId, uint256 _amount) external {
        StoredJob storage job = _existing(_jobId);
        _requirePlaced(job);
        _topUp(_jobId, job, msg.sender, _amount);
    }

    /// @inheritdoc IJobCustomer
    function topUpJobDelegate(bytes32 _jobId) external {
        StoredJob storage job = _existing(_jobId);
        address payer = _addressOf(job.customer);
        bool isProvider = _is(_accounts[msg.sender], job.provider);
        if (!isProvider && msg.sender != payer && !hasRole(METASCHEDULER_ROLE, msg.sender)) {
            revert CustomerMetaSchedulerProviderOnly();
        }
        _requirePlaced(job);
        if (!job.delegateSpendingAuthority || job.cancelRequestedAt != 0) revert NoSpendingAuthority();
        uint256 limit = uint256(topUpSliceDurationMin) * Billing.SECONDS_PER_MINUTE;
        uint256 remaining = _remaining(job);
        if (remaining > limit) revert RemainingTimeAboveLimit(remaining, limit);

        uint256 slice = uint256(job.pricePerMin) * topUpSliceDurationMin;
        uint256 allowed = credit.allowance(payer, address(this));
        if (allowed < slice) revert InsufficientFunds(allowed, slice);
        if (isProvider) _see(_accounts[msg.sender]);
        _topUp(_jobId, job, payer, slice);
    }

    /// @inheritdoc IJobCustomer
    function setDelegateSpendingAuthority(bytes32 _jobId, bool _delegateSpendingAuthority) external {
        StoredJob storage job = _existing(_jobId);
        if (!JobLife.isHot(job.status)) revert JobHotStatusOnly(uint8(job.status));
        if (!_is(_accounts[msg.sender], job.customer)) revert CustomerOnly(msg.sender, _addressOf(job.customer));
        job.delegateSpendingAuthority = _delegateSpendingAuthority;
    }

    /// @dev The provider ends a job that has not started, or one that the customer wants to end.
    function _cancelAsProvider(bytes32 jobId, StoredJob storage job, uint256 end) internal {
        JobStatus status = job.status;
        if (status != JobStatus.SCHEDULED && job.cancelRequestedAt == 0) {
            revert InvalidTransition(uint8(status), uint8(JobStatus.CANCELLED));
        }
        _end(jobId, job, JobStatus.CANCELLED, msg.sender, end);
    }

    function _request(JobDefinition calldata definition, uint256 locked, bytes32 name, RequestOptions memory options)
        private
        returns (bytes32 jobId)
    {
        Settings storage settings = _settings;
        if (!settings.requestsEnabled) revert NewJobRequestDisabled();
        if (locked < settings.minimumAmount) revert InsufficientFunds(locked, settings.minimumAmount);
        if (locked > type(uint96).max) revert AmountOutOfBounds(locked, settings.minimumAmount, type(uint96).max);

        uint32 number = settings.jobCount + 1;
        uint32 customer = _numberOf(msg.sender);
        Account storage account = _accounts[msg.sender];
        uint32 previous = account.newestJob;
        uint8 maxAttempts = options.maxAttempts == 0 ? 1 : options.maxAttempts;
        jobId = bytes32(uint256(number));
        StoredJob storage job = _jobs[jobId];
        Definition.store(job, definition);
        _limit(job, options);
        settings.jobCount = number;
        account.newestJob = number;
        // No customer has more jobs than there are.
        unchecked {
            ++account.jobsRequested;
        }
        job.maxCost = uint96(locked);
        job.customer = customer;
        job.feeBasisPoints = settings.feeBasisPoints;
        job.delegateSpendingAuthority = options.delegateSpendingAuthority;
        job.changedAtBlock = uint32(block.number);
        job.submittedAt = uint32(block.timestamp);
        job.maxAttempts = maxAttempts;
        job.previousJob = previous;
        job.leaseDuration = settings.leaseDuration;
        job.cancelTimeout = settings.cancelTimeout;
        job.cancelGrace = settings.cancelGrace;
        job.reportDelay = settings.reportDelay;
        if (name != 0) job.name = name;

        emit JobCreated(jobId);
        emit NewJobRequestEvent(jobId, msg.sender);
        credit.safeTransferFrom(msg.sender, address(this), locked);
    }

    /// @dev A ceiling beyond what any job can cost, or a moment beyond counting, is kept as the largest there is.
    function _limit(StoredJob storage job, RequestOptions memory options) private {
        if (options.maxPricePerMin == 0 && options.latestStart == 0) return;
        if (options.latestStart != 0 && options.latestStart < block.timestamp) {
            revert LatestStartPassed(options.latestStart);
        }
        job.hasLimits = true;
        job.maxPricePerMin = uint96(Math.min(options.maxPricePerMin, type(uint96).max));
        job.latestStart = uint32(Math.min(options.latestStart, type(uint32).max));
    }

    function _cancelAsCustomer(bytes32 jobId, StoredJob storage job) private {
        address provider = _addressOf(job.provider);
        if (job.status != JobStatus.RUNNING) {
            _end(jobId, job, JobStatus.CANCELLED, provider, block.timestamp);
        } else if (job.cancelRequestedAt == 0) {
            job.cancelRequestedAt = uint32(block.timestamp);
            emit JobCancelRequested(jobId, provider);
        } else {
            uint256 readyAt = uint256(job.cancelRequestedAt) + job.cancelTimeout;
            if (block.timestamp < readyAt) revert CancelPending(readyAt);
            _end(jobId, job, JobStatus.CANCELLED, provider, block.timestamp);
        }
    }

    /// @dev Paid seconds that are left, before the start all of them.
    function _remaining(StoredJob storage job) private view returns (uint256) {
        uint256 duration = Billing.maxDuration(job.maxCost, job.pricePerMin);
        if (job.status != JobStatus.RUNNING || duration == type(uint256).max) return duration;
        uint256 deadline = job.startedAt + duration;
        if (block.timestamp >= deadline) revert JobTimeOver(deadline);
        return deadline - block.timestamp;
    }
}
