// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobCounter} from "../interfaces/IProviderManager.sol";

/// @title AccountBook
/// @notice What is kept of each customer and provider, in one slot. Accounts are numbered from 1 as they appear: a job
/// names two of them in 64 bits instead of 320.
abstract contract AccountBook is IJobCounter {
    /// @dev The jobs of a customer are a list: the newest is named here, and each job names the one before it.
    struct Account {
        uint32 number;
        uint32 jobsRequested;
        uint32 newestJob;
        uint32 jobsHeld;
        uint40 lastSeenAt;
    }

    mapping(address => Account) internal _accounts;
    mapping(uint256 number => address) private _addresses;
    uint32 private _accountCount;

    /// @inheritdoc IJobCounter
    function jobsHeldBy(address provider) external view returns (uint64) {
        return _accounts[provider].jobsHeld;
    }

    /// @dev The address of an account; zero for number zero.
    function _addressOf(uint32 number) internal view returns (address) {
        return _addresses[number];
    }

    /// @dev The number of an account, a new one where it has none.
    function _numberOf(address addr) internal returns (uint32 number) {
        number = _accounts[addr].number;
        if (number == 0) {
            number = ++_accountCount;
            _accounts[addr].number = number;
            _addresses[number] = addr;
        }
    }

    /// @dev Whether the account has this number; nobody is number zero.
    function _is(Account storage account, uint32 number) internal view returns (bool) {
        return number != 0 && account.number == number;
    }

    /// @dev The account gave a sign of life.
    function _see(Account storage account) internal {
        account.lastSeenAt = uint40(block.timestamp);
    }
}
