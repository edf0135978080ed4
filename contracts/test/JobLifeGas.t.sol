// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Assignment, JobStatus, Report} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice What a job's life costs in gas, each call as a transaction of its own, kept in snapshots/job-life.json. The
/// accounts have worked before: no balance, counter or list is written for the first time.
contract JobLifeGasTest is GridTest {
    string internal constant GROUP = "job-life";
    uint256 internal constant BATCH = 32;
    uint256 internal constant MAX_LIFE = 400_000;
    uint256 internal constant MAX_LIFE_IN_BATCH = 280_000;

    function setUp() public override {
        super.setUp();
        bytes32 first = running();
        vm.warp(time() + 60);
        report(first, JobStatus.FINISHED);
        vm.warp(time() + 60);
        vm.roll(block.number + 60);
    }

    function test_a_job_life_stays_within_its_gas() public {
        bytes32 id = request();
        uint256 total = vm.snapshotGasLastCall(GROUP, "requestNewJob");
        pass(12);
        assign(id);
        total += vm.snapshotGasLastCall(GROUP, "assign");
        pass(12);
        claim(id);
        total += vm.snapshotGasLastCall(GROUP, "claim");
        pass(12);
        report(id, JobStatus.RUNNING);
        total += vm.snapshotGasLastCall(GROUP, "running");
        pass(60);
        report(id, JobStatus.FINISHED);
        total += vm.snapshotGasLastCall(GROUP, "finish");
        vm.snapshotValue(GROUP, "total", total);
        assertLe(total, MAX_LIFE);
    }

    function test_a_job_life_in_batches_stays_within_its_gas() public {
        Assignment[] memory assignments = new Assignment[](BATCH);
        bytes32[] memory ids = new bytes32[](BATCH);
        Report[] memory reports = new Report[](BATCH);
        uint256 total;
        for (uint256 i = 0; i < BATCH; ++i) {
            ids[i] = request();
            total += vm.lastCallGas().gasTotalUsed;
            assignments[i] = Assignment(ids[i], provider);
        }
        pass(12);
        vm.prank(scheduler);
        grid.assignBatch(assignments);
        total += vm.lastCallGas().gasTotalUsed;
        pass(12);
        vm.prank(provider);
        grid.claimBatch(ids);
        total += vm.lastCallGas().gasTotalUsed;
        pass(12);
        for (uint256 i = 0; i < BATCH; ++i) {
            reports[i] = outcome(ids[i], JobStatus.RUNNING, time());
        }
        vm.prank(provider);
        grid.reportBatch(reports);
        total += vm.lastCallGas().gasTotalUsed;
        pass(60);
        for (uint256 i = 0; i < BATCH; ++i) {
            reports[i] = outcome(ids[i], JobStatus.FINISHED, time());
        }
        vm.prank(provider);
        grid.reportBatch(reports);
        total += vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue(GROUP, "total_in_batch_of_32", total / BATCH);
        assertStatus(ids[BATCH - 1], JobStatus.FINISHED);
        assertLe(total / BATCH, MAX_LIFE_IN_BATCH);
    }

    function pass(uint256 duration) private {
        vm.warp(time() + duration);
        vm.roll(block.number + 1);
    }
}
