"""From layers and capacities to a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from accelsim.errors import InputError, Problem
from accelsim.mapping.allocation import Placement, SpikeBufferAllocator
from accelsim.mapping.plan import Box, LayerPlan, Part, Plan, Range, Strip, TileCapacity, block_bytes
from accelsim.mapping.split import Split, channel_groups, choose_split, input_channels, input_rows, shares
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, Layer


def make_plan(layers: Sequence[Layer], capacity: TileCapacity, density: Mapping[str, float]) -> Plan:
    """Map layers (producers first) onto tiles.

    Words travel from tile to tile where all their readers' spike buffers have room; otherwise the producer writes
    them to DRAM and readers fetch them strip by strip. `density` is the share of nonzero words that a layer consumes.
    Raises InputError naming every layer that no tiling fits, the buffer, the bytes needed and the bytes there.
    """
    splits = {layer.name: choose_split(layer, capacity, density.get(layer.name, 1.0)) for layer in layers}
    problems = [problem for layer in layers if (problem := _weights_problem(layer, capacity))]
    if problems:
        raise InputError(problems)
    spilled: set[str] = set()
    while True:
        attempt = _Attempt(layers, capacity, splits, spilled)
        failed = attempt.run()
        if failed is None:
            break
        spilled.add(failed)
    notes = tuple(f"{name}: outputs go through DRAM, the spike buffers have no room" for name in sorted(spilled))
    notes += tuple(
        f"{layer.inputs[1]}: outputs go through DRAM to {layer.name}, which takes them in place of weights"
        for layer in layers
        if layer.op in ATTENTION_OPS
    )
    return Plan(tuple(attempt.plans), notes, tuple(buffer.peak_bytes for buffer in attempt.buffers))


def _weights_problem(layer: Layer, capacity: TileCapacity) -> Problem | None:
    """Whether even the weights of a single input channel are too many for a slot of the weight buffer."""
    if layer.op not in ARRAY_OPS:
        return None
    needed = _largest_block_bytes(layer, capacity, 1)
    rows_needed = layer.out_shape[2] * capacity.columns
    if needed > capacity.weight_block_bytes:
        return Problem(
            f"no tiling fits the weight buffer: one input channel needs {needed} bytes at once, "
            f"there are {capacity.weight_block_bytes}",
            key=layer.name,
        )
    if _needs_accumulators(layer, capacity) and rows_needed > capacity.accumulator_words:
        return Problem(
            f"no tiling fits the accumulator buffer: one output row needs {rows_needed} words, "
            f"there are {capacity.accumulator_words}",
            key=layer.name,
        )
    return None


def _largest_block_bytes(layer: Layer, capacity: TileCapacity, channels: int) -> int:
    """Bytes of the weights that a pass over so many input channels of a group needs, at most."""
    return block_bytes(layer, max(last - first for first, last in channel_groups(layer, capacity)), channels)


def _chunks(layer: Layer, capacity: TileCapacity) -> tuple[Range, ...]:
    """Input channels cut so that the weights of a chunk fit a slot of the weight buffer."""
    channels = layer.group_inputs
    size = next(
        size
        for size in (ceil_div(channels, parts) for parts in range(1, channels + 1))
        if _largest_block_bytes(layer, capacity, size) <= capacity.weight_block_bytes
    )
    return tuple((first, min(first + size, channels)) for first in range(0, channels, size))


def _needs_accumulators(layer: Layer, capacity: TileCapacity) -> bool:
    """Whether sums are stored between passes: several chunks, or bit planes integrated one after another."""
    return (capacity.bit_serial and layer.word_bits > 1) or len(_chunks(layer, capacity)) > 1


def _takes_place_of_weights(layer: Layer, operand: int) -> bool:
    return operand == 1 and layer.op in ATTENTION_OPS


def _single_operands(layer: Layer, channels: Range) -> Iterator[Range]:
    """Output channels cut so that each range comes from one operand where maps are joined."""
    bounds = [sum(layer.operand_channels[:operand]) for operand in range(1, len(layer.operand_channels))]
    inside = [bound for bound in bounds if channels[0] < bound < channels[1]]
    yield from pairwise([channels[0], *inside, channels[1]])


@dataclass(frozen=True, slots=True)
class Filling:
    """How a part's words come into the spike buffer: in `strips`, of which `slots` are there at a time.

    Words from DRAM are fetched `early` layers ahead.
    """

    strips: int
    slots: int
    early: int


def _fillings(rows: int) -> Iterator[Filling]:
    """Ways to fill the buffer for some output rows, the quickest first and the smallest last."""
    for strips in range(1, rows + 1):
        yield Filling(strips, 2, 1)
        yield Filling(strips, 2, 0)
    yield Filling(rows, 1, 0)


class _Attempt:
    """One try at placing every box, given the layers whose outputs go through DRAM."""

    def __init__(
        self, layers: Sequence[Layer], capacity: TileCapacity, splits: Mapping[str, Split], spilled: set[str]
    ) -> None:
        self.layers = layers
        self.capacity = capacity
        self.splits = splits
        self.spilled = spilled
        self.index = {layer.name: number for number, layer in enumerate(layers)}
        self.buffers = [SpikeBufferAllocator(capacity.spike_buffer_bytes) for _ in range(capacity.tiles)]
        self.placed: list[tuple[Box, Placement, int]] = []
        self.placement_of: dict[int, Placement] = {}
        self.plans: list[LayerPlan] = []

    def run(self) -> str | None:
        """Fill `plans`; the name of a layer whose outputs must go through DRAM if something does not fit."""
        drafts: list[tuple[Layer, list[Part]]] = []
        turn = 0
        for layer in self.layers:
            drafts.append((layer, []))
            split = self.splits[layer.name]
            groups = channel_groups(layer, self.capacity)
            for rows in shares(layer.out_shape[1], split.row_parts):
                for first, last in shares(len(groups), split.channel_parts):
                    # Layers take tiles in turn, so that weights spread over all buffers.
                    tile = turn % self.capacity.tiles
                    turn += 1
                    result = self._part(layer, tile, rows, tuple(groups[first:last]))
                    if isinstance(result, str):
                        return result
                    drafts[-1][1].append(result)
        second = {layer.inputs[1] for layer in self.layers if layer.op in ATTENTION_OPS}
        for index, (layer, parts) in enumerate(drafts):
            readers = self._readers(layer.name)
            self.plans.append(
                LayerPlan(
                    index=index,
                    layer=layer,
                    parts=tuple(self._resolve(part) for part in parts),
                    consumers=() if layer.name in self.spilled else readers,
                    stores=layer.name in self.spilled or not readers or layer.name in second,
                    estimated_cycles=self.splits[layer.name].cycles,
                )
            )
        return None

    def _readers(self, name: str) -> tuple[tuple[int, int], ...]:
        return tuple(
            (self.index[layer.name], operand)
            for layer in self.layers
            for operand, producer in enumerate(layer.inputs)
            if producer == name and not _takes_place_of_weights(layer, operand)
        )

    def _producers(self, layer: Layer) -> list[str | None]:
        names = [name for operand, name in enumerate(layer.inputs) if not _takes_place_of_weights(layer, operand)]
        known = [name if name in self.index and name not in self.spilled else None for name in names]
        return known or [None]

    def _part(self, layer: Layer, tile: int, rows: Range, groups: tuple[Range, ...]) -> Part | str:
        channels = (groups[0][0], groups[-1][1])
        if layer.op in ARRAY_OPS:
            chunks = _chunks(layer, self.capacity)
            pass_rows = rows[1] - rows[0]
            if _needs_accumulators(layer, self.capacity):
                pass_rows = min(
                    pass_rows, self.capacity.accumulator_words // (layer.out_shape[2] * self.capacity.columns)
                )
        else:
            # One pixel of a group has to fit a packet.
            width = max(1, self.capacity.packet_bits // self.capacity.stored_bits(layer.out_word_bits))
            groups = tuple(
                (first, min(first + width, end))
                for start, end in _single_operands(layer, channels)
                for first in range(start, end, width)
            )
            chunks, pass_rows = (channels,), rows[1] - rows[0]
        producers = self._producers(layer)
        on_chip = next((name for name in producers if name is not None), None)
        for filling in _fillings(rows[1] - rows[0]) if on_chip is None else [Filling(1, 2, 1)]:
            strips = self._strips(layer, tile, rows, channels, producers, filling)
            if strips is not None:
                return Part(tile, channels, strips, filling.slots, groups, chunks, pass_rows)
        if on_chip is not None:
            return on_chip
        waiting = [
            (box.bytes, box.producer)
            for box, placement, where in self.placed
            if where == tile
            and box.producer is not None
            and placement.first <= self.index[layer.name] <= placement.last
        ]
        if waiting:
            return max(waiting)[1]
        needed = max(
            sum(self._box(layer, operand, None, (row, row + 1), channels).bytes for operand in range(len(producers)))
            for row in range(*rows)
        )
        raise InputError(
            Problem(
                f"no tiling fits the spike buffer: one output row needs {needed} bytes, "
                f"there are {self.capacity.spike_buffer_bytes}",
                key=layer.name,
            )
        )

    def _box(self, layer: Layer, operand: int, producer: str | None, rows: Range, channels: Range) -> Box:
        source = input_rows(layer, rows)
        read = input_channels(layer, channels) if layer.op in ARRAY_OPS else channels
        if layer.op == "concat":
            start = sum(layer.operand_channels[:operand])
            first, last = (min(max(0, end - start), layer.operand_channels[operand]) for end in channels)
            read = (first, last)
        words = (source[1] - source[0]) * layer.in_shape[2] * (read[1] - read[0])
        return Box(producer, source, read, ceil_div(words * self.capacity.stored_bits(layer.word_bits), 8))

    def _strips(
        self,
        layer: Layer,
        tile: int,
        rows: Range,
        channels: Range,
        producers: list[str | None],
        filling: Filling,
    ) -> tuple[Strip, ...] | None:
        """Place the boxes of a part; None where they find no room."""
        count = filling.strips
        index = self.index[layer.name]
        buffer = self.buffers[tile]
        bands = [(rows[0] + first, rows[0] + last) for first, last in shares(rows[1] - rows[0], count)]
        boxes = [
            [self._box(layer, operand, producer, band, channels) for operand, producer in enumerate(producers)]
            for band in bands
        ]
        done: list[Placement] = []
        placements: dict[tuple[int, int], Placement] = {}
        for operand, producer in enumerate(producers):
            if not boxes[0][operand].bytes:
                continue
            first = self.index[producer] if producer is not None else max(0, index - filling.early)
            for slot in range(min(filling.slots, count)):
                size = max(boxes[number][operand].bytes for number in range(slot, count, filling.slots))
                placement = buffer.place(first, index, size)
                if placement is None:
                    for undo in done:
                        buffer.placements.remove(undo)
                    return None
                done.append(placement)
                placements[operand, slot] = placement
        strips = []
        for number, band in enumerate(bands):
            placed = []
            for operand, box in enumerate(boxes[number]):
                if not box.bytes:
                    placed.append(box)
                    continue
                placement = placements[operand, number % filling.slots]
                box = replace(box, offset=placement.offset)
                self.placed.append((box, placement, tile))
                self.placement_of[id(box)] = placement
                placed.append(box)
            strips.append(Strip(band, tuple(placed)))
        return tuple(strips)

    def _resolve(self, part: Part) -> Part:
        """Fill in whom each box has to wait for, now that every box is placed."""
        buffer = self.buffers[part.tile]
        return replace(
            part,
            strips=tuple(
                replace(
                    strip,
                    boxes=tuple(
                        replace(box, blocked_by=buffer.blocked_by(self.placement_of[id(box)])) if box.bytes else box
                        for box in strip.boxes
                    ),
                )
                for strip in part.strips
            ),
        )
