// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Administered} from "../src/Administered.sol";
import {ICredit} from "../src/interfaces/ICredit.sol";
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
    }

    function test_a_signed_permit_sets_an_allowance() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 permit = keccak256(abi.encode(typeHash, signer, address(grid), 7, 0, START));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", credit.DOMAIN_SEPARATOR(), permit));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        credit.permit(signer, address(grid), 7, START, v, r, s);
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
    }
}
