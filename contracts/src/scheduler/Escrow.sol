// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IMetaScheduler} from "../interfaces/IMetaScheduler.sol";
import {IProviderManager} from "../interfaces/IProviderManager.sol";
import {JobStatus} from "../interfaces/JobTypes.sol";
import {Billing} from "../libraries/Billing.sol";
import {Blob} from "../libraries/Blob.sol";
import {StoredJob} from "../libraries/StoredJob.sol";
import {Text} from "../libraries/Text.sol";
import {JobLedger} from "./JobLedger.sol";

/// @title Escrow
/// @notice The money of jobs: what is locked, and the one way in which it leaves: paid + fee + refunded == locked.
abstract contract Escrow is JobLedger, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IMetaScheduler
    IERC20 public immutable credit;

    /// @inheritdoc IMetaScheduler
    IProviderManager public immutable providerManager;

    /// @inheritdoc IMetaScheduler
    uint256 public collectedFees;

    constructor(IERC20 token, IProviderManager manager) {
        credit = token;
        providerManager = manager;
    }

    /// @inheritdoc IMetaScheduler
    function withdrawFees(address to, uint256 amount) external onlyOwner nonReentrant {
        if (amount > collectedFees) revert InsufficientFunds(collectedFees, amount);
        collectedFees -= amount;
        emit FeesWithdrawn(to, amount);
        credit.safeTransfer(to, amount);
    }

    /// @dev Lock `amount` more for a job, from the allowance of `payer`.
    function _topUp(bytes32 jobId, StoredJob storage job, address payer, uint256 amount) internal {
        if (job.status != JobStatus.SCHEDULED && job.status != JobStatus.RUNNING) {
            revert RunningScheduledStatusOnly(uint8(job.status));
        }
        uint256 room = type(uint96).max - job.maxCost;
        if (amount == 0 || amount > room) revert AmountOutOfBounds(amount, 1, room);
        job.maxCost += uint96(amount);
        emit JobToppedUp(jobId, msg.sender, amount, job.maxCost);
        credit.safeTransferFrom(payer, address(this), amount);
    }

    /// @dev The job is over: what it cost goes to its provider and the grid, the rest to its customer.
    /// @param reportedEnd When it ended, as somebody says; only a job that ran has such an end.
    function _end(bytes32 jobId, StoredJob storage job, JobStatus to, uint256 reportedEnd) internal {
        bool ran = job.status == JobStatus.RUNNING;
        address provider = job.provider;
        address customer = job.customer;
        uint256 end = ran ? Billing.clamp(reportedEnd, job.startedAt, block.timestamp) : block.timestamp;
        uint256 duration = ran && to != JobStatus.PANICKED ? _billable(job, end) : 0;
        uint256 cost = Billing.cost(job.maxCost, job.pricePerMin, duration);
        uint256 fee = Billing.fee(cost, job.feeBasisPoints);
        uint256 refund = job.maxCost - cost;

        _move(jobId, job, to);
        job.endedAt = uint40(end);
        job.billedSeconds = uint32(duration);
        if (provider != address(0)) --_providers[provider].jobsHeld;
        if (fee != 0) collectedFees += fee;
        emit JobSettled(jobId, customer, provider, cost - fee, fee, refund);
        if (cost != fee) credit.safeTransfer(provider, cost - fee);
        if (refund != 0) credit.safeTransfer(customer, refund);
    }

    /// @dev Keep why a job ended as it did.
    function _explain(StoredJob storage job, int64 exitCode, string memory lastError) internal {
        if (exitCode != 0) job.exitCode = exitCode;
        if (bytes(lastError).length != 0) job.lastError = Blob.write(bytes(Text.cut(lastError)));
    }

    /// @dev The seconds until `end`, or until the grace after a request to cancel ran out.
    function _billable(StoredJob storage job, uint256 end) private view returns (uint256) {
        uint256 requestedAt = job.cancelRequestedAt;
        if (requestedAt != 0) end = Billing.clamp(end, job.startedAt, requestedAt + _settings.cancelGrace);
        return end - job.startedAt;
    }
}
