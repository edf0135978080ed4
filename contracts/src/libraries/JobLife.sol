// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IJobErrors} from "../interfaces/IJobErrors.sol";
import {JobStatus} from "../interfaces/JobTypes.sol";

/// @title JobLife
/// @notice The edges between the states of a job. Who may take which, and when, is the business of the functions.
library JobLife {
    uint256 private constant STATES = 9;

    /// @dev Row by row (PENDING, META_SCHEDULED, SCHEDULED, RUNNING), bit `to` of a row: that edge exists. From left to
    /// right a row reads PANICKED, OUT_OF_CREDITS, FAILED, FINISHED, CANCELLED, RUNNING, SCHEDULED, META_SCHEDULED, PENDING.
    uint256 private constant EDGES = 0x012 | (0x115 << STATES) | (0x159 << (2 * STATES)) | (0x1f1 << (3 * STATES));

    /// @notice True while credits are locked and something may still happen.
    function isHot(JobStatus status) internal pure returns (bool) {
        return status <= JobStatus.RUNNING;
    }

    /// @notice Reverts unless there is an edge from `from` to `to`.
    function requireEdge(JobStatus from, JobStatus to) internal pure {
        if (!isHot(from)) revert IJobErrors.JobHotStatusOnly(uint8(from));
        if (from == to) revert IJobErrors.SameStatusError();
        if (EDGES >> (uint256(from) * STATES + uint256(to)) & 1 == 0) {
            revert IJobErrors.InvalidTransition(uint8(from), uint8(to));
        }
    }
}
