// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Administered} from "./Administered.sol";
import {ICredit} from "./interfaces/ICredit.sol";

/// @title Credit
/// @notice The money of the grid: an ERC-20 with 18 decimals and EIP-2612 permits.
contract Credit is ICredit, ERC20, ERC20Permit, Administered {
    constructor(address admin, uint256 initialSupply)
        ERC20("DeepSquare Credit", "DPS")
        ERC20Permit("DeepSquare Credit")
        Administered(admin)
    {
        _mint(admin, initialSupply);
    }

    /// @inheritdoc ICredit
    function increaseAllowance(address spender, uint256 addedValue) external returns (bool) {
        _approve(msg.sender, spender, allowance(msg.sender, spender) + addedValue);
        return true;
    }

    /// @inheritdoc ICredit
    function decreaseAllowance(address spender, uint256 subtractedValue) external returns (bool) {
        uint256 current = allowance(msg.sender, spender);
        if (current < subtractedValue) revert ERC20FailedDecreaseAllowance(spender, current, subtractedValue);
        unchecked {
            _approve(msg.sender, spender, current - subtractedValue);
        }
        return true;
    }

    // Published clients name the last argument of these three `amount`, and some pass it by name.

    /// @inheritdoc ERC20
    function approve(address spender, uint256 amount) public override returns (bool) {
        return super.approve(spender, amount);
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        return super.transfer(to, amount);
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return super.transferFrom(from, to, amount);
    }

    /// @inheritdoc ICredit
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }
}
