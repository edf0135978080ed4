// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ProviderPrices} from "../interfaces/ProviderTypes.sol";

/// @title Billing
/// @notice The formulas of a job's bill. Amounts in wei of credit, prices per minute, time in seconds.
/// @dev Nothing overflows: sizes have 24 bits, single prices 80, amounts and prices of jobs 96, seconds 40.
library Billing {
    uint256 internal constant SECONDS_PER_MINUTE = 60;
    uint256 internal constant BASIS_POINTS = 10_000;

    /// @notice Wei per minute of a job of this shape at these prices.
    function pricePerMin(
        uint256 ntasks,
        uint256 cpusPerTask,
        uint256 memPerCpu,
        uint256 gpus,
        ProviderPrices memory prices
    ) internal pure returns (uint256) {
        unchecked {
            uint256 perCpu = prices.cpuPricePerMin + memPerCpu * prices.memPricePerMin;
            return ntasks * cpusPerTask * perCpu + gpus * prices.gpuPricePerMin;
        }
    }

    /// @notice Whole seconds that `maxCost` pays for; without bound where the price is zero.
    function maxDuration(uint256 maxCost, uint256 price) internal pure returns (uint256) {
        unchecked {
            return price == 0 ? type(uint256).max : maxCost * SECONDS_PER_MINUTE / price;
        }
    }

    /// @notice The cost of `duration` seconds, rounded up, never more than `maxCost`.
    function cost(uint256 maxCost, uint256 price, uint256 duration) internal pure returns (uint256) {
        unchecked {
            return Math.min(maxCost, (price * duration + SECONDS_PER_MINUTE - 1) / SECONDS_PER_MINUTE);
        }
    }

    /// @notice The grid's share of `amount`, rounded down.
    function fee(uint256 amount, uint256 basisPoints) internal pure returns (uint256) {
        unchecked {
            return amount * basisPoints / BASIS_POINTS;
        }
    }

    /// @notice `moment`, moved to the nearest one between `earliest` and `latest`.
    function clamp(uint256 moment, uint256 earliest, uint256 latest) internal pure returns (uint256) {
        return Math.min(Math.max(moment, earliest), latest);
    }
}
