"""Bytes that a plan moves at each level, for one image; what is fetched again counts each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from accelsim.mapping.plan import LayerPlan, Part, Plan, Range, TileCapacity, load_bytes
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, Layer

Block = tuple[Range, Range]
"""Weights to (output channels) from (input channels)."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that a layer moves. What several tiles read is read from DRAM once where they ask for it together."""

    weight_read_bytes: int = 0
    """Weights, or words in their place, from DRAM,"""
    weight_bytes: int = 0
    """and into weight buffers: each copy."""
    word_read_bytes: int = 0
    """Input words from DRAM,"""
    word_bytes: int = 0
    """and from there into spike buffers: each copy."""
    sent_words: int = 0
    """Output words from tile to tile: each copy."""
    sent_bytes: int = 0
    """The same before encoding, whole words."""
    stored_bytes: int = 0
    """Outputs to DRAM, each packet in whole bytes."""

    @property
    def dram_read_bytes(self) -> int:
        return self.weight_read_bytes + self.word_read_bytes

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(*(getattr(self, entry.name) + getattr(other, entry.name) for entry in fields(self)))


def loads(layer: Layer, part: Part, capacity: TileCapacity) -> Iterator[tuple[int, Block, int]]:
    """(visit, block, bytes) of the weights that a part asks for, in order, when none stay: each but the one in use."""
    before: Block | None = None
    for number, visit in enumerate(part.visits()):
        first, last = part.strips[visit.strip].rows
        for group in visit.groups:
            blocks = [(group, chunk) for chunk in part.chunks]
            turns = ceil_div(last - first, part.pass_rows) * part.planes
            for block in blocks * turns if len(blocks) > 1 else blocks:
                if block != before:
                    yield number, block, load_bytes(layer, *block, capacity)
                before = block


def first_loads(layer: Layer, part: Part, capacity: TileCapacity) -> Iterator[tuple[int, Block, int]]:
    """As `loads`, where what was loaded once stays."""
    seen: set[Block] = set()
    for number, block, size in loads(layer, part, capacity):
        if block not in seen:
            seen.add(block)
            yield number, block, size


def layer_traffic(plan: Plan, entry: LayerPlan, capacity: TileCapacity, first_image: bool) -> Traffic:
    """What a layer moves for the first image, or for each later one."""
    weights = _weights(plan, entry, capacity, first_image) if entry.layer.op in ARRAY_OPS else (0, 0)
    words = _words(entry, capacity)
    sent = _sent_words(plan, entry)
    bits = capacity.sent_bits(entry.layer)
    return Traffic(*weights, *words, sent, ceil_div(sent * bits, 8), _stored_bytes(entry, capacity))


def plan_traffic(plan: Plan, capacity: TileCapacity, first_image: bool) -> tuple[Traffic, ...]:
    """`layer_traffic` of every layer."""
    return tuple(layer_traffic(plan, entry, capacity, first_image) for entry in plan.layers)


def _weights(plan: Plan, entry: LayerPlan, capacity: TileCapacity, first_image: bool) -> tuple[int, int]:
    """Bytes read and copied; tiles share what they load at the same place of the same visit."""
    shared: dict[tuple[int, int, Block], int] = {}
    copied = 0
    for part in entry.parts:
        stays = plan.stays(entry, part)
        if stays and not first_image:
            continue
        order: dict[int, int] = {}
        for visit, block, size in (first_loads if stays else loads)(entry.layer, part, capacity):
            order[visit] = order.get(visit, 0) + 1
            shared[visit, order[visit], block] = size
            copied += size
    return sum(shared.values()), copied


def _words(entry: LayerPlan, capacity: TileCapacity) -> tuple[int, int]:
    bits = capacity.stored_bits(entry.layer.word_bits)
    shared: dict[tuple[int, int, Range, Range], int] = {}
    copied = 0
    for part in entry.parts:
        for number, visit in enumerate(part.visits()):
            if not visit.fetched:
                continue
            for operand, box in enumerate(part.strips[visit.strip].boxes):
                if box.producer is None and box.bytes:
                    row = ceil_div(entry.layer.in_shape[2] * (box.channels[1] - box.channels[0]) * bits, 8)
                    size = row * (box.rows[1] - box.rows[0])
                    shared[operand, number, box.rows, box.channels] = size
                    copied += size
    return sum(shared.values()), copied


def _sent_words(plan: Plan, entry: LayerPlan) -> int:
    boxes = (
        part.strips[0].boxes[operand] for consumer, operand in entry.consumers for part in plan.layers[consumer].parts
    )
    return sum(
        (box.rows[1] - box.rows[0]) * entry.layer.out_shape[2] * (box.channels[1] - box.channels[0]) for box in boxes
    )


def _stored_bytes(entry: LayerPlan, capacity: TileCapacity) -> int:
    if not entry.stores:
        return 0
    bits = capacity.sent_bits(entry.layer)
    total = 0
    for part in entry.parts:
        for first, last in part.groups:
            pixel = (last - first) * bits
            full, rest = divmod(entry.layer.out_shape[2], capacity.packet_pixels(pixel))
            row = full * ceil_div(capacity.packet_pixels(pixel) * pixel, 8) + ceil_div(rest * pixel, 8)
            total += row * (part.rows[1] - part.rows[0])
    return total
