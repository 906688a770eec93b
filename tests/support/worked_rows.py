"""Two examples that are small enough to be worked by hand for every sparse array, and were."""

import numpy as np


def _bits(*rows: str) -> np.ndarray:
    return np.array([[int(bit) for bit in row] for row in rows], np.int64)


EXAMPLE_A = _bits(
    "10100000", "10110000", "10100000", "00000000", "00100000", "10110101", "00001100", "00100000"
).reshape(2, 4, 8)
"""[pixel, time step, input]: 2 pixels, 4 time steps, 8 inputs; read by 32 output channels.

Run through the public simulators of Prosperity (its own, SATO, MINT): see the tests that use it.
"""

EXAMPLE_B = _bits("11000000", "00000000", "11111111", "01100000", "00001111", "00010000", "10000001", "00110000")
"""[line, window]: one block of PTB, 8 inputs, 8 windows of 4 time steps."""
