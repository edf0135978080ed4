// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ProviderPrices} from "../src/interfaces/ProviderTypes.sol";
import {Billing} from "../src/libraries/Billing.sol";
import {JobLife} from "../src/libraries/JobLife.sol";
import {JobStatus} from "../src/interfaces/JobTypes.sol";

/// @notice What holds for all numbers, shown by symbolic execution (`make contracts-prove`): a solver looks for a
/// counterexample among all of them: as wide as the contract keeps them. Forge does not run it. The bill as the contract makes it up is `settle`.
contract BillingProof {
    function check_the_parts_of_a_bill_are_what_was_locked(uint96 locked, uint96 price, uint40 duration, uint16 points)
        public
        pure
    {
        if (points > 3000) return;
        (uint256 paid, uint256 fee, uint256 refund) = settle(locked, price, duration, points);
        assert(paid + fee + refund == locked);
    }

    function check_a_cost_is_never_more_than_was_locked(uint96 locked, uint96 price, uint40 duration) public pure {
        assert(Billing.cost(locked, price, duration) <= locked);
    }

    function check_a_cost_is_the_worth_of_the_time_rounded_up(uint96 price, uint40 duration) public pure {
        // Far below 2^256; a checked product would have the solver divide it again.
        unchecked {
            uint256 worth = uint256(price) * duration;
            uint256 cost = Billing.cost(type(uint256).max, price, duration);
            assert(cost * 60 >= worth);
            assert(cost * 60 < worth + 60);
        }
    }

    function check_no_time_costs_nothing(uint96 locked, uint96 price) public pure {
        assert(Billing.cost(locked, price, 0) == 0);
    }

    /// @dev The lemma of the next: a product of two unknowns and a division at once are too much for a solver.
    function check_a_product_grows_with_the_points(uint96 amount, uint16 points) public pure {
        if (points > 3000) return;
        assert(uint256(amount) * points <= uint256(amount) * 3000);
    }

    function check_a_fee_is_never_more_than_three_tenths(uint96 amount, uint16 points) public pure {
        if (points > 3000 || uint256(amount) * points > uint256(amount) * 3000) return;
        assert(Billing.fee(amount, points) * 10 <= uint256(amount) * 3);
    }

    function check_a_fee_is_rounded_down(uint96 amount, uint16 points) public pure {
        uint256 exact = uint256(amount) * points;
        uint256 fee = Billing.fee(amount, points);
        assert(fee * 10_000 <= exact);
        assert((fee + 1) * 10_000 > exact);
    }

    function check_a_moment_is_moved_between_its_bounds(uint256 moment, uint256 earliest, uint256 latest) public pure {
        if (earliest > latest) return;
        uint256 clamped = Billing.clamp(moment, earliest, latest);
        assert(clamped >= earliest && clamped <= latest);
        assert(moment < earliest || moment > latest || clamped == moment);
    }

    function check_the_price_of_a_job_never_overflows(
        uint24 ntasks,
        uint24 cpusPerTask,
        uint24 memPerCpu,
        uint24 gpus,
        uint80 cpuPrice,
        uint80 memPrice,
        uint80 gpuPrice
    ) public pure {
        ProviderPrices memory prices = ProviderPrices(gpuPrice, cpuPrice, memPrice);
        // Where the arithmetic below overflowed it would revert, and the proof would fail.
        uint256 exact = uint256(ntasks) * cpusPerTask * (cpuPrice + uint256(memPerCpu) * memPrice);
        exact += uint256(gpus) * gpuPrice;
        assert(Billing.pricePerMin(ntasks, cpusPerTask, memPerCpu, gpus, prices) == exact);
    }

    function check_no_edge_leaves_a_cold_state(uint8 from, uint8 to) public view {
        if (from > 8 || to > 8 || from < 4) return;
        try this.requireEdge(JobStatus(from), JobStatus(to)) {
            assert(false);
        } catch {}
    }

    function requireEdge(JobStatus from, JobStatus to) external pure {
        JobLife.requireEdge(from, to);
    }

    /// @dev As `Escrow` shares out what is locked.
    function settle(uint256 locked, uint256 price, uint256 duration, uint256 points)
        private
        pure
        returns (uint256 paid, uint256 fee, uint256 refund)
    {
        uint256 cost = Billing.cost(locked, price, duration);
        fee = Billing.fee(cost, points);
        return (cost - fee, fee, locked - cost);
    }
}
