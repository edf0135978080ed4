// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ICredit
/// @notice What the token of the grid has beside ERC-20 and EIP-2612: relative changes of an allowance, as published
/// clients call them, an admin who mints up to a cap, and on test networks a faucet.
interface ICredit {
    /// @notice The allowance is smaller than what should be taken off it.
    error ERC20FailedDecreaseAllowance(address spender, uint256 currentAllowance, uint256 requestedDecrease);

    /// @notice The faucet has nothing left; where it never had anything, there is none and never will be.
    error FaucetEmpty();

    /// @notice This account was given credits less than a day ago; not again before `readyAt`.
    error FaucetPaused(uint256 readyAt);

    /// @notice Add `addedValue` to what `spender` may take from the caller.
    /// @return Always true.
    function increaseAllowance(address spender, uint256 addedValue) external returns (bool);

    /// @notice Take `subtractedValue` off what `spender` may take from the caller.
    /// @return Always true.
    function decreaseAllowance(address spender, uint256 subtractedValue) external returns (bool);

    /// @notice Create `amount` wei of credit for `to`, up to the cap that was fixed at deployment. Admin only.
    function mint(address to, uint256 amount) external;

    /// @notice Give `to` the credits of one drip, or what is left of them. By anyone, once a day for each account.
    function drip(address to) external;

    /// @notice The most that one drip gives, in wei.
    function FAUCET_DRIP() external view returns (uint256);

    /// @notice What the faucet can still give, in wei: fixed at deployment, then it only falls. 0 is no faucet, for good.
    function faucetLeft() external view returns (uint256);

    /// @notice From when on `account` may be given credits again, unix seconds.
    function nextDripAt(address account) external view returns (uint256);
}
