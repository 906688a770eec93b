"""From a plan to a program: every box, pass and transfer gets its groups, every packet its route."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.build.program import Program, TileScript
from accelsim.build.schema import Arch
from accelsim.build.tensors import Tensors
from accelsim.engine.fabric import Contents
from accelsim.engine.groups import GroupTable
from accelsim.kernels import state as k
from accelsim.mapping.plan import Box, LayerPlan, Part, Plan, Range, Strip
from accelsim.parts.dma import Load
from accelsim.parts.sequencer import Command, Grant
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, Layer
from accelsim.workload.workload import Workload

VECTOR_OPERATORS = {"maxpool2d": k.MAX_POOL, "avgpool2d": k.SUM_POOL, "add": k.ADD}


def lower(plan: Plan, workload: Workload, arch: Arch, images: int, verify: bool) -> Program:
    """Lay out a run of `images` images of a plan."""
    lowering = _Lowering(plan, workload, arch, verify)
    for image in range(images):
        lowering.add_image(image)
    return lowering.finish()


def _common(a: Range, b: Range) -> Range:
    """The part that two ranges share; empty when its first is not below its last."""
    return max(a[0], b[0]), min(a[1], b[1])


@dataclass(slots=True)
class _Use:
    """One block of weights in a tile's weight buffer."""

    key: tuple[int, Range, Range]
    group: int
    size: int
    last_done: int = -1


