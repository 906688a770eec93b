"""Cycles of a layer as the public simulators of Prosperity, PTB, SATO and MINT count them, shortcuts included.

Written from their rules, in plain Python and NumPy, to reproduce published numbers; the package models the machines
instead. Spikes are 0/1 [time step, channel, height, width]. Origin of the rules: github.com/dubcyfor3/Prosperity.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""The unrolled input, [time step, pixel, input], the channel the slowest part of an input."""

PRODUCT_ROWS, PRODUCT_COLUMNS, ADDERS, POPCOUNT_UNITS = 256, 16, 128, 8
WEIGHT_BITS = 8


def unroll(spikes: Rows, kernel: int, stride: int = 1, padding: int = 0) -> Rows:
    timesteps, channels = spikes.shape[:2]
    padded = np.pad(spikes, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (2, 3))[:, :, ::stride, ::stride]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(timesteps, -1, channels * kernel * kernel).astype(np.int64)


class ProductCycles(NamedTuple):
    """Prosperity's layer: sums and searches of all tiles; a layer takes the larger, and what memory adds."""

    compute: int
    search: int


def product_sparse(rows: Rows, outputs: int) -> ProductCycles:
    """The larger of two totals, not a sum of the larger of each tile; whole groups of rows alone are counted."""
    flat = rows.transpose(1, 0, 2).reshape(-1, rows.shape[2])
    compute = search = 0
    for top in range(0, len(flat), PRODUCT_ROWS):
        for left in range(0, flat.shape[1], PRODUCT_COLUMNS):
            tile = flat[top : top + PRODUCT_ROWS, left : left + PRODUCT_COLUMNS]
            ones = tile.sum(1)
            shared = tile @ tile.T
            index = np.arange(len(tile))
            equal = (shared == ones[:, None]) & (shared == ones)
            prefix = (shared == ones) & (ones > 0) & (~equal | (index < index[:, None])) & (ones[:, None] > 1)
            remaining = ones - np.where(prefix, ones, 0).max(1)
            compute += int(np.where(ones > 0, np.maximum(remaining, 1), 0).sum())
            search += int((ones > 1).sum()) + len(tile) // POPCOUNT_UNITS
    groups = -(-outputs // ADDERS)
    return ProductCycles(compute * groups, search * groups)


def prosperity_total(rows: Rows, outputs: int, busy: int) -> int:
    """Cycles of a fully connected layer with what its memory of 1024 bits a cycle adds, the input read once."""
    timesteps, pixels, inputs = rows.shape
    many_rows = timesteps * pixels
    assert many_rows * inputs <= 4096 and inputs * outputs * WEIGHT_BITS <= 16384, "all fits the buffers"
    read = many_rows * inputs + inputs * outputs * WEIGHT_BITS
    first = min(16, inputs) * min(128, outputs) * WEIGHT_BITS + min(16, inputs) * min(256, many_rows)
    return busy + first // 1024 + max(0, (read - first) // 1024 - busy)


def mint(rows: Rows, outputs: int) -> int:
    """Also Prosperity's bit-sparse form."""
    return int(rows.sum()) * -(-outputs // ADDERS)


def sato(rows: Rows, outputs: int, elements: int = 128) -> int:
    loads = np.zeros(elements, np.int64)
    for load in rows.sum(2).reshape(-1).tolist():
        loads[loads.argmin()] += load
    return int(loads.max()) * outputs


WINDOW_STEPS, WINDOWS, PTB_ROWS = 4, 8, 16


def ptb_slots(rows: Rows, fully_connected: bool = False) -> int | None:
    """Slots of all blocks: eight windows far apart in the list (window, pixel) share a block.

    A fully connected layer is not paired at all: a slot for each input that fires. None where the list cannot be cut
    into eight, and the simulator fails.
    """
    timesteps, pixels, inputs = rows.shape
    if fully_connected:
        return int(rows.any((0, 1)).sum())
    longer = 1 << (timesteps - 1).bit_length()
    padded = np.pad(rows, [(0, max(longer, WINDOW_STEPS) - timesteps), (0, 0), (0, 0)])
    windows = padded.reshape(-1, WINDOW_STEPS, pixels, inputs).any(1).reshape(-1, inputs)
    if len(windows) % WINDOWS:
        return None
    blocks = windows.reshape(WINDOWS, -1, inputs).transpose(1, 2, 0)
    return sum(stsap_slots(block) for block in blocks)


def stsap_slots(lines: NDArray[np.bool_]) -> int:
    """Slots of the lines [input, window] of a block, by looking through the later lines for each."""
    patterns = [int("".join(map(str, line.astype(int))), 2) for line in lines]
    full = (1 << lines.shape[1]) - 1
    waiting = [pattern for pattern in patterns if pattern not in (0, full)]
    slots = patterns.count(full)
    while waiting:
        own = waiting.pop(0)
        partner = next((place for place, other in enumerate(waiting) if own & other == 0), None)
        if partner is not None:
            waiting.pop(partner)
        slots += 1
    return slots


def ptb_cycles(slots: int, pixels: int, outputs: int) -> int:
    """A fill of 32 cycles a pixel, whatever shares a block and however many groups of outputs there are."""
    return slots * -(-outputs // PTB_ROWS) * WINDOW_STEPS + pixels * 2 * PTB_ROWS


def ptb_total(rows: Rows, outputs: int, slots: int) -> int:
    """With what memory adds: 1024 bits a cycle, the unrolled input and the outputs through it."""
    timesteps, pixels, inputs = rows.shape
    compute = ptb_cycles(slots, pixels, outputs)
    bits = timesteps * pixels * inputs + inputs * outputs * WEIGHT_BITS + timesteps * pixels * outputs
    first = 16 * 8 * 12
    return compute + first // 1024 + max(0, (bits - first) // 1024 - compute)
