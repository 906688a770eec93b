"""How a layer is cut over the tiles: by output channel, by rows, or by both, whichever is estimated fastest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from accelsim.mapping.plan import Range, TileCapacity, block_bytes
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, Layer

UNHIDDEN_SHARE = 0.1
"""Share of the shorter ways of data that the estimate adds to the longest; an estimate."""


@dataclass(frozen=True, slots=True)
class Split:
    """A cut into `channel_parts` x `row_parts`, and the cycles that it is estimated to take."""

    channel_parts: int
    row_parts: int
    cycles: int


def shares(total: int, parts: int) -> list[Range]:
    """Cut `total` items into `parts` contiguous, nearly equal ranges."""
    bounds = [total * k // parts for k in range(parts + 1)]
    return list(pairwise(bounds))


def channel_groups(layer: Layer, capacity: TileCapacity) -> list[Range]:
    """Groups of output channels that the array computes together: of one group of the layer, or whole groups."""
    width = layer.group_outputs
    together = 1 if layer.groups == 1 else max(1, capacity.columns // width)
    while together > 1 and block_bytes(layer, together * width, layer.group_inputs) > capacity.weight_block_bytes:
        together -= 1
    span = together * width
    return [
        (first, min(first + capacity.columns, start + span, layer.out_shape[0]))
        for start in range(0, layer.out_shape[0], span)
        for first in range(start, min(start + span, layer.out_shape[0]), capacity.columns)
    ]


def input_channels(layer: Layer, outs: Range, chunk: Range | None = None) -> Range:
    """Input channels that output channels [first, last) see; of each group those of `chunk`, counted in the group.

    Several groups are seen with all their channels.
    """
    first, last = outs[0] // layer.group_outputs, (outs[1] - 1) // layer.group_outputs
    begin, end = chunk or (0, layer.group_inputs)
    return first * layer.group_inputs + begin, last * layer.group_inputs + end


def pixel_cycles(layer: Layer, capacity: TileCapacity, density: float) -> float:
    """Estimated cycles of the array for one output pixel and group of channels."""
    first, last = input_channels(layer, channel_groups(layer, capacity)[0])
    runs, run = layer.kernel[0], layer.kernel[1] * (last - first)
    if last - first < layer.in_shape[0] or layer.dilation[1] > 1:
        runs, run = runs * layer.kernel[1], last - first
    lines = runs * ceil_div(run, capacity.line_words)
    words = runs * run * (density if capacity.skips else 1.0)
    return max(1.0, max(lines, words / capacity.rows) * capacity.scans(layer.word_bits))


def estimate(layer: Layer, capacity: TileCapacity, density: float, channel_parts: int, row_parts: int) -> int:
    """Cycles of a layer as the longest of computing, of the weights' and of the spikes' way; an estimate."""
    groups = len(channel_groups(layer, capacity))
    _, rows, columns = layer.out_shape
    in_channels, in_rows, in_columns = layer.in_shape
    pixels = ceil_div(rows, row_parts) * columns
    in_bytes = in_channels * in_rows * in_columns * capacity.stored_bits(layer.word_bits) / 8
    link = capacity.flit_bytes
    if layer.op in ARRAY_OPS:
        compute = ceil_div(groups, channel_parts) * pixels * pixel_cycles(layer, capacity, density)
        copies = channel_parts
        weight_bytes = layer.out_shape[0] * layer.fan_in * layer.weight_bits / 8
    else:
        taps = 2 if layer.op == "add" else layer.kernel[0] * layer.kernel[1]
        share = ceil_div(groups, channel_parts) * capacity.columns
        compute = pixels * taps * ceil_div(share, capacity.line_words)
        copies = 1
        weight_bytes = 0.0
        in_bytes *= 2 if layer.op == "add" else 1
    halo = 1 + max(0, layer.span[0] - layer.stride[0]) * row_parts / max(1, in_rows)
    arriving = in_bytes * halo / row_parts / (channel_parts if layer.op not in ARRAY_OPS else 1) / link
    leaving = in_bytes * halo * copies / capacity.tiles / link
    if not layer.inputs:
        leaving = in_bytes * halo * copies / capacity.controllers / link
    reading = weight_bytes / capacity.memory_bytes_per_cycle
    copying = weight_bytes * row_parts / (link * capacity.controllers)
    ways = (compute, arriving, leaving, reading, copying)
    # What is not longest is not quite hidden either; it also decides between cuts that are bound alike.
    return int(max(ways) + UNHIDDEN_SHARE * sum(ways))


def choose_split(layer: Layer, capacity: TileCapacity, density: float) -> Split:
    """The cut with the fewest estimated cycles; of equals the one with the fewest parts."""
    groups = len(channel_groups(layer, capacity))
    best: Split | None = None
    for channel_parts in range(1, min(groups, capacity.tiles) + 1):
        for row_parts in range(1, min(layer.out_shape[1], capacity.tiles // channel_parts) + 1):
            cycles = estimate(layer, capacity, density, channel_parts, row_parts)
            if best is None or cycles < best.cycles:
                best = Split(channel_parts, row_parts, cycles)
    assert best is not None
    return best


def input_rows(layer: Layer, rows: Range) -> Range:
    """Rows of the input that output rows [first, last) read, padding left out."""
    if layer.op == "upsample":
        return rows[0] // layer.factor[0], (rows[1] - 1) // layer.factor[0] + 1
    first = rows[0] * layer.stride[0] - layer.padding[0]
    last = (rows[1] - 1) * layer.stride[0] - layer.padding[0] + layer.span[0]
    return max(0, min(first, layer.in_shape[1] - 1)), min(layer.in_shape[1], max(last, 1))
