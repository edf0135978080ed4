// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ICredit
/// @notice What the token of the grid has beside ERC-20 and EIP-2612: relative changes of an allowance, as published
/// clients call them, and an admin who mints.
interface ICredit {
    /// @notice The allowance is smaller than what should be taken off it.
    error ERC20FailedDecreaseAllowance(address spender, uint256 currentAllowance, uint256 requestedDecrease);

    /// @notice Add `addedValue` to what `spender` may take from the caller.
    /// @return Always true.
    function increaseAllowance(address spender, uint256 addedValue) external returns (bool);

    /// @notice Take `subtractedValue` off what `spender` may take from the caller.
    /// @return Always true.
    function decreaseAllowance(address spender, uint256 subtractedValue) external returns (bool);

    /// @notice Create `amount` wei of credit for `to`. Admin only.
    function mint(address to, uint256 amount) external;
}
