"""Every part on its tile, with a place in the spike buffer for all that it reads; or what found no room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

from accelsim.mapping.allocation import Placement, SpikeBufferAllocator
from accelsim.mapping.plan import Box, LayerPlan, Part, Range, Strip, TileCapacity, block_bytes, pass_outputs
from accelsim.mapping.split import Split, input_rows, shares
from accelsim.mapping.work import channel_groups, input_channels
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, Layer


def largest_block_bytes(layer: Layer, capacity: TileCapacity, channels: int) -> int:
    """Bytes of the weights that a pass over so many input channels of a group needs, at most."""
    return block_bytes(layer, max(last - first for first, last in channel_groups(layer, capacity)), channels)


@lru_cache
def input_chunks(layer: Layer, capacity: TileCapacity) -> tuple[Range, ...]:
    """Input channels of a group cut so that the weights of a chunk fit a slot of the weight buffer."""
    channels = layer.group_inputs
    size = next(
        size
        for size in (ceil_div(channels, parts) for parts in range(1, channels + 1))
        if largest_block_bytes(layer, capacity, size) <= capacity.weight_block_bytes
    )
    return tuple((first, min(first + size, channels)) for first in range(0, channels, size))


def needs_accumulators(layer: Layer, capacity: TileCapacity) -> bool:
    """Whether sums are stored between passes: several chunks, or bit planes integrated one after another."""
    return (capacity.bit_serial and layer.word_bits > 1) or len(input_chunks(layer, capacity)) > 1


def _takes_place_of_weights(layer: Layer, operand: int) -> bool:
    return operand == 1 and layer.op in ATTENTION_OPS


def _single_operands(layer: Layer, channels: Range) -> Iterator[Range]:
    """Output channels cut so that each range comes from one operand where maps are joined."""
    bounds = [sum(layer.operand_channels[:operand]) for operand in range(1, len(layer.operand_channels))]
    inside = [bound for bound in bounds if channels[0] < bound < channels[1]]
    yield from pairwise([channels[0], *inside, channels[1]])


@dataclass(slots=True)
class Relief:
    """What gives way where buffers have no room."""

    spilled: set[str] = field(default_factory=set)
    """Layers whose outputs go through DRAM."""
    single: set[str] = field(default_factory=set)
    """Layers whose inputs have room for one image only, though others' have room for two."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A part that found no room for what it reads, and the layer that has to give way, if one can."""

    layer: Layer
    tile: int
    needed_bytes: int
    producer: str | None = None
    """Its outputs would have to go through DRAM."""
    halved: str | None = None
    """Its inputs would have to do with room for one image."""


@dataclass(frozen=True, slots=True)
class Filling:
    """How a part's words come into the spike buffer: in `strips`, of which `slots` are there at a time.

    Words from DRAM are fetched `early` layers ahead; `copies` images have room at a time.
    """

    strips: int
    slots: int
    early: int
    copies: int = 1


def _fillings(rows: int, copies: int) -> Iterator[Filling]:
    """Ways to fill the buffer for some output rows, the quickest first and the smallest last."""
    if copies > 1:
        yield Filling(1, 2, 1, copies)
    for strips in range(1, rows + 1):
        yield Filling(strips, 2, 1)
        yield Filling(strips, 2, 0)
    yield Filling(rows, 1, 0)


