// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IGridSettings} from "./IGridSettings.sol";
import {IJobErrors} from "./IJobErrors.sol";
import {IJobEvents} from "./IJobEvents.sol";
import {IJobCounter, IProviderManager} from "./IProviderManager.sol";
import {Assignment, Job, JobDefinition, JobTerms, Permit, Report, RequestOptions} from "./JobTypes.sol";

/// @title IJobReader
/// @notice What anybody may read about jobs.
interface IJobReader {
    /// @notice The job, or `InvalidJob`.
    function get(bytes32 _jobId) external view returns (Job memory);

    /// @notice The jobs of a customer, oldest first.
    function getByCustomer(address customerAddr) external view returns (bytes32[] memory);

    /// @notice What the published struct does not show of the job, or `InvalidJob`.
    function terms(bytes32 jobId) external view returns (JobTerms memory);

    /// @notice Number of jobs ever requested; their ids are 1 to this.
    function jobCount() external view returns (uint256);

    /// @notice Until when the provider counts as alive for jobs requested now, unix seconds; for one whose terms name a
    /// longer lease, accordingly longer.
    function leaseEnd(address provider) external view returns (uint64);
}

/// @title IJobCustomer
/// @notice What customers do. Published, save `requestJob` and `requestNewJobWithPermit`.
interface IJobCustomer {
    /// @notice Request a job and lock `_lockedCredits` wei of the caller's allowance for it.
    /// @return The id: a counter from 1, as bytes32.
    function requestNewJob(
        JobDefinition calldata _definition,
        uint256 _lockedCredits,
        bytes32 _jobName,
        bool _delegateSpendingAuthority
    ) external returns (bytes32);

    /// @notice As `requestNewJob`, with conditions.
    function requestJob(
        JobDefinition calldata definition,
        uint256 lockedCredits,
        bytes32 jobName,
        RequestOptions calldata options
    ) external returns (bytes32);

    /// @notice As `requestJob`, with the allowance for it in the same transaction, by the caller's signature. A permit
    /// that somebody sent ahead does no harm: what counts is that the allowance is there.
    function requestNewJobWithPermit(
        JobDefinition calldata definition,
        uint256 lockedCredits,
        bytes32 jobName,
        RequestOptions calldata options,
        Permit calldata permit
    ) external returns (bytes32);

    /// @notice End a job. Before it runs: at once, with a full refund, by its customer (and by its provider while
    /// SCHEDULED; by anyone while PENDING past its latest start). While it runs the customer's first call asks the
    /// provider to end it; then the provider may, and after the cancel timeout the customer.
    function cancelJob(bytes32 _jobId) external;

    /// @notice Lock `_amount` more wei for a SCHEDULED or RUNNING job, from the caller's allowance. By anyone.
    function topUpJob(bytes32 _jobId, uint256 _amount) external;

    /// @notice Lock one slice more from the customer's allowance, where the customer delegated that and at most one
    /// slice is left. By the customer, the provider or the scheduler role; never after the paid time.
    function topUpJobDelegate(bytes32 _jobId) external;

    /// @notice Allow or forbid delegated top-ups of a job. Its customer only.
    function setDelegateSpendingAuthority(bytes32 _jobId, bool _delegateSpendingAuthority) external;
}

/// @title IJobOperator
/// @notice What the scheduler and the providers do, and what anybody may do when one of them went away.
/// @dev The batches run each entry as a call of its own: a bad one changes nothing, emits `EntrySkipped` with its
/// revert data, and leaves its neighbours alone. One that ran out of gas reverts the batch, for it proves nothing.
interface IJobOperator {
    /// @notice Bind a PENDING job to a provider at its present price. Scheduler role.
    function assign(bytes32 jobId, address provider) external;

    /// @notice Many assignments. Scheduler role.
    function assignBatch(Assignment[] calldata assignments) external;

    /// @notice Accept an assigned job. Its provider.
    function claim(bytes32 jobId) external;

    /// @notice Many claims, in order.
    function claimBatch(bytes32[] calldata jobIds) external;

    /// @notice Give a job back before it runs; it never comes again. Its provider.
    function refuse(bytes32 jobId, string calldata reason) external;

    /// @notice Tell that a job runs or how it ended. Its provider.
    function report(Report calldata entry) external;

    /// @notice Many reports, in order: the start and the end of one job may stand in one batch.
    function reportBatch(Report[] calldata entries) external;

    /// @notice End a job that went wrong through no fault of the customer: nothing is paid. Published. Its provider at
    /// any time; the scheduler role only where `expire` would be allowed too.
    function panicJob(bytes32 _jobId, string calldata _lastError) external;

    /// @notice Prove that the caller is alive.
    function heartbeat() external;

    /// @notice Move on a job whose party went away: unclaimed past the claim timeout or held past the lease. By anyone.
    function expire(bytes32 jobId) external;
}

/// @title IMetaScheduler
/// @notice The life and the money of every job.
interface IMetaScheduler is IJobErrors, IJobEvents, IGridSettings, IJobCounter, IJobReader, IJobCustomer, IJobOperator {
    /// @notice The token in which jobs are paid.
    function credit() external view returns (IERC20);

    /// @notice Who may run jobs.
    function providerManager() external view returns (IProviderManager);

    /// @notice Where jobs are read and their events come from: this contract.
    function jobs() external view returns (address);

    /// @notice Where `minimumAmount` and `topUpSliceDurationMin` are read: this contract.
    function constants() external view returns (address);

    /// @notice Many calls of this contract from one sender, as one transaction or as one read: all of them or none. A
    /// customer requests many jobs so, a service reads many jobs and their terms.
    /// @return What each call returned, ABI-encoded.
    function multicall(bytes[] calldata calls) external returns (bytes[] memory);

    /// @notice Fees collected and not yet withdrawn, in wei; apart from what is locked for jobs.
    function collectedFees() external view returns (uint256);

    /// @notice Send `amount` wei of collected fees to `to`. Admin only.
    function withdrawFees(address to, uint256 amount) external;
}
