// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Credit} from "../src/Credit.sol";
import {Job, JobDefinition, JobStatus, JobTerms, Report, RequestOptions} from "../src/interfaces/JobTypes.sol";
import {MetaScheduler} from "../src/MetaScheduler.sol";
import {ProviderManager} from "../src/ProviderManager.sol";
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
    bytes private _definition;

    /// @dev Row by row of the table, the states that a job may reach from there; written down once more, not read from
    /// the contract.
    uint16[9] private _edges = [
        1 << 1 | 1 << 4,
        1 << 0 | 1 << 2 | 1 << 4 | 1 << 8,
        1 << 0 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 8,
        1 << 0 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
        0,
        0,
        0,
        0,
        0
    ];

    /// @dev How often credits left the lock of a job.
    mapping(bytes32 => uint256) public settlements;

    /// @dev What the ended jobs cost, and what was withdrawn of their fees.
    uint256 public spent;
    uint256 public withdrawn;

    bool public leftTheTable;
    bool public leftACold;
    bool public overpaid;
    bool public wrongSum;
    bool public brokenPromise;

    constructor(MetaScheduler grid, Credit credit, address[5] memory people, JobDefinition memory wanted) {
        (GRID, CREDIT, ADMIN, SCHEDULER, CUSTOMER) = (grid, credit, people[0], people[1], people[2]);
        _providers = [people[3], people[4]];
        _definition = abi.encode(wanted);
    }

    function request(uint96 locked, uint8 attempts, bool delegates, uint16 wait) external {
        uint256 allowed = CREDIT.allowance(CUSTOMER, address(GRID));
        locked = uint96(bound(locked, 0, 1e6));
        if (locked > allowed || !GRID.enableRequestNewJob()) return;
        RequestOptions memory options =
            RequestOptions(delegates, attempts, 0, wait == 0 ? 0 : uint64(vm.getBlockTimestamp() + wait));
        vm.prank(CUSTOMER);
        GRID.requestJob(abi.decode(_definition, (JobDefinition)), locked, "", options);
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

    function delegate(uint256 which, bool allowed) external {
        _try(CUSTOMER, which, abi.encodeCall(GRID.setDelegateSpendingAuthority, (_pick(which), allowed)));
    }

    /// @dev One batch of three entries of which some are bad, and one of a claim and a start.
    function batch(uint256 which, uint256 who, uint8 status, uint64 at) external {
        Report[] memory entries = new Report[](3);
        entries[0] = Report(_pick(which), uint8(JobStatus.RUNNING), at, 0, "");
        entries[1] = Report(_pick(which), status % 10, at, 2, "late");
        entries[2] = Report(bytes32(type(uint256).max), 5, at, 0, "");
        _try(_who(which, who), which, abi.encodeCall(GRID.reportBatch, (entries)));
    }

    function many(uint256 which, uint256 who) external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(GRID.claim, (_pick(which)));
        calls[1] = abi.encodeCall(GRID.heartbeat, ());
        _try(_who(which, who), which, abi.encodeCall(GRID.multicall, (calls)));
    }

    function heartbeat(uint256 which) external {
        vm.prank(_who(which, 0));
        GRID.heartbeat();
    }

    function topUpDelegate(uint256 which, uint256 who) external {
        _try(_who(which, who), which, abi.encodeCall(GRID.topUpJobDelegate, (_pick(which))));
    }

    function turnFee(uint256 basisPoints) external {
        vm.prank(ADMIN);
        GRID.setFeeBasisPoints(bound(basisPoints, 0, 3000));
    }

    function turnClocks(uint256 lease, uint256 delay, uint256 grace, uint256 timeout, uint256 claimTimeout) external {
        vm.startPrank(ADMIN);
        GRID.setLeaseDuration(bound(lease, 1 minutes, 1 hours));
        GRID.setReportDelay(bound(delay, 0, 1 hours));
        GRID.setClaimTimeout(bound(claimTimeout, 30 seconds, 1 hours));
        GRID.setCancelGrace(bound(grace, 0, 1 minutes));
        GRID.setCancelTimeout(bound(timeout, 1 minutes, 1 hours));
        vm.stopPrank();
    }

    function ban(uint256 who) external {
        address provider = _providers[who % 2];
        ProviderManager manager = ProviderManager(address(GRID.providerManager()));
        vm.startPrank(ADMIN);
        if (manager.isBanned(provider)) manager.unban(provider);
        else manager.ban(provider);
        vm.stopPrank();
    }

    function pause(bool enabled) external {
        vm.prank(ADMIN);
        GRID.setEnableRequestNewJob(enabled);
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
        JobTerms memory terms = GRID.terms(id);
        uint256 earned = CREDIT.balanceOf(before.providerAddr);
        uint256 home = CREDIT.balanceOf(CUSTOMER);
        uint256 fees = GRID.collectedFees();
        vm.prank(caller);
        (bool done, bytes memory reason) = address(GRID).call(call);
        if (!done) {
            require(reason.length > 0, "a revert without data");
            return;
        }
        Job memory later = GRID.get(id);
        bool wasHot = before.status <= JobStatus.RUNNING;
        if (!wasHot && keccak256(abi.encode(before)) != keccak256(abi.encode(later))) leftACold = true;
        if (before.status != later.status && !_mayFollow(before.status, later.status)) leftTheTable = true;
        _checkPromises(terms, GRID.terms(id));
        if (wasHot && later.status > JobStatus.RUNNING) {
            ++settlements[id];
            uint256 fee = GRID.collectedFees() - fees;
            uint256 paid = CREDIT.balanceOf(before.providerAddr) - earned;
            _checkPay(later, terms, paid, fee);
            if (paid + fee + CREDIT.balanceOf(CUSTOMER) - home != later.cost.maxCost) wrongSum = true;
            spent += paid + fee;
        }
    }

    /// @dev A batch may take two edges in one call.
    function _mayFollow(JobStatus from, JobStatus to) private view returns (bool) {
        uint256 direct = _edges[uint8(from)];
        if (direct >> uint8(to) & 1 == 1) return true;
        return direct >> uint8(JobStatus.RUNNING) & 1 == 1 && _edges[uint8(JobStatus.RUNNING)] >> uint8(to) & 1 == 1;
    }

    /// @dev No more than the locked credits, nor the price of the time, and nothing for what did not run.
    function _checkPay(Job memory job, JobTerms memory terms, uint256 paid, uint256 fee) private {
        uint256 time = job.time.start == 0 ? 0 : job.time.end - job.time.start;
        uint256 cost = paid + fee;
        if (cost > job.cost.maxCost || cost * 60 >= terms.pricePerMin * time + 60) overpaid = true;
        if (cost != job.cost.finalCost || fee != cost * terms.feeBasisPoints / 10_000) wrongSum = true;
        if (job.status == JobStatus.PANICKED && cost != 0) overpaid = true;
        if (job.time.end > vm.getBlockTimestamp() || job.time.start > job.time.end) overpaid = true;
    }

    function _checkPromises(JobTerms memory before, JobTerms memory later) private {
        bool isKept = before.feeBasisPoints == later.feeBasisPoints && before.leaseDuration == later.leaseDuration
            && before.reportDelay == later.reportDelay && before.cancelGrace == later.cancelGrace
            && before.cancelTimeout == later.cancelTimeout && before.maxAttempts == later.maxAttempts
            && before.avoided.length <= later.avoided.length;
        if (!isKept) brokenPromise = true;
    }
}

