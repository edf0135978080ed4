// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {
    Affinity,
    JobDefinition,
    JobStatus,
    JobTerms,
    Label,
    Report,
    RequestOptions
} from "../src/interfaces/JobTypes.sol";
import {Definition} from "../src/libraries/Definition.sol";
import {GridTest} from "./GridTest.sol";

/// @notice The first and the last value that counts, of what people say about a job.
contract BoundsTest is GridTest {
    function test_all_that_can_be_counted_can_be_locked() public {
        uint256 most = type(uint96).max;
        deal(address(credit), customer, most);
        vm.prank(customer);
        credit.approve(address(grid), most);
        assertEq(grid.get(request(most)).cost.maxCost, most);
    }

    function test_a_job_is_started_once_where_its_request_says_nothing() public {
        assertEq(grid.terms(request()).maxAttempts, 1);
    }

    function test_the_largest_job_is_taken_and_the_shortest_location() public {
        JobDefinition memory wanted = definition();
        uint64 most = uint64(Definition.MAX_COUNT);
        (wanted.gpus, wanted.memPerCpu, wanted.cpusPerTask, wanted.ntasks) = (most, most, most, most);
        wanted.batchLocationHash = "x";
        assertKept(wanted);
        (wanted.gpus, wanted.memPerCpu, wanted.cpusPerTask, wanted.ntasks) = (0, 1, 1, 1);
        assertKept(wanted);
    }

    function test_the_largest_details_are_taken_and_one_word_more_is_not() public {
        JobDefinition memory wanted = definition();
        uint256 room = Definition.MAX_DETAILS - abi.encode("", labels("long", ""), wanted.affinity).length;
        wanted.uses = labels("long", string(new bytes(room)));
        assertKept(wanted);
        wanted.uses = labels("long", string(new bytes(room + 1)));
        vm.prank(customer);
        vm.expectRevert(IJobErrors.InvalidJobDefinition.selector);
        grid.requestNewJob(wanted, LOCKED, "", false);
    }

    function test_one_use_or_one_affinity_is_kept_and_none_costs_no_account() public {
        JobDefinition memory wanted = definition();
        uint256 accounts = vm.getNonce(address(grid));
        assertKept(wanted);
        assertEq(vm.getNonce(address(grid)), accounts);
        wanted.uses = labels("os", "debian");
        assertKept(wanted);
        wanted.uses = new Label[](0);
        wanted.affinity = new Affinity[](1);
        wanted.affinity[0] = Affinity(Label("os", "debian"), "==");
        assertKept(wanted);
    }

    function test_a_job_is_assigned_in_the_last_second_of_its_latest_start() public {
        RequestOptions memory options;
        options.latestStart = uint64(time());
        assign(request(options));
    }

    function test_the_first_of_all_seconds_has_passed() public {
        RequestOptions memory options;
        options.latestStart = 1;
        vm.prank(customer);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.LatestStartPassed.selector, 1));
        grid.requestJob(definition(), LOCKED, "", options);
    }

    function test_the_least_ceiling_of_a_price_holds() public {
        RequestOptions memory options;
        options.maxPricePerMin = 1;
        bytes32 id = request(options);
        vm.prank(scheduler);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.PriceAboveLimit.selector, PRICE, 1));
        grid.assign(id, provider);
    }

    function test_limits_beyond_counting_are_kept_as_the_largest() public {
        RequestOptions memory options;
        options.maxPricePerMin = type(uint128).max;
        options.latestStart = type(uint64).max;
        JobTerms memory kept = grid.terms(request(options));
        assertEq(kept.maxPricePerMin, type(uint96).max);
        assertEq(kept.latestStart, type(uint32).max);
    }

    function test_the_least_name_and_exit_code_are_kept() public {
        vm.prank(customer);
        bytes32 id = grid.requestNewJob(definition(), LOCKED, bytes32(uint256(1)), false);
        assign(id);
        claim(id);
        report(id, JobStatus.RUNNING);
        vm.prank(provider);
        grid.report(Report(id, uint8(JobStatus.FAILED), uint64(time()), 1, ""));
        assertEq(grid.get(id).jobName, bytes32(uint256(1)));
        assertEq(grid.get(id).exitCode, 1);
    }

    function test_a_job_is_assigned_255_times_and_no_more() public {
        bytes32 id = request();
        for (uint160 i = 0; i < type(uint8).max; ++i) {
            address unwilling = address(0x1000 + i);
            join(unwilling);
            vm.prank(scheduler);
            grid.assign(id, unwilling);
            vm.prank(unwilling);
            grid.refuse(id, "");
        }
        assertEq(grid.terms(id).attempt, type(uint8).max);
        vm.prank(scheduler);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.TooManyAttempts.selector, type(uint8).max));
        grid.assign(id, provider);
    }

    function assertKept(JobDefinition memory wanted) private {
        vm.prank(customer);
        bytes32 id = grid.requestNewJob(wanted, LOCKED, "", false);
        assertEq(abi.encode(grid.get(id).definition), abi.encode(wanted));
    }
}
