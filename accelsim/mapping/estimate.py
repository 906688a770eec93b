"""Estimated cycles of a plan: a coarse timeline of its parts, one line a tile, before anything is simulated.

Each part of a layer begins when its tile is free, its first rows and weights are there and its readers have room; it
ends when its work is done, and a share of its work after the last of what it reads has come. DRAM and the links of the
controllers are one server that takes loads in the order of the program.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from accelsim.mapping.plan import Estimate, LayerPlan, Plan, Range, TileCapacity, interval
from accelsim.mapping.traffic import Traffic, loads, plan_traffic
from accelsim.mapping.work import Density, part_cycles
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS

IMAGES = 6
"""Images that are followed one by one; later ones take the interval of the last."""

PACKET_CYCLES = 20
"""From the end of a pixel to its words at their reader, with nothing in the way; an estimate."""

HELD = 64
"""Blocks of weights of a tile that are looked back at for room."""

ROUNDING = 1e-6
"""Cycles that may be left over where the numbers of a request are rounded."""

Times = NDArray[np.float64]


def estimate_plan(plan: Plan, capacity: TileCapacity, density: Mapping[str, Density], images: int) -> Estimate:
    """Follow some images through a plan, and extrapolate the others. `density` is as `make_plan` takes it."""
    line = _Timeline(plan, capacity, density)
    followed = min(images, IMAGES)
    spans = np.array([line.add_image(image) for image in range(followed)])
    finished = list(line.finished)
    step = interval([round(time) for time in finished[-2:]]) if followed > 1 else 0
    total = spans.sum(axis=0) + spans[-1] * (images - followed)
    finished += [finished[-1] + step * (number + 1) for number in range(images - followed)]
    return Estimate(tuple(round(cycles) for cycles in total), tuple(round(time) for time in finished))


class Server:
    """DRAM with the links of its controllers: answers at once whom it can, each request from when it is asked for."""

    def __init__(self) -> None:
        self._gaps: list[tuple[float, float]] = [(0.0, math.inf)]

    def serve(self, asked: float, cycles: float) -> tuple[float, float]:
        """Take the first free cycles from `asked` on: when they begin and when they end."""
        if cycles <= 0:
            return asked, asked
        left = cycles
        gaps: list[tuple[float, float]] = []
        begin = end = asked
        for number, (start, stop) in enumerate(self._gaps):
            free = max(start, asked)
            if stop <= free + ROUNDING:
                gaps.append((start, stop))
                continue
            if left == cycles:
                begin = free
            end = min(stop, free + left)
            left -= end - free
            if start + ROUNDING < free:
                gaps.append((start, free))
            if end + ROUNDING < stop:
                gaps.append((end, stop))
            if left <= ROUNDING:
                gaps += self._gaps[number + 1 :]
                break
        self._gaps = gaps
        return begin, end


class _Timeline:
    def __init__(self, plan: Plan, capacity: TileCapacity, density: Mapping[str, Density]) -> None:
        self.plan = plan
        self.capacity = capacity
        self.traffic = (plan_traffic(plan, capacity, True), plan_traffic(plan, capacity, False))
        self.work = [_works(entry, capacity, density) for entry in plan.layers]
        self.leaving = [_leaving(plan, entry, capacity) for entry in plan.layers]
        self.arriving = [_arriving(entry, capacity) for entry in plan.layers]
        self.loads = [
            [list(loads(entry.layer, part, capacity)) for part in entry.parts] if entry.layer.op in ARRAY_OPS else []
            for entry in plan.layers
        ]
        self.free = np.zeros(capacity.tiles)
        self.held: list[deque[tuple[int, float]]] = [deque(maxlen=HELD) for _ in range(capacity.tiles)]
        """Per tile, sizes of its last blocks of weights, and when it is done with each."""
        self.memory = Server()
        # Ports of their own serve words that are read, and words that are stored.
        self.words = self.memory if capacity.spike_bytes_per_cycle is None else Server()
        self.stores = self.memory if capacity.store_bytes_per_cycle is None else Server()
        self.ends: list[list[dict[int, float]]] = []
        """[image][layer]: tile to the end of its part."""
        self.finished: list[float] = []

    def add_image(self, image: int) -> list[float]:
        """Follow one image more; the span of each layer."""
        self.image = image
        self.ends.append([])
        self.rows: list[Times] = []
        self.stored: dict[str, float] = {}
        spans = []
        for entry, traffic in zip(self.plan.layers, self.traffic[image > 0], strict=True):
            begin, end = self._add_layer(entry, traffic)
            spans.append(end - begin)
        self.finished.append(max(self.stored.values()))
        return spans

    def _add_layer(self, entry: LayerPlan, traffic: Traffic) -> tuple[float, float]:
        tiles = np.array([part.tile for part in entry.parts])
        begin = float(self.free[tiles].min())
        weights = self._weights(entry, traffic)
        words = self._fetched_words(entry, traffic)
        room = self._room_at_readers(entry)
        rows = np.zeros(entry.layer.out_shape[1])
        ends: dict[int, float] = {}
        turns = len({part.channels for part in entry.parts})
        turn_of = {channels: turn for turn, channels in enumerate(dict.fromkeys(p.channels for p in entry.parts))}
        for number, part in enumerate(entry.parts):
            work = self.work[entry.index][number]
            first, last = self._inputs(entry, number, words)
            # Blocks come to the tiles in turn.
            blocks = len(part.groups) * len(part.chunks)
            per_row = 1 / (len(part.groups) * max(1, part.rows[1] - part.rows[0]))
            turn = (turn_of[part.channels] + 1) / turns
            came = [weights[0] + (weights[1] - weights[0]) * (step + turn) / blocks for step in (0, blocks - 1)]
            start = max(self.free[part.tile], first, came[0], room)
            tail = max(0.0, 1 - 1 / len(part.groups)) + per_row
            busy = max(work, self.leaving[entry.index][number])
            end = max(start + busy, last + busy * tail, came[1] + busy / blocks)
            before = 1 - 1 / len(part.groups)
            rising = np.linspace(start + (end - start) * (before + per_row), end, part.rows[1] - part.rows[0])
            here = slice(*part.rows)
            rows[here] = np.maximum(rows[here], rising)
            ends[part.tile] = max(end, ends.get(part.tile, 0.0))
            if entry.layer.op in ARRAY_OPS and not self.plan.stays(entry, part):
                sizes = [size for _, _, size in self.loads[entry.index][number]]
                upto = np.linspace(start + (end - start) / len(sizes), end, len(sizes))
                self.held[part.tile].extend(zip(sizes, upto.tolist(), strict=True))
        for tile, end in ends.items():
            self.free[tile] = end
        self.ends[-1].append(ends)
        self.rows.append(rows + PACKET_CYCLES)
        last_end = max(ends.values())
        if entry.stores:
            time = traffic.stored_bytes / _store_rate(self.capacity)
            _, written = self.stores.serve(max(begin, last_end - time), time)
            self.stored[entry.layer.name] = max(last_end, written) + PACKET_CYCLES
        return begin, last_end

    def _weights(self, entry: LayerPlan, traffic: Traffic) -> tuple[float, float]:
        """When the weights of a layer begin to come, and when the last have come."""
        if not traffic.weight_bytes:
            return 0.0, 0.0
        # A block is read when every tile that shares it has room.
        asked: dict[Range, float] = {}
        for number, part in enumerate(entry.parts):
            if not self.plan.stays(entry, part):
                room = self._room(part.tile, self.loads[entry.index][number][0][2])
            elif self.image == 0:
                room = 0.0
            else:
                continue
            if entry.layer.op in ATTENTION_OPS:
                room = max(room, self.stored.get(entry.layer.inputs[1], 0.0))
            asked[part.channels] = max(room, asked.get(part.channels, 0.0))
        time = self._serving(traffic.weight_read_bytes, traffic.weight_bytes, self.capacity.memory_bytes_per_cycle)
        first, last = self.memory.serve(sum(asked.values()) / len(asked), time)
        # One channel serves a block: few blocks at a time leave channels idle.
        part = entry.parts[0]
        sizes = [size for _, _, size in self.loads[entry.index][0]]
        ahead = min(len(part.groups) * len(part.chunks), max(1, self.capacity.weight_buffer_bytes // max(sizes)))
        channels = min(self.capacity.controllers, len(asked) * ahead)
        last = max(last, first + time * self.capacity.controllers / channels)
        delay = self.capacity.memory_latency_cycles + 2 * PACKET_CYCLES
        return first + delay, last + delay

    def _room(self, tile: int, size: int) -> float:
        """When a tile's weight buffer has room for a block more."""
        for other, done in reversed(self.held[tile]):
            size += other
            if size > self.capacity.weight_buffer_bytes or not self.capacity.prefetches:
                return done
        return 0.0

    def _fetched_words(self, entry: LayerPlan, traffic: Traffic) -> tuple[float, float]:
        """When the first and the last row from DRAM have come."""
        if not traffic.word_bytes:
            return 0.0, 0.0
        asked = 0.0
        for part in entry.parts:
            for box in part.strips[0].boxes:
                if box.producer is None and box.blocked_by is not None:
                    asked = max(asked, self._end(*box.blocked_by, part.tile))
        for name in entry.layer.inputs:
            asked = max(asked, self.stored.get(name, 0.0))
        rate = self.capacity.spike_bytes_per_cycle or self.capacity.memory_bytes_per_cycle
        time = self._serving(traffic.word_read_bytes, traffic.word_bytes, rate)
        first, last = self.words.serve(asked, time)
        delay = self.capacity.memory_latency_cycles + 2 * PACKET_CYCLES
        rows = max(part.strips[0].boxes[0].rows[1] - part.strips[0].boxes[0].rows[0] for part in entry.parts)
        window = min(rows, entry.layer.span[0])
        return first + (last - first) * window / entry.layer.in_shape[1] + delay, last + delay

    def _serving(self, read_bytes: int, copied_bytes: int, rate: float) -> float:
        """Cycles of DRAM, at a rate, or of the links of the controllers, for what is read and for its copies."""
        capacity = self.capacity
        copied = min(copied_bytes, read_bytes * capacity.most_copies)
        packet = capacity.flits(8 * capacity.transfer_bytes)
        flits = copied / capacity.transfer_bytes * packet
        return max(read_bytes / rate, flits / capacity.controllers)

    def _end(self, back: int, layer: int, tile: int) -> float:
        """The end of a tile's part of a layer, some images back; 0 where there was none."""
        image = self.image - back
        if image < 0 or len(self.ends[image]) <= layer:
            return 0.0
        return self.ends[image][layer].get(tile, 0.0)

    def _room_at_readers(self, entry: LayerPlan) -> float:
        room = 0.0
        for consumer, operand in entry.consumers:
            for part in self.plan.layers[consumer].parts:
                blocked = part.strips[0].boxes[operand].blocked_by
                if blocked is not None:
                    room = max(room, self._end(*blocked, part.tile))
        return room

    def _inputs(self, entry: LayerPlan, number: int, words: tuple[float, float]) -> tuple[float, float]:
        """When the first rows that a part needs, and the last, are there."""
        part = entry.parts[number]
        first, last = 0.0, 0.0
        for box in part.strips[0].boxes:
            if not box.bytes:
                continue
            if box.producer is None:
                came = words
            else:
                rows = self.rows[self.index_of(box.producer)]
                upto = min(box.rows[1], box.rows[0] + entry.layer.span[0])
                begins = float(rows[box.rows[0] : upto].max())
                came = begins, float(rows[slice(*box.rows)].max())
            first, last = max(first, came[0]), max(last, came[1])
        return first, max(last, first + self.arriving[entry.index][number] * 0.5)

    def index_of(self, name: str) -> int:
        return next(entry.index for entry in self.plan.layers if entry.layer.name == name)


