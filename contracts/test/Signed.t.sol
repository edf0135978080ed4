// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IJobErrors} from "../src/interfaces/IJobErrors.sol";
import {JobStatus, Permit, RequestOptions} from "../src/interfaces/JobTypes.sol";
import {GridTest} from "./GridTest.sol";

/// @notice Allowance and request in one transaction, by one signature; and many calls in one transaction.
contract SignedTest is GridTest {
    address private signer;
    uint256 private key;
    RequestOptions private options;

    function setUp() public override {
        super.setUp();
        (signer, key) = makeAddrAndKey("signer");
        vm.prank(admin);
        credit.transfer(signer, FUNDS);
    }

    function test_one_signature_allows_and_requests() public {
        options.maxAttempts = 3;
        Permit memory signed = permit(signer, key, LOCKED + 5, START);
        vm.prank(signer);
        bytes32 id = grid.requestNewJobWithPermit(definition(), LOCKED, "hello", options, signed);
        assertStatus(id, JobStatus.PENDING);
        assertEq(grid.get(id).customerAddr, signer);
        assertEq(grid.get(id).cost.maxCost, LOCKED);
        assertEq(grid.terms(id).maxAttempts, 3);
        assertEq(credit.allowance(signer, address(grid)), 5);
    }

    function test_a_permit_that_a_stranger_sent_ahead_does_no_harm() public {
        Permit memory signed = permit(signer, key, LOCKED, START);
        vm.prank(stranger);
        credit.permit(signer, address(grid), signed.value, signed.deadline, signed.v, signed.r, signed.s);
        assertStatus(requestAs(signer, signed), JobStatus.PENDING);
    }

    function test_a_permit_that_is_late_or_of_somebody_else_is_refused_by_name() public {
        Permit memory late = permit(signer, key, LOCKED, START - 1);
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, START - 1));
        requestAs(signer, late);
        Permit memory foreign = permit(signer, key, LOCKED, START);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        requestAs(stranger, foreign);
        assertEq(grid.jobCount(), 0);
    }

    function test_nobody_requests_a_job_by_the_signature_of_another() public {
        Permit memory signed = permit(signer, key, LOCKED, START);
        vm.prank(customer);
        bytes32 id = grid.requestNewJobWithPermit(definition(), LOCKED, "", options, signed);
        assertEq(grid.get(id).customerAddr, customer);
        assertEq(credit.balanceOf(customer), FUNDS - LOCKED);
        assertEq(credit.balanceOf(signer), FUNDS);
        assertEq(credit.nonces(signer), 0);
    }

    function test_a_permit_for_less_than_the_request_locks_nothing() public {
        Permit memory low = permit(signer, key, LOCKED - 1, START);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(grid), LOCKED - 1, LOCKED)
        );
        requestAs(signer, low);
        assertEq(credit.nonces(signer), 0);
    }

    function test_a_permit_that_fails_without_a_word_leaves_the_refusal_to_the_token() public {
        Permit memory signed = permit(signer, key, LOCKED, START);
        vm.mockCallRevert(address(credit), abi.encodeWithSelector(credit.permit.selector), "");
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(grid), 0, LOCKED)
        );
        requestAs(signer, signed);
    }

    function test_many_jobs_are_requested_in_one_transaction_or_none_is() public {
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(grid.requestNewJob, (definition(), LOCKED, "a", false));
        calls[1] = abi.encodeCall(grid.requestJob, (definition(), LOCKED, "b", options));
        calls[2] = abi.encodeCall(grid.get, (bytes32(uint256(2))));
        vm.prank(customer);
        bytes[] memory results = grid.multicall(calls);
        assertEq(abi.decode(results[1], (bytes32)), bytes32(uint256(2)));
        assertEq(results[2], abi.encode(grid.get(bytes32(uint256(2)))));
        assertEq(grid.get(bytes32(uint256(1))).customerAddr, customer);

        calls[2] = abi.encodeCall(grid.cancelJob, (bytes32(uint256(9))));
        vm.prank(customer);
        vm.expectRevert(IJobErrors.InvalidJob.selector);
        grid.multicall(calls);
        assertEq(grid.jobCount(), 2);
    }

    function test_many_calls_have_the_rights_of_their_sender_and_no_more() public {
        bytes32 id = request();
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(grid.cancelJob, (id));
        vm.prank(stranger);
        vm.expectRevert(IJobErrors.CustomerMetaSchedulerProviderOnly.selector);
        grid.multicall(calls);
        calls[0] = abi.encodeCall(grid.multicall, (calls));
        vm.prank(customer);
        grid.multicall(calls);
        assertStatus(id, JobStatus.CANCELLED);
    }

    function requestAs(address who, Permit memory signed) private returns (bytes32) {
        vm.prank(who);
        return grid.requestNewJobWithPermit(definition(), LOCKED, "", options, signed);
    }
}
