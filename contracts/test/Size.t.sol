// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {GridTest} from "./GridTest.sol";

/// @notice How much code the contracts are.
contract SizeTest is GridTest {
    /// @dev EIP-170; the same number for all chains that we know.
    function test_the_contracts_fit_into_an_account() public view {
        assertLe(address(grid).code.length, 24_576);
        assertLe(address(manager).code.length, 24_576);
        assertLe(address(credit).code.length, 24_576);
    }
}
