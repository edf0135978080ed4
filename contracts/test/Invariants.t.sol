// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Credit} from "../src/Credit.sol";
import {Job, JobDefinition, JobStatus, Report, RequestOptions} from "../src/interfaces/JobTypes.sol";
import {MetaScheduler} from "../src/MetaScheduler.sol";
import {GridTest} from "./GridTest.sol";

/// @notice Plays customer, scheduler, two providers, a stranger, the admin and time, in any order. Each step tries one
/// real call; whether it is allowed is the contract's business, what must hold afterwards is checked here.
contract Grid is Test {
    MetaScheduler private immutable GRID;
    Credit private immutable CREDIT;
    address private immutable ADMIN;
    address private immutable SCHEDULER;
    address private immutable CUSTOMER;
    address[2] private _providers;
    JobDefinition private _definition;

    /// @dev How often credits left the lock of a job, and what the ended ones shared out.
    mapping(bytes32 => uint256) public settlements;
    mapping(bytes32 => JobStatus) public lastSeen;
    uint256 public withdrawn;
    bool public leftACold;
    bool public overpaid;

    constructor(MetaScheduler grid, Credit credit, address[5] memory people, JobDefinition memory wanted) {
        (GRID, CREDIT, ADMIN, SCHEDULER, CUSTOMER) = (grid, credit, people[0], people[1], people[2]);
        _providers = [people[3], people[4]];
        _definition = wanted;
    }

    function request(uint96 locked, uint8 attempts, bool delegates, uint16 wait) external {
        uint256 allowed = CREDIT.allowance(CUSTOMER, address(GRID));
        locked = uint96(bound(locked, 0, 1e6));
        if (locked > allowed) return;
        RequestOptions memory options =
            RequestOptions(delegates, attempts, 0, wait == 0 ? 0 : uint64(vm.getBlockTimestamp() + wait));
        vm.prank(CUSTOMER);
        GRID.requestJob(_definition, locked, "", options);
    }

    function assign(uint256 which, uint256 to) external {
        _try(SCHEDULER, which, abi.encodeCall(GRID.assign, (_pick(which), _providers[to % 2])));
    }

    function claim(uint256 which, uint256 who) external {
        _try(_who(which, who), which, abi.encodeCall(GRID.claim, (_pick(which))));
    }

    function refuse(uint256 which, uint256 who) external {
        _try(_who(which, who), which, abi.encodeCall(GRID.refuse, (_pick(which), "no")));
    }

    function report(uint256 which, uint256 who, uint8 status, uint64 at) external {
        Report memory entry = Report(_pick(which), status % 10, at, 1, "");
        _try(_who(which, who), which, abi.encodeCall(GRID.report, (entry)));
    }

    function start(uint256 which) external {
        Report memory entry = Report(_pick(which), uint8(JobStatus.RUNNING), uint64(vm.getBlockTimestamp()), 0, "");
        _try(_who(which, 0), which, abi.encodeCall(GRID.report, (entry)));
    }

    function cancel(uint256 which, uint256 who) external {
        _try(who % 2 == 0 ? CUSTOMER : _who(which, who), which, abi.encodeCall(GRID.cancelJob, (_pick(which))));
    }

    function panic(uint256 which, uint256 who) external {
        address caller = who % 3 == 0 ? SCHEDULER : _who(which, who);
        _try(caller, which, abi.encodeCall(GRID.panicJob, (_pick(which), "")));
    }

    function expire(uint256 which) external {
        _try(address(this), which, abi.encodeCall(GRID.expire, (_pick(which))));
    }

    function topUp(uint256 which, uint96 amount) external {
        amount = uint96(bound(amount, 0, 1e6));
        _try(CUSTOMER, which, abi.encodeCall(GRID.topUpJob, (_pick(which), amount)));
    }

    function topUpDelegate(uint256 which, uint256 who) external {
        _try(_who(which, who), which, abi.encodeCall(GRID.topUpJobDelegate, (_pick(which))));
    }

    function turnFee(uint256 basisPoints) external {
        vm.prank(ADMIN);
        GRID.setFeeBasisPoints(bound(basisPoints, 0, 3000));
    }

    function withdraw(uint256 amount) external {
        amount = bound(amount, 0, GRID.collectedFees());
        withdrawn += amount;
        vm.prank(ADMIN);
        GRID.withdrawFees(ADMIN, amount);
    }

    function pass(uint16 duration) external {
        vm.warp(vm.getBlockTimestamp() + duration);
    }

    /// @dev Mostly the provider that holds the job, else one of the two.
    function _who(uint256 which, uint256 who) private view returns (address) {
        if (GRID.jobCount() == 0 || who % 4 == 3) return _providers[who % 2];
        address holder = GRID.get(_pick(which)).providerAddr;
        return holder == address(0) ? _providers[who % 2] : holder;
    }

    function _pick(uint256 which) private view returns (bytes32) {
        uint256 count = GRID.jobCount();
        return bytes32(count == 0 ? 0 : which % count + 1);
    }

    function _try(address caller, uint256 which, bytes memory call) private {
        bytes32 id = _pick(which);
        if (id == 0) return;
        Job memory before = GRID.get(id);
        uint256 earned = CREDIT.balanceOf(before.providerAddr);
        vm.prank(caller);
        (bool done, bytes memory reason) = address(GRID).call(call);
        if (!done) {
            require(reason.length > 0, "a revert without data");
            return;
        }
        Job memory later = GRID.get(id);
        bool wasHot = before.status <= JobStatus.RUNNING;
        if (!wasHot) leftACold = true;
        if (wasHot && later.status > JobStatus.RUNNING) {
            ++settlements[id];
            _checkPay(later, CREDIT.balanceOf(before.providerAddr) - earned);
        }
    }

    /// @dev No more than the locked credits, nor the price of the time, and nothing for what did not run.
    function _checkPay(Job memory job, uint256 paid) private {
        uint256 time = job.time.start == 0 ? 0 : job.time.end - job.time.start;
        uint256 price = GRID.terms(job.jobId).pricePerMin;
        if (paid > job.cost.maxCost || paid * 60 > price * time + 60) overpaid = true;
        if (job.status == JobStatus.PANICKED && paid != 0) overpaid = true;
    }
}