class _Lowering:
    def __init__(self, plan: Plan, workload: Workload, arch: Arch, verify: bool) -> None:
        self.plan = plan
        self.arch = arch
        self.capacity = arch.capacity
        self.tensors = Tensors(workload, verify)
        self.groups = GroupTable()
        self.routes: list[tuple[int, ...]] = []
        self.transfers: list[list[int]] = []
        self.destinations: list[list[tuple[int, int]]] = []
        self.urgency: list[tuple[int, int]] = []
        self.scripts = [TileScript() for _ in range(self.capacity.tiles)]
        self.image_done: list[tuple[int, ...]] = []
        self.uses: list[list[_Use]] = [[] for _ in range(self.capacity.tiles)]
        self.done_of: dict[tuple[int, int, int], Command] = {}
        self.image_of_last_use = [-1] * self.capacity.tiles
        self.resident = self._tiles_that_hold_all_weights()
        self.resident_group: dict[tuple[int, tuple[int, Range, Range]], int] = {}
        self.controller_turn = 0
        self.membrane_pixels = 1
        self.weight_peak = 0

    def add_image(self, image: int) -> None:
        self.image = image
        self.rows_of: dict[tuple[int, int, int, int], int] = {}
        self.box_of: dict[tuple[int, int, int, int], int] = {}
        self.grant_of: dict[tuple[int, int], int] = {}
        self.grants: list[tuple[tuple[int, int, int], Grant]] = []
        self.store_of: dict[int, int] = {}
        self.shared: dict[tuple[object, ...], tuple[int, list[int]]] = {}
        self.occurrence: dict[tuple[object, ...], int] = {}
        self.steps: dict[tuple[int, int], int] = {}
        for layer_plan in self.plan.layers:
            self._add_stores(layer_plan)
            self._add_boxes(layer_plan)
        for layer_plan in self.plan.layers:
            self._add_grants(layer_plan)
        for layer_plan in self.plan.layers:
            for number, part in enumerate(layer_plan.parts):
                self._add_part(layer_plan, number, part)
        for reader, grant in self.grants:
            self.done_of[reader].grants.append(grant)
        self.image_done.append(tuple(self.store_of[index] for index in sorted(self.store_of)))

    def finish(self) -> Program:
        for script in self.scripts:
            if script.commands:
                script.commands[-1].work[k.W_LAST] = 1
        self._sort_transfers()
        first = np.cumsum([0] + [len(targets) for targets in self.destinations])
        for transfer, targets, start in zip(self.transfers, self.destinations, first[:-1], strict=True):
            transfer[k.D_FIRST] = int(start)
            transfer[k.D_COUNT] = len(targets)
        flat = [target for targets in self.destinations for target in targets]
        contents = Contents(
            words=self.tensors.words(),
            weights=self.tensors.weights(),
            bias=self.tensors.bias(),
            theta=self.tensors.theta(),
            outputs=self.tensors.outputs(),
            membrane_pixels=self.membrane_pixels if self.tensors.verify else 1,
            routes=_table(self.routes, k.ROUTE_COLUMNS),
            transfers=_table(self.transfers, k.TRANSFER_COLUMNS),
            destinations=_table(flat, 2),
            layers=len(self.plan.layers) * len(self.image_done),
            verify=self.tensors.verify,
        )
        return Program(
            groups=self.groups,
            contents=contents,
            scripts=self.scripts,
            image_done=self.image_done,
            output_offsets=self.tensors.output_offsets,
            bytes_to_load=sum(transfer[k.D_BYTES] for transfer in self.transfers),
            weight_buffer_peak_bytes=self.weight_peak,
            accumulator_peak_words=self.membrane_pixels * self.capacity.columns if self.membrane_pixels > 1 else 0,
        )

    def _sort_transfers(self) -> None:
        """Number transfers by urgency, since channels serve the lowest number first: no tile's loads block the rest."""
        order = sorted(range(len(self.transfers)), key=lambda transfer: (self.urgency[transfer], transfer))
        self.transfers = [self.transfers[old] for old in order]
        self.destinations = [self.destinations[old] for old in order]
        renumbered = {old: new for new, old in enumerate(order)}
        for group, transfer in enumerate(self.groups.fires):
            if transfer >= 0:
                self.groups.fires[group] = renumbered[transfer]

    def _number(self, layer_plan: LayerPlan) -> int:
        """Counters are kept apart for every layer of every image."""
        return self.image * len(self.plan.layers) + layer_plan.index

    def _name(self, what: str, layer: Layer, tile: int | None = None) -> str:
        where = "" if tile is None else f" at tile {tile}"
        return f"{what} of {layer.name}{where}, image {self.image}"

    def _add_stores(self, layer_plan: LayerPlan) -> None:
        if layer_plan.stores:
            channels, rows, columns = layer_plan.layer.out_shape
            name = self._name("output words", layer_plan.layer)
            self.store_of[layer_plan.index] = self.groups.add(name, channels * rows * columns, watched=True)

    def _add_boxes(self, layer_plan: LayerPlan) -> None:
        """A group for every row of every box, counted in words from tiles, in bytes from DRAM."""
        layer = layer_plan.layer
        bits = self.capacity.stored_bits(layer.word_bits)
        for number, part in enumerate(layer_plan.parts):
            for place, strip in enumerate(part.strips):
                for operand, box in enumerate(strip.boxes):
                    words = layer.in_shape[2] * (box.channels[1] - box.channels[0])
                    left = words if box.producer is not None else ceil_div(words * bits, 8)
                    here = self.groups.add_box() if box.producer is not None else -1
                    name = self._name("input row", layer, part.tile)
                    first = len(self.groups.left)
                    for _ in range(*box.rows):
                        self.groups.add(name, left, box=here)
                    self.rows_of[layer_plan.index, number, place, operand] = first
                    self.box_of[layer_plan.index, number, place, operand] = here

    def _add_grants(self, producer: LayerPlan) -> None:
        """Producers wait until the last reader of the bytes that their words will fill is done."""
        for consumer, operand in producer.consumers:
            for part in self.plan.layers[consumer].parts:
                box = part.strips[0].boxes[operand]
                assert box.blocked_by is not None
                back, reader = box.blocked_by
                if self.image < back:
                    continue
                for sender in producer.parts:
                    if not self._meets(sender, box):
                        continue
                    place = (producer.index, sender.tile)
                    if place not in self.grant_of:
                        name = self._name("room for outputs", producer.layer, sender.tile)
                        self.grant_of[place] = self.groups.add(name, 0)
                    group = self.grant_of[place]
                    self.groups.left[group] += 1
                    grant = Grant(self.arch.tile_nodes[sender.tile], group, self._number(producer))
                    self.grants.append(((self.image - back, reader, part.tile), grant))

    def _meets(self, sender: Part, box: Box) -> bool:
        rows = _common(sender.rows, box.rows)
        channels = _common(sender.channels, box.channels)
        return rows[0] < rows[1] and channels[0] < channels[1]

    def _add_part(self, layer_plan: LayerPlan, number: int, part: Part) -> None:
        script = self.scripts[part.tile]
        ends: list[int] = []
        routes = [self._add_routes(layer_plan, part, group) for group in part.groups]
        for place, strip in enumerate(part.strips):
            self._load_strip(layer_plan, number, part, place, ends)
            for group, route in zip(part.groups, routes, strict=True):
                for first_row in range(strip.rows[0], strip.rows[1], part.pass_rows):
                    rows = (first_row, min(first_row + part.pass_rows, strip.rows[1]))
                    self._add_passes(layer_plan, number, part, place, group, rows, route)
            ends.append(script.commands[-1].done)
        self.done_of[self.image, layer_plan.index, part.tile] = script.commands[-1]

    def _add_passes(
        self,
        layer_plan: LayerPlan,
        number: int,
        part: Part,
        place: int,
        group: Range,
        rows: Range,
        route: tuple[int, int],
    ) -> None:
        """The passes of one group of channels over some rows: bit planes outside, chunks of input channels inside."""
        layer = layer_plan.layer
        strip = part.strips[place]
        script = self.scripts[part.tile]
        planes: list[int] = [0]
        if layer.op in ARRAY_OPS and self.capacity.bit_serial:
            planes = list(range(layer.word_bits - 1, -1, -1))
        if len(planes) * len(part.chunks) > 1:
            self.membrane_pixels = max(self.membrane_pixels, (rows[1] - rows[0]) * layer.out_shape[2])
        for turn, plane in enumerate(planes):
            for step, chunk in enumerate(part.chunks):
                first = turn == 0 and step == 0
                last = turn == len(planes) - 1 and step == len(part.chunks) - 1
                carry = (0 if first else k.CARRY_ADD) | (k.CARRY_FIRE if last else k.CARRY_STORE)
                if turn > 0 and step == 0:
                    carry |= k.CARRY_DOUBLE
                done = self.groups.add(self._name("end of a pass", layer, part.tile), 1, watched=True)
                work = np.zeros(k.PASS_COLUMNS, np.int64)
                self._fill_shape(work, layer, rows, group, chunk, plane)
                self._fill_inputs(work, layer_plan, number, place, strip)
                self._fill_neuron(work, layer, carry, group[1] - group[0])
                work[k.W_LAYER] = self._number(layer_plan)
                work[k.W_WEIGHTS_GROUP] = self._weights(layer_plan, part, group, chunk, done)
                work[k.W_GRANT_GROUP] = self.grant_of.get((layer_plan.index, part.tile), -1)
                work[k.W_DONE_GROUP] = done
                work[k.W_ROUTES], work[k.W_ROUTE_COUNT] = route
                script.commands.append(Command(work, done))

    def _fill_shape(
        self, work: NDArray[np.int64], layer: Layer, rows: Range, group: Range, chunk: Range, plane: int
    ) -> None:
        work[k.W_CHANNELS], work[k.W_HEIGHT], work[k.W_WIDTH] = layer.in_shape
        work[k.W_KERNEL_ROWS], work[k.W_KERNEL_COLUMNS] = layer.kernel
        work[k.W_STRIDE_ROWS], work[k.W_STRIDE_COLUMNS] = layer.stride
        work[k.W_PADDING_ROWS], work[k.W_PADDING_COLUMNS] = layer.padding
        work[k.W_FIRST_CHANNEL], work[k.W_LAST_CHANNEL] = chunk
        work[k.W_FIRST_ROW], work[k.W_LAST_ROW] = rows
        work[k.W_OUT_COLUMNS] = layer.out_shape[2]
        work[k.W_FIRST_OUT], work[k.W_OUTS] = group[0], group[1] - group[0]
        work[k.W_OUT_CHANNELS] = layer.out_shape[0]
        work[k.W_OUT_BITS] = self.capacity.stored_bits(layer.out_word_bits) if layer.fires else layer.out_word_bits
        work[k.W_OP] = k.ARRAY
        work[k.W_SHIFT] = plane
        work[k.W_SLICE_BITS] = self.capacity.lane_bits
        work[k.W_SLICES] = 1 if self.capacity.bit_serial else self.capacity.scans(layer.word_bits)
        if layer.op not in ARRAY_OPS:
            work[k.W_OP] = VECTOR_OPERATORS[layer.op]
            if layer.op == "add":
                work[k.W_KERNEL_ROWS], work[k.W_KERNEL_COLUMNS] = 2, 1

    def _fill_inputs(
        self, work: NDArray[np.int64], layer_plan: LayerPlan, number: int, place: int, strip: Strip
    ) -> None:
        layer = layer_plan.layer
        index = layer_plan.index
        work[k.W_WORDS] = self.tensors.input_offset(layer, self.image, 0)
        work[k.W_ROW_GROUP] = self.rows_of[index, number, place, 0]
        work[k.W_ROW_ORIGIN] = strip.boxes[0].rows[0]
        work[k.W_BOX] = self.box_of[index, number, place, 0]
        work[k.W_ROW_GROUP_B] = work[k.W_BOX_B] = -1
        if len(strip.boxes) > 1:
            work[k.W_WORDS_B] = self.tensors.input_offset(layer, self.image, 1)
            work[k.W_ROW_GROUP_B] = self.rows_of[index, number, place, 1]
            work[k.W_BOX_B] = self.box_of[index, number, place, 1]
        work[k.W_WEIGHT_OFFSET], work[k.W_PARAMETER_OFFSET] = self.tensors.parameter_offsets(layer)
        work[k.W_OUTPUT_OFFSET] = self.tensors.output_offset(layer, self.image)

    def _fill_neuron(self, work: NDArray[np.int64], layer: Layer, carry: int, outs: int) -> None:
        settings = self.arch.settings
        serial = settings.neuron_unit.decoding == "serial"
        update = settings.accumulator_buffer.update_cycles
        work[k.W_CARRY] = carry
        work[k.W_LIMIT] = (1 << layer.out_word_bits) - 1 if layer.fires else 0
        if layer.op not in ARRAY_OPS:
            work[k.W_CARRY] = k.CARRY_FIRE
            work[k.W_SERVICE] = 1
            return
        reads = 1 if carry & k.CARRY_ADD else 0
        writes = 1 if carry & k.CARRY_STORE else 0
        service = update if reads and writes else reads + writes
        if carry & k.CARRY_FIRE:
            steps = layer.out_word_bits if layer.fires else 1
            service += settings.neuron_unit.service_cycles(outs, steps, update)
            work[k.W_NEURON_OPS] = steps if serial else 1
            if serial:
                reads += steps
                writes += steps
        work[k.W_SERVICE] = service
        work[k.W_ACCUMULATOR_READS] = reads
        work[k.W_ACCUMULATOR_WRITES] = writes

    def _add_routes(self, layer_plan: LayerPlan, part: Part, group: Range) -> tuple[int, int]:
        """Rows of the route table for the outputs of a part's group of channels: (first, count)."""
        first = len(self.routes)
        for consumer, operand in layer_plan.consumers:
            for number, reader in enumerate(self.plan.layers[consumer].parts):
                box = reader.strips[0].boxes[operand]
                rows = _common(part.rows, box.rows)
                channels = _common(group, box.channels)
                if rows[0] < rows[1] and channels[0] < channels[1]:
                    base = self.rows_of[consumer, number, 0, operand] + rows[0] - box.rows[0]
                    node = self.arch.tile_nodes[reader.tile]
                    self.routes.append((node, *rows, base, 1, channels[1] - channels[0], k.SPIKES))
        if layer_plan.stores:
            nodes = self.arch.controller_nodes
            node = nodes[part.tile % len(nodes)]
            store = self.store_of[layer_plan.index]
            self.routes.append((node, *part.rows, store, 0, group[1] - group[0], k.STORE))
        return first, len(self.routes) - first

    def _next_controller(self) -> int:
        self.controller_turn += 1
        return self.controller_turn % len(self.arch.controller_nodes)

    def _transfer(self, size: int, layer: int, kind: int, channel: int, turn: int) -> int:
        """A transfer from DRAM, the `turn`-th that its tiles need in the layer; channels read by layer and turn."""
        row = [0] * k.TRANSFER_COLUMNS
        row[k.D_CHANNEL], row[k.D_BYTES], row[k.D_LAYER], row[k.D_KIND] = channel, size, layer, kind
        self.transfers.append(row)
        self.destinations.append([])
        self.urgency.append((layer, turn))
        return len(self.transfers) - 1

    def _request(self, layer_plan: LayerPlan, tile: int, after: tuple[int, ...], trigger: int, channel: int) -> None:
        """Let a tile's DMA ask for a transfer, which starts when all its readers have asked."""
        self.groups.left[trigger] += 1
        node = self.arch.controller_nodes[channel]
        self.scripts[tile].loads.append(Load(after, node, trigger, self._number(layer_plan)))

    def _load_strip(self, layer_plan: LayerPlan, number: int, part: Part, place: int, ends: list[int]) -> None:
        """Fetch the boxes of a strip that come from DRAM, a transfer a row, shared by the tiles that read the same."""
        layer = layer_plan.layer
        strip = part.strips[place]
        for operand, box in enumerate(strip.boxes):
            if box.producer is not None:
                continue
            first_group = self.rows_of[layer_plan.index, number, place, operand]
            key = (layer_plan.index, operand, box.rows, box.channels, place)
            if key not in self.shared:
                channel = self._next_controller()
                size = self.groups.left[first_group]
                number_of_rows = box.rows[1] - box.rows[0]
                turn = self._number(layer_plan)
                transfers = [self._transfer(size, turn, k.SPIKES, channel, place) for _ in range(number_of_rows)]
                trigger = -1
                for transfer in reversed(transfers):
                    name = self._name("requests for input rows", layer)
                    trigger = self.groups.add(name, 1, fires=transfer, chain=trigger)
                self.groups.left[trigger] = 0
                self.shared[key] = trigger, transfers
            trigger, transfers = self.shared[key]
            for row, transfer in enumerate(transfers):
                self.destinations[transfer].append((self.arch.tile_nodes[part.tile], first_group + row))
            after: list[int] = []
            if place >= 2:
                after.append(ends[place - 2])
            else:
                assert box.blocked_by is not None
                back, reader = box.blocked_by
                if self.image >= back and (self.image - back, reader, part.tile) in self.done_of:
                    after.append(self.done_of[self.image - back, reader, part.tile].done)
            producer = layer.inputs[operand] if layer.inputs else None
            for stored, group in self.store_of.items():
                if self.plan.layers[stored].layer.name == producer:
                    after.append(group)
            channel = self.transfers[transfers[0]][k.D_CHANNEL]
            self._request(layer_plan, part.tile, tuple(after), trigger, channel)

    def _tiles_that_hold_all_weights(self) -> set[int]:
        """Tiles whose weight buffer has room for every block that they ever use: these are loaded once."""
        total = [0] * self.capacity.tiles
        for layer_plan in self.plan.layers:
            if layer_plan.layer.op in ARRAY_OPS:
                for part in layer_plan.parts:
                    total[part.tile] += sum(
                        _block_bytes(layer_plan.layer, group, chunk) for group in part.groups for chunk in part.chunks
                    )
        return {tile for tile, size in enumerate(total) if size <= self.capacity.weight_buffer_bytes}

    def _evicted(self, uses: list[_Use], size: int) -> tuple[int, ...]:
        """The end of the last block that has to leave a weight buffer before one of `size` bytes is loaded."""
        held = size
        for use in reversed(uses):
            if held + use.size > self.capacity.weight_buffer_bytes or not self.capacity.prefetches:
                self.weight_peak = max(self.weight_peak, held)
                return (use.last_done,)
            held += use.size
        self.weight_peak = max(self.weight_peak, held)
        return ()

    def _weights(self, layer_plan: LayerPlan, part: Part, group: Range, chunk: Range, done: int) -> int:
        """The group of the weights of a pass; fetches them unless the pass before used them too."""
        layer = layer_plan.layer
        if layer.op not in ARRAY_OPS:
            return -1
        uses = self.uses[part.tile]
        key = (layer_plan.index, group, chunk)
        if (part.tile, key) in self.resident_group:
            return self.resident_group[part.tile, key]
        if not uses or uses[-1].key != key or self.image_of_last_use[part.tile] != self.image:
            size = _block_bytes(layer, group, chunk)
            here = self.groups.add(self._name("weights", layer, part.tile), size)
            self.steps[part.tile, layer_plan.index] = self.steps.get((part.tile, layer_plan.index), 0) + 1
            turn = self.occurrence[part.tile, key] = self.occurrence.get((part.tile, key), -1) + 1
            shared = (*key, turn, "weights")
            if shared not in self.shared:
                channel = self._next_controller()
                step = self.steps[part.tile, layer_plan.index]
                transfer = self._transfer(size, self._number(layer_plan), k.WEIGHTS, channel, step)
                trigger = self.groups.add(self._name("requests for weights", layer), 0, fires=transfer)
                self.shared[shared] = trigger, [transfer]
            trigger, (transfer,) = self.shared[shared]
            self.destinations[transfer].append((self.arch.tile_nodes[part.tile], here))
            channel = self.transfers[transfer][k.D_CHANNEL]
            self._request(layer_plan, part.tile, self._evicted(uses, size), trigger, channel)
            uses.append(_Use(key, here, size))
            if part.tile in self.resident:
                self.resident_group[part.tile, key] = here
            self.image_of_last_use[part.tile] = self.image
        uses[-1].last_done = done
        return uses[-1].group


def _block_bytes(layer: Layer, group: Range, chunk: Range) -> int:
    """Bytes of the weights from a chunk of input channels to a group of output channels."""
    taps = layer.kernel[0] * layer.kernel[1]
    return ceil_div(taps * (chunk[1] - chunk[0]) * (group[1] - group[0]) * layer.weight_bits, 8)


def _table(rows: list[tuple[int, ...]] | list[list[int]] | list[tuple[int, int]], columns: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, columns)
