// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Administered} from "../src/Administered.sol";
import {Credit} from "../src/Credit.sol";
import {ICredit} from "../src/interfaces/ICredit.sol";
import {Permit} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

contract CreditTest is GridTest {
    function test_the_first_credits_belong_to_the_admin() public view {
        assertEq(credit.totalSupply(), FUNDS * 10);
        assertEq(credit.balanceOf(admin), FUNDS * 9);
        assertEq(credit.decimals(), 18);
    }

    function testFuzz_an_allowance_goes_up_and_down_by_amounts(uint128 start, uint128 more, uint256 less) public {
        uint256 total = uint256(start) + more;
        less = bound(less, 0, total);
        vm.startPrank(customer);
        credit.approve(stranger, start);
        assertTrue(credit.increaseAllowance(stranger, more));
        assertEq(credit.allowance(customer, stranger), total);
        assertTrue(credit.decreaseAllowance(stranger, less));
        assertEq(credit.allowance(customer, stranger), total - less);
    }

    function test_an_allowance_never_goes_below_zero() public {
        vm.startPrank(customer);
        credit.approve(stranger, 5);
        vm.expectRevert(abi.encodeWithSelector(ICredit.ERC20FailedDecreaseAllowance.selector, stranger, 5, 6));
        credit.decreaseAllowance(stranger, 6);
        credit.decreaseAllowance(stranger, 5);
        assertEq(credit.allowance(customer, stranger), 0);
    }

    function test_a_signed_permit_sets_an_allowance() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        Permit memory signed = permit(signer, key, 7, START);
        credit.permit(signer, address(grid), signed.value, signed.deadline, signed.v, signed.r, signed.s);
        assertEq(credit.allowance(signer, address(grid)), 7);
    }

    function test_only_the_admin_mints() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        credit.mint(stranger, 1);
        vm.prank(admin);
        credit.mint(stranger, 1);
        assertEq(credit.balanceOf(stranger), 1);
    }

    function test_there_are_never_more_credits_than_the_cap() public {
        Credit scarce = new Credit(admin, 90, 100, 1000);
        assertEq(scarce.cap(), 100);
        vm.startPrank(admin);
        scarce.mint(admin, 10);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, 101, 100));
        scarce.mint(admin, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, 1100, 100));
        scarce.drip(stranger);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, 101, 100));
        new Credit(admin, 101, 100, 0);
    }

    // The faucet of a test network.

    function test_a_grid_without_a_faucet_never_has_one() public {
        assertEq(credit.faucetLeft(), 0);
        vm.prank(admin);
        vm.expectRevert(ICredit.FaucetEmpty.selector);
        credit.drip(admin);
    }

    function test_the_faucet_gives_each_account_one_drip_a_day() public {
        Credit play = new Credit(admin, 0, type(uint256).max, 1000 ether);
        vm.startPrank(stranger);
        play.drip(customer);
        assertEq(play.balanceOf(customer), 100 ether);
        assertEq(play.nextDripAt(customer), START + 1 days);
        vm.warp(START + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(ICredit.FaucetPaused.selector, START + 1 days));
        play.drip(customer);
        play.drip(stranger);
        vm.warp(START + 1 days);
        play.drip(customer);
        assertEq(play.balanceOf(customer), 200 ether);
        assertEq(play.faucetLeft(), 700 ether);
    }

    function testFuzz_the_faucet_gives_what_it_was_built_with_and_no_more(uint256 supply) public {
        supply = bound(supply, 0, 1000 ether);
        Credit play = new Credit(admin, 0, type(uint256).max, supply);
        for (uint160 i = 1; play.faucetLeft() != 0; ++i) {
            uint256 before = play.faucetLeft();
            play.drip(address(i));
            assertEq(play.balanceOf(address(i)), before - play.faucetLeft());
            assertTrue(play.balanceOf(address(i)) == 100 ether || play.faucetLeft() == 0);
        }
        assertEq(play.totalSupply(), supply);
        vm.expectRevert(ICredit.FaucetEmpty.selector);
        play.drip(address(11));
    }

    function test_the_admin_hands_over_in_two_steps() public {
        vm.prank(admin);
        grid.transferOwnership(stranger);
        assertEq(grid.owner(), admin);
        vm.prank(stranger);
        grid.acceptOwnership();
        assertEq(grid.owner(), stranger);
    }

    function test_the_admin_cannot_leave_the_grid_alone() public {
        vm.startPrank(admin);
        vm.expectRevert(Administered.AdminRequired.selector);
        credit.renounceOwnership();
        vm.expectRevert(Administered.AdminRequired.selector);
        grid.renounceOwnership();
        vm.stopPrank();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        grid.renounceOwnership();
    }
}
