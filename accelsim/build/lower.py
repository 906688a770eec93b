"""From a plan to a program: every box, pass and transfer gets its groups, every packet its route."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from accelsim.build.arch import Arch
from accelsim.build.layout import Map, check_capacity, make_layout
from accelsim.build.passes import fill_neuron, fill_places, fill_shape
from accelsim.build.program import Program, TileScript
from accelsim.build.routes import Readers, Route, RouteTable, TreeTable
from accelsim.build.tasks import TaskTable
from accelsim.build.tensors import Tensors
from accelsim.build.transfers import Bundle, TransferTable, table
from accelsim.build.weights import WeightBuffer
from accelsim.engine.fabric import Contents
from accelsim.engine.groups import GroupTable
from accelsim.kernels import state as k
from accelsim.kernels import steps as p
from accelsim.mapping.plan import Box, LayerPlan, Part, Plan, Range, Strip, Visit, load_bytes
from accelsim.mapping.work import input_channels
from accelsim.parts.dma import Load
from accelsim.parts.sequencer import Command, Grant
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, Layer
from accelsim.workload.workload import Workload


def lower(plan: Plan, workload: Workload, arch: Arch, images: int, verify: bool) -> Program:
    """Lay out a run of `images` images of a plan."""
    lowering = _Lowering(plan, workload, arch, verify)
    # Hundreds of thousands of small lists and no cycle among them, which the collector would look through in vain.
    collects = gc.isenabled()
    gc.disable()
    try:
        for image in range(images):
            lowering.add_image(image)
        return lowering.finish()
    finally:
        if collects:
            gc.enable()


def _copied_bytes(transfers: NDArray[np.int64], kind: int, layers: int) -> tuple[int, ...]:
    """Bytes of the transfers of a kind times their readers, by layers of images."""
    chosen = transfers[transfers[:, k.D_KIND] == kind]
    found = np.zeros(layers, np.int64)
    np.add.at(found, chosen[:, k.D_LAYER], chosen[:, k.D_BYTES] * chosen[:, k.D_COUNT])
    return tuple(found.tolist())


class _Lowering:
    def __init__(self, plan: Plan, workload: Workload, arch: Arch, verify: bool) -> None:
        self.plan = plan
        self.readers = Readers(plan)
        self.arch = arch
        self.capacity = arch.capacity
        self.tile_nodes = arch.tile_nodes
        self.tensors = Tensors(workload, verify)
        self.tasks = TaskTable(arch, workload) if arch.dataflow is not None else None
        self.streamed_bytes: Counter[int] = Counter()
        self.most_outs = 1
        self.groups = GroupTable()
        self.multicast = arch.multicast == "tree"
        self.trees = TreeTable()
        self.routes = RouteTable(self.trees if self.multicast else None)
        self.transfers = TransferTable(self.groups, arch.channel)
        self.layer_of = {entry.layer.name: entry.layer for entry in plan.layers}
        self.layout = make_layout(arch)
        self.scripts = [TileScript() for _ in range(self.capacity.tiles)]
        self.image_done: list[tuple[int, ...]] = []
        self.weight_buffers = [WeightBuffer(plan, tile, self.capacity) for tile in range(self.capacity.tiles)]
        self.done_of: dict[tuple[int, int, int], Command] = {}
        self.membrane_pixels = 1
        self.most_sums = 0
        """Sums of a pass that are kept for the next."""
        self.stored_inputs: dict[tuple[int, int], int] = {}

    def add_image(self, image: int) -> None:
        self.image = image
        self.rows_of: dict[tuple[int, int, int, int], int] = {}
        self.box_of: dict[tuple[int, int, int, int], int] = {}
        self.grant_of: dict[tuple[int, int], int] = {}
        self.grants: list[tuple[tuple[int, int, int], Grant]] = []
        self.store_of: dict[int, int] = {}
        self.loads_of: Counter[tuple[int, int, int]] = Counter()
        self.turns: Counter[tuple[int, int]] = Counter()
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
        check_capacity(self.layout, self.arch)
        for script in self.scripts:
            if script.commands:
                script.commands[-1].work[k.W_LAST] = 1
        controllers = self.arch.controller_nodes if self.multicast else None
        transfers, destinations = self.transfers.finish(self.trees, controllers)
        contents = Contents(
            planes=self.tensors.planes.finish(),
            words=self.tensors.words(),
            weights=self.tensors.weights(),
            bias=self.tensors.bias(),
            theta=self.tensors.theta(),
            outputs=self.tensors.outputs(),
            membrane_pixels=self.membrane_pixels if self.tensors.verify else 1,
            routes=table(self.routes.rows, k.ROUTE_COLUMNS),
            transfers=transfers,
            destinations=destinations,
            trees=self.trees.trees,
            layers=len(self.plan.layers) * len(self.image_done),
            verify=self.tensors.verify,
            outs=self.most_outs,
            steps=self.tasks.steps() if self.tasks else np.zeros((0, p.STEP_COLUMNS), np.int64),
            counts=self.tasks.counts() if self.tasks else np.zeros((0, k.EVENTS), np.int64),
        )
        return Program(
            groups=self.groups,
            contents=contents,
            scripts=self.scripts,
            image_done=self.image_done,
            planes=self.tensors.planes,
            output_offsets=self.tensors.output_offsets,
            bytes_to_load=int(transfers[:, k.D_BYTES].sum()),
            weight_bytes=_copied_bytes(transfers, k.WEIGHTS, contents.layers),
            word_bytes=_copied_bytes(transfers, k.SPIKES, contents.layers),
            streamed_bytes=tuple(self.streamed_bytes[layer] for layer in range(contents.layers)),
            weight_buffer_peak_bytes=max(buffer.peak_bytes for buffer in self.weight_buffers),
            accumulator_peak_words=self.most_sums,
        )

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
        width = self.arch.spike_sram.width_bits
        for number, part in enumerate(layer_plan.parts):
            for place, visit in enumerate(part.visits()):
                if not visit.fetched:
                    continue
                for operand, box in enumerate(part.strips[visit.strip].boxes):
                    words = layer.in_shape[2] * (box.channels[1] - box.channels[0]) if box.bytes else 0
                    left = words if box.producer is not None else ceil_div(words * bits, 8)
                    here = self.groups.add_box() if box.producer is not None else -1
                    name = self._name("input row", layer, part.tile)
                    begin, size = box.offset_of(self.image) * 8, words * bits
                    places = [(begin + row * size) // width for row in range(box.rows[1] - box.rows[0])]
                    first = self.groups.add_rows(name, left, places, box=here, bits=size)
                    self.rows_of[layer_plan.index, number, place, operand] = first
                    self.box_of[layer_plan.index, number, place, operand] = here

    def _add_grants(self, producer: LayerPlan) -> None:
        """Producers wait until the last reader of the bytes that their words will fill is done."""
        for sender in producer.parts:
            for reader in self.readers.of(producer, sender.rows, sender.channels):
                assert reader.blocked_by is not None
                back, last_reader = reader.blocked_by
                if self.image < back:
                    continue
                place = (producer.index, sender.tile)
                if place not in self.grant_of:
                    name = self._name("room for outputs", producer.layer, sender.tile)
                    self.grant_of[place] = self.groups.add(name, 0)
                group = self.grant_of[place]
                self.groups.left[group] += 1
                grant = Grant(self.tile_nodes[sender.tile], group, self._number(producer))
                self.grants.append(((self.image - back, last_reader, reader.tile), grant))

    def _add_part(self, layer_plan: LayerPlan, number: int, part: Part) -> None:
        script = self.scripts[part.tile]
        # End of the last pass that read what lies in a slot of the spike buffer.
        ends: dict[int, int] = {}
        last_readers: dict[int, tuple[Command, Strip]] = {}
        routes = {group: self._add_routes(layer_plan, part, group) for group in part.groups}
        for place, visit in enumerate(part.visits()):
            if visit.fetched:
                self._load_strip(layer_plan, number, part, place, visit, ends.get(visit.slot))
            strip = part.strips[visit.strip]
            for group in visit.groups:
                for first_row in range(strip.rows[0], strip.rows[1], part.pass_rows):
                    rows = (first_row, min(first_row + part.pass_rows, strip.rows[1]))
                    self._add_passes(layer_plan, number, part, place, visit, group, rows, routes[group])
            ends[visit.slot] = script.commands[-1].done
            last_readers[visit.filled] = (script.commands[-1], strip)
        for filled, (command, strip) in last_readers.items():
            command.frees_bits = self._bits_of(layer_plan.index, number, filled, strip)
        self.done_of[self.image, layer_plan.index, part.tile] = script.commands[-1]

    def _bits_of(self, index: int, number: int, filled: int, strip: Strip) -> int:
        """Bits of the spike buffer that the words of a strip take, which a visit fetched."""
        return sum(
            sum(self.groups.bits[first : first + box.rows[1] - box.rows[0]])
            for operand, box in enumerate(strip.boxes)
            for first in [self.rows_of[index, number, filled, operand]]
        )

    def _add_passes(
        self,
        layer_plan: LayerPlan,
        number: int,
        part: Part,
        place: int,
        visit: Visit,
        group: Range,
        rows: Range,
        route: tuple[int, int],
    ) -> None:
        """The passes of one group of channels over some rows: bit planes outside, chunks of input channels inside."""
        layer = layer_plan.layer
        strip = part.strips[visit.strip]
        script = self.scripts[part.tile]
        planes: list[int] = [0]
        if layer.op in ARRAY_OPS and self.capacity.bit_serial:
            planes = list(range(layer.word_bits - 1, -1, -1))
        chunks = part.chunks if layer.op in ARRAY_OPS else (group,)
        if len(planes) * len(chunks) > 1:
            pixels = (rows[1] - rows[0]) * layer.out_shape[2]
            self.membrane_pixels = max(self.membrane_pixels, pixels)
            self.most_sums = max(self.most_sums, pixels * (group[1] - group[0]))
        for turn, plane in enumerate(planes):
            for step, chunk in enumerate(chunks):
                first = turn == 0 and step == 0
                last = turn == len(planes) - 1 and step == len(chunks) - 1
                carry = (0 if first else k.CARRY_ADD) | (k.CARRY_FIRE if last else k.CARRY_STORE)
                if turn > 0 and step == 0:
                    carry |= k.CARRY_DOUBLE
                done = self.groups.add(self._name("end of a pass", layer, part.tile), 1, watched=True)
                work = np.zeros(k.PASS_COLUMNS, np.int64)
                fill_shape(work, layer, self.capacity, rows, group, plane)
                if layer.op in ARRAY_OPS:
                    self._fill_weights(work, layer, group, chunk)
                operand = self._fill_inputs(work, layer_plan, number, visit.filled, strip)
                fill_places(work, layer, self.capacity, strip, operand, self.image)
                fill_neuron(work, layer, self.arch.settings, carry, group[1] - group[0])
                self.most_outs = max(self.most_outs, group[1] - group[0])
                work[k.W_LAYER] = self._number(layer_plan)
                work[k.W_WEIGHTS_GROUP] = self._weights(layer_plan, part, place, group, chunk, done)
                if self.tasks is not None and layer.op in ARRAY_OPS:
                    number_of_layer = int(work[k.W_LAYER])
                    self.streamed_bytes[number_of_layer] += self.tasks.add(work, layer, self.image, rows, group, chunk)
                    work[k.W_WEIGHT_BYTES] = load_bytes(layer, group, chunk, self.capacity)
                    if self.capacity.streams:
                        work[k.W_ROW_GROUP] = self._stored_inputs(layer_plan, part)
                work[k.W_GRANT_GROUP] = self.grant_of.get((layer_plan.index, part.tile), -1)
                work[k.W_DONE_GROUP] = done
                work[k.W_ROUTES], work[k.W_ROUTE_COUNT] = route
                script.commands.append(Command(work, done))

    def _fill_weights(self, work: NDArray[np.int64], layer: Layer, group: Range, chunk: Range) -> None:
        """Which words a pass of the array scans, and whose weights they meet."""
        work[k.W_FIRST_CHANNEL], work[k.W_LAST_CHANNEL] = input_channels(layer, group, chunk)
        work[k.W_REACH] = min(group[1] - group[0], layer.group_outputs)
        work[k.W_GROUP_CHANNELS] = layer.group_inputs
        work[k.W_WEIGHT_STRIDE] = layer.group_outputs
        weights, work[k.W_PARAMETER_OFFSET] = self.tensors.parameter_offsets(layer)
        if layer.op in ATTENTION_OPS:
            work[k.W_SECOND_OPERAND] = 1
            weights = self.tensors.second_operand_offset(layer, self.image)
        work[k.W_WEIGHT_OFFSET] = weights + group[0] % layer.group_outputs

    def _fill_inputs(
        self, work: NDArray[np.int64], layer_plan: LayerPlan, number: int, place: int, strip: Strip
    ) -> int:
        """Where a pass finds its words; the operand that it reads, or the first of two."""
        layer = layer_plan.layer
        index = layer_plan.index
        operand = 0
        if layer.op == "concat":
            ends = np.cumsum(layer.operand_channels)
            operand = int(np.searchsorted(ends, work[k.W_FIRST_CHANNEL], side="right"))
            work[k.W_CHANNELS] = layer.operand_channels[operand]
            work[[k.W_FIRST_CHANNEL, k.W_LAST_CHANNEL]] -= ends[operand] - layer.operand_channels[operand]
        work[k.W_WORDS] = self.tensors.input_offset(layer, self.image, operand)
        work[k.W_ROW_GROUP] = self.rows_of[index, number, place, operand]
        work[k.W_ROW_ORIGIN], work[k.W_ROW_END] = strip.boxes[operand].rows
        work[k.W_BOX] = self.box_of[index, number, place, operand]
        work[k.W_ROW_GROUP_B] = work[k.W_BOX_B] = -1
        if layer.op == "add":
            work[k.W_WORDS_B] = self.tensors.input_offset(layer, self.image, 1)
            work[k.W_ROW_GROUP_B] = self.rows_of[index, number, place, 1]
            work[k.W_BOX_B] = self.box_of[index, number, place, 1]
        work[k.W_OUTPUT_OFFSET] = self.tensors.output_offset(layer, self.image)
        return operand

    def _add_routes(self, layer_plan: LayerPlan, part: Part, group: Range) -> tuple[int, int]:
        """Rows of the route table for the outputs of a part's group of channels: (first, count)."""
        routes: list[Route] = []
        for reader in self.readers.of(layer_plan, part.rows, group):
            base = self.rows_of[reader.layer, reader.part, 0, reader.operand] + reader.rows[0] - reader.first_row
            node = self.tile_nodes[reader.tile]
            # What a layer sends are the words that the reader consumes: the trace has them.
            words = self.tensors.input_offset(self.plan.layers[reader.layer].layer, self.image, reader.operand)
            routes.append(Route(node, reader.rows, base, k.SPIKES, reader.channels, words))
        if layer_plan.stores:
            routes += self._stores(layer_plan, part, group)
        return self.routes.add(self.tile_nodes[part.tile], routes)

    def _stores(self, layer_plan: LayerPlan, part: Part, group: Range) -> Iterator[Route]:
        """A route to each controller, for the rows that lie behind it."""
        nodes = self.arch.controller_nodes
        store = self.store_of[layer_plan.index]
        stored = self._output_map(layer_plan.layer)
        first_row, last_row = part.rows
        controllers = self.arch.controllers
        for row in range(first_row, min(first_row + controllers, last_row)):
            controller, bit = stored.bit(row, group[0])
            node = nodes[self.arch.channel(k.STORE, controller)]
            yield Route(node, (row, last_row), store, k.STORE, group, bit, controllers - 1)

    def _output_map(self, layer: Layer) -> Map:
        return self.layout.map(layer.name, self.image, layer.out_shape, self.capacity.sent_bits(layer))

    def _input_map(self, layer: Layer, operand: int) -> Map:
        """The map that an operand is read from: what a layer wrote, or what the host brought."""
        producer = self.layer_of.get(layer.inputs[operand]) if layer.inputs else None
        shape = layer.operand_shape(operand)
        if producer is not None and producer.out_shape == shape:
            return self._output_map(producer)
        return self.layout.map((layer.name, operand), self.image, shape, self.capacity.stored_bits(layer.word_bits))

    def _request(
        self, layer_plan: LayerPlan, tile: int, bundle: Bundle, groups: Sequence[int], after: tuple[int, ...]
    ) -> Load:
        """Of a tile's DMA engine: to ask for transfers that count down `groups`, once `after` is complete."""
        self.transfers.add_reader(bundle, self.tile_nodes[tile], groups)
        controller = self.arch.controller_nodes[bundle.channel]
        return Load(after, controller, bundle.trigger, self._number(layer_plan))

    def _load_strip(
        self, layer_plan: LayerPlan, number: int, part: Part, place: int, visit: Visit, read: int | None
    ) -> None:
        """Fetch the boxes of a strip that come from DRAM, a transfer a row, shared by the tiles that read the same."""
        layer = layer_plan.layer
        for operand, box in enumerate(part.strips[visit.strip].boxes):
            if box.producer is not None or not box.bytes:
                continue
            first_group = self.rows_of[layer_plan.index, number, place, operand]
            after = self._last_reader(part, box) if read is None else [read]
            producer = layer.inputs[operand] if layer.inputs else None
            after += self._stored(producer)
            stored = self._input_map(layer, operand)
            homes: dict[int, list[int]] = {}
            for row in range(*box.rows):
                homes.setdefault(stored.controller(row), []).append(row)
            for controller, rows in homes.items():
                bundle = self.transfers.bundle(
                    key=(self._number(layer_plan), operand, box.rows, box.channels, place, controller),
                    name=self._name("requests for input rows", layer),
                    layer=self._number(layer_plan),
                    turn=place,
                    kind=k.SPIKES,
                    places=[stored.row(row, box.channels[0]) for row in rows],
                    size=self.groups.left[first_group],
                )
                groups = [first_group + row - box.rows[0] for row in rows]
                self.scripts[part.tile].word_loads.append(
                    self._request(layer_plan, part.tile, bundle, groups, tuple(after))
                )

    def _stored_inputs(self, layer_plan: LayerPlan, part: Part) -> int:
        """A group that is complete once all that a layer streams from memory has been stored there; -1: at once."""
        layer = layer_plan.layer
        stored = self._stored(layer.inputs[0]) if layer.inputs else []
        if not stored:
            return -1
        key = (self.image, layer_plan.index)
        if key not in self.stored_inputs:
            group = self.groups.add(self._name("stored input", layer, part.tile), 1)
            node = self.tile_nodes[part.tile]
            self.scripts[part.tile].word_loads.append(Load(tuple(stored), node, group, self._number(layer_plan)))
            self.stored_inputs[key] = group
        return self.stored_inputs[key]

    def _stored(self, producer: str | None) -> list[int]:
        """What must be complete before a layer's outputs can be read from DRAM; nothing where it does not run."""
        return [group for index, group in self.store_of.items() if self.plan.layers[index].layer.name == producer]

    def _last_reader(self, part: Part, box: Box) -> list[int]:
        """The end of the last pass that reads what lies in a box's bytes before, if there is one."""
        assert box.blocked_by is not None
        back, reader = box.blocked_by
        command = self.done_of.get((self.image - back, reader, part.tile))
        return [command.done] if command else []

    def _weights(self, layer_plan: LayerPlan, part: Part, place: int, group: Range, chunk: Range, done: int) -> int:
        """The group of the weights of a pass, which are loaded unless they are there."""
        layer = layer_plan.layer
        if layer.op not in ARRAY_OPS:
            return -1
        block = (layer_plan.index, group, chunk)
        buffer = self.weight_buffers[part.tile]
        held = buffer.find(self.image, block)
        if held is None:
            size = load_bytes(layer, group, chunk, self.capacity)
            arrival = self.groups.add(self._name("weights", layer, part.tile), size)
            held, after = buffer.load(self.image, block, size, arrival)
            self.turns[part.tile, layer_plan.index] += 1
            self.loads_of[part.tile, layer_plan.index, place] += 1
            bundle = self.transfers.bundle(
                # Tiles share what they load at the same place of their order only: each of two that asked for shared
                # blocks in different orders could wait for the other's request.
                key=(self.image, block, place, self.loads_of[part.tile, layer_plan.index, place]),
                name=self._name("requests for weights", layer),
                layer=self._number(layer_plan),
                turn=self.turns[part.tile, layer_plan.index],
                kind=k.WEIGHTS,
                places=[self.layout.weights(layer_plan.index, block, size)],
                size=size,
            )
            script = self.scripts[part.tile]
            waits = layer.op in ATTENTION_OPS
            if waits:
                after = (*after, *self._stored(layer.inputs[1]))
            load = self._request(layer_plan, part.tile, bundle, [arrival], after)
            (script.word_loads if waits else script.weight_loads).append(load)
        held.last_pass = done
        return held.group
