// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
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
/// @dev Every function calls the token last, after its effects. Those that pay out hold the guard besides.
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

    /// @dev Time is bought only for a job that has a place.
    function _requirePlaced(StoredJob storage job) internal view {
        if (job.status != JobStatus.SCHEDULED && job.status != JobStatus.RUNNING) {
            revert RunningScheduledStatusOnly(uint8(job.status));
        }
    }

    /// @dev Lock `amount` more for a placed job, from the allowance of `payer`.
    function _topUp(bytes32 jobId, StoredJob storage job, address payer, uint256 amount) internal {
        uint256 room = type(uint96).max - job.maxCost;
        if (amount == 0 || amount > room) revert AmountOutOfBounds(amount, 1, room);
        job.maxCost += uint96(amount);
        emit JobToppedUp(jobId, msg.sender, amount, job.maxCost);
        credit.safeTransferFrom(payer, address(this), amount);
    }

    /// @dev The job is over: what it cost goes to its provider and the grid, the rest to its customer.
    /// @param provider Who holds the job; zero for one that waits.
    /// @param reportedEnd When it ended, as somebody says; only a job that ran has such an end.
    function _end(bytes32 jobId, StoredJob storage job, JobStatus to, address provider, uint256 reportedEnd) internal {
        (uint256 locked, uint256 end, uint256 cost) = (job.maxCost, block.timestamp, 0);
        if (job.status == JobStatus.RUNNING) {
            end = Billing.clamp(reportedEnd, job.startedAt, _latestEnd(job));
            if (to != JobStatus.PANICKED) cost = Billing.cost(locked, job.pricePerMin, end - job.startedAt);
        }
        uint256 fee = Billing.fee(cost, job.feeBasisPoints);
        uint256 refund = locked - cost;

        address customer = _move(jobId, job, to, provider);
        job.endedAt = uint32(end);
        if (provider != address(0)) --_accounts[provider].jobsHeld;
        if (fee != 0) collectedFees += fee;
        emit JobSettled(jobId, customer, provider, cost - fee, fee, refund);
        if (cost != fee) credit.safeTransfer(provider, cost - fee);
        if (refund != 0) credit.safeTransfer(customer, refund);
    }

    /// @dev Keep why a job ended as it did.
    function _explain(StoredJob storage job, string memory lastError) internal {
        if (bytes(lastError).length != 0) job.lastError = Blob.write(bytes(Text.cut(lastError)));
    }

    /// @dev A running job ends now at the latest; one whose customer asked for its end, when the grace ran out.
    function _latestEnd(StoredJob storage job) private view returns (uint256) {
        if (job.cancelRequestedAt == 0) return block.timestamp;
        return Math.min(block.timestamp, uint256(job.cancelRequestedAt) + job.cancelGrace);
    }
}
