from __future__ import annotations

import numpy as np
from dataflow_cases import layer_task

from accelsim.dataflows import NO_MASK
from accelsim.dataflows.output_stationary import DATAFLOW, OutputStationarySettings
from accelsim.dataflows.task import BUSY, FILL_DRAIN, Schedule, Task

ARRAY = OutputStationarySettings(
    dataflow="output_stationary", spike_mode="packed", skip="nothing", rows=4, columns=3, lane_bits=4
)


def schedule(task: Task) -> Schedule:
    return DATAFLOW.schedule(ARRAY, task, np.zeros((task.height, task.width, task.channels), np.int64), NO_MASK)


def test_two_folds_step_by_step() -> None:
    """A 2x2 kernel on 3 rows of 4: 6 pixels, of which the first fold holds 4, one of them of the second row."""
    found = schedule(layer_task(3, 4, 2, 3, kernel=2))
    assert found.cycles == 2 * (4 + 3 + 8 - 2)
    assert found.steps.tolist() == [
        # cycles, repeat, pixels, kind, row, weight bytes, streamed
        [5, 1, 0, FILL_DRAIN, 2, -1, 0],
        [8, 1, 4, BUSY, -1, 0, 0],
        [5, 1, 0, FILL_DRAIN, -1, 0, 0],
        [8, 1, 2, BUSY, -1, 0, 0],
    ]
    # Operands, products, sums, lines, operands in them, weights; sums stay in the array.
    assert found.counts.tolist() == [48, 144, 144, 16, 48, 48, 0, 0]


def test_a_pixel_leaves_with_its_last_scan() -> None:
    """Three scans a pixel: folds of 4 vectors finish 1, 1 and 2 of 4 pixels."""
    found = schedule(layer_task(1, 4, 2, 2, planes=12))
    assert found.steps[1::2, 2].tolist() == [1, 1, 2]
