// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IJobCounter, IProviderManager} from "../src/interfaces/IProviderManager.sol";
import {Label} from "../src/interfaces/JobTypes.sol";
import {Provider, ProviderHardware, ProviderPrices} from "../src/interfaces/ProviderTypes.sol";
import {Blob} from "../src/libraries/Blob.sol";
import {Registration} from "../src/libraries/Registration.sol";
import {ProviderManager} from "../src/ProviderManager.sol";
import {GridTest} from "./GridTest.sol";

contract ProviderManagerTest is GridTest {
    function test_a_registration_is_read_back_as_it_was_written() public {
        vm.prank(stranger);
        vm.expectEmit(address(manager));
        emit IProviderManager.ProviderWaitingForApproval(stranger);
        manager.register(hardware(), prices(), labels("os", "debian"));
        assertTrue(manager.isWaitingForApproval(stranger));
        assertFalse(manager.isValidForScheduling(stranger));
        assertOffer(manager.getWaitingForApprovalProvider(stranger), stranger);
        assertEq(manager.getProvider(stranger).addr, address(0));

        vm.prank(admin);
        vm.expectEmit(address(manager));
        emit IProviderManager.ProviderApproved(stranger);
        manager.approve(stranger);
        assertFalse(manager.isWaitingForApproval(stranger));
        assertTrue(manager.isValidForScheduling(stranger));
        assertOffer(manager.getProvider(stranger), stranger);
        assertEq(manager.getWaitingForApprovalProvider(stranger).addr, address(0));
        assertEq(keccak256(abi.encode(manager.getProviderHardware(stranger))), keccak256(abi.encode(hardware())));
        assertEq(keccak256(abi.encode(manager.getProviderPrices(stranger))), keccak256(abi.encode(prices())));
        assertEq(keccak256(abi.encode(manager.getLabels(stranger))), keccak256(abi.encode(labels("os", "debian"))));
    }

    function test_the_admin_approves_what_it_saw_and_nothing_else() public {
        vm.startPrank(stranger);
        manager.register(hardware(), prices(), labels("os", "debian"));
        bytes32 seen = keccak256(abi.encode(hardware(), prices(), labels("os", "debian")));
        ProviderPrices memory dearer = prices();
        dearer.gpuPricePerMin = 700;
        manager.register(hardware(), dearer, labels("os", "debian"));
        bytes32 changed = keccak256(abi.encode(hardware(), dearer, labels("os", "debian")));
        vm.stopPrank();
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IProviderManager.OfferChanged.selector, seen, changed));
        manager.approveOffer(stranger, seen);
        assertFalse(manager.isValidForScheduling(stranger));
        vm.expectEmit(address(manager));
        emit IProviderManager.ProviderApproved(stranger);
        manager.approveOffer(stranger, changed);
        assertTrue(manager.isValidForScheduling(stranger));
        assertEq(manager.getProviderPrices(stranger).gpuPricePerMin, 700);
        vm.expectRevert(IProviderManager.WaitingApprovalOnly.selector);
        manager.approveOffer(stranger, changed);
    }

    function test_the_old_offer_stays_valid_until_the_new_one_is_approved() public {
        ProviderPrices memory dearer = prices();
        dearer.gpuPricePerMin = 8;
        vm.prank(provider);
        manager.register(hardware(), dearer, labels("os", "debian"));
        assertTrue(manager.isValidForScheduling(provider));
        assertEq(manager.getProviderPrices(provider).gpuPricePerMin, 7);
        assertEq(manager.getWaitingForApprovalProvider(provider).providerPrices.gpuPricePerMin, 8);
        vm.prank(admin);
        manager.approve(provider);
        assertEq(manager.getProviderPrices(provider).gpuPricePerMin, 8);
        (bool isValid, ProviderPrices memory quoted) = manager.quote(provider);
        assertTrue(isValid);
        assertEq(quoted.gpuPricePerMin, 8);
    }

    function test_an_unchanged_offer_is_refused() public {
        vm.startPrank(provider);
        vm.expectRevert(IProviderManager.AlreadyDone.selector);
        manager.register(hardware(), prices(), labels("os", "debian"));
        manager.register(hardware(), prices(), labels("os", "ubuntu"));
        vm.expectRevert(IProviderManager.AlreadyDone.selector);
        manager.register(hardware(), prices(), labels("os", "ubuntu"));
        manager.register(hardware(), prices(), labels("os", "debian"));
    }

    function test_a_cluster_without_nodes_cpus_or_memory_is_refused() public {
        vm.startPrank(stranger);
        ProviderHardware memory none;
        vm.expectRevert(IProviderManager.InvalidNodesCount.selector);
        manager.register(none, prices(), labels("os", "debian"));

        ProviderHardware memory uneven = hardware();
        uneven.nodes = 3;
        vm.expectRevert(IProviderManager.ArrayLengthMismatch.selector);
        manager.register(uneven, prices(), labels("os", "debian"));

        for (uint256 i = 0; i < 3; ++i) {
            uneven = hardware();
            if (i == 0) uneven.gpusPerNode = new uint64[](1);
            else if (i == 1) uneven.cpusPerNode = new uint64[](1);
            else uneven.memPerNode = new uint64[](1);
            vm.expectRevert(IProviderManager.ArrayLengthMismatch.selector);
            manager.register(uneven, prices(), labels("os", "debian"));
        }

        ProviderHardware memory brainless = hardware();
        brainless.cpusPerNode = new uint64[](2);
        vm.expectRevert(IProviderManager.InvalidTotalCpus.selector);
        manager.register(brainless, prices(), labels("os", "debian"));

        ProviderHardware memory forgetful = hardware();
        forgetful.memPerNode = new uint64[](2);
        vm.expectRevert(IProviderManager.InvalidTotalMem.selector);
        manager.register(forgetful, prices(), labels("os", "debian"));

        ProviderHardware memory plain = hardware();
        plain.gpusPerNode = new uint64[](2);
        manager.register(plain, prices(), new Label[](0));
    }

    function test_one_node_is_a_cluster_and_the_first_may_be_all_there_is_to_compute_with() public {
        ProviderHardware memory single = cluster(1);
        single.memPerNode[0] = 1;
        manager.register(single, prices(), labels("os", "debian"));
        ProviderHardware memory lopsided = cluster(2);
        (lopsided.cpusPerNode[1], lopsided.memPerNode[0], lopsided.memPerNode[1]) = (0, 1, 0);
        manager.register(lopsided, prices(), labels("os", "debian"));
        assertEq(
            abi.encode(manager.getWaitingForApprovalProvider(address(this)).providerHardware), abi.encode(lopsided)
        );
    }

    function testFuzz_a_price_beyond_the_bound_is_refused(uint256 price, uint8 which) public {
        price = bound(price, Registration.MAX_PRICE + 1, type(uint256).max);
        ProviderPrices memory dear = prices();
        if (which % 3 == 0) dear.gpuPricePerMin = price;
        else if (which % 3 == 1) dear.cpuPricePerMin = price;
        else dear.memPricePerMin = price;
        vm.expectRevert(
            abi.encodeWithSelector(IProviderManager.PriceOutOfBounds.selector, price, Registration.MAX_PRICE)
        );
        manager.register(hardware(), dear, labels("os", "debian"));
    }

    function test_seven_hundred_nodes_fit_and_more_than_a_blob_is_refused_by_name() public {
        manager.register(cluster(700), prices(), labels("os", "debian"));
        assertEq(manager.getWaitingForApprovalProvider(address(this)).providerHardware.memPerNode[699], 699);
        ProviderHardware memory huge = cluster(800);
        vm.expectPartialRevert(Blob.BlobTooLarge.selector);
        manager.register(huge, prices(), labels("os", "debian"));
    }

    function test_a_banned_provider_gets_nothing_and_cannot_come_back_by_registering() public {
        vm.startPrank(admin);
        vm.expectEmit(address(manager));
        emit IProviderManager.ProviderBanChanged(provider, true);
        manager.ban(provider);
        vm.expectRevert(IProviderManager.AlreadyDone.selector);
        manager.ban(provider);
        vm.stopPrank();
        assertTrue(manager.isBanned(provider));
        assertTrue(manager.getProvider(provider).isBanned);
        assertFalse(manager.isValidForScheduling(provider));
        vm.prank(provider);
        vm.expectRevert(IProviderManager.Banned.selector);
        manager.register(hardware(), prices(), labels("os", "ubuntu"));
        vm.startPrank(admin);
        manager.remove(provider);
        assertTrue(manager.isBanned(provider));
        manager.unban(provider);
        vm.expectRevert(IProviderManager.AlreadyDone.selector);
        manager.unban(provider);
        assertFalse(manager.isValidForScheduling(provider));
    }

    function test_a_waiting_offer_of_a_banned_provider_is_not_approved() public {
        vm.prank(provider);
        manager.register(hardware(), prices(), labels("os", "ubuntu"));
        vm.startPrank(admin);
        manager.ban(provider);
        vm.expectRevert(IProviderManager.Banned.selector);
        manager.approve(provider);
    }

    function test_a_removed_provider_is_gone_and_may_register_again() public {
        vm.startPrank(admin);
        vm.expectEmit(address(manager));
        emit IProviderManager.ProviderRemoved(provider);
        manager.remove(provider);
        vm.expectRevert(IProviderManager.NoProvider.selector);
        manager.remove(provider);
        vm.expectRevert(IProviderManager.NoProvider.selector);
        manager.ban(provider);
        vm.stopPrank();
        assertEq(manager.elementCount(), 1);
        assertFalse(manager.isValidForScheduling(provider));
        assertEq(abi.encode(manager.getProviderPrices(provider)), abi.encode(ProviderPrices(0, 0, 0)));
        join(provider);
        assertTrue(manager.isValidForScheduling(provider));
    }

    function test_an_offer_that_is_removed_while_it_waits_cannot_be_approved() public {
        vm.prank(stranger);
        manager.register(hardware(), prices(), labels("os", "debian"));
        vm.startPrank(admin);
        manager.remove(stranger);
        assertFalse(manager.isWaitingForApproval(stranger));
        assertEq(manager.waitingCount(), 0);
        vm.expectRevert(IProviderManager.WaitingApprovalOnly.selector);
        manager.approve(stranger);
    }

    function test_what_counts_jobs_is_told_and_answers() public {
        vm.startPrank(admin);
        vm.expectEmit(address(manager));
        emit IProviderManager.JobCounterChanged(grid);
        manager.setJobCounter(grid);
        vm.expectRevert();
        manager.setJobCounter(IJobCounter(address(credit)));
    }

    function test_only_what_waits_can_be_approved() public {
        vm.startPrank(admin);
        vm.expectRevert(IProviderManager.WaitingApprovalOnly.selector);
        manager.approve(provider);
        vm.expectRevert(IProviderManager.WaitingApprovalOnly.selector);
        manager.approve(address(0));
    }

    function test_only_the_admin_decides_about_providers() public {
        bytes[6] memory calls = [
            abi.encodeCall(manager.approve, (provider)),
            abi.encodeCall(manager.approveOffer, (provider, 0)),
            abi.encodeCall(manager.ban, (provider)),
            abi.encodeCall(manager.unban, (provider)),
            abi.encodeCall(manager.remove, (provider)),
            abi.encodeCall(manager.setJobCounter, (IJobCounter(address(grid))))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger);
            (bool done, bytes memory reason) = address(manager).call(calls[i]);
            assertFalse(done);
            assertEq(reason, abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        }
    }

    function test_pages_hold_what_there_is_and_end() public {
        (bytes32[] memory data, uint256 length, uint256 cursor) = manager.fetchPage(0, 1);
        assertEq(address(uint160(uint256(data[0]))), provider);
        assertEq(length, 1);
        assertEq(cursor, 1);
        (data, length, cursor) = manager.fetchPage(cursor, type(uint256).max);
        assertEq(address(uint160(uint256(data[0]))), rival);
        assertEq(length, 1);
        assertEq(cursor, 2);
        (data,,) = manager.fetchPage(0, 2);
        assertEq(address(uint160(uint256(data[0]))), provider);
        assertEq(address(uint160(uint256(data[1]))), rival);
        (data, length, cursor) = manager.fetchPage(type(uint256).max, 10);
        assertEq(data.length + length, 0);

        vm.prank(stranger);
        manager.register(hardware(), prices(), labels("os", "debian"));
        assertEq(manager.waitingCount(), 1);
        (data,,) = manager.fetchWaitingPage(0, 10);
        assertEq(address(uint160(uint256(data[0]))), stranger);
    }

    function test_reads_of_unknown_addresses_are_zero_and_never_revert() public {
        ProviderManager alone = new ProviderManager(admin);
        address[2] memory unknown = [address(0), stranger];
        for (uint256 i = 0; i < unknown.length; ++i) {
            assertEq(alone.getJobCount(unknown[i]), 0);
            assertEq(manager.getJobCount(unknown[i]), 0);
            assertEq(manager.getProvider(unknown[i]).addr, address(0));
            assertEq(manager.getWaitingForApprovalProvider(unknown[i]).addr, address(0));
            assertEq(manager.getProviderHardware(unknown[i]).nodes, 0);
            assertEq(manager.getProviderPrices(unknown[i]).cpuPricePerMin, 0);
            assertEq(manager.getLabels(unknown[i]).length, 0);
            assertFalse(manager.isWaitingForApproval(unknown[i]));
            assertFalse(manager.isValidForScheduling(unknown[i]));
            assertFalse(manager.isBanned(unknown[i]));
        }
    }

    function test_the_jobs_of_a_provider_are_counted_while_it_holds_them() public {
        running();
        bytes32 second = assigned();
        assertEq(manager.getJobCount(provider), 2);
        vm.prank(provider);
        grid.refuse(second, "full");
        assertEq(manager.getJobCount(provider), 1);
    }

    function cluster(uint256 size) private pure returns (ProviderHardware memory large) {
        large.nodes = uint64(size);
        large.gpusPerNode = new uint64[](size);
        large.cpusPerNode = new uint64[](size);
        large.memPerNode = new uint64[](size);
        for (uint256 i = 0; i < size; ++i) {
            (large.cpusPerNode[i], large.memPerNode[i]) = (64, uint64(i));
        }
    }

    function assertOffer(Provider memory offer, address addr) private pure {
        assertEq(offer.addr, addr);
        assertEq(keccak256(abi.encode(offer.providerHardware)), keccak256(abi.encode(hardware())));
        assertEq(keccak256(abi.encode(offer.providerPrices)), keccak256(abi.encode(prices())));
        assertEq(keccak256(abi.encode(offer.labels)), keccak256(abi.encode(labels("os", "debian"))));
        assertFalse(offer.isBanned);
    }
}
