"""Estimated cycles that a tile works on its share of a layer, when nothing is missing.

The arrays take words as they come; what is known before the run is the share of words that are not silent. The
estimates take each word to be silent or not by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from accelsim.mapping.plan import Part, Range, TileCapacity, block_bytes
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, Layer

Density = Sequence[float]
"""Shares of the words, one for each scan of the receptive field, that have a bit set in the slice scanned."""

PASS_CYCLES = 4
"""Cycles between two passes besides the latencies of buffer and pipeline; an estimate."""

EXACT_TRIALS = 4096
"""Words a bank up to which the fullest bank is computed rather than approximated."""


def channel_groups(layer: Layer, capacity: TileCapacity) -> list[Range]:
    """Groups of output channels that the array computes together: of one group of the layer, or whole groups of it."""
    width, channels = layer.group_outputs, layer.out_shape[0]
    together = 1 if layer.groups == 1 or capacity.scheduled else max(1, capacity.columns // width)
    while together > 1 and block_bytes(layer, together * width, layer.group_inputs) > capacity.weight_block_bytes:
        together -= 1
    span = together * width
    return [
        (first, min(first + capacity.columns, start + span, channels))
        for start in range(0, channels, span)
        for first in range(start, min(start + span, channels), capacity.columns)
    ]


def input_channels(layer: Layer, outs: Range, chunk: Range | None = None) -> Range:
    """Input channels that output channels [first, last) see; of each group those of `chunk`, counted in the group.

    Where these are several groups, a chunk is a whole group.
    """
    first, last = outs[0] // layer.group_outputs, (outs[1] - 1) // layer.group_outputs
    begin, end = chunk or (0, layer.group_inputs)
    return first * layer.group_inputs + begin, last * layer.group_inputs + end


def taps_inside(size: int, out_size: int, kernel: int, stride: int, padding: int, dilation: int) -> float:
    """Kernel positions inside the map along one dimension, the mean over output positions."""
    places = np.arange(out_size)[:, None] * stride - padding + np.arange(kernel) * dilation
    return float(((places >= 0) & (places < size)).sum(axis=1).mean())


@lru_cache(maxsize=1 << 16)
def fullest_bank(words: float, density: float, banks: int) -> float:
    """Expected number of words in the fullest of `banks` banks, among which `words` candidates are spread evenly.

    Each candidate is a word with probability `density`: the largest of independent binomial numbers.
    """
    trials = words / banks
    if density >= 1:
        return float(math.ceil(trials))
    if trials > EXACT_TRIALS:
        return trials * density
    low = math.floor(trials)
    more = round((trials - low) * banks)
    below = _cumulative(low, density, low + 2) ** (banks - more) * _cumulative(low + 1, density, low + 2) ** more
    return float((1 - below).sum())


@lru_cache(maxsize=1 << 16)
def line_cycles(words: int, density: float, rows: int) -> float:
    """Expected cycles in which the detector passes on what counts of a line: `rows` words each, and at least one cycle.

    The closed form of a pass without contention in docs/timing.md, for words that count with probability `density`.
    """
    if density >= 1:
        return float(max(1, ceil_div(words, rows)))
    at_most = _cumulative(words, density, words + 1)
    return 1.0 + float((1 - at_most[rows::rows]).sum())


def _cumulative(trials: int, density: float, length: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Probability of at most 0, 1, ... words among `trials`."""
    if density <= 0:
        return np.ones(length)
    counts = np.arange(trials + 1)
    logs = np.array([math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) for k in counts])
    chances = np.exp(logs + counts * math.log(density) + (trials - counts) * math.log1p(-density))
    found = np.ones(length)
    found[: trials + 1] = np.minimum(np.cumsum(chances), 1.0)
    return found


def pixel_cycles(layer: Layer, capacity: TileCapacity, density: Density, channels: int | None = None) -> float:
    """Estimated cycles of the array for one output pixel and group of channels, all scans together.

    `channels` are the input channels of the pass (default: those of the first group of channels). The slower of
    reading lines and passing their words on, and of taking words, of which each bank of the weight buffer gives one a
    cycle.
    """
    if capacity.array_cycles is not None:
        group, rows_all = channel_groups(layer, capacity)[0], (0, layer.out_shape[1])
        cycles = capacity.array_cycles(layer, rows_all, group, (0, channels or layer.group_inputs), density)
        return cycles / (layer.out_shape[1] * layer.out_shape[2])
    if channels is None:
        first, last = input_channels(layer, channel_groups(layer, capacity)[0])
        channels = last - first
    rows, columns = (
        taps_inside(*window)
        for window in zip(
            layer.in_shape[1:],
            layer.out_shape[1:],
            layer.kernel,
            layer.stride,
            layer.padding,
            layer.dilation,
            strict=True,
        )
    )
    together = channels == layer.in_shape[0] and layer.dilation[1] == 1
    run = round(columns * channels) if together else channels
    runs = rows if together else rows * columns
    full, rest = divmod(run, capacity.line_words)
    words = rows * columns * channels
    total = 0.0
    for share in density:
        share = round(share, 3) if capacity.skips else 1.0
        lines = full * line_cycles(capacity.line_words, share, capacity.rows)
        lines += line_cycles(rest, share, capacity.rows) if rest else 0.0
        banks = fullest_bank(round(words, 1), share, capacity.weight_banks)
        total += max(1.0, runs * lines, banks)
    return total


def service_cycles(layer: Layer, outs: Range, capacity: TileCapacity) -> int:
    """Cycles in which the neuron unit is occupied with some output channels of a pixel."""
    if capacity.neuron_lanes == 0:
        return 0
    steps = layer.out_word_bits * capacity.decoding_cycles if layer.fires else capacity.decoding_cycles
    return ceil_div(outs[1] - outs[0], capacity.neuron_lanes) * max(1, steps)


def part_cycles(layer: Layer, part: Part, capacity: TileCapacity, density: Density) -> float:
    """Estimated cycles of a tile for its part of a layer."""
    rows = part.rows[1] - part.rows[0]
    pixels = rows * layer.out_shape[2]
    overhead = PASS_CYCLES + capacity.read_latency_cycles + capacity.pipeline_cycles
    if layer.op not in ARRAY_OPS:
        lines = sum(ceil_div(last - first, capacity.line_words) for first, last in part.groups)
        taps = 2 if layer.op == "add" else layer.kernel[0] * layer.kernel[1]
        # A result holds its place for two cycles and its service.
        least = 3 / capacity.results
        return max(lines * taps, len(part.groups) * least) * pixels + len(part.strips) * len(part.groups) * overhead
    if capacity.array_cycles is not None:
        return sum(
            max(
                capacity.array_cycles(layer, strip.rows, group, chunk, density),
                (strip.rows[1] - strip.rows[0]) * layer.out_shape[2] * service_cycles(layer, group, capacity),
            )
            for strip in part.strips
            for group in part.groups
            for chunk in part.chunks
        )
    scans = capacity.scans(layer.word_bits) if capacity.bit_serial else 1
    total = 0.0
    for group in part.groups:
        service = service_cycles(layer, group, capacity)
        least = max(service, (capacity.pipeline_cycles + service + 2) / capacity.results)
        for chunk in part.chunks:
            first, last = input_channels(layer, group, chunk)
            cycles = pixel_cycles(layer, capacity, density, last - first)
            total += max(cycles, least) * pixels
    passes = len(part.groups) * len(part.chunks) * scans
    passes *= sum(ceil_div(strip.rows[1] - strip.rows[0], part.pass_rows) for strip in part.strips)
    return total + passes * overhead
