"""From layers and capacities to a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf

import numpy as np

from accelsim.errors import InputError, Problem
from accelsim.mapping.choices import Choices, Place, bare
from accelsim.mapping.estimate import estimate_plan
from accelsim.mapping.placement import Misfit, Placing, Relief, largest_block_bytes, needs_accumulators
from accelsim.mapping.plan import LayerPlan, LoopOrder, Part, Plan, Stage, TileCapacity, load_bytes, pass_outputs
from accelsim.mapping.split import Cuts, Split, allowed_cuts, shares
from accelsim.mapping.stages import make_stages
from accelsim.mapping.traffic import loads
from accelsim.mapping.work import Density, channel_groups
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer, Op

SLACK = 1.15
"""Room in weight buffers over what is needed on average, as tiles get whole groups of channels; an estimate."""

NO_CUT_CYCLES = 1e15
"""Stands for the cycles of a layer on fewer tiles than it must have."""


def make_plan(
    layers: Sequence[Layer],
    capacity: TileCapacity,
    density: Mapping[str, Density],
    choices: Choices | None = None,
    place: Place = bare,
    images: int = 1,
) -> Plan:
    """Map layers (producers first) onto tiles, for a run of some images.

    Words travel from tile to tile where all their readers' spike buffers have room; otherwise the producer writes
    them to DRAM and readers fetch them strip by strip. `density` holds the shares of nonzero words that a layer
    consumes, one for each scan. Of several plans the one with the fewest estimated cycles is taken.

    Raises InputError for every decision of the user that no plan can keep, and for every layer that no tiling fits,
    with the buffer, the bytes needed, the bytes there and the nearest that would fit. `place` says where the
    decisions and capacities stand.
    """
    choices = choices or Choices()
    problems = [problem for layer in layers for problem in choice_problems(layer, capacity, choices, place)]
    problems += [problem for layer in layers if (problem := _weights_problem(layer, capacity, place))]
    if problems:
        raise InputError(problems)
    # Whether weights stay, and so cost the first image only, is known when all parts have their tiles.
    plans = []
    layouts: list[_Layout] = []
    for share, tight in product(sorted({1.0, 1 / images}, reverse=True), (False, True)):
        planner = _Planner(layers, capacity, density, choices, place, share, tight)
        layout = planner.layout()
        if layout in layouts:
            continue
        layouts.append(layout)
        plan = planner.run(layout)
        plans.append(replace(plan, estimate=estimate_plan(plan, capacity, density, images)))
    return min(plans, key=lambda plan: plan.estimate.cycles)


def choice_problems(layer: Layer, capacity: TileCapacity, choices: Choices, place: Place) -> list[Problem]:
    """Decisions about a layer that its shape or the chip cannot keep."""
    chosen = choices.of(layer.name)
    path = ("mapping", "layers", layer.name)
    problems = []
    groups, rows = len(channel_groups(layer, capacity)), layer.out_shape[1]
    tiles = chosen.tiles
    if tiles is not None and (outside := [tile for tile in tiles if not 0 <= tile < capacity.tiles]):
        rule = f"names tiles that the chip does not have: {', '.join(map(str, outside))}"
        problems.append(place((*path, "tiles"), rule, None, f"0 to {capacity.tiles - 1}"))
    if tiles is not None and len(set(tiles)) < len(tiles):
        problems.append(place((*path, "tiles"), "names a tile twice", list(tiles), ""))
    there = capacity.tiles if tiles is None else len(tiles)
    where = "of the chip" if tiles is None else "that it is given"
    if chosen.channel_parts is not None and chosen.channel_parts > groups:
        rule = f"{layer.out_shape[0]} output channels are {groups} groups of {capacity.columns} columns"
        problems.append(place((*path, "channel_parts"), rule, chosen.channel_parts, f"1 to {groups}"))
    if chosen.row_parts is not None and chosen.row_parts > rows:
        rule = f"the layer has {rows} output rows"
        problems.append(place((*path, "row_parts"), rule, chosen.row_parts, f"1 to {rows}"))
    parts = (chosen.channel_parts or 1) * (chosen.row_parts or 1)
    if not problems and parts > there:
        key = "channel_parts" if chosen.channel_parts and chosen.channel_parts > there else "row_parts"
        rule = f"{parts} parts are more than the {there} tiles {where}, of which each part takes one"
        most = there if key == "channel_parts" else there // (chosen.channel_parts or 1)
        problems.append(place((*path, key), rule, getattr(chosen, key), f"1 to {most}"))
    return problems


def _weights_problem(layer: Layer, capacity: TileCapacity, place: Place) -> Problem | None:
    """Whether even the weights of a single input channel are too many for a slot of the weight buffer."""
    if layer.op not in ARRAY_OPS:
        return None
    needed = largest_block_bytes(layer, capacity, 1)
    if needed > capacity.weight_block_bytes:
        rule = f"no tiling fits the weight buffer: one input channel of {layer.name} needs {needed} bytes at once, "
        rule += f"there are {capacity.weight_block_bytes}"
        slots = 2 if capacity.prefetches else 1
        return place(("weight_buffer", "bytes"), rule, None, f">= {size_text(slots * needed)}")
    rows = layer.out_shape[1] if capacity.whole_map else 1
    words = rows * layer.out_shape[2] * pass_outputs(layer, capacity)
    if needs_accumulators(layer, capacity) and words > capacity.accumulator_words:
        what = "the output map" if capacity.whole_map else "one output row"
        rule = f"no tiling fits the accumulator buffer: {what} of {layer.name} needs "
        rule += f"{_sum_bytes(words, capacity)} bytes, there are {_sum_bytes(capacity.accumulator_words, capacity)}"
        allowed = f">= {size_text(_sum_bytes(words, capacity))}"
        return place(("accumulator_buffer", "bytes"), rule, None, allowed)
    return None


def _sum_bytes(words: int, capacity: TileCapacity) -> int:
    return -(-words * capacity.accumulator_bits // 8)


def size_text(size_bytes: int) -> str:
    """A size as it may be written in the chip's description, rounded up to KiB where it has any."""
    return str(size_bytes) if size_bytes < 1024 else f"{-(-size_bytes // 1024)} KiB"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Cuts and tiles of every layer."""

    splits: Mapping[str, Split]
    tiles_of: Mapping[str, Sequence[int]]
    stages: tuple[Stage, ...] = ()

    def stage_of(self) -> dict[int, int]:
        """Layer index to the number of its stage."""
        return {layer: number for number, stage in enumerate(self.stages) for layer in range(*stage.layers)}


class _Planner:
    """Makes a plan for a guess: for which share of images weights are loaded.

    `tight` gives each layer its share of the weight buffers only, so that all weights may stay.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        capacity: TileCapacity,
        density: Mapping[str, Density],
        choices: Choices,
        place: Place,
        weights_loaded: float,
        tight: bool,
    ) -> None:
        self.layers = layers
        self.capacity = capacity
        self.choices = choices
        self.place = place
        self.tight = tight
        self.cuts = {layer.name: self._cuts(layer, density, weights_loaded) for layer in layers}

    def _cuts(self, layer: Layer, density: Mapping[str, Density], weights_loaded: float) -> Cuts:
        scans = self.capacity.scans(layer.word_bits)
        chosen = self.choices.of(layer.name)
        allowed = allowed_cuts(layer, self.capacity, self.choices.split, chosen.channel_parts, chosen.row_parts)
        return Cuts(layer, self.capacity, density.get(layer.name, (1.0,) * scans), allowed, weights_loaded)

    def layout(self) -> _Layout:
        """Cuts and tiles of all layers."""
        return self._pipeline() if self.choices.schedule == "pipelined" else self._in_turn()

    def run(self, layout: _Layout) -> Plan:
        """Place all parts, and decide what follows from where they are."""
        relief = Relief(self._through_memory())
        forced = frozenset(relief.spilled)
        placing, misfit = self._place(self.capacity, layout, relief)
        if misfit is not None:
            raise InputError(self._refusal(misfit, layout))
        notes = [
            f"{name}: outputs go through DRAM, the spike buffers have no room"
            for name in sorted(relief.spilled - forced)
        ]
        notes += [
            f"{name}: its inputs have room for one image, not for one being read and the next being written"
            for name in sorted(relief.single)
        ]
        notes += [
            f"{layer.inputs[1]}: outputs go through DRAM to {layer.name}, which takes them in place of weights"
            for layer in self.layers
            if layer.op in ATTENTION_OPS and layer.inputs[1] in self.cuts
        ]
        return self._finish(placing, layout, tuple(notes))

    def _in_turn(self) -> _Layout:
        """Layers one after another, on all tiles."""
        splits: dict[str, Split] = {}
        tiles_of: dict[str, Sequence[int]] = {}
        self._share(range(len(self.layers)), range(self.capacity.tiles), splits, tiles_of)
        return _Layout(splits, tiles_of)

    def _share(
        self,
        numbers: Sequence[int],
        tiles: Sequence[int],
        splits: dict[str, Split],
        tiles_of: dict[str, Sequence[int]],
    ) -> None:
        """Cut layers for some tiles, whose weight buffers they share.

        They take tiles in turn, so that weights spread over all buffers; where all weights shall stay, the parts with
        most weights take the tiles that have fewest.
        """
        weights = sum(self.cuts[self.layers[number].name].weight_bytes for number in numbers)
        copies = len(tiles) * self.capacity.weight_buffer_bytes / max(1, weights) if self.tight else inf
        turn = 0
        filled = dict.fromkeys(tiles, 0)
        for layer in (self.layers[number] for number in numbers):
            pinned = self.choices.of(layer.name).tiles
            split = splits[layer.name] = self.cuts[layer.name].best(len(pinned or tiles), copies)
            count = split.channel_parts * split.row_parts
            if pinned is not None:
                tiles_of[layer.name] = pinned[:count]
                continue
            if self.tight:
                tiles_of[layer.name] = self._emptiest(layer, split, filled)
            else:
                tiles_of[layer.name] = [tiles[(turn + number) % len(tiles)] for number in range(count)]
            turn += count

    def _emptiest(self, layer: Layer, split: Split, filled: dict[int, int]) -> list[int]:
        """A tile for each part, and what its weights then fill of the buffers of tiles."""
        groups = channel_groups(layer, self.capacity)
        each = self.cuts[layer.name].weight_bytes / layer.out_shape[0]
        sizes = [
            int(each * (groups[last - 1][1] - groups[first][0]))
            for _ in range(split.row_parts)
            for first, last in shares(len(groups), split.channel_parts)
        ]
        order = sorted(range(len(sizes)), key=lambda part: -sizes[part])
        found = [0] * len(sizes)
        for part, tile in zip(order, sorted(filled, key=lambda tile: filled[tile]), strict=False):
            found[part] = tile
            filled[tile] += sizes[part]
        return found

    def _pipeline(self) -> _Layout:
        """Layers pinned to tiles in proportion to their work; the user's first, the others on the tiles left."""
        pinned = {layer.name: self.choices.of(layer.name).tiles for layer in self.layers}
        taken = {tile for tiles in pinned.values() for tile in tiles or ()}
        left = [tile for tile in range(self.capacity.tiles) if tile not in taken] or list(range(self.capacity.tiles))
        free = [number for number, layer in enumerate(self.layers) if pinned[layer.name] is None]
        splits: dict[str, Split] = {}
        tiles_of: dict[str, Sequence[int]] = {}
        stages = []
        for number, layer in enumerate(self.layers):
            if (tiles := pinned[layer.name]) is not None:
                stages.append(Stage((number, number + 1), tiles))
        if free:
            cycles = [self.cuts[self.layers[number].name].cycles_by_tiles(len(left)) for number in free]
            bounded = [np.minimum(by_tiles, NO_CUT_CYCLES) for by_tiles in cycles]
            whole = self.capacity.weight_buffer_bytes
            bytes_of = [self.cuts[self.layers[number].name].weight_bytes for number in free]
            needed = [SLACK * size / whole for size in bytes_of] if self.tight else None
            for stage in make_stages(bounded, left, needed):
                numbers = free[slice(*stage.layers)]
                stages.append(Stage((numbers[0], numbers[-1] + 1), stage.tiles))
                self._share(numbers, stage.tiles, splits, tiles_of)
        for layer in self.layers:
            if (tiles := pinned[layer.name]) is not None:
                split = splits[layer.name] = self.cuts[layer.name].best(len(tiles))
                tiles_of[layer.name] = tiles[: split.channel_parts * split.row_parts]
        return _Layout(splits, tiles_of, tuple(sorted(stages, key=lambda stage: stage.layers)))

    def _place(self, capacity: TileCapacity, layout: _Layout, relief: Relief) -> tuple[Placing, Misfit | None]:
        """Place all parts, giving way as `relief` then says; the misfit that nothing relieves, if there is one."""
        stage_of = layout.stage_of() if self.choices.schedule == "pipelined" else None

        def placing() -> Placing:
            return Placing(self.layers, capacity, layout.splits, layout.tiles_of, relief, stage_of)

        for layer in self.layers:
            while (misfit := placing().oversized(layer)) is not None:
                if not self._relieve(misfit, relief):
                    return placing(), misfit
        while True:
            attempt = placing()
            misfit = attempt.run()
            if misfit is None or not self._relieve(misfit, relief):
                return attempt, misfit

    def _relieve(self, misfit: Misfit, relief: Relief) -> bool:
        """Let what stands in the way of a part give way, if the user lets it."""
        if misfit.halved is not None:
            relief.single.add(misfit.halved)
        elif misfit.producer is not None and self.choices.of(misfit.producer).through_dram is not False:
            relief.spilled.add(misfit.producer)
        else:
            return False
        return True

    def _through_memory(self) -> set[str]:
        """Layers whose outputs go through DRAM by the user's decision, or as arrays read their input from there."""
        return {
            layer.name for layer in self.layers if self.capacity.streams or self.choices.of(layer.name).through_dram
        }

    def _fits(self, capacity: TileCapacity, layout: _Layout) -> bool:
        relief = Relief(self._through_memory())
        return self._place(capacity, layout, relief)[1] is None

    def _refusal(self, misfit: Misfit, layout: _Layout) -> Problem:
        """Which buffer is too small for what, and the nearest that would fit."""
        capacity, name = self.capacity, misfit.layer.name
        size = _smallest(
            lambda size: self._fits(replace(capacity, spike_buffer_bytes=size), layout),
            capacity.spike_buffer_bytes,
        )
        there = f"there are {capacity.spike_buffer_bytes}"
        if misfit.producer is None:
            whole = capacity.whole_map and misfit.layer.op in ARRAY_OPS
            what = "the input map" if whole else "one output row"
            rule = f"no tiling fits the spike buffer: {what} of {name} needs {misfit.needed_bytes} bytes"
            besides = f" besides what waits in tile {misfit.tile}" if size > misfit.needed_bytes + 1024 else ""
            return self.place(("spike_buffer", "bytes"), f"{rule}{besides}, {there}", None, f">= {size_text(size)}")
        rule = f"no tiling fits the spike buffer of tile {misfit.tile}: the part of {name} there needs "
        rule += f"{misfit.needed_bytes} bytes besides what waits for other layers, {there}"
        allowed = f"true, or spike_buffer.bytes >= {size_text(size)}"
        if parts := self._more_row_parts(misfit.layer, layout):
            allowed += f", or mapping.layers.{name}.row_parts: {parts}"
        return self.place(("mapping", "layers", misfit.producer, "through_dram"), rule, False, allowed)

    def _more_row_parts(self, layer: Layer, layout: _Layout) -> int | None:
        """The fewest row parts of a layer, more than it has, with which everything fits."""
        split = layout.splits[layer.name]
        tiles = list(layout.tiles_of[layer.name])
        pool = list(self.choices.of(layer.name).tiles or [])
        for stage in layout.stages:
            if stage.layers[0] <= self.layers.index(layer) < stage.layers[1]:
                pool = list(stage.tiles)
        if not pool and not layout.stages:
            pool = [*tiles, *(tile for tile in range(self.capacity.tiles) if tile not in tiles)]
        most = min(layer.out_shape[1], len(pool) // split.channel_parts)
        for parts in range(split.row_parts + 1, most + 1):
            count = parts * split.channel_parts
            changed = replace(
                layout,
                splits={**layout.splits, layer.name: replace(split, row_parts=parts)},
                tiles_of={**layout.tiles_of, layer.name: pool[:count]},
            )
            if self._fits(self.capacity, changed):
                return parts
        return None

    def _finish(self, placing: Placing, layout: _Layout, notes: tuple[str, ...]) -> Plan:
        staying_bytes = tuple(sum(sizes) for sizes in _weight_bytes(placing.plans, self.capacity, WEIGHTED_OPS))
        changing = _weight_bytes(placing.plans, self.capacity, ATTENTION_OPS)
        slots = 2 if self.capacity.prefetches else 1
        weight_bytes = tuple(
            size + min(len(sizes), slots) * max(sizes, default=0)
            for size, sizes in zip(staying_bytes, changing, strict=True)
        )
        stay = tuple(self.choices.keep_weights and size <= self.capacity.weight_buffer_bytes for size in weight_bytes)
        return Plan(
            layers=tuple(
                replace(entry, parts=tuple(self._in_order(entry, part, stay) for part in entry.parts))
                for entry in placing.plans
            ),
            notes=notes,
            spike_buffer_peak_bytes=tuple(buffer.peak_bytes for buffer in placing.buffers),
            weight_bytes=weight_bytes,
            staying_bytes=staying_bytes,
            weights_stay=stay,
            stages=layout.stages,
        )

    def _in_order(self, entry: LayerPlan, part: Part, stay: Sequence[bool]) -> Part:
        order = self._loop_order(entry, part, stay)
        return part if order == part.loop_order else replace(part, loop_order=order)

    def _loop_order(self, entry: LayerPlan, part: Part, stay: Sequence[bool]) -> LoopOrder:
        """The user's order, or the one that fetches fewer bytes."""
        chosen = self.choices.of(entry.layer.name).loop_order or self.choices.loop_order
        if chosen is not None or len(part.strips) == 1 or entry.layer.op not in ARRAY_OPS:
            return chosen or "rows_first"
        orders: tuple[LoopOrder, LoopOrder] = ("rows_first", "weights_first")
        return min(orders, key=lambda order: _fetched_bytes(entry, part, order, stay[part.tile], self.capacity))


def _fetched_bytes(entry: LayerPlan, part: Part, order: LoopOrder, stays: bool, capacity: TileCapacity) -> int:
    part = replace(part, loop_order=order)
    words = sum(
        box.bytes
        for visit in part.visits()
        if visit.fetched
        for box in part.strips[visit.strip].boxes
        if box.producer is None
    )
    stays = stays and entry.layer.op in WEIGHTED_OPS
    return words + (0 if stays else sum(size for _, _, size in loads(entry.layer, part, capacity)))


def _weight_bytes(plans: Sequence[LayerPlan], capacity: TileCapacity, ops: Sequence[Op]) -> list[list[int]]:
    """Per tile, the bytes of each block of weights that its parts of such layers use."""
    blocks: list[dict[tuple[object, ...], int]] = [{} for _ in range(capacity.tiles)]
    for entry in plans:
        if entry.layer.op not in ops:
            continue
        for part in entry.parts:
            for group in part.groups:
                for chunk in part.chunks:
                    size = load_bytes(entry.layer, group, chunk, capacity)
                    blocks[part.tile][entry.index, group, chunk] = size
    return [list(held.values()) for held in blocks]


def _smallest(fits: Callable[[int], bool], too_small: int) -> int:
    """The smallest size in bytes that fits, in whole KiB from 2 KiB on."""
    size = 2 * too_small
    while not fits(size):
        size *= 2
    unit = 1 if size < 2048 else 1024
    low, high = too_small // unit, -(-size // unit)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle * unit):
            high = middle
        else:
            low = middle
    return high * unit