contract InvariantsTest is GridTest {
    Grid private world;

    function setUp() public override {
        super.setUp();
        world = new Grid(grid, credit, [admin, scheduler, customer, provider, rival], definition());
        targetContract(address(world));
    }

    function invariant_locked_credits_and_fees_are_what_the_contract_has() public view {
        assertEq(locked() + grid.collectedFees(), credit.balanceOf(address(grid)));
    }

    function invariant_each_lock_leaves_once() public view {
        for (uint256 i = 1; i <= grid.jobCount(); ++i) {
            Job memory job = grid.get(bytes32(i));
            assertEq(world.settlements(job.jobId), job.status > JobStatus.RUNNING ? 1 : 0);
        }
    }

    function invariant_a_cold_job_never_changes() public view {
        assertFalse(world.leftACold());
    }

    function invariant_nobody_is_paid_more_than_the_time_is_worth() public view {
        assertFalse(world.overpaid());
    }

    function invariant_no_credits_appear_or_vanish() public view {
        uint256 total = credit.balanceOf(admin) + credit.balanceOf(customer) + credit.balanceOf(provider)
            + credit.balanceOf(rival) + credit.balanceOf(address(grid));
        assertEq(total, credit.totalSupply());
    }

    function invariant_held_jobs_are_counted() public view {
        uint256 held;
        for (uint256 i = 1; i <= grid.jobCount(); ++i) {
            JobStatus current = grid.get(bytes32(i)).status;
            if (current >= JobStatus.META_SCHEDULED && current <= JobStatus.RUNNING) ++held;
        }
        assertEq(uint256(grid.jobsHeldBy(provider)) + grid.jobsHeldBy(rival), held);
    }

    /// @dev After all clocks ran out, strangers and the customer bring everything home.
    function afterInvariant() public {
        for (uint256 round = 0; round < 2; ++round) {
            vm.warp(time() + 1 days);
            for (uint256 i = 1; i <= grid.jobCount(); ++i) {
                if (grid.get(bytes32(i)).status > JobStatus.RUNNING) continue;
                if (grid.get(bytes32(i)).status == JobStatus.PENDING) {
                    vm.prank(customer);
                    grid.cancelJob(bytes32(i));
                } else {
                    vm.prank(stranger);
                    grid.expire(bytes32(i));
                }
            }
        }
        assertEq(locked(), 0);
        assertEq(credit.balanceOf(address(grid)), grid.collectedFees());
    }

    function locked() private view returns (uint256 sum) {
        for (uint256 i = 1; i <= grid.jobCount(); ++i) {
            Job memory job = grid.get(bytes32(i));
            if (job.status <= JobStatus.RUNNING) sum += job.cost.maxCost;
        }
    }
}
