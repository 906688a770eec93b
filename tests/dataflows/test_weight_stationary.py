from __future__ import annotations

import numpy as np
from dataflow_cases import layer_task

from accelsim.dataflows import NO_MASK
from accelsim.dataflows.task import BUSY, COUNTS, FILL_DRAIN, Schedule, Task
from accelsim.dataflows.weight_stationary import DATAFLOW, WeightStationarySettings

ARRAY = WeightStationarySettings(
    dataflow="weight_stationary", spike_mode="packed", skip="nothing", rows=4, columns=3, lane_bits=4
)


def schedule(task: Task) -> Schedule:
    return DATAFLOW.schedule(ARRAY, task, np.zeros((task.height, task.width, task.channels), np.int64), NO_MASK)


def test_two_folds_step_by_step() -> None:
    """A 3x1 kernel over 2 channels: 6 inputs are two folds of 4 rows; rows 1, 2 and 3 are needed as vectors enter."""
    found = schedule(layer_task(4, 2, 2, 3, kernel=(3, 1), padding=(1, 0), weight_bits=4))
    # 4 cycles load, 5 pass until the first sum has left, then a vector a cycle, 8 of them.
    assert found.cycles == 2 * (4 + 5 + 8)
    assert found.steps.tolist() == [
        # cycles, repeat, pixels, kind, row, weight bytes, streamed
        [4, 1, 0, FILL_DRAIN, -1, 6, 0],
        [2, 1, 0, FILL_DRAIN, 1, 0, 0],
        [2, 1, 0, FILL_DRAIN, 2, 0, 0],
        [1, 1, 0, FILL_DRAIN, 3, 0, 0],
        [8, 1, 0, BUSY, -1, 0, 0],
        [9, 1, 0, FILL_DRAIN, -1, -1, 0],
        [1, 8, 1, BUSY, -1, 0, 0],
    ]


def test_counts() -> None:
    found = schedule(layer_task(4, 2, 2, 3, kernel=(3, 1), padding=(1, 0)))
    # Operands, products, sums (those at the edge too), lines, operands in them, weights, stored sums read and written.
    assert found.counts.tolist() == [48, 144, 144 + 24, 16, 48, 18, 24, 24]
    assert len(found.counts) == COUNTS


def test_scans_of_a_pixel_follow_one_another() -> None:
    found = schedule(layer_task(1, 3, 4, 2, planes=8))
    assert found.steps.tolist() == [
        [4, 1, 0, FILL_DRAIN, -1, -1, 0],
        [5, 1, 0, FILL_DRAIN, 0, 0, 0],
        [2, 3, 1, BUSY, -1, 0, 0],
    ]


def test_groups_share_the_array() -> None:
    """Three depthwise channels: 27 weights lie in 27 x 3 elements, and a word reaches one of them."""
    task = layer_task(3, 3, 3, 3, kernel=3, padding=1)._replace(reach=1)
    found = schedule(task)
    assert found.cycles == 7 * (4 + 5 + 9)
    assert found.counts.tolist()[:2] == [9 * 27, 9 * 27]
    assert found.steps[-2].tolist() == [9, 1, 0, FILL_DRAIN, -1, -1, 0]
