// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Credit} from "../src/Credit.sol";
import {
    Affinity,
    Job,
    JobDefinition,
    JobStatus,
    JobTerms,
    Label,
    Permit,
    Report,
    RequestOptions
} from "../src/interfaces/JobTypes.sol";
import {ProviderHardware, ProviderPrices} from "../src/interfaces/ProviderTypes.sol";
import {MetaScheduler} from "../src/MetaScheduler.sol";
import {ProviderManager} from "../src/ProviderManager.sol";

/// @notice A grid with a customer who has credits, two approved providers and a scheduler; and short names for the
/// steps of a job's life.
abstract contract GridTest is Test {
    /// @dev The vector of the published formulas: 3890 wei per minute.
    uint256 internal constant PRICE = 3890;
    uint256 internal constant LOCKED = 389_000;
    uint256 internal constant FUNDS = 1e24;
    uint256 internal constant START = 1_700_000_000;
    string internal constant HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    address internal admin = makeAddr("admin");
    address internal scheduler = makeAddr("scheduler");
    address internal customer = makeAddr("customer");
    address internal provider = makeAddr("provider");
    address internal rival = makeAddr("rival");
    address internal stranger = makeAddr("stranger");

    Credit internal credit;
    ProviderManager internal manager;
    MetaScheduler internal grid;

    function setUp() public virtual {
        vm.warp(START);
        credit = new Credit(admin, FUNDS * 10, type(uint256).max, 0);
        manager = new ProviderManager(admin);
        grid = new MetaScheduler(admin, credit, manager);
        vm.startPrank(admin);
        grid.grantRole(grid.METASCHEDULER_ROLE(), scheduler);
        manager.setJobCounter(grid);
        credit.transfer(customer, FUNDS);
        vm.stopPrank();
        join(provider);
        join(rival);
        vm.prank(customer);
        credit.approve(address(grid), FUNDS);
    }

    // What things look like.

    function hardware() internal pure returns (ProviderHardware memory offered) {
        offered.nodes = 2;
        offered.gpusPerNode = new uint64[](2);
        offered.cpusPerNode = new uint64[](2);
        offered.memPerNode = new uint64[](2);
        for (uint256 i = 0; i < 2; ++i) {
            offered.gpusPerNode[i] = uint64(4 + i);
            offered.cpusPerNode[i] = uint64(64 + i);
            offered.memPerNode[i] = uint64(256_000 + i);
        }
    }

    function prices() internal pure returns (ProviderPrices memory) {
        return ProviderPrices({gpuPricePerMin: 7, cpuPricePerMin: 11, memPricePerMin: 13});
    }

    function labels(string memory key, string memory value) internal pure returns (Label[] memory list) {
        list = new Label[](1);
        list[0] = Label(key, value);
    }

    function definition() internal pure returns (JobDefinition memory wanted) {
        wanted.gpus = 2;
        wanted.memPerCpu = 5;
        wanted.cpusPerTask = 3;
        wanted.ntasks = 17;
        wanted.batchLocationHash = HASH;
        wanted.storageType = 4;
    }

    function outcome(bytes32 id, JobStatus result, uint256 at) internal pure returns (Report memory) {
        return Report({jobId: id, status: uint8(result), at: uint64(at), exitCode: 0, lastError: ""});
    }

    /// @dev A permit for the grid, signed by the holder of `key`.
    function permit(address signer, uint256 key, uint256 value, uint256 deadline)
        internal
        view
        returns (Permit memory signed)
    {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 wanted = keccak256(abi.encode(typeHash, signer, address(grid), value, credit.nonces(signer), deadline));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", credit.DOMAIN_SEPARATOR(), wanted));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        signed = Permit(value, deadline, v, r, s);
    }

    // What people do.

    function join(address who) internal {
        vm.prank(who);
        manager.register(hardware(), prices(), labels("os", "debian"));
        vm.prank(admin);
        manager.approve(who);
    }

    function request() internal returns (bytes32) {
        return request(LOCKED);
    }

    function request(uint256 locked) internal returns (bytes32) {
        vm.prank(customer);
        return grid.requestNewJob(definition(), locked, "hello", false);
    }

    function request(RequestOptions memory options) internal returns (bytes32) {
        vm.prank(customer);
        return grid.requestJob(definition(), LOCKED, "hello", options);
    }

    function assign(bytes32 id) internal {
        vm.prank(scheduler);
        grid.assign(id, provider);
    }

    function claim(bytes32 id) internal {
        vm.prank(provider);
        grid.claim(id);
    }

    function report(bytes32 id, JobStatus result) internal {
        vm.prank(provider);
        grid.report(outcome(id, result, time()));
    }

    // Jobs brought as far as a state.

    function assigned() internal returns (bytes32 id) {
        id = request();
        assign(id);
    }

    function scheduled() internal returns (bytes32 id) {
        id = assigned();
        claim(id);
    }

    function running() internal returns (bytes32 id) {
        id = scheduled();
        report(id, JobStatus.RUNNING);
    }

    /// @dev The compiler takes `block.timestamp` for constant within a call; in a test that warps it is not.
    function time() internal view returns (uint256) {
        return vm.getBlockTimestamp();
    }

    // What is true of a job.

    function status(bytes32 id) internal view returns (JobStatus) {
        return grid.get(id).status;
    }

    function assertStatus(bytes32 id, JobStatus expected) internal view {
        assertEq(uint8(status(id)), uint8(expected), "status");
    }

    /// @dev Who has what after the job, of `FUNDS` that the customer had and nothing that the provider had.
    function assertPaid(uint256 paid, uint256 fee) internal view {
        assertEq(credit.balanceOf(provider), paid, "paid");
        assertEq(grid.collectedFees(), fee, "fee");
        assertEq(credit.balanceOf(customer), FUNDS - paid - fee, "refunded");
        assertEq(credit.balanceOf(address(grid)), fee, "nothing stays locked");
    }
}
