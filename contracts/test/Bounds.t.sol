// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {JobStatus, JobTerms, Report, RequestOptions} from "../src/interfaces/JobTypes.sol";
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
}
