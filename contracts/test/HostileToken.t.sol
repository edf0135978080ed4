// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Credit} from "../src/Credit.sol";
import {JobStatus} from "../src/interfaces/JobTypes.sol";
import {MetaScheduler} from "../src/MetaScheduler.sol";
import {GridTest} from "./GridTest.sol";

/// @notice A token that calls back into the grid in the middle of each transfer, as provider, customer and admin.
contract HostileToken is ERC20("Hostile", "EVIL") {
    MetaScheduler private _grid;
    bytes[] private _calls;
    uint256 public successes;

    function arm(MetaScheduler grid, bytes[] memory calls) external {
        (_grid, _calls) = (grid, calls);
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @dev What the token does under its own address: it is a provider and a customer too.
    function act(address target, bytes memory call) external {
        (bool done,) = target.call(call);
        require(done);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        for (uint256 i = 0; i < _calls.length; ++i) {
            (bool done,) = address(_grid).call(_calls[i]);
            if (done) ++successes;
        }
    }
}

contract HostileTokenTest is GridTest {
    HostileToken private token;

    function setUp() public override {
        super.setUp();
        token = new HostileToken();
        grid = new MetaScheduler(address(token), Credit(address(token)), manager);
        token.act(address(grid), abi.encodeCall(grid.grantRole, (grid.METASCHEDULER_ROLE(), scheduler)));
        token.mint(customer, FUNDS);
        vm.prank(customer);
        token.approve(address(grid), FUNDS);
        provider = address(token);
        join(provider);
    }

    function test_a_token_that_calls_back_while_it_pays_gets_nothing_twice() public {
        bytes32 paying = running();
        bytes32 other = running();
        bytes32 placed = scheduled();
        bytes32 unclaimed = assigned();
        vm.warp(time() + 360);
        bytes[] memory calls = new bytes[](8);
        calls[0] = abi.encodeCall(grid.report, (outcome(paying, JobStatus.FINISHED, time())));
        calls[1] = abi.encodeCall(grid.panicJob, (paying, ""));
        calls[2] = abi.encodeCall(grid.refuse, (paying, ""));
        // Each of these would succeed a moment later.
        calls[3] = abi.encodeCall(grid.report, (outcome(other, JobStatus.FINISHED, time())));
        calls[4] = abi.encodeCall(grid.panicJob, (other, ""));
        calls[5] = abi.encodeCall(grid.cancelJob, (placed));
        calls[6] = abi.encodeCall(grid.expire, (unclaimed));
        calls[7] = abi.encodeCall(grid.withdrawFees, (address(token), 1));
        token.arm(grid, calls);
        report(paying, JobStatus.FINISHED);
        assertEq(token.successes(), 0);
        uint256 fee = 6 * PRICE * 250 / 10_000;
        assertEq(token.balanceOf(provider), 6 * PRICE - fee);
        assertEq(token.balanceOf(address(grid)), 3 * LOCKED + fee);
    }

    function test_a_token_that_calls_back_while_it_is_paid_in_breaks_no_sum() public {
        bytes[] memory calls = new bytes[](2);
        // The job that is just being requested: the token provides nothing for it yet.
        calls[0] = abi.encodeCall(grid.cancelJob, (bytes32(uint256(1))));
        calls[1] = abi.encodeCall(grid.claim, (bytes32(uint256(1))));
        token.arm(grid, calls);
        bytes32 id = request();
        assertEq(token.successes(), 0);
        assertEq(token.balanceOf(address(grid)), grid.get(id).cost.maxCost);
    }
}
