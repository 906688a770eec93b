"""The neuron unit: results of several pixels, one after another."""

from dataclasses import replace

import numpy as np
import pytest
from bare_fabric import TILE
from tile_driver import TileDriver

from accelsim.kernels import neuron_unit
from accelsim.kernels import state as k


def unit(rows: int, columns: int, service: int) -> TileDriver:
    """A tile whose array waits for weights that never come, so that results are what the test hands in."""
    words = np.zeros((rows, columns, 8), np.int64)
    return TileDriver(words, awaits="W_WEIGHTS_GROUP", W_SERVICE=service)


def push(driver: TileDriver, row: int, column: int, count: int) -> None:
    """Results are ready in the cycle that is stepped next."""
    neuron_unit.push_result(driver.fabric.tiles, 0, 0, row, column, driver.fabric.now, count)


@pytest.mark.parametrize("service", [1, 3])
def test_pixels_of_a_result_are_served_one_after_another(service: int) -> None:
    together, apart = unit(2, 3, service), unit(2, 3, service)
    push(together, 0, 1, 2)
    push(together, 1, 0, 3)
    push(apart, 0, 1, 1)
    push(apart, 0, 2, 1)
    served: list[list[int]] = [[], []]
    pixels = iter([(1, 0), (1, 1), (1, 2)])
    for cycle in range(5 * service + 2):
        for driver, packets in zip((together, apart), served, strict=True):
            packets.append(driver.step().packets)
        if apart.scalars[k.S_RESULTS] < 2 and cycle < 3 * service + 1:
            pixel = next(pixels, None)
            if pixel:
                push(apart, *pixel, 1)
    # The first begins in cycle 0; each row leaves in the cycle after that in which its last pixel is done.
    assert served[0] == served[1]
    assert [t for t, count in enumerate(served[0]) if count] == [2 * service + 1, 5 * service + 1]


def test_a_unit_that_takes_no_time_passes_on_in_the_cycle_of_the_sums() -> None:
    """Results of 2, 3 and 4 pixels of rows of 3: the third is there a cycle later, and what waits behind it too."""
    words = np.zeros((4, 3, 8), np.int64)
    driver = TileDriver(words, replace(TILE, at_once=True, results=4), awaits="W_WEIGHTS_GROUP", W_SERVICE=9)
    push(driver, 0, 0, 2)
    push(driver, 0, 2, 3)
    late = driver.fabric.now + 2
    neuron_unit.push_result(driver.fabric.tiles, 0, 0, 1, 2, late, 4)
    push(driver, 3, 0, 3)
    assert [driver.step().packets for _ in range(3)] == [1, 3, 0]
    assert driver.scalars[k.S_RESULTS] == 0


def test_a_result_runs_over_the_ends_of_rows_and_takes_one_place() -> None:
    driver = unit(3, 2, 1)
    push(driver, 0, 1, 4)
    assert driver.scalars[k.S_RESULTS] == 1
    history = [driver.step() for _ in range(6)]
    # Pixels end in cycles 1 to 4: the row of one pixel, one of two, and one of which a pixel is still to come.
    assert [t for t, cycle in enumerate(history) if cycle.packets] == [2, 4]
    assert [cycle.results for cycle in history] == [1, 1, 1, 1, 0, 0]
    assert driver.scalars[k.S_ASSEMBLED] == 1
