from __future__ import annotations

import numpy as np
from dataflow_cases import layer_task

from accelsim.dataflows import NO_MASK
from accelsim.dataflows.input_stationary import DATAFLOW, InputStationarySettings
from accelsim.dataflows.task import BUSY, FILL_DRAIN, Schedule, Task

ARRAY = InputStationarySettings(
    dataflow="input_stationary", spike_mode="packed", skip="nothing", rows=4, columns=3, lane_bits=4
)


def schedule(task: Task) -> Schedule:
    return DATAFLOW.schedule(ARRAY, task, np.zeros((task.height, task.width, task.channels), np.int64), NO_MASK)


def test_four_folds_step_by_step() -> None:
    """5 inputs are two folds of 4 rows, 4 pixels two of 3 columns; weights are waited for where they enter."""
    found = schedule(layer_task(4, 1, 5, 7, weight_bits=4))
    assert DATAFLOW.outputs(ARRAY) == 0
    assert found.cycles == 4 * (2 * 4 + 3 + 7 - 2)
    assert found.steps.tolist() == [
        # cycles, repeat, pixels, kind, row, weight bytes, streamed
        [4, 1, 0, FILL_DRAIN, 2, 0, 0],
        [5, 1, 0, FILL_DRAIN, -1, 14, 0],
        [7, 1, 0, BUSY, -1, 0, 0],
        [4, 1, 0, FILL_DRAIN, -1, 0, 0],
        [5, 1, 0, FILL_DRAIN, -1, -1, 0],
        [7, 1, 3, BUSY, -1, 0, 0],
        [9, 1, 0, FILL_DRAIN, 3, 0, 0],
        [7, 1, 0, BUSY, -1, 0, 0],
        [9, 1, 0, FILL_DRAIN, -1, 0, 0],
        [7, 1, 1, BUSY, -1, 0, 0],
    ]
    # Operands, products, sums, lines, operands in them, weights, stored sums read and written.
    assert found.counts.tolist() == [20, 140, 140 + 28, 10, 20, 70, 28, 28]
