// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {JobStatus} from "./JobTypes.sol";

/// @title IJobEvents
/// @notice What happens to jobs. The published events have no indexed argument and stay as they are; beside them stand
/// companions that a reader can filter.
interface IJobEvents {
    /// @notice Published: a job exists.
    event JobCreated(bytes32 _jobId);

    /// @notice Published: a customer requested a job.
    event NewJobRequestEvent(bytes32 _jobId, address _customerAddr);

    /// @notice Published: a job changed its state.
    event JobTransitionEvent(bytes32 _jobId, JobStatus _from, JobStatus _to);

    /// @notice Published: a provider refused a job or gave it back.
    event JobRefusedEvent(bytes32 _jobId, address _providerAddr, address _customerAddr);

    /// @notice A provider shall run the job, at this price per minute.
    event JobAssigned(bytes32 indexed jobId, address indexed provider, address indexed customer, uint256 pricePerMin);

    /// @notice Companion of `JobTransitionEvent`; `provider` is the one that holds the job or held it until now.
    event JobChanged(
        bytes32 indexed jobId, address indexed provider, address indexed customer, JobStatus from, JobStatus to
    );

    /// @notice The job waits again; `provider` refused, gave back or lost it.
    event JobReturned(bytes32 indexed jobId, address indexed provider, string reason);

    /// @notice The lock left: `paid` to the provider, `fee` to the grid, `refunded` to the customer.
    event JobSettled(
        bytes32 indexed jobId,
        address indexed customer,
        address indexed provider,
        uint256 paid,
        uint256 fee,
        uint256 refunded
    );

    /// @notice `by` caused a top-up of `amount` wei; `maxCost` is locked now, and sets the absolute deadline.
    event JobToppedUp(bytes32 indexed jobId, address indexed by, uint256 amount, uint256 maxCost);

    /// @notice The customer wants a running job to end; the provider ends it and reports.
    event JobCancelRequested(bytes32 indexed jobId, address indexed provider);

    /// @notice An entry of a batch changed nothing; `reason` is its revert data.
    event EntrySkipped(bytes32 indexed jobId, bytes reason);

    /// @notice `amount` wei of collected fees went to `to`.
    event FeesWithdrawn(address indexed to, uint256 amount);
}
