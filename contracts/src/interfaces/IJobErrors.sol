// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IJobErrors
/// @notice Every reason for which the MetaScheduler refuses. The first group is published and fixed.
interface IJobErrors {
    /// @notice Only the job's customer, its provider or the scheduler role may do this.
    error CustomerMetaSchedulerProviderOnly();

    /// @notice Only the job's customer may do this.
    error CustomerOnly(address current, address expected);

    /// @notice `required` wei are needed where only `available` are given or allowed.
    error InsufficientFunds(uint256 available, uint256 required);

    /// @notice No such transition in the life of a job.
    error InvalidTransition(uint8 from, uint8 to);

    /// @notice There is no job of this id.
    error InvalidJob();

    /// @notice The definition asks for nothing, for more than can be counted, or names an unknown storage or operator.
    error InvalidJobDefinition();

    /// @notice The job is over.
    error JobHotStatusOnly(uint8 current);

    /// @notice Only the provider that holds the job may do this.
    error JobProviderOnly(address current, address expected);

    /// @notice A job can only be given back before it runs.
    error MetaScheduledScheduledStatusOnly(uint8 current);

    /// @notice New requests are paused.
    error NewJobRequestDisabled();

    /// @notice The customer did not delegate spending for this job, or asked for its end.
    error NoSpendingAuthority();

    /// @notice The provider is not approved, or is banned.
    error ProviderNotJoined();

    /// @notice More than one slice is left: `remaining` and `limit` in seconds.
    error RemainingTimeAboveLimit(uint256 remaining, uint256 limit);

    /// @notice A provider reports RUNNING or a cold state, nothing else.
    error RunningColdStatusOnly(uint8 current);

    /// @notice Only a SCHEDULED or RUNNING job can be topped up.
    error RunningScheduledStatusOnly(uint8 current);

    /// @notice The job is in that state already.
    error SameStatusError();

    /// @notice An amount of credits outside of what this call takes.
    error AmountOutOfBounds(uint256 amount, uint256 minimum, uint256 maximum);

    /// @notice The job would cost more per minute than is accepted, by the customer or by what can be stored.
    error PriceAboveLimit(uint256 pricePerMin, uint256 limit);

    /// @notice This provider refused, gave back or lost this job before.
    error ProviderAvoided(address provider);

    /// @notice The job was assigned as often as can be counted.
    error TooManyAttempts(uint256 maximum);

    /// @notice The customer does not want the job to start any more.
    error LatestStartPassed(uint256 latestStart);

    /// @notice Nothing has run out yet; where the job's state has a clock, not before `readyAt`.
    error NotExpired(uint256 readyAt);

    /// @notice The cancellation waits for the provider; the customer can force it from `readyAt` on.
    error CancelPending(uint256 readyAt);

    /// @notice What the job paid for ended at `deadline`.
    error JobTimeOver(uint256 deadline);

    /// @notice An entry of a batch ran out of gas, which says nothing about the entry: send more gas.
    error BatchOutOfGas(bytes32 jobId);
}
