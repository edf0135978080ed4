// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Administered} from "./Administered.sol";
import {IJobCounter, IProviderManager} from "./interfaces/IProviderManager.sol";
import {Label} from "./interfaces/JobTypes.sol";
import {Provider, ProviderHardware, ProviderPrices} from "./interfaces/ProviderTypes.sol";
import {Blob} from "./libraries/Blob.sol";
import {Registration} from "./libraries/Registration.sol";

/// @title ProviderManager
/// @notice Who may run jobs.
contract ProviderManager is IProviderManager, Administered {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @dev What an assignment reads, in one slot.
    struct Standing {
        uint80 gpuPrice;
        uint80 cpuPrice;
        uint80 memPrice;
        bool approved;
        bool banned;
    }

    /// @inheritdoc IProviderManager
    IJobCounter public jobCounter;

    mapping(address => Standing) private _standing;
    mapping(address => address) private _valid;
    mapping(address => address) private _waiting;
    EnumerableSet.AddressSet private _approvedProviders;
    EnumerableSet.AddressSet private _waitingProviders;

    constructor(address admin) Administered(admin) {}

    // The provider's side.

    /// @inheritdoc IProviderManager
    function register(ProviderHardware calldata _hardware, ProviderPrices calldata _prices, Label[] calldata _labels)
        external
    {
        if (_standing[msg.sender].banned) revert Banned();
        Registration.requireValid(_hardware, _prices);
        bytes memory packed = Registration.pack(_hardware, _prices, _labels);
        address latest = _waiting[msg.sender] != address(0) ? _waiting[msg.sender] : _valid[msg.sender];
        if (keccak256(packed) == keccak256(Blob.read(latest))) revert AlreadyDone();

        _waiting[msg.sender] = Blob.write(packed);
        _waitingProviders.add(msg.sender);
        emit ProviderWaitingForApproval(msg.sender);
    }

    // The admin's side.

    /// @inheritdoc IProviderManager
    function approve(address _providerAddr) external onlyOwner {
        _approve(_providerAddr, _waitingPointer(_providerAddr));
    }

    /// @inheritdoc IProviderManager
    function approveOffer(address provider, bytes32 offer) external onlyOwner {
        address waiting = _waitingPointer(provider);
        bytes32 digest = Registration.digest(waiting);
        if (digest != offer) revert OfferChanged(offer, digest);
        _approve(provider, waiting);
    }

    /// @inheritdoc IProviderManager
    function ban(address _providerAddr) external onlyOwner {
        _requireKnown(_providerAddr);
        _setBanned(_providerAddr, true);
    }

    /// @inheritdoc IProviderManager
    function unban(address _providerAddr) external onlyOwner {
        _setBanned(_providerAddr, false);
    }

    /// @inheritdoc IProviderManager
    function remove(address _providerAddr) external onlyOwner {
        _requireKnown(_providerAddr);

        // A ban outlives the registration: removing is no way around it.
        _standing[_providerAddr] =
            Standing({gpuPrice: 0, cpuPrice: 0, memPrice: 0, approved: false, banned: _standing[_providerAddr].banned});
        delete _valid[_providerAddr];
        delete _waiting[_providerAddr];
        _approvedProviders.remove(_providerAddr);
        _waitingProviders.remove(_providerAddr);
        emit ProviderRemoved(_providerAddr);
    }

    /// @inheritdoc IProviderManager
    function setJobCounter(IJobCounter counter) external onlyOwner {
        // Asked once here, so that `getJobCount` never fails later.
        counter.jobsHeldBy(address(0));
        jobCounter = counter;
        emit JobCounterChanged(counter);
    }

    // What anybody may read.

    /// @inheritdoc IProviderManager
    function getProvider(address _providerAddr) external view returns (Provider memory) {
        return _read(_providerAddr, _valid[_providerAddr]);
    }

    /// @inheritdoc IProviderManager
    function getWaitingForApprovalProvider(address _providerAddr) external view returns (Provider memory) {
        return _read(_providerAddr, _waiting[_providerAddr]);
    }

    /// @inheritdoc IProviderManager
    function getProviderHardware(address _providerAddr) external view returns (ProviderHardware memory) {
        return _read(_providerAddr, _valid[_providerAddr]).providerHardware;
    }

    /// @inheritdoc IProviderManager
    function getProviderPrices(address _providerAddr) external view returns (ProviderPrices memory) {
        return _pricesOf(_standing[_providerAddr]);
    }

    /// @inheritdoc IProviderManager
    function getLabels(address _providerAddr) external view returns (Label[] memory) {
        return _read(_providerAddr, _valid[_providerAddr]).labels;
    }

    /// @inheritdoc IProviderManager
    function getJobCount(address _providerAddr) external view returns (uint64) {
        return address(jobCounter) == address(0) ? 0 : jobCounter.jobsHeldBy(_providerAddr);
    }

    /// @inheritdoc IProviderManager
    function isBanned(address _providerAddr) external view returns (bool) {
        return _standing[_providerAddr].banned;
    }

    /// @inheritdoc IProviderManager
    function isValidForScheduling(address _providerAddr) external view returns (bool) {
        return _isValid(_standing[_providerAddr]);
    }

    /// @inheritdoc IProviderManager
    function isWaitingForApproval(address _providerAddr) external view returns (bool) {
        return _waiting[_providerAddr] != address(0);
    }

    /// @inheritdoc IProviderManager
    function quote(address provider) external view returns (bool isValid, ProviderPrices memory prices) {
        Standing storage standing = _standing[provider];
        return (_isValid(standing), _pricesOf(standing));
    }

    /// @inheritdoc IProviderManager
    function elementCount() external view returns (uint256) {
        return _approvedProviders.length();
    }

    /// @inheritdoc IProviderManager
    function fetchPage(uint256 cursor, uint256 howMany)
        external
        view
        returns (bytes32[] memory data, uint256 actualLength, uint256 newCursor)
    {
        return _page(_approvedProviders, cursor, howMany);
    }

    /// @inheritdoc IProviderManager
    function waitingCount() external view returns (uint256) {
        return _waitingProviders.length();
    }

    /// @inheritdoc IProviderManager
    function fetchWaitingPage(uint256 cursor, uint256 howMany)
        external
        view
        returns (bytes32[] memory data, uint256 actualLength, uint256 newCursor)
    {
        return _page(_waitingProviders, cursor, howMany);
    }

    function _waitingPointer(address provider) private view returns (address pointer) {
        pointer = _waiting[provider];
        if (pointer == address(0)) revert WaitingApprovalOnly();
    }

    function _approve(address provider, address waiting) private {
        Standing storage standing = _standing[provider];
        if (standing.banned) revert Banned();

        (ProviderPrices memory prices,,) = Registration.unpack(waiting);
        standing.gpuPrice = uint80(prices.gpuPricePerMin);
        standing.cpuPrice = uint80(prices.cpuPricePerMin);
        standing.memPrice = uint80(prices.memPricePerMin);
        standing.approved = true;
        _valid[provider] = waiting;
        delete _waiting[provider];
        _waitingProviders.remove(provider);
        _approvedProviders.add(provider);
        emit ProviderApproved(provider);
    }

    function _requireKnown(address provider) private view {
        if (_valid[provider] == address(0) && _waiting[provider] == address(0)) revert NoProvider();
    }

    function _setBanned(address provider, bool banned) private {
        if (_standing[provider].banned == banned) revert AlreadyDone();
        _standing[provider].banned = banned;
        emit ProviderBanChanged(provider, banned);
    }

    function _isValid(Standing storage standing) private view returns (bool) {
        return standing.approved && !standing.banned;
    }

    function _pricesOf(Standing storage standing) private view returns (ProviderPrices memory) {
        return ProviderPrices({
            gpuPricePerMin: standing.gpuPrice, cpuPricePerMin: standing.cpuPrice, memPricePerMin: standing.memPrice
        });
    }

    function _read(address addr, address pointer) private view returns (Provider memory provider) {
        if (pointer == address(0)) return provider;
        provider.addr = addr;
        provider.isBanned = _standing[addr].banned;
        (provider.providerPrices, provider.providerHardware, provider.labels) = Registration.unpack(pointer);
    }

    function _page(EnumerableSet.AddressSet storage set, uint256 cursor, uint256 howMany)
        private
        view
        returns (bytes32[] memory data, uint256 actualLength, uint256 newCursor)
    {
        uint256 left = cursor < set.length() ? set.length() - cursor : 0;
        actualLength = howMany < left ? howMany : left;
        newCursor = cursor + actualLength;
        data = new bytes32[](actualLength);
        for (uint256 i = 0; i < actualLength; ++i) {
            data[i] = bytes32(uint256(uint160(set.at(cursor + i))));
        }
    }
}
