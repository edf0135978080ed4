// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Administered
/// @notice What all contracts of the grid share: one admin (`owner`) who hands over in two steps, and a named revert
/// for a call that no function answers.
/// @dev OpenZeppelin's AccessControl is not used: two of its errors have selectors that published clients take for
/// compiler panics.
abstract contract Administered is Ownable2Step {
    /// @notice No function of this contract has this selector.
    error UnknownFunction(bytes4 selector);

    /// @notice The grid cannot be left without an admin: transfer the ownership instead.
    error AdminRequired();

    constructor(address admin) Ownable(admin) {}

    /// @notice Every revert carries data, that of an unknown function too.
    fallback() external {
        revert UnknownFunction(msg.sig);
    }

    /// @notice Always refused: settings, approvals and roles need somebody who answers for them.
    function renounceOwnership() public view override onlyOwner {
        revert AdminRequired();
    }
}