class Placing:
    """One try at placing every box.

    `tiles_of` names each layer's tiles, which its parts take in order. In a pipeline, where `stage_of` numbers the
    stages of layers, what comes from another stage keeps its bytes for good and has room for two images, one being
    read while the other is being written: stages work on different images.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        capacity: TileCapacity,
        splits: Mapping[str, Split],
        tiles_of: Mapping[str, Sequence[int]],
        relief: Relief,
        stage_of: Mapping[int, int] | None = None,
    ) -> None:
        self.layers = layers
        self.capacity = capacity
        self.splits = splits
        self.tiles_of = tiles_of
        self.relief = relief
        self.stage_of = stage_of
        self.index = {layer.name: number for number, layer in enumerate(layers)}
        self.buffers = [SpikeBufferAllocator(capacity.spike_buffer_bytes) for _ in range(capacity.tiles)]
        self.placed: list[tuple[Layer, Box, Placement, int]] = []
        self.placement_of: dict[int, Placement] = {}
        self.plans: list[LayerPlan] = []

    def oversized(self, layer: Layer) -> Misfit | None:
        """A part of a layer whose words on their way from tile to tile are more than a whole spike buffer."""
        producers = self._producers(layer)
        on_chip = next((name for name in producers if name is not None), None)
        if on_chip is None:
            return None
        copies = self._copies(layer, producers)
        for tile, rows, groups in self._shares(layer):
            boxes = self._boxes(layer, producers, rows, (groups[0][0], groups[-1][1]))
            needed = sum(box.bytes for box in boxes)
            if copies * needed > self.capacity.spike_buffer_bytes:
                if copies > 1:
                    return Misfit(layer, tile, needed, halved=layer.name)
                return Misfit(layer, tile, needed, producer=on_chip)
        return None

    def _shares(self, layer: Layer) -> Iterator[tuple[int, Range, tuple[Range, ...]]]:
        """(tile, output rows, groups of output channels) of each part of a layer."""
        split = self.splits[layer.name]
        groups = channel_groups(layer, self.capacity)
        tiles = iter(self.tiles_of[layer.name])
        for rows in shares(layer.out_shape[1], split.row_parts):
            for first, last in shares(len(groups), split.channel_parts):
                yield next(tiles), rows, tuple(groups[first:last])

    def _copies(self, layer: Layer, producers: Sequence[str | None]) -> int:
        """Images whose words have room at a time."""
        return 2 if self._crosses_stages(layer, producers) and layer.name not in self.relief.single else 1

    def run(self) -> Misfit | None:
        """Fill `plans`; what found no room, if anything did not."""
        drafts: list[tuple[Layer, list[Part]]] = []
        for layer in self.layers:
            drafts.append((layer, []))
            for tile, rows, groups in self._shares(layer):
                result = self._part(layer, tile, rows, groups)
                if isinstance(result, Misfit):
                    return result
                drafts[-1][1].append(result)
        readers: dict[str, list[tuple[int, int]]] = {layer.name: [] for layer in self.layers}
        for layer in self.layers:
            for operand, producer in enumerate(layer.inputs):
                if producer in readers and not _takes_place_of_weights(layer, operand):
                    readers[producer].append((self.index[layer.name], operand))
        second = {layer.inputs[1] for layer in self.layers if layer.op in ATTENTION_OPS}
        for index, (layer, parts) in enumerate(drafts):
            spills = layer.name in self.relief.spilled
            self.plans.append(
                LayerPlan(
                    index=index,
                    layer=layer,
                    parts=tuple(self._resolve(part) for part in parts),
                    consumers=() if spills else tuple(readers[layer.name]),
                    stores=spills or not readers[layer.name] or layer.name in second,
                )
            )
        return None

    def _producers(self, layer: Layer) -> list[str | None]:
        spilled = self.relief.spilled
        names = [name for operand, name in enumerate(layer.inputs) if not _takes_place_of_weights(layer, operand)]
        known = [name if name in self.index and name not in spilled else None for name in names]
        return known or [None]

    def _crosses_stages(self, layer: Layer, producers: Sequence[str | None]) -> bool:
        """Whether a layer reads what another stage of a pipeline, or DRAM, sends while it works."""
        if self.stage_of is None:
            return False
        own = self.stage_of[self.index[layer.name]]
        return any(name is None or self.stage_of[self.index[name]] != own for name in producers)

    def _part(self, layer: Layer, tile: int, rows: Range, groups: tuple[Range, ...]) -> Part | Misfit:
        channels = (groups[0][0], groups[-1][1])
        pass_rows, planes = rows[1] - rows[0], 1
        if layer.op in ARRAY_OPS:
            chunks = input_chunks(layer, self.capacity)
            planes = layer.word_bits if self.capacity.bit_serial else 1
            if needs_accumulators(layer, self.capacity):
                sums = layer.out_shape[2] * pass_outputs(layer, self.capacity)
                pass_rows = min(pass_rows, self.capacity.accumulator_words // sums)
        else:
            # One pixel of a group has to fit a packet.
            width = self.capacity.packet_pixels(self.capacity.stored_bits(layer.out_word_bits))
            groups = tuple(
                (first, min(first + width, end))
                for start, end in _single_operands(layer, channels)
                for first in range(start, end, width)
            )
            chunks = (channels,)
        producers = self._producers(layer)
        on_chip = next((name for name in producers if name is not None), None)
        copies = self._copies(layer, producers)
        cuts = self._cuts_rows(layer, on_chip)
        fillings = _fillings(rows[1] - rows[0], copies) if cuts else [Filling(1, 2, 1, copies)]
        for filling in fillings:
            strips = self._strips(layer, tile, rows, channels, producers, filling)
            if strips is not None:
                return Part(tile, channels, strips, filling.slots, groups, chunks, pass_rows, planes)
        return self._misfit(layer, tile, rows, channels, producers, copies)

    def _cuts_rows(self, layer: Layer, on_chip: str | None) -> bool:
        """Whether a part's rows may be computed strip by strip, its words being fetched from DRAM."""
        return on_chip is None and not (self.capacity.whole_map and layer.op in ARRAY_OPS)

    def _misfit(
        self, layer: Layer, tile: int, rows: Range, channels: Range, producers: list[str | None], copies: int
    ) -> Misfit:
        """Who gives way for a part: what has room for two images first, then what waits for it or another layer."""
        index = self.index[layer.name]
        here = [(other, box, placement) for other, box, placement, where in self.placed if where == tile]
        on_chip = next((name for name in producers if name is not None), None)
        bands = [(row, row + 1) for row in range(*rows)] if self._cuts_rows(layer, on_chip) else [rows]
        needed = max(sum(box.bytes for box in self._boxes(layer, producers, band, channels)) for band in bands)
        doubled = [(placement.size, other.name) for other, box, placement in here if box.copies > 1]
        if copies > 1 and on_chip is not None:
            doubled.append((copies * needed, layer.name))
        if doubled:
            return Misfit(layer, tile, needed, halved=max(doubled)[1])
        if on_chip is not None:
            return Misfit(layer, tile, needed, producer=on_chip)
        waiting = [
            (placement.size, box.producer)
            for _, box, placement in here
            if box.producer is not None and placement.first <= index <= placement.last
        ]
        return Misfit(layer, tile, needed, producer=max(waiting)[1] if waiting else None)

    def _boxes(self, layer: Layer, producers: Sequence[str | None], rows: Range, channels: Range) -> list[Box]:
        """What output rows and channels need of each operand."""
        source = input_rows(layer, rows)
        bits = self.capacity.stored_bits(layer.word_bits)
        boxes = []
        for operand, producer in enumerate(producers):
            first, last = input_channels(layer, channels) if layer.op in ARRAY_OPS else channels
            if layer.op == "concat":
                start, there = sum(layer.operand_channels[:operand]), layer.operand_channels[operand]
                first, last = (min(max(0, end - start), there) for end in channels)
            words = (source[1] - source[0]) * layer.in_shape[2] * (last - first)
            if self.capacity.streams and layer.op in ARRAY_OPS:
                words = 0
            boxes.append(Box(producer, source, (first, last), ceil_div(words * bits, 8)))
        return boxes

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
        # Of neighbouring strips each has a slot, if there is more than one.
        together = bands[count // 2 :][:1] + bands[count // 2 - 1 : count // 2][: filling.slots - 1]
        least = sum(box.bytes for band in together for box in self._boxes(layer, producers, band, channels))
        if least * filling.copies > self.capacity.spike_buffer_bytes:
            return None
        boxes = [self._boxes(layer, producers, band, channels) for band in bands]
        done: list[Placement] = []
        placements: dict[tuple[int, int], Placement] = {}
        for operand, producer in enumerate(producers):
            if not boxes[0][operand].bytes:
                continue
            first = self.index[producer] if producer is not None else max(0, index - filling.early)
            last = index
            if filling.copies > 1:
                first, last = 0, len(self.layers) - 1
            for slot in range(min(filling.slots, count)):
                size = max(boxes[number][operand].bytes for number in range(slot, count, filling.slots))
                placement = buffer.place(first, last, size * filling.copies)
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
                blocked_by = (filling.copies, index) if filling.copies > 1 else None
                box = Box(box.producer, box.rows, box.channels, box.bytes, placement.offset, blocked_by, filling.copies)
                self.placed.append((layer, box, placement, tile))
                self.placement_of[id(box)] = placement
                placed.append(box)
            strips.append(Strip(band, tuple(placed)))
        return tuple(strips)

    def _resolve(self, part: Part) -> Part:
        """Fill in whom each box has to wait for, now that every box is placed."""
        buffer = self.buffers[part.tile]

        def resolved(box: Box) -> Box:
            if box.blocked_by is not None or not box.bytes:
                return box
            return replace(box, blocked_by=buffer.blocked_by(self.placement_of[id(box)]))

        return replace(
            part,
            strips=tuple(replace(strip, boxes=tuple(resolved(box) for box in strip.boxes)) for strip in part.strips),
        )
