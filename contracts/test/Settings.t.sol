// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IGridSettings} from "../src/interfaces/IGridSettings.sol";
import {GridTest} from "./GridTest.sol";

/// @notice Each setting within its bounds, by the admin; the roles.
contract SettingsTest is GridTest {
    struct Bounds {
        string name;
        bytes4 setter;
        bytes4 getter;
        uint256 minimum;
        uint256 maximum;
    }

    function settings() private view returns (Bounds[7] memory) {
        return [
            Bounds("claimTimeout", grid.setClaimTimeout.selector, grid.claimTimeout.selector, 30, 1 days),
            Bounds("leaseDuration", grid.setLeaseDuration.selector, grid.leaseDuration.selector, 60, 7 days),
            Bounds("reportDelay", grid.setReportDelay.selector, grid.reportDelay.selector, 0, 1 hours),
            Bounds("cancelGrace", grid.setCancelGrace.selector, grid.cancelGrace.selector, 0, 10 minutes),
            Bounds("cancelTimeout", grid.setCancelTimeout.selector, grid.cancelTimeout.selector, 2 minutes, 1 days),
            Bounds("feeBasisPoints", grid.setFeeBasisPoints.selector, grid.feeBasisPoints.selector, 0, 3000),
            Bounds("minimumAmount", grid.setMinimumAmount.selector, grid.minimumAmount.selector, 0, 1000 ether)
        ];
    }

    function testFuzz_a_setting_takes_what_its_bounds_allow(uint256 value) public {
        Bounds[7] memory all = settings();
        for (uint256 i = 0; i < all.length; ++i) {
            uint256 allowed = bound(value, all[i].minimum, all[i].maximum);
            vm.expectEmit(address(grid));
            emit IGridSettings.SettingChanged(all[i].name, allowed);
            vm.prank(admin);
            (bool done,) = address(grid).call(abi.encodeWithSelector(all[i].setter, allowed));
            assertTrue(done);
            (, bytes memory result) = address(grid).call(abi.encodeWithSelector(all[i].getter));
            assertEq(abi.decode(result, (uint256)), allowed, all[i].name);
            // The grace and the timeout of a cancellation bound each other.
            setUp();
        }
    }

    function test_a_setting_refuses_what_lies_beyond_its_bounds() public {
        Bounds[7] memory all = settings();
        for (uint256 i = 0; i < all.length; ++i) {
            refused(all[i], all[i].maximum + 1);
            refused(all[i], type(uint256).max);
            if (all[i].minimum > 0) refused(all[i], all[i].minimum - 1);
        }
    }

    function test_grace_and_timeout_of_a_cancellation_keep_their_order() public {
        vm.startPrank(admin);
        grid.setCancelGrace(61);
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.SettingOutOfBounds.selector, 60, 61, 1 days));
        grid.setCancelTimeout(60);
        grid.setCancelGrace(0);
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.SettingOutOfBounds.selector, 59, 60, 1 days));
        grid.setCancelTimeout(59);
        grid.setCancelTimeout(60);
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.SettingOutOfBounds.selector, 61, 0, 60));
        grid.setCancelGrace(61);
        grid.setCancelTimeout(1 days);
        grid.setCancelGrace(1 hours);
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.SettingOutOfBounds.selector, 3599, 3600, 1 days));
        grid.setCancelTimeout(3599);
    }

    function test_no_grace_is_longer_than_an_hour_and_no_timeout_shorter_than_the_grace() public {
        vm.startPrank(admin);
        grid.setCancelGrace(90);
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.SettingOutOfBounds.selector, 89, 90, 1 days));
        grid.setCancelTimeout(89);
        uint256[2] memory timeouts = [uint256(90 minutes), 1 days];
        for (uint256 i = 0; i < timeouts.length; ++i) {
            grid.setCancelTimeout(timeouts[i]);
            vm.expectRevert(abi.encodeWithSelector(IGridSettings.SettingOutOfBounds.selector, 3601, 0, 3600));
            grid.setCancelGrace(3601);
        }
    }

    function test_a_pause_and_its_end_are_told() public {
        vm.startPrank(admin);
        vm.expectEmit(address(grid));
        emit IGridSettings.SettingChanged("enableRequestNewJob", 0);
        grid.setEnableRequestNewJob(false);
        vm.expectEmit(address(grid));
        emit IGridSettings.SettingChanged("enableRequestNewJob", 1);
        grid.setEnableRequestNewJob(true);
    }

    function test_only_the_admin_turns_settings_and_roles() public {
        Bounds[7] memory all = settings();
        bytes memory denied = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger);
        for (uint256 i = 0; i < all.length; ++i) {
            assertEq(refusal(stranger, abi.encodeWithSelector(all[i].setter, all[i].minimum)), denied);
        }
        bytes32 role = grid.METASCHEDULER_ROLE();
        assertEq(refusal(stranger, abi.encodeCall(grid.grantRole, (role, stranger))), denied);
        assertEq(refusal(stranger, abi.encodeCall(grid.revokeRole, (role, scheduler))), denied);
        bytes32 pauser = grid.PAUSER_ROLE();
        assertEq(
            refusal(stranger, abi.encodeCall(grid.setEnableRequestNewJob, (false))),
            abi.encodeWithSelector(IGridSettings.RoleRequired.selector, stranger, pauser)
        );
    }

    function test_a_role_is_granted_revoked_and_laid_down() public {
        bytes32 role = grid.METASCHEDULER_ROLE();
        vm.startPrank(admin);
        vm.expectEmit(address(grid));
        emit IGridSettings.RoleGranted(role, stranger, admin);
        grid.grantRole(role, stranger);
        assertTrue(grid.hasRole(role, stranger));
        vm.expectEmit(address(grid));
        emit IGridSettings.RoleRevoked(role, stranger, admin);
        grid.revokeRole(role, stranger);
        assertFalse(grid.hasRole(role, stranger));
        vm.expectRevert(abi.encodeWithSelector(IGridSettings.UnknownRole.selector, bytes32("typo")));
        grid.grantRole("typo", stranger);
        vm.stopPrank();
        vm.prank(scheduler);
        grid.renounceRole(role);
        assertFalse(grid.hasRole(role, scheduler));
    }

    function test_what_changes_nothing_about_a_role_is_not_told() public {
        bytes32 role = grid.METASCHEDULER_ROLE();
        vm.recordLogs();
        vm.startPrank(admin);
        grid.grantRole(role, scheduler);
        grid.revokeRole(role, stranger);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function refused(Bounds memory setting, uint256 value) private {
        assertEq(
            refusal(admin, abi.encodeWithSelector(setting.setter, value)),
            abi.encodeWithSelector(IGridSettings.SettingOutOfBounds.selector, value, setting.minimum, setting.maximum),
            setting.name
        );
    }

    function refusal(address who, bytes memory call) private returns (bytes memory reason) {
        bool done;
        vm.prank(who);
        (done, reason) = address(grid).call(call);
        assertFalse(done);
    }
}
