// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IGridSettings} from "../src/interfaces/IGridSettings.sol";
import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {IJobEvents} from "../src/interfaces/IJobEvents.sol";
import {Assignment, JobStatus, Report} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice Many entries in one transaction: a bad one is skipped, says why, and leaves its neighbours alone.
contract BatchesTest is GridTest {
    function test_a_bad_assignment_is_skipped_with_its_reason() public {
        bytes32 taken = assigned();
        bytes32 unknown = bytes32(uint256(99));
        Assignment[] memory batch = new Assignment[](4);
        batch[0] = Assignment(request(), provider);
        batch[1] = Assignment(taken, rival);
        batch[2] = Assignment(unknown, rival);
        batch[3] = Assignment(request(), rival);
        expectSkip(taken, abi.encodeWithSelector(IJobErrors.SameStatusError.selector));
        expectSkip(unknown, abi.encodeWithSelector(IJobErrors.InvalidJob.selector));
        vm.prank(scheduler);
        grid.assignBatch(batch);
        assertEq(grid.get(batch[0].jobId).providerAddr, provider);
        assertEq(grid.get(taken).providerAddr, provider);
        assertEq(grid.get(batch[3].jobId).providerAddr, rival);
    }

    function test_a_batch_of_assignments_needs_the_role() public {
        bytes32 role = grid.METASCHEDULER_ROLE();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.RoleRequired.selector, stranger, role));
        grid.assignBatch(new Assignment[](0));
    }

    function test_a_bad_claim_is_skipped_with_its_reason() public {
        bytes32[] memory ids = new bytes32[](3);
        ids[0] = assigned();
        ids[1] = request();
        vm.prank(scheduler);
        grid.assign(ids[1], rival);
        ids[2] = assigned();
        expectSkip(ids[1], abi.encodeWithSelector(IJobErrors.JobProviderOnly.selector, provider, rival));
        vm.prank(provider);
        grid.claimBatch(ids);
        assertStatus(ids[0], JobStatus.SCHEDULED);
        assertStatus(ids[1], JobStatus.META_SCHEDULED);
        assertStatus(ids[2], JobStatus.SCHEDULED);
    }

    function test_start_and_end_of_a_job_stand_in_one_batch_in_order() public {
        bytes32 id = scheduled();
        Report[] memory batch = new Report[](2);
        batch[0] = outcome(id, JobStatus.RUNNING, time());
        batch[1] = outcome(id, JobStatus.FINISHED, time() + 60);
        vm.warp(time() + 60);
        vm.prank(provider);
        grid.reportBatch(batch);
        assertEq(grid.get(id).cost.finalCost, PRICE);
        assertPaid(PRICE - 97, 97);
    }

    function test_a_bad_report_changes_nothing_and_leaves_its_neighbours_alone() public {
        Report[] memory batch = new Report[](3);
        bytes32 early = scheduled();
        batch[0] = outcome(running(), JobStatus.FINISHED, time());
        batch[1] = Report(early, uint8(JobStatus.FINISHED), uint64(time()), 3, "never ran");
        batch[2] = outcome(running(), JobStatus.FAILED, time());
        expectSkip(early, abi.encodeWithSelector(IJobErrors.InvalidTransition.selector, 2, 5));
        vm.prank(provider);
        grid.reportBatch(batch);
        assertStatus(batch[0].jobId, JobStatus.FINISHED);
        assertStatus(early, JobStatus.SCHEDULED);
        assertEq(grid.get(early).exitCode, 0);
        assertEq(grid.get(early).lastError, "");
        assertStatus(batch[2].jobId, JobStatus.FAILED);
    }

    function testFuzz_a_batch_with_too_little_gas_does_all_or_nothing(uint256 gasLimit) public {
        bytes32[] memory ids = new bytes32[](8);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = assigned();
        }
        gasLimit = bound(gasLimit, 1_000, 400_000);
        vm.prank(provider);
        (bool done,) = address(grid).call{gas: gasLimit}(abi.encodeCall(grid.claimBatch, (ids)));
        for (uint256 i = 0; i < ids.length; ++i) {
            assertStatus(ids[i], done ? JobStatus.SCHEDULED : JobStatus.META_SCHEDULED);
        }
    }

    /// @dev What is left after a dear entry ran out of gas is enough to skip it: here the estimate could go wrong.
    function test_a_batch_that_succeeds_with_the_least_gas_has_done_its_dear_entry() public {
        Report[] memory batch = new Report[](1);
        batch[0] = outcome(running(), JobStatus.FAILED, time());
        batch[0].lastError = string(new bytes(1024));
        bytes memory call = abi.encodeCall(grid.reportBatch, (batch));
        uint256 gasLimit = 50_000;
        bool done;
        while (!done) {
            gasLimit += 2_000;
            vm.prank(provider);
            (done,) = address(grid).call{gas: gasLimit}(call);
        }
        assertStatus(batch[0].jobId, JobStatus.FAILED);
    }

    function expectSkip(bytes32 id, bytes memory reason) private {
        vm.expectEmit(address(grid));
        emit IJobEvents.EntrySkipped(id, reason);
    }
}
