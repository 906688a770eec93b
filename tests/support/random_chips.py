"""Random small networks, their words computed in plain numpy, and random chips that a YAML file may describe."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from accelsim.build.arch import Arch, arch_of
from accelsim.config import Document
from accelsim.kernels.payload import ENCODINGS
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, POOL_OPS, WEIGHTED_OPS, Layer, Op
from accelsim.workload.workload import Parameters

Words = NDArray[np.int64]
WIDEST_WORD = 24
PLAIN_OPS: tuple[Op, ...] = (*["conv2d"] * 5, "linear", "maxpool2d", "avgpool2d", "add", "add")
SEVERAL_OPERANDS: tuple[Op, ...] = ("add", "concat", *ATTENTION_OPS)


class RandomWorkload:
    """One to six layers of any operator, kernel, stride, padding and width that follow from a seed.

    A `plain` network has no groups, dilation or operators besides PLAIN_OPS.
    """

    name = "random"
    drawn: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, seed: int, plain: bool = False) -> None:
        self.plain = plain
        self.seed = seed
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.timesteps = self.random.choice([1, 2, 3, 4, 4, 6, 8])
        self.images = self.random.randint(1, 2)
        self.layers: tuple[Layer, ...] = ()
        while not self.layers:
            for number in range(self.random.randint(1, 6)):
                self._add_layer(f"l{number}")
        self._parameters = {layer.name: self._draw_parameters(layer) for layer in self.layers if layer.op in ARRAY_OPS}
        self._first = {
            (image, layer.name): self._draw_words(layer)
            for image in range(self.images)
            for layer in self.layers
            if not layer.inputs
        }
        self._made: dict[tuple[int, str], Words] = {}
        for image in range(self.images):
            for layer in self.layers:
                self._made[image, layer.name] = self._compute(layer, image)

    def input_words(self, layer: str, image: int, operand: int = 0) -> NDArray[np.uint32]:
        inputs = next(other.inputs for other in self.layers if other.name == layer)
        image %= self.images
        words = self._made[image, inputs[operand]] if inputs else self._first[image, layer]
        return words.astype(np.uint32)

    def output_words(self, layer: str, image: int) -> Words:
        return self._made[image % self.images, layer]

    def parameters(self, layer: str) -> Parameters | None:
        return self._parameters.get(layer)

    def _add_layer(self, name: str) -> None:
        """Append a layer, unless what was drawn does not fit or grows too wide."""
        draw = self.random
        sources = [layer for layer in self.layers if not layer.signed]
        ops = list(PLAIN_OPS) if self.plain else [*PLAIN_OPS, *get_args(Op), *SEVERAL_OPERANDS]
        op = draw.choice(ops)
        tuples = self._operands(op, sources)
        if op in SEVERAL_OPERANDS and not tuples:
            op = "conv2d"
        if op in SEVERAL_OPERANDS:
            inputs = draw.choice(tuples)
        elif sources and draw.random() > 0.1:
            inputs = (sources[-1] if draw.random() < 0.7 else draw.choice(sources),)
        else:
            inputs = ()
        shape = inputs[0].out_shape if inputs else self._draw_shape()
        scanned = inputs[:1] if op in ATTENTION_OPS else inputs
        bits = max((layer.out_word_bits for layer in scanned), default=draw.choice([self.timesteps, 8, 1, 11, 18]))
        operand_channels = tuple(layer.out_shape[0] for layer in inputs) if op == "concat" else ()
        shape = (sum(operand_channels) or shape[0], *shape[1:])
        window = self._draw_window(op, shape)
        channels = draw.choice([1, 2, 4, 7, 16, 20, 35]) if op in WEIGHTED_OPS else shape[0]
        groups = 1
        if op == "attention_scores":
            groups = draw.choice([n for n in (1, 2, 4, 8) if shape[0] % n == 0])
        elif op == "attention_values":
            groups, channels = shape[0] // (shape[1] * shape[2]), inputs[1].out_shape[0]
        elif op in WEIGHTED_OPS and not self.plain and draw.random() < 0.4:
            groups = draw.choice([n for n in range(1, shape[0] + 1) if shape[0] % n == 0])
            channels = groups * draw.choice([1, 1, 2, 3, 20]) if groups > 1 else channels
        fires = op not in ARRAY_OPS or draw.random() < (0.5 if op in ATTENTION_OPS else 0.8)
        layer = Layer(
            name=name,
            op=op,
            inputs=tuple(source.name for source in inputs),
            in_shape=shape,
            out_shape=(channels, 1, 1),
            **window,
            groups=groups,
            operand_channels=operand_channels,
            weight_bits=inputs[1].out_word_bits if op in ATTENTION_OPS else 0,
            timesteps=bits,
            word_bits=bits,
            fires=fires,
        )
        layer = replace(layer, out_shape=self._shape_made(layer))
        made_bits = self._bits_made(layer)
        if min(layer.out_shape) < 1 or max(bits, 1 if layer.signed else made_bits) > WIDEST_WORD:
            return
        weight_bits = draw.choice([8, 8, 4, 2]) if op in WEIGHTED_OPS else layer.weight_bits
        self.layers = (*self.layers, replace(layer, weight_bits=weight_bits, out_word_bits=made_bits))

    def _draw_window(self, op: str, shape: tuple[int, int, int]) -> dict[str, tuple[int, int]]:
        """Kernel, stride, padding, dilation and factor where an operator has them."""
        draw = self.random
        if op == "linear":
            return {"kernel": shape[1:]}
        if op == "upsample":
            return {"factor": (draw.randint(1, 3), draw.randint(1, 3))}
        if op in SEVERAL_OPERANDS:
            return {}
        if op in POOL_OPS and not self.plain and draw.random() < 0.2:
            return {"kernel": shape[1:], "stride": shape[1:]}
        kernel = (draw.randint(1, 4), draw.randint(1, 4))
        stride = (draw.randint(1, 3), draw.randint(1, 3))
        # A window of a pool reaches the map; one of a convolution may lie in padding altogether.
        margins = (2, 2) if op == "conv2d" else (kernel[0] // 2, kernel[1] // 2)
        padding = (draw.randint(0, margins[0]), draw.randint(0, margins[1]))
        dilation = (1, 1)
        if op == "conv2d" and not self.plain and draw.random() < 0.3:
            dilation = (draw.randint(1, 3), draw.randint(1, 3))
        return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}

    def _shape_made(self, layer: Layer) -> tuple[int, int, int]:
        """Shape that a layer makes, its channels given where it chooses them."""
        channels, rows, columns = layer.out_shape[0], *layer.in_shape[1:]
        if layer.op == "attention_scores":
            channels = layer.groups * rows * columns
        rows, columns = (
            ((size + 2 * margin - (tap - 1) * apart - 1) // step + 1) * times
            for size, margin, tap, apart, step, times in zip(
                (rows, columns), layer.padding, layer.kernel, layer.dilation, layer.stride, layer.factor, strict=True
            )
        )
        return channels, rows, columns

    def _bits_made(self, layer: Layer) -> int:
        """Bits of the widest word that a layer makes."""
        if layer.signed:
            return 32
        if layer.op in ARRAY_OPS and layer.fires:
            return self.timesteps
        largest = (1 << layer.word_bits) - 1
        if layer.op == "avgpool2d":
            largest *= layer.kernel[0] * layer.kernel[1]
        if layer.op == "add":
            largest *= 2
        if layer.op in ATTENTION_OPS:
            largest *= layer.in_shape[0] // layer.groups * ((1 << layer.weight_bits) - 1)
        return largest.bit_length()

    def _operands(self, op: str, sources: list[Layer]) -> list[tuple[Layer, ...]]:
        """Producers that an operator of several operands could take."""
        pairs = [(a, b) for a in sources for b in sources if a.out_shape[1:] == b.out_shape[1:]]
        if op in ("add", "attention_scores"):
            most = 40 if op == "attention_scores" else 1000
            same = [(a, b) for a, b in pairs if a.out_shape == b.out_shape and (a is not b or op != "add")]
            return [(a, b) for a, b in same if a.out_shape[1] * a.out_shape[2] <= most]
        if op == "concat":
            return [*pairs, *((a, b, a) for a, b in pairs if a is not b)]
        found = []
        for a, b in pairs:
            heads, rest = divmod(a.out_shape[0], a.out_shape[1] * a.out_shape[2])
            if heads and not rest and b.out_shape[0] % heads == 0:
                found.append((a, b))
        return found

    def _draw_shape(self) -> tuple[int, int, int]:
        draw = self.random
        return draw.choice([1, 2, 3, 5, 8, 16, 17, 33]), draw.randint(1, 9), draw.randint(1, 9)

    def _draw_words(self, layer: Layer) -> Words:
        density = self.random.choice([0, 0.05, 0.3, 0.6, 1])
        words = self.numbers.integers(1, 1 << layer.word_bits, layer.in_shape)
        return np.where(self.numbers.random(layer.in_shape) < density, words, 0)

    def _draw_parameters(self, layer: Layer) -> Parameters:
        channels = layer.out_shape[0]
        if layer.op in ATTENTION_OPS:
            most = 1 << max(1, layer.word_bits + layer.weight_bits - 3)
            thetas = self.numbers.integers(1, most, channels)
            return Parameters(np.zeros((channels, 0, 1, 1), np.int8), np.zeros(channels, np.int64), thetas)
        largest = 1 << (layer.weight_bits - 1)
        weights = self.numbers.integers(-largest, largest, (channels, layer.group_inputs, *layer.kernel))
        most = max(2, int(largest * layer.fan_in**0.5)) if layer.fires else 2
        return Parameters(
            weights.astype(np.int8), self.numbers.integers(-50, 50, channels), self.numbers.integers(1, most, channels)
        )

    def _compute(self, layer: Layer, image: int) -> Words:
        words = self.input_words(layer.name, image).astype(np.int64)
        others = [self.input_words(layer.name, image, operand).astype(np.int64) for operand in range(layer.operands)][
            1:
        ]
        if layer.op == "add":
            return words + others[0]
        if layer.op == "concat":
            return np.concatenate([words, *others])
        if layer.op == "upsample":
            return np.kron(words, np.ones((1, *layer.factor), np.int64))
        if layer.op in ATTENTION_OPS:
            return self._fire(layer, attend(layer, words, others[0]))
        taps = windows(words, layer)
        if layer.op == "maxpool2d":
            return np.maximum.reduce(list(taps.values()))
        if layer.op == "avgpool2d":
            return np.add.reduce(list(taps.values()))
        parameters = self._parameters[layer.name]
        inputs, outputs = layer.in_shape[0] // layer.groups, layer.out_shape[0] // layer.groups
        sums = np.zeros(layer.out_shape, np.int64)
        for (row, column), part in taps.items():
            for group in range(layer.groups):
                outs = slice(group * outputs, (group + 1) * outputs)
                weights = parameters.weights[outs, :, row, column].astype(np.int64)
                sums[outs] += np.einsum("oc,crq->orq", weights, part[group * inputs : (group + 1) * inputs])
        return self._fire(layer, sums)

    def _fire(self, layer: Layer, sums: Words) -> Words:
        parameters = self._parameters[layer.name]
        if layer.op in WEIGHTED_OPS:
            sums = sums + parameters.bias[:, None, None]
        if not layer.fires:
            return sums
        return np.clip(sums // parameters.theta[:, None, None], 0, (1 << layer.out_word_bits) - 1)


def attend(layer: Layer, first: Words, second: Words) -> Words:
    """An attention product, as its definition says it, token by token and head by head."""
    tokens = layer.in_shape[1] * layer.in_shape[2]
    a, b = first.reshape(len(first), tokens), second.reshape(len(second), tokens)
    rows = []
    for head in range(layer.groups):
        mine = a[head * len(a) // layer.groups : (head + 1) * len(a) // layer.groups]
        other = b[head * len(b) // layer.groups : (head + 1) * len(b) // layer.groups]
        if layer.op == "attention_scores":
            rows += [[sum(mine[:, i] * other[:, j]) for i in range(tokens)] for j in range(tokens)]
        else:
            rows += [[sum(mine[:, i] * other[c]) for i in range(tokens)] for c in range(len(other))]
    return np.array(rows, np.int64).reshape(layer.out_shape)


def windows(words: Words, layer: Layer) -> dict[tuple[int, int], Words]:
    """For each kernel position the words that it meets, one an output pixel: [channels, out rows, out columns]."""
    (top, left), (down, right), (apart, aside) = layer.padding, layer.stride, layer.dilation
    padded = np.pad(words, ((0, 0), (top, top), (left, left)))
    _, rows, columns = layer.out_shape
    return {
        (row, column): padded[
            :, row * apart : row * apart + down * rows : down, column * aside : column * aside + right * columns : right
        ][:, :rows, :columns]
        for row in range(layer.kernel[0])
        for column in range(layer.kernel[1])
    }


def draw_noc(draw: random.Random, tiles: tuple[int, int], controllers: int, longest_bits: int) -> dict[str, Any]:
    """A network of any topology and route with a node for each tile and controller, often of simple pipelines."""
    pick = draw.choice
    most_channels = 62
    topology = pick(["mesh", "mesh", "mesh", "torus", "ring", "crossbar"])
    wraps = topology in ("torus", "ring")
    if tiles[0] * tiles[1] + controllers > most_channels and topology == "crossbar":
        topology = "mesh"
    concentration = pick([1, 1, 1, 2, 4]) if topology != "crossbar" else 1
    columns, rows = tiles
    while columns * rows * concentration < tiles[0] * tiles[1] + controllers:
        columns, rows = (columns + 1, rows) if draw.random() < 0.5 else (columns, rows + 1)
    if topology == "crossbar" and columns * rows > most_channels:
        topology, wraps = "mesh", False
    local = concentration if topology != "crossbar" else columns * rows
    ports = {"mesh": 4, "torus": 4, "ring": 2, "crossbar": 0}[topology] + local
    channels = [vcs for vcs in (1, 1, 2, 3, 4, 12) if ports * vcs <= most_channels and vcs >= 1 + wraps]
    routes = {"mesh": ["xy", "xy", "yx", "west_first", "odd_even"], "torus": ["xy", "yx"]}.get(topology, ["xy"])
    noc: dict[str, Any] = {
        "topology": topology,
        "columns": columns,
        "rows": rows,
        "concentration": concentration,
        "routing": pick(routes),
        "flit_bits": pick([8, 16, 33, 64, 128, 512]),
        "virtual_channels": pick(channels),
        "buffer_flits": pick([1, 1, 2, 4, 8]),
        "routing_cycles": pick([0, 0, 1, 1, 3]),
        "vc_allocation_cycles": pick([1, 1, 1, 2]),
        "switch_allocation_cycles": pick([1, 1, 1, 2]),
        "traversal_cycles": pick([1, 1, 1, 3]),
        "credit_cycles": pick([0, 0, 0, 2]),
        "speculative": draw.random() < 0.5,
        "link_cycles": pick([1, 1, 2, 4]),
    }
    # A packet that branches has to fit a virtual channel, in the longest encoding of its words.
    flits = -(-longest_bits // noc["flit_bits"])
    if noc["routing"] in ("xy", "yx") and flits <= 256 and draw.random() < 0.6:
        noc |= {"multicast": "tree", "buffer_flits": flits}
    return noc


def draw_sram(seed: int, buffer: str, *interleavings: str) -> dict[str, Any]:
    """Words, ports and arbitration of a buffer, drawn apart from the rest of the chip."""
    pick = random.Random(f"{buffer} {seed}").choice
    return {
        "width_bits": pick(["auto", "auto", 7, 32, 64, 300, 4096]),
        "ports": pick(["1rw", "1rw", "1r1w", "2rw"]),
        "arbitration": pick(["writes_first", "reads_first", "round_robin"]),
        "interleaving": pick(interleavings),
    }


def draw_banks(draw: random.Random, controllers: int) -> dict[str, Any]:
    """Channels of banks: a preset, sometimes with short queues, little room for writes, or a page policy of its own."""
    pick = draw.choice
    high = pick([1, 4, 24])
    times = pick([{}, {"tREFI": 0}, {"tREFI": 1500, "tRFC": 100}, {"tFAW": "100 ns", "tRCD": 5}])
    return {
        "preset": pick(["lpddr4_3200", "ddr4_3200", "hbm2"]),
        "channels": controllers * pick([1, 1, 2, 3]),
        "interleave_bytes": 64 * pick([1, 4, 32]),
        "address_mapping": pick(["row_bank_column", "row_column_bank", "row_bank_column_group"]),
        "timing": times,
        "page_policy": pick(["open", "open", "closed"]),
        "queue": pick([1, 2, 32]),
        "write_high": high,
        "write_low": pick([0, high - 1]),
        "row_hit_cap": pick([1, 16]),
        "latency_ns": pick([0, 15, 1000.5]),
    }


def draw_chip(seed: int) -> Arch:
    """A chip of one to 64 tiles whose sizes are drawn from the ends of their ranges rather than the middle."""
    draw = random.Random(seed)
    pick = draw.choice
    machine = pick(["packed", "packed", "packed", "serial", "dense"])
    rows, columns = pick([1, 2, 3, 4, 8, 16, 16, 32]), pick([1, 2, 3, 5, 8, 16, 16, 32])
    lane_bits = 1 if machine == "serial" else pick([1, 2, 3, 4, 4, 8])
    tiles = pick([(1, 1), (1, 1), (2, 1), (2, 2), (1, 3), (3, 2), (4, 4), (8, 8)])
    controllers = pick([1, 1, 2, 4])
    pixel_bits = columns * -(-32 // lane_bits) * lane_bits
    interface = {
        "packet_payload_bits": max(pixel_bits, pick([pixel_bits, pixel_bits + 13, 1024, 8000])),
        "payload": pick(ENCODINGS),
        "header_bits": pick([1, 32, 100]),
        "queue_flits": pick([1, 2, 8, 64, 500]),
    }
    packet_bytes = pick([8, 32, 128, 1000])
    # A bitmap at most doubles a payload; an address event of a word of one bit has an address besides.
    payload_bits = interface["packet_payload_bits"]
    address_bits = payload_bits.bit_length() if interface["payload"] == "address_event" else 1
    longest_payload = payload_bits * (1 + address_bits) + address_bits
    longest_bits = max(longest_payload, 8 * packet_bytes) + interface["header_bits"]
    noc = draw_noc(draw, tiles, controllers, longest_bits)
    nodes = noc["columns"] * noc["rows"] * noc["concentration"]
    document = Document(
        "random.yaml",
        {
            "name": "random",
            "clock_mhz": pick([1, 333.3, 500, 4000]),
            "tiles": {"columns": tiles[0], "rows": tiles[1]},
            "pe_array": {
                "rows": rows,
                "columns": columns,
                "spike_mode": "bit_serial" if machine == "serial" else "packed",
                "skip": "nothing" if machine == "dense" else "silent_words",
                "lane_bits": lane_bits,
                "line_words": pick([1, 2, 7, 16, 64, 64, 1024]),
                "fifo_words": max(rows, pick([rows, rows + 1, 2 * rows, 128])),
                "pixels_in_flight": pick([1, 2, 8, 64]),
                "pipeline_cycles": pick([0, 1, 2, 9]),
            },
            "spike_buffer": {
                "bytes": pick([256, 600, 1024, 4096, 65536]),
                "banks": pick([1, 2, 3, 4, 64]),
                "read_latency_cycles": pick([0, 1, 2, 20]),
                **draw_sram(seed, "spike_buffer", "low_order", "block"),
            },
            "weight_buffer": {
                "bytes": pick([64, 300, 1024, 4096, 65536]),
                "banks": pick([1, 2, 5, 16, 256]),
                "double": draw.random() < 0.7,
                **draw_sram(seed, "weight_buffer", "diagonal", "low_order"),
            },
            "accumulator_buffer": {"bytes": pick([128, 1024, 32768]), "ports": pick(["1rw", "1r1w"])},
            "neuron_unit": {
                "lanes": pick([1, 3, 16, 64]),
                "decoding": pick(["packed", "serial"]),
                "results": pick([1, 2, 5, 16]),
            },
            "network_interface": interface,
            "noc": noc,
            "memory_controller": {
                "nodes": draw.sample(range(nodes), controllers),
                "packet_bytes": packet_bytes,
                "read_ahead_packets": pick([1, 2, 16]),
                "write_buffer_bytes": pick([1, 64, 4096]),
            },
            "dram": pick(
                [
                    "ideal",
                    {
                        "bandwidth_gb_per_s": pick([0.1, 1, 3.3333, 25.6, 1000]),
                        "latency_ns": pick([0, 60, 1000.5]),
                    },
                ]
            ),
        },
    )
    if seed % 10 in (0, 3, 8):
        document.data["dram"] = draw_banks(random.Random(seed), controllers)
    return arch_of(document)
