// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IGridSettings
/// @notice The numbers that an admin may turn, each within bounds, and who may act beside customers and providers.
/// Durations in seconds. A job keeps the fee, the report delay, the cancel grace and the cancel timeout of its request; a
/// change holds for jobs requested from then on. A lease can only become longer for them. The claim timeout, which moves
/// no money, holds for all jobs at once.
interface IGridSettings {
    /// @notice The value is outside of what this setting allows.
    error SettingOutOfBounds(uint256 value, uint256 minimum, uint256 maximum);

    /// @notice The account has not this role.
    error RoleRequired(address account, bytes32 role);

    /// @notice There is no such role.
    error UnknownRole(bytes32 role);

    /// @notice A setting has a new value.
    event SettingChanged(string name, uint256 value);

    /// @notice `account` has `role` now.
    event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);

    /// @notice `account` has `role` no more.
    event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender);

    /// @notice The role that assigns jobs.
    function METASCHEDULER_ROLE() external view returns (bytes32);

    /// @notice The role that stops and allows new requests; it can do nothing else.
    function PAUSER_ROLE() external view returns (bytes32);

    /// @notice True where `account` has `role`.
    function hasRole(bytes32 role, address account) external view returns (bool);

    /// @notice Give `role` to `account`. Admin only.
    function grantRole(bytes32 role, address account) external;

    /// @notice Take `role` from `account`. Admin only.
    function revokeRole(bytes32 role, address account) external;

    /// @notice Lay down the caller's own `role`.
    function renounceRole(bytes32 role) external;

    /// @notice How long an assigned provider may take to claim.
    function claimTimeout() external view returns (uint256);

    /// @notice How long a provider counts as alive after its last transaction.
    function leaseDuration() external view returns (uint256);

    /// @notice How far before its block a report of RUNNING may put the start.
    function reportDelay() external view returns (uint256);

    /// @notice How long after a request to cancel time is still billed.
    function cancelGrace() external view returns (uint256);

    /// @notice How long after a request to cancel the customer may force the end.
    function cancelTimeout() external view returns (uint256);

    /// @notice The grid's share of a cost, in 1/100 of a percent, for jobs requested from now on.
    function feeBasisPoints() external view returns (uint256);

    /// @notice The least that a request must lock, in wei.
    function minimumAmount() external view returns (uint256);

    /// @notice One slice of a delegated top-up, in minutes.
    function topUpSliceDurationMin() external view returns (uint64);

    /// @notice False while new requests are paused; nothing else is ever paused.
    function enableRequestNewJob() external view returns (bool);

    /// @notice 30 seconds to 1 day. Admin only.
    function setClaimTimeout(uint256 value) external;

    /// @notice 1 minute to 7 days. Admin only.
    function setLeaseDuration(uint256 value) external;

    /// @notice 0 to 1 hour. Admin only.
    function setReportDelay(uint256 value) external;

    /// @notice 0 to 1 hour, at most the cancel timeout. Admin only.
    function setCancelGrace(uint256 value) external;

    /// @notice 1 minute to 1 day, at least the cancel grace. Admin only.
    function setCancelTimeout(uint256 value) external;

    /// @notice 0 to 3000. Admin only.
    function setFeeBasisPoints(uint256 value) external;

    /// @notice 0 to 1000 credits. Admin only.
    function setMinimumAmount(uint256 value) external;

    /// @notice Allow or pause new requests. Admin or pauser.
    function setEnableRequestNewJob(bool enabled) external;
}
