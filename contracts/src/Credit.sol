// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Administered} from "./Administered.sol";
import {ICredit} from "./interfaces/ICredit.sol";

/// @title Credit
/// @notice The money of the grid: an ERC-20 with 18 decimals, EIP-2612 permits and a cap.
contract Credit is ICredit, ERC20Capped, ERC20Permit, Administered {
    /// @inheritdoc ICredit
    uint256 public constant FAUCET_DRIP = 100 ether;

    uint256 private constant FAUCET_PAUSE = 1 days;

    /// @inheritdoc ICredit
    uint256 public faucetLeft;

    /// @inheritdoc ICredit
    mapping(address account => uint256) public nextDripAt;

    /// @param supplyCap The most credits that there can ever be.
    /// @param faucetSupply What the faucet may give away in all; 0 on every grid whose credits are worth something.
    constructor(address admin, uint256 initialSupply, uint256 supplyCap, uint256 faucetSupply)
        ERC20("DeepSquare Credit", "DPS")
        ERC20Capped(supplyCap)
        ERC20Permit("DeepSquare Credit")
        Administered(admin)
    {
        faucetLeft = faucetSupply;
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

    /// @inheritdoc ICredit
    function drip(address to) external {
        uint256 amount = Math.min(FAUCET_DRIP, faucetLeft);
        if (amount == 0) revert FaucetEmpty();
        if (block.timestamp < nextDripAt[to]) revert FaucetPaused(nextDripAt[to]);
        faucetLeft -= amount;
        nextDripAt[to] = block.timestamp + FAUCET_PAUSE;
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, ERC20Capped) {
        super._update(from, to, amount);
    }
}
