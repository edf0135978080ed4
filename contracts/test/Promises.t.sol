// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {JobStatus, JobTerms} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice What a customer and a provider agreed on stays: settings that the admin turns later never touch a job that was
/// requested before, save that a lease may become longer.
contract PromisesTest is GridTest {
    function test_a_job_keeps_the_settings_of_its_request() public {
        bytes32 id = request();
        turnEverything();
        JobTerms memory terms = grid.terms(id);
        assertEq(terms.feeBasisPoints, 250);
        assertEq(terms.leaseDuration, 15 minutes);
        assertEq(terms.reportDelay, 5 minutes);
        assertEq(terms.cancelGrace, 2 minutes);
        assertEq(terms.cancelTimeout, 10 minutes);
        JobTerms memory later = grid.terms(request());
        assertEq(later.feeBasisPoints, 3000);
        assertEq(later.leaseDuration, 1 minutes);
        assertEq(later.reportDelay, 1 hours);
        assertEq(later.cancelGrace, 1 hours);
        assertEq(later.cancelTimeout, 1 days);
    }

    function test_a_shorter_lease_takes_no_running_job_from_its_provider() public {
        bytes32 id = running();
        uint256 lastSeen = time();
        vm.prank(admin);
        grid.setLeaseDuration(1 minutes);
        vm.warp(lastSeen + 15 minutes);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.NotExpired.selector, lastSeen + 15 minutes + 1));
        grid.expire(id);
        vm.warp(lastSeen + 15 minutes + 1);
        grid.expire(id);
        assertStatus(id, JobStatus.PANICKED);
    }

    function test_a_longer_lease_holds_for_running_jobs_too() public {
        bytes32 id = running();
        uint256 lastSeen = time();
        vm.prank(admin);
        grid.setLeaseDuration(1 hours);
        vm.warp(lastSeen + 1 hours);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.NotExpired.selector, lastSeen + 1 hours + 1));
        grid.expire(id);
    }

    function test_a_longer_grace_bills_no_customer_for_more() public {
        bytes32 id = running();
        vm.prank(customer);
        grid.cancelJob(id);
        turnEverything();
        vm.warp(time() + 1 hours);
        report(id, JobStatus.CANCELLED);
        assertEq(grid.get(id).cost.finalCost, PRICE * 2);
    }

    function test_a_longer_cancel_timeout_holds_back_no_customer() public {
        bytes32 id = running();
        vm.prank(customer);
        grid.cancelJob(id);
        turnEverything();
        vm.warp(time() + 10 minutes);
        vm.prank(customer);
        grid.cancelJob(id);
        assertStatus(id, JobStatus.CANCELLED);
    }

    function test_a_longer_report_delay_moves_no_start_back() public {
        bytes32 id = scheduled();
        turnEverything();
        vm.warp(time() + 1 hours);
        vm.prank(provider);
        grid.report(outcome(id, JobStatus.RUNNING, 0));
        assertEq(grid.get(id).time.start, time() - 5 minutes);
    }

    function turnEverything() private {
        vm.startPrank(admin);
        grid.setFeeBasisPoints(3000);
        grid.setLeaseDuration(1 minutes);
        grid.setReportDelay(1 hours);
        grid.setCancelTimeout(1 days);
        grid.setCancelGrace(1 hours);
        vm.stopPrank();
    }
}
