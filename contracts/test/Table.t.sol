// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {JobStatus, Report, RequestOptions} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice The table of a job's life, generated: from each of the nine states, on each of six days, each of seven people
/// tries every call there is. What they reach must be exactly what the table allows, for all 81 pairs of states.
contract TableTest is GridTest {
    uint256 private constant STATES = 9;

    /// @dev What kind of day it is for the job.
    enum Day {
        FRESH, // it has just come to its state
        LATE, // every clock has run out, and it may be started once
        LATE_WITH_ATTEMPTS, // the same, and it may be started again
        ASKED, // its customer has asked for the end of what runs
        ASKED_LONG_AGO, // the cancel timeout has passed since, and the provider is alive
        ASKED_AND_LATE // the provider is gone, and it may be started again
    }

    // Who may, as bits; in the order of `people`.
    uint256 private constant CUSTOMER = 1;
    uint256 private constant PROVIDER = 2;
    uint256 private constant SCHEDULER = 4;
    uint256 private constant ANYONE = 127;

    address private pauser = makeAddr("pauser");
    address[7] private people;

    function setUp() public override {
        super.setUp();
        vm.startPrank(admin);
        grid.grantRole(grid.PAUSER_ROLE(), pauser);
        vm.stopPrank();
        people = [customer, provider, scheduler, rival, stranger, admin, pauser];
    }

    function test_each_state_leads_where_the_table_says_and_nowhere_else() public {
        for (uint256 from = 0; from < STATES; ++from) {
            checkRow(JobStatus(from), Day.FRESH);
            checkRow(JobStatus(from), Day.LATE);
            checkRow(JobStatus(from), Day.LATE_WITH_ATTEMPTS);
        }
    }

    function test_a_running_job_whose_end_was_asked_for_leads_where_the_table_says() public {
        checkRow(JobStatus.RUNNING, Day.ASKED);
        checkRow(JobStatus.RUNNING, Day.ASKED_LONG_AGO);
        checkRow(JobStatus.RUNNING, Day.ASKED_AND_LATE);
    }

    /// @dev The table, as who may take an edge on such a day.
    function allowed(JobStatus from, JobStatus to, Day day) private pure returns (uint256) {
        bool late = day == Day.LATE || day == Day.LATE_WITH_ATTEMPTS || day == Day.ASKED_AND_LATE;
        if (from == JobStatus.PENDING) {
            if (to == JobStatus.META_SCHEDULED) return late ? 0 : SCHEDULER;
            if (to == JobStatus.CANCELLED) return late ? ANYONE : CUSTOMER;
        } else if (from == JobStatus.META_SCHEDULED) {
            if (to == JobStatus.PENDING) return late ? ANYONE : PROVIDER;
            if (to == JobStatus.SCHEDULED) return PROVIDER;
            if (to == JobStatus.CANCELLED) return CUSTOMER;
            if (to == JobStatus.PANICKED) return late ? PROVIDER | SCHEDULER : PROVIDER;
        } else if (from == JobStatus.SCHEDULED) {
            if (to == JobStatus.PENDING) return late ? ANYONE : PROVIDER;
            if (to == JobStatus.RUNNING || to == JobStatus.FAILED) return PROVIDER;
            if (to == JobStatus.CANCELLED) return CUSTOMER | PROVIDER;
            if (to == JobStatus.PANICKED) return late ? PROVIDER | SCHEDULER : PROVIDER;
        } else if (from == JobStatus.RUNNING) {
            if (to == JobStatus.PENDING) return day == Day.LATE_WITH_ATTEMPTS ? ANYONE : 0;
            if (to == JobStatus.CANCELLED) return mayCancelRunning(day);
            if (to == JobStatus.FINISHED || to == JobStatus.FAILED || to == JobStatus.OUT_OF_CREDITS) return PROVIDER;
            if (to == JobStatus.PANICKED) {
                if (!late) return PROVIDER;
                return day == Day.LATE_WITH_ATTEMPTS ? PROVIDER | SCHEDULER : ANYONE;
            }
        }
        return 0;
    }

    function mayCancelRunning(Day day) private pure returns (uint256) {
        if (day == Day.ASKED) return PROVIDER;
        return day == Day.ASKED_LONG_AGO || day == Day.ASKED_AND_LATE ? CUSTOMER | PROVIDER : 0;
    }

    /// @dev From `from`, everybody tries everything, each time from the same moment.
    function checkRow(JobStatus from, Day day) private {
        bytes32 id = bring(from, day);
        bytes[] memory calls = everyCall(id);
        uint256[STATES] memory reached;
        for (uint256 who = 0; who < people.length; ++who) {
            for (uint256 i = 0; i < calls.length; ++i) {
                uint256 moment = vm.snapshotState();
                vm.prank(people[who]);
                (bool done, bytes memory reason) = address(grid).call(calls[i]);
                if (!done) assertGt(reason.length, 0, "every revert carries data");
                JobStatus to = status(id);
                if (to != from) reached[uint256(to)] |= 1 << who;
                vm.revertToStateAndDelete(moment);
            }
        }
        for (uint256 to = 0; to < STATES; ++to) {
            string memory pair = string.concat(vm.toString(uint256(from)), " to ", vm.toString(to));
            uint256 expected = allowed(from, JobStatus(to), day);
            assertEq(reached[to], expected, string.concat(pair, " on day ", vm.toString(uint256(day))));
        }
    }

    /// @dev Every call that could change a state, with every argument that makes a difference.
    function everyCall(bytes32 id) private view returns (bytes[] memory calls) {
        uint256 reports = STATES + 2;
        calls = new bytes[](8 + reports);
        calls[0] = abi.encodeCall(grid.assign, (id, rival));
        calls[1] = abi.encodeCall(grid.assign, (id, provider));
        calls[2] = abi.encodeCall(grid.claim, (id));
        calls[3] = abi.encodeCall(grid.refuse, (id, "no"));
        calls[4] = abi.encodeCall(grid.cancelJob, (id));
        calls[5] = abi.encodeCall(grid.panicJob, (id, "fire"));
        calls[6] = abi.encodeCall(grid.expire, (id));
        calls[7] = abi.encodeCall(grid.topUpJobDelegate, (id));
        for (uint256 to = 0; to < reports; ++to) {
            calls[8 + to] = abi.encodeCall(grid.report, (Report(id, uint8(to), uint64(time()), 1, "why")));
        }
    }

    function bring(JobStatus wanted, Day day) private returns (bytes32 id) {
        RequestOptions memory options;
        options.maxAttempts = day == Day.LATE_WITH_ATTEMPTS || day == Day.ASKED_AND_LATE ? 2 : 1;
        options.latestStart = uint64(time() + 60);
        options.delegateSpendingAuthority = true;
        id = request(options);
        place(id, wanted);
        if (day == Day.LATE || day == Day.LATE_WITH_ATTEMPTS) vm.warp(time() + 1 days);
        if (day < Day.ASKED) return id;

        vm.prank(customer);
        grid.cancelJob(id);
        if (day == Day.ASKED) return id;
        vm.warp(time() + 1 days);
        if (day == Day.ASKED_AND_LATE) return id;
        vm.prank(provider);
        grid.heartbeat();
    }

    function place(bytes32 id, JobStatus wanted) private {
        if (wanted == JobStatus.PENDING) return;
        assign(id);
        if (wanted == JobStatus.META_SCHEDULED) return;
        claim(id);
        if (wanted == JobStatus.SCHEDULED) return;
        if (wanted == JobStatus.CANCELLED) {
            vm.prank(customer);
            grid.cancelJob(id);
            return;
        }
        report(id, JobStatus.RUNNING);
        if (wanted != JobStatus.RUNNING) report(id, wanted);
    }
}
