// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {Administered} from "../src/Administered.sol";
import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {IJobEvents} from "../src/interfaces/IJobEvents.sol";
import {Affinity, Job, JobDefinition, JobStatus, Label, RequestOptions} from "../src/interfaces/JobTypes.sol";
import {Definition} from "../src/libraries/Definition.sol";
import {GridTest} from "./GridTest.sol";

/// @notice What published clients rely on, trap by trap.
contract PublishedTest is GridTest {
    function test_the_first_job_id_is_one() public {
        assertEq(request(), bytes32(uint256(1)));
        assertEq(request(), bytes32(uint256(2)));
        assertEq(grid.jobCount(), 2);
    }

    function test_jobs_and_constants_are_addresses_that_answer() public view {
        assertEq(grid.jobs(), address(grid));
        assertEq(grid.constants(), address(grid));
        assertEq(address(grid.credit()), address(credit));
        assertEq(address(grid.providerManager()), address(manager));
        assertEq(grid.topUpSliceDurationMin(), 30);
        assertEq(grid.minimumAmount(), 0);
        assertTrue(grid.enableRequestNewJob());
    }

    function test_jobs_of_a_customer_come_oldest_first() public {
        bytes32[] memory none = grid.getByCustomer(customer);
        assertEq(none.length, 0);
        bytes32 first = request();
        vm.prank(admin);
        grid.requestNewJob(definition(), 0, "other", false);
        bytes32 second = request();
        bytes32[] memory ids = grid.getByCustomer(customer);
        assertEq(ids.length, 2);
        assertEq(ids[0], first);
        assertEq(ids[1], second);
        assertEq(grid.getByCustomer(admin).length, 1);
    }

    function test_a_request_is_read_back_as_it_was_written() public {
        JobDefinition memory wanted = definition();
        wanted.uses = labels("objective", "cost");
        wanted.affinity = new Affinity[](7);
        bytes2[7] memory operators = [bytes2("<"), "<=", "==", ">=", ">", "!=", "in"];
        for (uint256 i = 0; i < 7; ++i) {
            wanted.affinity[i] = Affinity(Label("gpu", "4"), operators[i]);
        }
        vm.prank(customer);
        Job memory job = grid.get(grid.requestNewJob(wanted, LOCKED, unicode"größe", true));
        assertEq(job.jobId, bytes32(uint256(1)));
        assertEq(uint8(job.status), uint8(JobStatus.PENDING));
        assertEq(job.customerAddr, customer);
        assertEq(job.providerAddr, address(0));
        assertEq(keccak256(abi.encode(job.definition)), keccak256(abi.encode(wanted)));
        assertEq(job.cost.maxCost, LOCKED);
        assertEq(job.cost.finalCost, 0);
        assertTrue(job.cost.delegateSpendingAuthority);
        assertEq(job.time.submit, START);
        assertEq(job.time.start + job.time.end + job.time.cancelRequestTimestamp + job.time.panicTimestamp, 0);
        assertFalse(job.hasCancelRequest);
        assertEq(job.time.blockNumberStateChange, block.number);
        assertEq(job.jobName, bytes32(unicode"größe"));
        assertEq(credit.balanceOf(address(grid)), LOCKED);
    }

    function testFuzz_any_location_is_read_back(string memory location, uint24 gpus, uint8 storageType) public {
        vm.assume(bytes(location).length != 0 && bytes(location).length < 4000);
        JobDefinition memory wanted = definition();
        wanted.batchLocationHash = location;
        wanted.gpus = gpus;
        wanted.storageType = storageType % 5;
        vm.prank(customer);
        Job memory job = grid.get(grid.requestNewJob(wanted, LOCKED, "", false));
        assertEq(keccak256(abi.encode(job.definition)), keccak256(abi.encode(wanted)));
    }

    function test_the_least_locations_are_read_back() public {
        string[2] memory least = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000001"
        ];
        JobDefinition memory wanted = definition();
        for (uint256 i = 0; i < least.length; ++i) {
            wanted.batchLocationHash = least[i];
            vm.prank(customer);
            Job memory job = grid.get(grid.requestNewJob(wanted, LOCKED, "", false));
            assertEq(job.definition.batchLocationHash, least[i]);
        }
    }

    function test_a_definition_that_makes_no_job_is_refused() public {
        JobDefinition[] memory bad = new JobDefinition[](12);
        for (uint256 i = 0; i < bad.length; ++i) {
            bad[i] = definition();
        }
        bad[0].ntasks = 0;
        bad[1].cpusPerTask = 0;
        bad[2].memPerCpu = 0;
        bad[3].batchLocationHash = "";
        bad[4].storageType = 5;
        bad[5].storageType = 255;
        bad[6].gpus = uint64(Definition.MAX_COUNT) + 1;
        bad[7].ntasks = type(uint64).max;
        bad[8].cpusPerTask = uint64(Definition.MAX_COUNT) + 1;
        bad[9].memPerCpu = uint64(Definition.MAX_COUNT) + 1;
        bad[10].affinity = new Affinity[](1);
        bad[10].affinity[0] = Affinity(Label("gpu", "4"), "=~");
        bad[11].uses = labels("long", string(new bytes(Definition.MAX_DETAILS)));
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(customer);
            vm.expectRevert(IJobErrors.InvalidJobDefinition.selector);
            grid.requestNewJob(bad[i], LOCKED, "bad", false);
        }
        assertEq(grid.jobCount(), 0);
    }

    function test_a_request_without_credits_or_allowance_is_refused_by_the_token() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSignature("ERC20InsufficientAllowance(address,uint256,uint256)", grid, 0, LOCKED));
        grid.requestNewJob(definition(), LOCKED, "poor", false);
        vm.startPrank(stranger);
        credit.approve(address(grid), LOCKED);
        vm.expectRevert(
            abi.encodeWithSignature("ERC20InsufficientBalance(address,uint256,uint256)", stranger, 0, LOCKED)
        );
        grid.requestNewJob(definition(), LOCKED, "poor", false);
    }

    function test_a_request_locks_at_least_the_minimum_and_at_most_what_can_be_counted() public {
        vm.prank(admin);
        grid.setMinimumAmount(100);
        vm.startPrank(customer);
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.InsufficientFunds.selector, 99, 100));
        grid.requestNewJob(definition(), 99, "", false);
        grid.requestNewJob(definition(), 100, "", false);
        uint256 most = type(uint96).max;
        vm.expectRevert(abi.encodeWithSelector(IJobErrors.AmountOutOfBounds.selector, most + 1, 100, most));
        grid.requestNewJob(definition(), most + 1, "", false);
    }

    function test_an_unknown_job_is_refused_by_name() public {
        bytes32 none = bytes32(uint256(1));
        bytes[8] memory calls = [
            abi.encodeCall(grid.get, (none)),
            abi.encodeCall(grid.terms, (none)),
            abi.encodeCall(grid.cancelJob, (none)),
            abi.encodeCall(grid.topUpJob, (none, 1)),
            abi.encodeCall(grid.topUpJobDelegate, (none)),
            abi.encodeCall(grid.panicJob, (none, "")),
            abi.encodeCall(grid.claim, (none)),
            abi.encodeCall(grid.expire, (none))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            assertEq(refusal(calls[i]), abi.encodeWithSelector(IJobErrors.InvalidJob.selector));
        }
    }

    function test_every_revert_carries_data() public {
        assertGt(refusal(abi.encodePacked(grid.cancelJob.selector)).length, 0, "missing arguments");
        assertEq(
            refusal(hex"deadbeef"), abi.encodeWithSelector(Administered.UnknownFunction.selector, bytes4(hex"deadbeef"))
        );
        assertGt(refusal("").length, 0, "no selector");
        vm.deal(address(this), 1 ether);
        (bool done, bytes memory reason) = address(grid).call{value: 1}(abi.encodeCall(grid.jobCount, ()));
        assertFalse(done);
        assertGt(reason.length, 0, "ether sent along");
        (done, reason) = address(manager).call{value: 1}("");
        assertFalse(done);
        assertGt(reason.length, 0, "ether alone");
    }

    function test_published_events_have_no_index_and_stand_beside_their_companions() public {
        vm.recordLogs();
        bytes32 id = assigned();
        vm.prank(provider);
        grid.refuse(id, "full");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes32[4] memory published = [
            IJobEvents.JobCreated.selector,
            IJobEvents.NewJobRequestEvent.selector,
            IJobEvents.JobTransitionEvent.selector,
            IJobEvents.JobRefusedEvent.selector
        ];
        uint256 found;
        uint256 companions;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IJobEvents.JobChanged.selector) ++companions;
            for (uint256 k = 0; k < published.length; ++k) {
                if (logs[i].topics[0] != published[k]) continue;
                ++found;
                assertEq(logs[i].topics.length, 1);
            }
        }
        assertEq(found, 5, "created, requested, two transitions, refused");
        assertEq(companions, 2);
    }

    function test_a_pause_stops_new_requests_and_nothing_else() public {
        bytes32 id = running();
        address pauser = makeAddr("pauser");
        vm.startPrank(admin);
        grid.grantRole(grid.PAUSER_ROLE(), pauser);
        vm.stopPrank();
        vm.prank(pauser);
        grid.setEnableRequestNewJob(false);
        assertFalse(grid.enableRequestNewJob());
        vm.prank(customer);
        vm.expectRevert(IJobErrors.NewJobRequestDisabled.selector);
        grid.requestNewJob(definition(), LOCKED, "", false);
        RequestOptions memory options;
        vm.prank(customer);
        vm.expectRevert(IJobErrors.NewJobRequestDisabled.selector);
        grid.requestJob(definition(), LOCKED, "", options);
        report(id, JobStatus.FINISHED);
        vm.prank(admin);
        grid.setEnableRequestNewJob(true);
        request();
    }

    function refusal(bytes memory call) private returns (bytes memory reason) {
        bool done;
        vm.prank(customer);
        (done, reason) = address(grid).call(call);
        assertFalse(done);
    }
}
