// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Administered} from "../Administered.sol";
import {IGridSettings} from "../interfaces/IGridSettings.sol";

/// @title GridSettings
/// @notice The settings with their bounds, and the roles.
abstract contract GridSettings is IGridSettings, Administered {
    /// @dev One slot: a request reads what it needs and counts itself in one place.
    struct Settings {
        uint24 claimTimeout;
        uint24 leaseDuration;
        uint24 cancelTimeout;
        uint16 cancelGrace;
        uint16 reportDelay;
        uint16 feeBasisPoints;
        bool requestsEnabled;
        uint72 minimumAmount;
        uint32 jobCount;
    }

    /// @inheritdoc IGridSettings
    bytes32 public constant METASCHEDULER_ROLE = keccak256("METASCHEDULER_ROLE");

    /// @inheritdoc IGridSettings
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @inheritdoc IGridSettings
    uint64 public constant topUpSliceDurationMin = 30;

    uint256 internal constant MAX_FEE_BASIS_POINTS = 3000;
    uint256 internal constant MAX_MINIMUM_AMOUNT = 1000 ether;

    Settings internal _settings = Settings({
        claimTimeout: 5 minutes,
        leaseDuration: 15 minutes,
        cancelTimeout: 10 minutes,
        cancelGrace: 2 minutes,
        reportDelay: 5 minutes,
        feeBasisPoints: 250,
        requestsEnabled: true,
        minimumAmount: 0,
        jobCount: 0
    });

    mapping(bytes32 role => mapping(address account => bool)) private _roles;

    modifier onlyRole(bytes32 role) {
        _requireRole(role);
        _;
    }

    // Roles.

    /// @inheritdoc IGridSettings
    function hasRole(bytes32 role, address account) public view returns (bool) {
        return _roles[role][account];
    }

    /// @inheritdoc IGridSettings
    function grantRole(bytes32 role, address account) external onlyOwner {
        if (role != METASCHEDULER_ROLE && role != PAUSER_ROLE) revert UnknownRole(role);
        if (hasRole(role, account)) return;
        _roles[role][account] = true;
        emit RoleGranted(role, account, msg.sender);
    }

    /// @inheritdoc IGridSettings
    function revokeRole(bytes32 role, address account) external onlyOwner {
        _revoke(role, account);
    }

    /// @inheritdoc IGridSettings
    function renounceRole(bytes32 role) external {
        _revoke(role, msg.sender);
    }

    // Reading.

    /// @inheritdoc IGridSettings
    function claimTimeout() external view returns (uint256) {
        return _settings.claimTimeout;
    }

    /// @inheritdoc IGridSettings
    function leaseDuration() external view returns (uint256) {
        return _settings.leaseDuration;
    }

    /// @inheritdoc IGridSettings
    function reportDelay() external view returns (uint256) {
        return _settings.reportDelay;
    }

    /// @inheritdoc IGridSettings
    function cancelGrace() external view returns (uint256) {
        return _settings.cancelGrace;
    }

    /// @inheritdoc IGridSettings
    function cancelTimeout() external view returns (uint256) {
        return _settings.cancelTimeout;
    }

    /// @inheritdoc IGridSettings
    function feeBasisPoints() external view returns (uint256) {
        return _settings.feeBasisPoints;
    }

    /// @inheritdoc IGridSettings
    function minimumAmount() external view returns (uint256) {
        return _settings.minimumAmount;
    }

    /// @inheritdoc IGridSettings
    function enableRequestNewJob() external view returns (bool) {
        return _settings.requestsEnabled;
    }

    // Turning. Each bound fits the setting's width.

    /// @inheritdoc IGridSettings
    function setClaimTimeout(uint256 value) external onlyOwner {
        _set("claimTimeout", value, 30 seconds, 1 days);
        _settings.claimTimeout = uint24(value);
    }

    /// @inheritdoc IGridSettings
    function setLeaseDuration(uint256 value) external onlyOwner {
        _set("leaseDuration", value, 1 minutes, 7 days);
        _settings.leaseDuration = uint24(value);
    }

    /// @inheritdoc IGridSettings
    function setReportDelay(uint256 value) external onlyOwner {
        _set("reportDelay", value, 0, 1 hours);
        _settings.reportDelay = uint16(value);
    }

    /// @inheritdoc IGridSettings
    function setCancelGrace(uint256 value) external onlyOwner {
        uint256 timeout = _settings.cancelTimeout;
        _set("cancelGrace", value, 0, timeout < 1 hours ? timeout : 1 hours);
        _settings.cancelGrace = uint16(value);
    }

    /// @inheritdoc IGridSettings
    function setCancelTimeout(uint256 value) external onlyOwner {
        uint256 grace = _settings.cancelGrace;
        _set("cancelTimeout", value, grace > 1 minutes ? grace : 1 minutes, 1 days);
        _settings.cancelTimeout = uint24(value);
    }

    /// @inheritdoc IGridSettings
    function setFeeBasisPoints(uint256 value) external onlyOwner {
        _set("feeBasisPoints", value, 0, MAX_FEE_BASIS_POINTS);
        _settings.feeBasisPoints = uint16(value);
    }

    /// @inheritdoc IGridSettings
    function setMinimumAmount(uint256 value) external onlyOwner {
        _set("minimumAmount", value, 0, MAX_MINIMUM_AMOUNT);
        _settings.minimumAmount = uint72(value);
    }

    /// @inheritdoc IGridSettings
    function setEnableRequestNewJob(bool enabled) external {
        if (msg.sender != owner()) _requireRole(PAUSER_ROLE);
        _settings.requestsEnabled = enabled;
        emit SettingChanged("enableRequestNewJob", enabled ? 1 : 0);
    }

    function _requireRole(bytes32 role) private view {
        if (!hasRole(role, msg.sender)) revert RoleRequired(msg.sender, role);
    }

    function _revoke(bytes32 role, address account) private {
        if (!hasRole(role, account)) return;
        _roles[role][account] = false;
        emit RoleRevoked(role, account, msg.sender);
    }

    function _set(string memory name, uint256 value, uint256 minimum, uint256 maximum) private {
        if (value < minimum || value > maximum) revert SettingOutOfBounds(value, minimum, maximum);
        emit SettingChanged(name, value);
    }
}