contract InvariantsTest is GridTest {
    Grid private world;

    function setUp() public override {
        super.setUp();
        world = new Grid(grid, credit, [admin, scheduler, customer, provider, rival], definition());
        targetContract(address(world));
    }

    /// @dev Forge plays the very same calls once for each function that it is given: one for all promises.
    function invariant_every_promise_holds() public view {
        Job[] memory jobs = everyJob();
        locked_credits_and_fees_are_what_the_contract_has(jobs);
        each_lock_leaves_once(jobs);
        no_more_is_taken_than_was_allowed(jobs);
        held_jobs_are_counted(jobs);
        a_cold_job_never_changes();
        only_edges_of_the_table_are_taken();
        paid_and_fee_and_refund_are_what_was_locked();
        no_setting_touches_a_job_that_was_requested_before();
        fees_stay_below_their_bound();
        nobody_is_paid_more_than_the_time_is_worth();
        no_credits_appear_or_vanish();
    }

    /// @dev After all clocks ran out, a stranger moves every job that somebody held, and whoever requested what waits
    /// takes it back: nothing stays locked. Neither a pause nor a ban is in the way.
    function afterInvariant() public {
        uint256 home = credit.balanceOf(customer) + locked(everyJob());
        for (uint256 round = 0; round < 2; ++round) {
            vm.warp(time() + 7 days);
            for (uint256 i = 1; i <= grid.jobCount(); ++i) {
                if (status(bytes32(i)) > JobStatus.RUNNING) continue;
                if (status(bytes32(i)) == JobStatus.PENDING) {
                    vm.prank(customer);
                    grid.cancelJob(bytes32(i));
                } else {
                    vm.prank(stranger);
                    grid.expire(bytes32(i));
                }
            }
        }
        assertEq(locked(everyJob()), 0);
        assertEq(credit.balanceOf(address(grid)), grid.collectedFees());
        assertEq(credit.balanceOf(customer), home);
    }

    function locked_credits_and_fees_are_what_the_contract_has(Job[] memory jobs) private view {
        assertEq(locked(jobs) + grid.collectedFees(), credit.balanceOf(address(grid)), "locked credits and fees");
    }

    function each_lock_leaves_once(Job[] memory jobs) private view {
        for (uint256 i = 0; i < jobs.length; ++i) {
            assertEq(world.settlements(jobs[i].jobId), jobs[i].status > JobStatus.RUNNING ? 1 : 0, "times settled");
        }
    }

    function no_more_is_taken_than_was_allowed(Job[] memory jobs) private view {
        uint256 taken;
        for (uint256 i = 0; i < jobs.length; ++i) {
            taken += jobs[i].cost.maxCost;
        }
        assertEq(taken + credit.allowance(customer, address(grid)), FUNDS, "taken and still allowed");
    }

    function held_jobs_are_counted(Job[] memory jobs) private view {
        uint256 held;
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (jobs[i].status >= JobStatus.META_SCHEDULED && jobs[i].status <= JobStatus.RUNNING) ++held;
        }
        assertEq(uint256(grid.jobsHeldBy(provider)) + grid.jobsHeldBy(rival), held, "held jobs");
    }

    function a_cold_job_never_changes() private view {
        assertFalse(world.leftACold(), "a cold job changed");
    }

    function only_edges_of_the_table_are_taken() private view {
        assertFalse(world.leftTheTable(), "an edge that is not in the table");
    }

    function paid_and_fee_and_refund_are_what_was_locked() private view {
        assertFalse(world.wrongSum(), "paid, fee and refund are not what was locked");
    }

    function no_setting_touches_a_job_that_was_requested_before() private view {
        assertFalse(world.brokenPromise(), "a condition of a job changed");
    }

    function fees_stay_below_their_bound() private view {
        assertLe((grid.collectedFees() + world.withdrawn()) * 10_000, world.spent() * 3000, "fees");
    }

    function nobody_is_paid_more_than_the_time_is_worth() private view {
        assertFalse(world.overpaid(), "paid more than the time is worth");
    }

    function no_credits_appear_or_vanish() private view {
        uint256 total = credit.balanceOf(admin) + credit.balanceOf(customer) + credit.balanceOf(provider)
            + credit.balanceOf(rival) + credit.balanceOf(address(grid));
        assertEq(total, credit.totalSupply(), "all credits");
    }

    function everyJob() private view returns (Job[] memory jobs) {
        jobs = new Job[](grid.jobCount());
        for (uint256 i = 0; i < jobs.length; ++i) {
            jobs[i] = grid.get(bytes32(i + 1));
        }
    }

    function locked(Job[] memory jobs) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (jobs[i].status <= JobStatus.RUNNING) sum += jobs[i].cost.maxCost;
        }
    }
}
