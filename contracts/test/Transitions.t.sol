// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IGridSettings} from "../src/interfaces/IGridSettings.sol";
import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {IJobEvents} from "../src/interfaces/IJobEvents.sol";
import {Job, JobStatus, JobTerms, Report} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice The table of a job's life: every actor, every action, from every state.
contract TransitionsTest is GridTest {
    uint256 private constant STATES = 9;

    function test_every_state_can_be_reached() public {
        for (uint256 i = 0; i < STATES; ++i) {
            assertStatus(reach(JobStatus(i)), JobStatus(i));
        }
    }

    function test_a_provider_reports_along_its_edges_only() public {
        for (uint256 i = 0; i < STATES; ++i) {
            for (uint256 k = 0; k < 12; ++k) {
                bytes32 id = reach(JobStatus(i));
                Report memory entry = outcome(id, JobStatus.PENDING, time());
                entry.status = uint8(k);
                bool done = attempt(provider, abi.encodeCall(grid.report, (entry)));
                assertEq(done, mayReport(i, k), string.concat(vm.toString(i), " to ", vm.toString(k)));
                assertEq(uint8(status(id)), done ? k : i);
            }
        }
    }

    function test_an_assigned_job_is_claimed_and_nothing_else_is() public {
        allowedFrom(provider, grid.claim.selector, one(JobStatus.META_SCHEDULED), JobStatus.SCHEDULED);
    }

    function test_a_waiting_job_is_assigned_and_nothing_else_is() public {
        for (uint256 i = 0; i < STATES; ++i) {
            bytes32 id = reach(JobStatus(i));
            bool done = attempt(scheduler, abi.encodeCall(grid.assign, (id, rival)));
            assertEq(done, i == 0);
            assertEq(uint8(status(id)), done ? uint8(JobStatus.META_SCHEDULED) : i);
        }
    }

    function test_a_job_is_given_back_before_it_runs_and_not_after() public {
        for (uint256 i = 0; i < STATES; ++i) {
            bytes32 id = reach(JobStatus(i));
            bool done = attempt(provider, abi.encodeCall(grid.refuse, (id, "no")));
            assertEq(done, i == 1 || i == 2);
            assertEq(uint8(status(id)), done ? 0 : i);
        }
    }

    function test_a_provider_panics_whatever_it_holds() public {
        for (uint256 i = 0; i < STATES; ++i) {
            bytes32 id = reach(JobStatus(i));
            bool done = attempt(provider, abi.encodeCall(grid.panicJob, (id, "fire")));
            assertEq(done, i >= 1 && i <= 3);
            assertEq(uint8(status(id)), done ? uint8(JobStatus.PANICKED) : i);
        }
    }

    function test_a_customer_cancels_at_once_what_does_not_run() public {
        for (uint256 i = 0; i < STATES; ++i) {
            bytes32 id = reach(JobStatus(i));
            bool done = attempt(customer, abi.encodeCall(grid.cancelJob, (id)));
            assertEq(done, i <= 3);
            assertEq(uint8(status(id)), i < 3 ? uint8(JobStatus.CANCELLED) : i);
            if (i == 3) assertTrue(grid.get(id).hasCancelRequest);
        }
    }

    function test_a_provider_cancels_only_what_it_has_not_started() public {
        allowedFrom(provider, grid.cancelJob.selector, one(JobStatus.SCHEDULED), JobStatus.CANCELLED);
    }

    function test_strangers_rivals_and_the_scheduler_cannot_touch_a_job() public {
        address[3] memory others = [stranger, rival, scheduler];
        for (uint256 i = 0; i < STATES; ++i) {
            bytes32 id = reach(JobStatus(i));
            for (uint256 k = 0; k < others.length; ++k) {
                assertFalse(attempt(others[k], abi.encodeCall(grid.claim, (id))));
                assertFalse(attempt(others[k], abi.encodeCall(grid.refuse, (id, ""))));
                assertFalse(attempt(others[k], abi.encodeCall(grid.cancelJob, (id))));
                assertFalse(attempt(others[k], abi.encodeCall(grid.panicJob, (id, ""))));
                assertFalse(attempt(others[k], abi.encodeCall(grid.expire, (id))));
                assertFalse(attempt(others[k], abi.encodeCall(grid.setDelegateSpendingAuthority, (id, true))));
                for (uint256 to = 0; to < STATES; ++to) {
                    assertFalse(attempt(others[k], abi.encodeCall(grid.report, (outcome(id, JobStatus(to), START)))));
                }
                assertEq(uint8(status(id)), i);
            }
            assertFalse(attempt(stranger, abi.encodeCall(grid.assign, (id, provider))));
            assertFalse(attempt(provider, abi.encodeCall(grid.assign, (id, provider))));
        }
    }

    function test_wrong_callers_are_told_who_may() public {
        bytes32 id = running();
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.JobProviderOnly.selector, stranger, provider));
        grid.claim(id);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.CustomerOnly.selector, stranger, customer));
        grid.setDelegateSpendingAuthority(id, true);
        vm.expectRevert(IJobErrors.CustomerMetaSchedulerProviderOnly.selector);
        grid.cancelJob(id);
        vm.expectRevert(IJobErrors.CustomerMetaSchedulerProviderOnly.selector);
        grid.topUpJobDelegate(id);
        bytes32 role = grid.METASCHEDULER_ROLE();
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.RoleRequired.selector, stranger, role));
        grid.assign(id, provider);
    }

    function test_nobody_holds_what_waits() public {
        bytes32 id = request();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.JobProviderOnly.selector, stranger, address(0)));
        grid.claim(id);
    }

    function test_everybody_is_told_first_that_a_job_is_over() public {
        bytes32 id = reach(JobStatus.FINISHED);
        bytes[7] memory calls = [
            abi.encodeCall(grid.cancelJob, (id)),
            abi.encodeCall(grid.panicJob, (id, "")),
            abi.encodeCall(grid.expire, (id)),
            abi.encodeCall(grid.setDelegateSpendingAuthority, (id, true)),
            abi.encodeCall(grid.claim, (id)),
            abi.encodeCall(grid.refuse, (id, "")),
            abi.encodeCall(grid.report, (outcome(id, JobStatus.FAILED, time())))
        ];
        bytes memory over = abi.encodeWithSelector(IJobErrors.JobHotStatusOnly.selector, JobStatus.FINISHED);
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger);
            (, bytes memory reason) = address(grid).call(calls[i]);
            assertEq(reason, over);
        }
        vm.prank(scheduler);
        vm.expectRevert(over);
        grid.assign(id, stranger);
    }

    function test_an_assignment_says_its_price_and_its_block() public {
        bytes32 id = request();
        vm.roll(block.number + 7);
        vm.expectEmit(address(grid));
        emit IJobEvents.JobAssigned(id, provider, customer, PRICE);
        assign(id);
        assertEq(grid.get(id).time.blockNumberStateChange, vm.getBlockNumber());
    }

    function test_wrong_states_are_named() public {
        bytes32 id = scheduled();
        vm.startPrank(provider);
        vm.expectRevert(IJobErrors.SameStatusError.selector);
        grid.claim(id);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.InvalidTransition.selector, 2, 5));
        grid.report(outcome(id, JobStatus.FINISHED, time()));
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.RunningColdStatusOnly.selector, 1));
        grid.report(outcome(id, JobStatus.META_SCHEDULED, time()));
        grid.report(outcome(id, JobStatus.RUNNING, time()));
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.MetaScheduledScheduledStatusOnly.selector, 3));
        grid.refuse(id, "");
        grid.report(outcome(id, JobStatus.FINISHED, time()));
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.JobHotStatusOnly.selector, 5));
        grid.claim(id);
    }

    function test_a_refused_job_waits_again_and_never_comes_back() public {
        bytes32 id = scheduled();
        vm.prank(provider);
        grid.refuse(id, "no room");
        Job memory job = grid.get(id);
        assertEq(job.providerAddr, address(0));
        JobTerms memory terms = grid.terms(id);
        assertEq(terms.avoided.length, 1);
        assertEq(terms.avoided[0], provider);
        assertEq(terms.attempt, 1);
        assertEq(terms.pricePerMin, 0);
        assertEq(terms.claimedAt + terms.assignedAt, 0);

        vm.startPrank(scheduler);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.ProviderAvoided.selector, provider));
        grid.assign(id, provider);
        grid.assign(id, rival);
        assertEq(grid.terms(id).attempt, 2);
    }

    function test_a_job_goes_to_approved_providers_only() public {
        bytes32 id = request();
        vm.prank(admin);
        manager.ban(provider);
        vm.startPrank(scheduler);
        address[3] memory none = [stranger, address(0), provider];
        for (uint256 i = 0; i < none.length; ++i) {
            vm.expectRevert(IJobErrors.ProviderNotJoined.selector);
            grid.assign(id, none[i]);
        }
    }

    function test_a_report_keeps_the_exit_code_and_the_reason() public {
        bytes32 id = running();
        vm.prank(provider);
        grid.report(Report(id, uint8(JobStatus.FAILED), uint64(time()), -9, "out of memory"));
        assertEq(grid.get(id).exitCode, -9);
        assertEq(grid.get(id).lastError, "out of memory");
    }

    function test_the_shortest_reason_is_kept_and_none_costs_no_account() public {
        bytes32 quiet = running();
        bytes32 brief = running();
        uint256 accounts = vm.getNonce(address(grid));
        report(quiet, JobStatus.FAILED);
        assertEq(vm.getNonce(address(grid)), accounts);
        vm.prank(provider);
        grid.panicJob(brief, "?");
        assertEq(grid.get(brief).lastError, "?");
    }

    function test_a_panic_keeps_its_reason_and_moment() public {
        bytes32 id = running();
        vm.prank(provider);
        grid.panicJob(id, "node lost");
        assertEq(grid.get(id).lastError, "node lost");
        assertEq(grid.get(id).time.panicTimestamp, time());
        assertEq(grid.get(reach(JobStatus.FINISHED)).time.panicTimestamp, 0);
    }

    // The table, and how to get to its rows.

    function mayReport(uint256 from, uint256 to) private pure returns (bool) {
        if (from == 1) return to == 8;
        if (from == 2) return to == 3 || to == 4 || to == 6 || to == 8;
        return from == 3 && to >= 5 && to <= 8;
    }

    function one(JobStatus single) private pure returns (JobStatus[] memory list) {
        list = new JobStatus[](1);
        list[0] = single;
    }

    /// @dev The action succeeds from the states listed, leads to `to`, and changes nothing from all others.
    function allowedFrom(address who, bytes4 action, JobStatus[] memory from, JobStatus to) private {
        for (uint256 i = 0; i < STATES; ++i) {
            bool expected = false;
            for (uint256 k = 0; k < from.length; ++k) {
                if (uint256(from[k]) == i) expected = true;
            }
            bytes32 id = reach(JobStatus(i));
            assertEq(attempt(who, abi.encodeWithSelector(action, id)), expected, vm.toString(i));
            assertEq(uint8(status(id)), expected ? uint8(to) : i);
        }
    }

    /// @dev True where the call succeeds; a refusal must carry data.
    function attempt(address who, bytes memory call) private returns (bool done) {
        bytes memory reason;
        vm.prank(who);
        (done, reason) = address(grid).call(call);
        if (!done) assertGt(reason.length, 0, "every revert carries data");
    }

    function reach(JobStatus wanted) private returns (bytes32 id) {
        if (wanted == JobStatus.PENDING) return request();
        if (wanted == JobStatus.META_SCHEDULED) return assigned();
        if (wanted == JobStatus.SCHEDULED) return scheduled();
        id = running();
        if (wanted == JobStatus.RUNNING) return id;
        if (wanted == JobStatus.CANCELLED) {
            vm.prank(customer);
            grid.cancelJob(id);
        }
        report(id, wanted);
    }
}
