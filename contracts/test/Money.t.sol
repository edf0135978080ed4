// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {IJobEvents} from "../src/interfaces/IJobEvents.sol";
import {Job, JobDefinition, JobStatus, RequestOptions} from "../src/interfaces/JobTypes.sol";
import {ProviderPrices} from "../src/interfaces/ProviderTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice What is locked, billed, paid, kept as a fee and refunded.
contract MoneyTest is GridTest {
    uint256 private constant SLICE = PRICE * 30;

    // The bill.

    function testFuzz_a_finished_job_costs_its_seconds_and_the_rest_goes_home(uint96 locked, uint32 duration) public {
        locked = uint96(bound(locked, 0, FUNDS));
        duration = uint32(bound(duration, 0, 50 * 365 days));
        bytes32 id = running(locked);
        vm.warp(time() + duration);
        report(id, JobStatus.FINISHED);
        uint256 cost = (PRICE * duration + 59) / 60;
        if (cost > locked) cost = locked;
        uint256 fee = cost * 250 / 10_000;
        assertEq(grid.get(id).cost.finalCost, cost);
        assertPaid(cost - fee, fee);
    }

    function test_each_end_of_a_running_job_but_panic_is_paid() public {
        JobStatus[3] memory ends = [JobStatus.FINISHED, JobStatus.FAILED, JobStatus.OUT_OF_CREDITS];
        for (uint256 i = 0; i < ends.length; ++i) {
            uint256 before = credit.balanceOf(provider);
            bytes32 id = running();
            vm.warp(time() + 60);
            vm.expectEmit(address(grid));
            emit IJobEvents.JobSettled(id, customer, provider, PRICE - 97, 97, LOCKED - PRICE);
            report(id, ends[i]);
            assertEq(credit.balanceOf(provider) - before, PRICE - 97);
        }
    }

    function test_a_panicked_job_costs_nothing() public {
        bytes32 id = running();
        vm.warp(time() + 3600);
        vm.prank(provider);
        grid.panicJob(id, "node lost");
        assertPaid(0, 0);
        assertEq(grid.get(id).cost.finalCost, 0);
    }

    function test_a_job_that_never_ran_costs_nothing() public {
        bytes32 id = scheduled();
        vm.warp(time() + 600);
        report(id, JobStatus.FAILED);
        assertPaid(0, 0);
    }

    function test_a_job_without_a_price_costs_nothing_however_long_it_runs() public {
        reprice(0, 0, 0);
        bytes32 id = running();
        vm.warp(time() + 365 days);
        report(id, JobStatus.FINISHED);
        assertPaid(0, 0);
    }

    function test_the_least_fee_is_kept_and_the_least_rest_goes_home() public {
        bytes32 id = running(PRICE + 1);
        vm.warp(time() + 60);
        report(id, JobStatus.FINISHED);
        assertPaid(PRICE - 97, 97);

        id = running(40);
        vm.warp(time() + 60);
        report(id, JobStatus.FINISHED);
        assertPaid(PRICE - 97 + 39, 98);
    }

    function test_nothing_is_not_transferred() public {
        bytes32 idle = scheduled();
        bytes32 spent = running(PRICE);
        vm.warp(time() + 60);
        vm.expectCall(address(credit), abi.encodeCall(credit.transfer, (provider, 0)), 0);
        vm.expectCall(address(credit), abi.encodeCall(credit.transfer, (customer, 0)), 0);
        report(idle, JobStatus.FAILED);
        report(spent, JobStatus.FINISHED);
        assertPaid(PRICE - 97, 97);
    }

    // Start and end are clamped to what the chain saw.

    function testFuzz_the_start_lies_between_the_claim_and_the_report(uint64 at, uint32 queued) public {
        queued = uint32(bound(queued, 0, 1 days));
        bytes32 id = scheduled();
        uint256 claimedAt = time();
        vm.warp(claimedAt + queued);
        vm.prank(provider);
        grid.report(outcome(id, JobStatus.RUNNING, at));
        uint256 start = grid.get(id).time.start;
        uint256 earliest = queued > 5 minutes ? time() - 5 minutes : claimedAt;
        assertGe(start, earliest);
        assertLe(start, time());
        if (at >= earliest && at <= time()) assertEq(start, at);
    }

    function testFuzz_the_end_lies_between_the_start_and_now(uint64 at, uint32 duration) public {
        duration = uint32(bound(duration, 0, 50 * 365 days));
        bytes32 id = running();
        uint256 start = time();
        vm.warp(start + duration);
        vm.prank(provider);
        grid.report(outcome(id, JobStatus.FINISHED, at));
        uint256 end = grid.get(id).time.end;
        assertGe(end, start);
        assertLe(end, time());
        if (at >= start && at <= time()) assertEq(end, at);
    }

    // Prices and fees are those of the job.

    function test_a_later_price_never_touches_an_assigned_job() public {
        bytes32 id = assigned();
        reprice(700, 1100, 1300);
        assertEq(grid.terms(id).pricePerMin, PRICE);
        claim(id);
        report(id, JobStatus.RUNNING);
        vm.warp(time() + 60);
        report(id, JobStatus.FINISHED);
        assertEq(grid.get(id).cost.finalCost, PRICE);
        assertEq(grid.terms(assigned()).pricePerMin, PRICE * 100);
    }

    function test_a_job_keeps_the_fee_of_its_request() public {
        bytes32 id = running();
        vm.prank(admin);
        grid.setFeeBasisPoints(3000);
        assertEq(grid.terms(id).feeBasisPoints, 250);
        assertEq(grid.terms(request()).feeBasisPoints, 3000);
    }

    function test_a_price_above_the_customers_ceiling_is_refused() public {
        RequestOptions memory options;
        options.maxPricePerMin = uint128(PRICE - 1);
        bytes32 dear = request(options);
        options.maxPricePerMin = uint128(PRICE);
        bytes32 fair = request(options);
        options.maxPricePerMin = type(uint128).max;
        bytes32 any = request(options);
        vm.startPrank(scheduler);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.PriceAboveLimit.selector, PRICE, PRICE - 1));
        grid.assign(dear, provider);
        grid.assign(fair, provider);
        grid.assign(any, provider);
    }

    function test_a_price_beyond_counting_is_refused() public {
        JobDefinition memory wanted = definition();
        (wanted.gpus, wanted.ntasks, wanted.cpusPerTask) = (1 << 16, 1, 1);
        vm.startPrank(customer);
        bytes32 first = grid.requestNewJob(wanted, LOCKED, "", false);
        bytes32 second = grid.requestNewJob(wanted, LOCKED, "", false);
        vm.stopPrank();

        uint256 most = type(uint96).max;
        reprice(type(uint80).max, type(uint16).max, 0);
        assign(first);
        assertEq(grid.terms(first).pricePerMin, most);
        reprice(type(uint80).max, uint256(type(uint16).max) + 1, 0);
        vm.prank(scheduler);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.PriceAboveLimit.selector, most + 1, most));
        grid.assign(second, provider);
    }

    function test_fees_are_withdrawn_and_locked_credits_are_not() public {
        bytes32 id = running();
        vm.warp(time() + 60);
        report(id, JobStatus.FINISHED);
        request();
        assertEq(grid.collectedFees(), 97);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        grid.withdrawFees(stranger, 1);
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.InsufficientFunds.selector, 97, 98));
        grid.withdrawFees(stranger, 98);
        vm.expectEmit(address(grid));
        emit IJobEvents.FeesWithdrawn(stranger, 90);
        grid.withdrawFees(stranger, 90);
        assertEq(grid.collectedFees(), 7);
        grid.withdrawFees(stranger, 7);
        assertEq(grid.collectedFees(), 0);
        assertEq(credit.balanceOf(stranger), 97);
        assertEq(credit.balanceOf(address(grid)), LOCKED);
    }

    // Top-up.

    function test_anybody_tops_up_a_placed_job() public {
        bytes32 id = scheduled();
        vm.prank(admin);
        credit.transfer(stranger, 100);
        vm.startPrank(stranger);
        credit.approve(address(grid), 100);
        vm.expectEmit(address(grid));
        emit IJobEvents.JobToppedUp(id, stranger, 100, LOCKED + 100);
        grid.topUpJob(id, 100);
        assertEq(grid.get(id).cost.maxCost, LOCKED + 100);
        assertEq(grid.get(id).cost.pendingTopUp, 0);
        assertEq(credit.balanceOf(address(grid)), LOCKED + 100);
    }

    function test_a_top_up_is_more_than_nothing_and_can_be_counted() public {
        bytes32 id = running();
        uint256 room = type(uint96).max - LOCKED;
        vm.startPrank(customer);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.AmountOutOfBounds.selector, 0, 1, room));
        grid.topUpJob(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.AmountOutOfBounds.selector, room + 1, 1, room));
        grid.topUpJob(id, room + 1);
    }

    function test_the_least_top_up_is_taken_and_the_largest() public {
        bytes32 id = running();
        uint256 room = type(uint96).max - LOCKED;
        deal(address(credit), customer, room);
        vm.startPrank(customer);
        credit.approve(address(grid), room);
        grid.topUpJob(id, 1);
        grid.topUpJob(id, room - 1);
        assertEq(grid.get(id).cost.maxCost, type(uint96).max);
    }

    function test_only_a_placed_job_is_topped_up() public {
        bytes32[3] memory ids = [request(), assigned(), running()];
        report(ids[2], JobStatus.FINISHED);
        uint8[3] memory states = [0, 1, 5];
        for (uint256 i = 0; i < ids.length; ++i) {
            vm.startPrank(customer);
            vm.expectRevert(abi.encodeWithSelector(IJobErrors.RunningScheduledStatusOnly.selector, states[i]));
            grid.topUpJob(ids[i], 1);
            vm.expectRevert(abi.encodeWithSelector(IJobErrors.RunningScheduledStatusOnly.selector, states[i]));
            grid.topUpJobDelegate(ids[i]);
            vm.stopPrank();
        }
    }

    // Top-up by delegation.

    function test_a_delegated_top_up_takes_one_slice_of_the_allowance() public {
        address[3] memory callers = [provider, scheduler, customer];
        for (uint256 i = 0; i < callers.length; ++i) {
            bytes32 id = delegated(SLICE);
            uint256 allowed = credit.allowance(customer, address(grid));
            vm.prank(callers[i]);
            grid.topUpJobDelegate(id);
            assertEq(grid.get(id).cost.maxCost, 2 * SLICE);
            assertEq(credit.allowance(customer, address(grid)), allowed - SLICE);
        }
    }

    function test_a_delegated_top_up_waits_until_one_slice_is_left() public {
        bytes32 id = delegated(SLICE + PRICE);
        vm.startPrank(provider);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.RemainingTimeAboveLimit.selector, 1860, 1800));
        grid.topUpJobDelegate(id);
        vm.warp(time() + 59);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.RemainingTimeAboveLimit.selector, 1801, 1800));
        grid.topUpJobDelegate(id);
        vm.warp(time() + 1);
        grid.topUpJobDelegate(id);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.RemainingTimeAboveLimit.selector, 3600, 1800));
        grid.topUpJobDelegate(id);
    }

    function test_a_delegated_top_up_before_the_start_counts_all_paid_time() public {
        RequestOptions memory options;
        options.delegateSpendingAuthority = true;
        bytes32 id = request(options);
        assign(id);
        claim(id);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.RemainingTimeAboveLimit.selector, 6000, 1800));
        grid.topUpJobDelegate(id);
    }

    function test_a_delegated_top_up_buys_nothing_where_time_is_free() public {
        reprice(0, 0, 0);
        bytes32 id = delegated(SLICE);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.RemainingTimeAboveLimit.selector, type(uint256).max, 1800));
        grid.topUpJobDelegate(id);
    }

    function test_a_delegated_top_up_never_exceeds_the_allowance() public {
        bytes32 id = delegated(SLICE);
        vm.prank(customer);
        credit.approve(address(grid), SLICE - 1);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.InsufficientFunds.selector, SLICE - 1, SLICE));
        grid.topUpJobDelegate(id);
        vm.prank(customer);
        credit.approve(address(grid), SLICE);
        vm.prank(provider);
        grid.topUpJobDelegate(id);
        assertEq(credit.allowance(customer, address(grid)), 0);
    }

    function test_a_delegated_top_up_by_the_scheduler_says_nothing_about_its_life() public {
        bytes32 id = delegated(SLICE);
        vm.prank(scheduler);
        grid.topUpJobDelegate(id);
        assertEq(grid.leaseEnd(scheduler), grid.leaseDuration());
    }

    function test_a_delegated_top_up_never_comes_after_the_paid_time() public {
        bytes32 id = delegated(SLICE);
        uint256 deadline = time() + 1800;
        vm.warp(deadline);
        vm.startPrank(provider);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.JobTimeOver.selector, deadline));
        grid.topUpJobDelegate(id);
        vm.warp(deadline - 1);
        grid.topUpJobDelegate(id);
    }

    function test_without_authority_nothing_is_taken() public {
        bytes32 plain = running();
        vm.prank(provider);
        vm.expectRevert(IJobErrors.NoSpendingAuthority.selector);
        grid.topUpJobDelegate(plain);

        bytes32 taken = delegated(SLICE);
        vm.prank(customer);
        grid.setDelegateSpendingAuthority(taken, false);
        vm.prank(provider);
        vm.expectRevert(IJobErrors.NoSpendingAuthority.selector);
        grid.topUpJobDelegate(taken);

        bytes32 ending = delegated(SLICE);
        vm.prank(customer);
        grid.cancelJob(ending);
        vm.prank(provider);
        vm.expectRevert(IJobErrors.NoSpendingAuthority.selector);
        grid.topUpJobDelegate(ending);
    }

    function test_authority_over_a_job_that_is_over_cannot_be_given() public {
        bytes32 id = running();
        report(id, JobStatus.FINISHED);
        vm.prank(customer);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.JobHotStatusOnly.selector, 5));
        grid.setDelegateSpendingAuthority(id, true);
    }

    // A ban leaves a fair exit.

    function test_a_banned_or_removed_provider_finishes_and_is_paid() public {
        bytes32 id = assigned();
        vm.startPrank(admin);
        manager.ban(provider);
        manager.remove(provider);
        vm.stopPrank();
        claim(id);
        report(id, JobStatus.RUNNING);
        vm.warp(time() + 60);
        report(id, JobStatus.FINISHED);
        assertPaid(PRICE - 97, 97);
    }

    function running(uint256 locked) private returns (bytes32 id) {
        id = request(locked);
        assign(id);
        claim(id);
        report(id, JobStatus.RUNNING);
    }

    function delegated(uint256 locked) private returns (bytes32 id) {
        vm.prank(customer);
        id = grid.requestNewJob(definition(), locked, "", true);
        assign(id);
        claim(id);
        report(id, JobStatus.RUNNING);
    }

    function reprice(uint256 gpu, uint256 cpu, uint256 mem) private {
        vm.prank(provider);
        manager.register(hardware(), ProviderPrices(gpu, cpu, mem), labels("os", "debian"));
        vm.prank(admin);
        manager.approve(provider);
    }
}
