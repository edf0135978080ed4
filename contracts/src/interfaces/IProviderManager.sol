// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Label} from "./JobTypes.sol";
import {Provider, ProviderHardware, ProviderPrices} from "./ProviderTypes.sol";

/// @title IJobCounter
/// @notice Who knows how many jobs a provider holds: the MetaScheduler.
interface IJobCounter {
    /// @notice Jobs that are bound to `provider` now. Never reverts.
    function jobsHeldBy(address provider) external view returns (uint64);
}

/// @title IProviderManager
/// @notice Who may run jobs, with what machines, at which prices. A registration waits for the admin's approval; a
/// changed one too, and until then the old one stays valid.
interface IProviderManager {
    /// @notice Nothing would change.
    error AlreadyDone();

    /// @notice The arrays do not have one entry for each node.
    error ArrayLengthMismatch();

    /// @notice The provider is banned.
    error Banned();

    /// @notice A cluster has at least one node.
    error InvalidNodesCount();

    /// @notice A cluster has at least one CPU.
    error InvalidTotalCpus();

    /// @notice A cluster has at least one MB of memory.
    error InvalidTotalMem();

    /// @notice This address is no provider.
    error NoProvider();

    /// @notice No registration of this address waits for approval.
    error WaitingApprovalOnly();

    /// @notice A price above what can be stored.
    error PriceOutOfBounds(uint256 price, uint256 maximum);

    /// @notice What waits is not what was seen: `waiting` is its digest.
    error OfferChanged(bytes32 seen, bytes32 waiting);

    /// @notice Published: the waiting registration is valid now.
    event ProviderApproved(address addr);

    /// @notice Published: the provider is banned, or no longer so.
    event ProviderBanChanged(address addr, bool status);

    /// @notice Published: the provider is none any more.
    event ProviderRemoved(address addr);

    /// @notice Published: a registration waits for approval.
    event ProviderWaitingForApproval(address addr);

    /// @notice Who counts the jobs of providers is known now.
    event JobCounterChanged(IJobCounter jobCounter);

    /// @notice Offer machines at prices; the labels say what is special about them.
    function register(ProviderHardware calldata _hardware, ProviderPrices calldata _prices, Label[] calldata _labels)
        external;

    /// @notice Make the waiting registration valid. Admin only.
    function approve(address _providerAddr) external;

    /// @notice As `approve`, but only what the admin has seen: a provider may change what waits at any moment.
    /// @param offer The Keccak-256 of the arguments of `register` (machines, prices, labels), ABI-encoded.
    function approveOffer(address provider, bytes32 offer) external;

    /// @notice Give the provider no new jobs; what it holds it may finish. Admin only.
    function ban(address _providerAddr) external;

    /// @notice Lift a ban. Admin only.
    function unban(address _providerAddr) external;

    /// @notice Forget the registration and what waits; what the provider holds it may finish. Admin only.
    function remove(address _providerAddr) external;

    /// @notice Name the contract that counts the jobs of providers. Admin only.
    function setJobCounter(IJobCounter counter) external;

    /// @notice The contract that counts the jobs of providers; none until it is set.
    function jobCounter() external view returns (IJobCounter);

    /// @notice The valid registration; all zero where there is none. Never reverts.
    function getProvider(address _providerAddr) external view returns (Provider memory);

    /// @notice The registration that waits; all zero where there is none. Never reverts.
    function getWaitingForApprovalProvider(address _providerAddr) external view returns (Provider memory);

    /// @notice The machines of the valid registration.
    function getProviderHardware(address _providerAddr) external view returns (ProviderHardware memory);

    /// @notice The prices of the valid registration.
    function getProviderPrices(address _providerAddr) external view returns (ProviderPrices memory);

    /// @notice The labels of the valid registration.
    function getLabels(address _providerAddr) external view returns (Label[] memory);

    /// @notice Jobs bound to the provider now. Never reverts.
    function getJobCount(address _providerAddr) external view returns (uint64);

    /// @notice True for a banned address.
    function isBanned(address _providerAddr) external view returns (bool);

    /// @notice True for an approved provider that is not banned. Never reverts.
    function isValidForScheduling(address _providerAddr) external view returns (bool);

    /// @notice True while a registration waits. Never reverts.
    function isWaitingForApproval(address _providerAddr) external view returns (bool);

    /// @notice In one call: whether the provider may get a job, and its prices.
    function quote(address provider) external view returns (bool isValid, ProviderPrices memory prices);

    /// @notice Number of approved providers, the banned ones among them included.
    function elementCount() external view returns (uint256);

    /// @notice Up to `howMany` approved providers from `cursor` on, as right-aligned addresses.
    /// @return data The page, `actualLength` long.
    /// @return actualLength 0 past the end.
    /// @return newCursor Where the next page begins.
    function fetchPage(uint256 cursor, uint256 howMany)
        external
        view
        returns (bytes32[] memory data, uint256 actualLength, uint256 newCursor);

    /// @notice Number of addresses whose registration waits.
    function waitingCount() external view returns (uint256);

    /// @notice As `fetchPage`, of the addresses whose registration waits.
    function fetchWaitingPage(uint256 cursor, uint256 howMany)
        external
        view
        returns (bytes32[] memory data, uint256 actualLength, uint256 newCursor);
}
