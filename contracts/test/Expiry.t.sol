// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {IJobEvents} from "../src/interfaces/IJobEvents.sol";
import {JobStatus, RequestOptions} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice No job hangs because one party went away: claim timeout, lease, attempts, latest start, cancellation.
contract ExpiryTest is GridTest {
    uint256 private constant CLAIM_TIMEOUT = 5 minutes;
    uint256 private constant LEASE = 15 minutes;
    uint256 private constant GRACE = 2 minutes;
    uint256 private constant CANCEL_TIMEOUT = 10 minutes;

    function test_an_unclaimed_job_waits_again_after_the_claim_timeout() public {
        bytes32 id = assigned();
        refuseExpiryUntil(id, time() + CLAIM_TIMEOUT + 1);
        vm.expectEmit(address(grid));
        emit IJobEvents.JobReturned(id, provider, "claim timeout");
        expire(id);
        assertStatus(id, JobStatus.PENDING);
        assertEq(grid.terms(id).avoided[0], provider);
    }

    function test_a_late_claim_counts_where_nobody_expired_the_job() public {
        bytes32 id = assigned();
        vm.warp(time() + 1 days);
        claim(id);
        assertStatus(id, JobStatus.SCHEDULED);
    }

    function test_a_claimed_job_waits_again_after_the_lease() public {
        bytes32 id = scheduled();
        refuseExpiryUntil(id, time() + LEASE + 1);
        expire(id);
        assertStatus(id, JobStatus.PENDING);
    }

    function test_any_transaction_of_the_provider_renews_its_lease() public {
        scheduled();
        assertEq(grid.leaseEnd(provider), time() + LEASE);
        vm.warp(time() + 60);
        vm.prank(provider);
        grid.heartbeat();
        assertEq(grid.leaseEnd(provider), time() + LEASE);
        bytes32 other = assigned();
        vm.warp(time() + 60);
        vm.prank(provider);
        grid.refuse(other, "");
        assertEq(grid.leaseEnd(provider), time() + LEASE);
    }

    function test_the_end_of_a_job_and_its_top_up_renew_the_lease_of_the_provider() public {
        RequestOptions memory options;
        options.delegateSpendingAuthority = true;
        vm.prank(customer);
        bytes32 id = grid.requestJob(definition(), PRICE, "", options);
        bytes32 other = assigned();
        assign(id);
        claim(id);
        bytes[3] memory calls = [
            abi.encodeCall(grid.topUpJobDelegate, (id)),
            abi.encodeCall(grid.cancelJob, (id)),
            abi.encodeCall(grid.panicJob, (other, ""))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.warp(time() + 60);
            vm.prank(provider);
            (bool done,) = address(grid).call(calls[i]);
            assertTrue(done);
            assertEq(grid.leaseEnd(provider), time() + LEASE);
        }
    }

    function test_a_running_job_without_attempts_left_panics_after_the_lease() public {
        bytes32 id = running();
        refuseExpiryUntil(id, time() + LEASE + 1);
        expire(id);
        assertStatus(id, JobStatus.PANICKED);
        assertEq(grid.get(id).lastError, "lease ended");
        assertPaid(0, 0);
    }

    function test_a_running_job_with_attempts_left_waits_again_after_the_lease() public {
        RequestOptions memory options;
        options.maxAttempts = 2;
        bytes32 id = request(options);
        assign(id);
        claim(id);
        report(id, JobStatus.RUNNING);
        vm.warp(time() + LEASE + 1);
        expire(id);
        assertStatus(id, JobStatus.PENDING);
        assertEq(grid.get(id).time.start, 0);

        vm.prank(scheduler);
        grid.assign(id, rival);
        vm.startPrank(rival);
        grid.claim(id);
        grid.report(outcome(id, JobStatus.RUNNING, time()));
        vm.stopPrank();
        vm.warp(time() + LEASE + 1);
        expire(id);
        assertStatus(id, JobStatus.PANICKED);
        assertEq(grid.terms(id).attempt, 2);
        assertPaid(0, 0);
    }

    function test_a_refusal_is_not_an_attempt_at_running() public {
        RequestOptions memory options;
        options.maxAttempts = 2;
        bytes32 id = request(options);
        vm.prank(scheduler);
        grid.assign(id, rival);
        vm.prank(rival);
        grid.refuse(id, "");
        assign(id);
        claim(id);
        report(id, JobStatus.RUNNING);
        vm.warp(time() + LEASE + 1);
        expire(id);
        assertStatus(id, JobStatus.PENDING);
    }

    function test_a_job_whose_customer_wants_its_end_is_not_tried_again() public {
        RequestOptions memory options;
        options.maxAttempts = 5;
        bytes32 id = request(options);
        assign(id);
        claim(id);
        report(id, JobStatus.RUNNING);
        vm.prank(customer);
        grid.cancelJob(id);
        vm.warp(time() + LEASE + 1);
        expire(id);
        assertStatus(id, JobStatus.PANICKED);
    }

    function test_past_its_latest_start_a_waiting_job_is_cancelled_by_anyone() public {
        RequestOptions memory options;
        options.latestStart = uint64(START + 60);
        bytes32 first = request(options);
        bytes32 second = request(options);
        vm.warp(START + 60);
        refuseExpiryUntil(first, START + 61);
        vm.prank(scheduler);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.LatestStartPassed.selector, START + 60));
        grid.assign(first, provider);
        expire(first);
        vm.prank(stranger);
        grid.cancelJob(second);
        assertStatus(first, JobStatus.CANCELLED);
        assertStatus(second, JobStatus.CANCELLED);
        assertPaid(0, 0);
    }

    function test_a_latest_start_in_the_past_is_refused() public {
        RequestOptions memory options;
        options.latestStart = uint64(START - 1);
        vm.prank(customer);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.LatestStartPassed.selector, START - 1));
        grid.requestJob(definition(), LOCKED, "", options);
    }

    function test_a_waiting_job_without_a_latest_start_never_expires() public {
        bytes32 id = request();
        vm.warp(time() + 365 days);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.NotExpired.selector, type(uint256).max));
        grid.expire(id);
    }

    function test_the_scheduler_panics_a_job_only_where_anyone_could_expire_it() public {
        bytes32 id = running();
        vm.startPrank(scheduler);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.NotExpired.selector, time() + LEASE + 1));
        grid.panicJob(id, "gone");
        vm.warp(time() + LEASE + 1);
        grid.panicJob(id, "gone");
        assertStatus(id, JobStatus.PANICKED);
    }

    // Cancellation of a running job.

    function test_a_requested_cancellation_bills_the_grace_and_no_more() public {
        bytes32 id = running();
        vm.warp(time() + 60);
        vm.prank(customer);
        vm.expectEmit(address(grid));
        emit IJobEvents.JobCancelRequested(id, provider);
        grid.cancelJob(id);
        assertTrue(grid.get(id).hasCancelRequest);
        assertEq(grid.get(id).time.cancelRequestTimestamp, time());
        vm.warp(time() + 1 days);
        report(id, JobStatus.CANCELLED);
        assertEq(grid.get(id).cost.finalCost, PRICE * (60 + GRACE) / 60);
    }

    function test_time_within_the_grace_is_billed_as_it_was() public {
        bytes32 id = running();
        vm.prank(customer);
        grid.cancelJob(id);
        vm.warp(time() + 30);
        vm.prank(provider);
        grid.cancelJob(id);
        assertStatus(id, JobStatus.CANCELLED);
        assertEq(grid.get(id).cost.finalCost, PRICE / 2);
    }

    function test_a_job_that_finishes_after_the_request_is_not_billed_beyond_the_grace() public {
        bytes32 id = running();
        vm.prank(customer);
        grid.cancelJob(id);
        vm.warp(time() + 1 hours);
        report(id, JobStatus.FINISHED);
        assertEq(grid.get(id).cost.finalCost, PRICE * GRACE / 60);
    }

    function test_the_customer_forces_the_end_after_the_cancel_timeout() public {
        bytes32 id = running();
        vm.startPrank(customer);
        grid.cancelJob(id);
        uint256 readyAt = time() + CANCEL_TIMEOUT;
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.CancelPending.selector, readyAt));
        grid.cancelJob(id);
        vm.warp(readyAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.CancelPending.selector, readyAt));
        grid.cancelJob(id);
        vm.warp(readyAt);
        grid.cancelJob(id);
        vm.stopPrank();
        assertStatus(id, JobStatus.CANCELLED);
        uint256 cost = PRICE * GRACE / 60;
        assertPaid(cost - cost * 250 / 10_000, cost * 250 / 10_000);
    }

    function test_a_customer_who_is_the_provider_cancels_its_own_job_without_waiting() public {
        vm.prank(provider);
        bytes32 id = grid.requestNewJob(definition(), 0, "", false);
        assign(id);
        claim(id);
        report(id, JobStatus.RUNNING);
        vm.startPrank(provider);
        grid.cancelJob(id);
        grid.report(outcome(id, JobStatus.CANCELLED, time()));
        assertStatus(id, JobStatus.CANCELLED);
    }

    /// @dev Nobody can expire the job before `readyAt`; afterwards time stands there.
    function refuseExpiryUntil(bytes32 id, uint256 readyAt) private {
        vm.warp(readyAt - 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.NotExpired.selector, readyAt));
        grid.expire(id);
        vm.warp(readyAt);
    }

    function expire(bytes32 id) private {
        vm.prank(stranger);
        grid.expire(id);
    }
}