def _works(entry: LayerPlan, capacity: TileCapacity, density: Mapping[str, Density]) -> list[float]:
    """Cycles of each part; parts of one shape are estimated once."""
    scans = capacity.scans(entry.layer.word_bits) if entry.layer.op in ARRAY_OPS else 1
    shares = density.get(entry.layer.name, (1.0,) * scans)
    known: dict[tuple[object, ...], float] = {}
    found = []
    for part in entry.parts:
        shape = (part.rows[1] - part.rows[0], len(part.strips), *(last - first for first, last in part.groups))
        if shape not in known:
            known[shape] = part_cycles(entry.layer, part, capacity, shares)
        found.append(known[shape])
    return found


def _row_flits(entry: LayerPlan, outs: int, capacity: TileCapacity) -> int:
    """Flits of an output row of a group of channels."""
    pixel = outs * capacity.sent_bits(entry.layer)
    full, rest = divmod(entry.layer.out_shape[2], capacity.packet_pixels(pixel))
    flits = full * capacity.flits(capacity.packet_pixels(pixel) * pixel)
    return flits + (capacity.flits(rest * pixel) if rest else 0)


def _leaving(plan: Plan, entry: LayerPlan, capacity: TileCapacity) -> list[float]:
    """Cycles in which each part's tile sends its outputs into the network, or over a port that stores them."""
    readers = np.zeros(entry.layer.out_shape[1] + 1)
    for consumer, operand in entry.consumers:
        for part in plan.layers[consumer].parts:
            box = part.strips[0].boxes[operand]
            share = (box.channels[1] - box.channels[0]) / entry.layer.out_shape[0]
            readers[box.rows[0]] += share
            readers[box.rows[1]] -= share
    copies = np.cumsum(readers)[:-1]
    if capacity.multicast:
        copies = np.minimum(copies, len(entry.consumers))
    if entry.stores:
        copies = copies + 1
    sent = [
        float(copies[slice(*part.rows)].sum())
        * sum(_row_flits(entry, last - first, capacity) for first, last in part.groups)
        for part in entry.parts
    ]
    if not entry.stores or capacity.store_bytes_per_cycle is None:
        return sent
    row = entry.layer.out_shape[2] * capacity.sent_bits(entry.layer) / 8
    stored = [
        (part.rows[1] - part.rows[0]) * row * sum(last - first for first, last in part.groups) for part in entry.parts
    ]
    rate = _store_rate(capacity)
    return [max(cycles, (size - capacity.write_buffer_bytes) / rate) for cycles, size in zip(sent, stored, strict=True)]


def _store_rate(capacity: TileCapacity) -> float:
    return capacity.store_bytes_per_cycle or capacity.memory_bytes_per_cycle


def _arriving(entry: LayerPlan, capacity: TileCapacity) -> list[float]:
    """Cycles in which flits of its input words arrive at each part's tile."""
    bits = capacity.stored_bits(entry.layer.word_bits)
    found = []
    for part in entry.parts:
        words = 0
        for strip in part.strips:
            for box in strip.boxes:
                words += (box.rows[1] - box.rows[0]) * (box.channels[1] - box.channels[0]) * entry.layer.in_shape[2]
        found.append(ceil_div(words * bits, 8 * capacity.flit_bytes) * 1.0)
    return found
