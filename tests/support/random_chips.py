"""Random small networks, their words computed in plain numpy, and random chips that a YAML file may describe."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.build.schema import Arch, ArchSettings
from accelsim.config import Document, validate
from accelsim.kernels.payload import ENCODINGS
from accelsim.workload.layer import ARRAY_OPS, Layer
from accelsim.workload.workload import Parameters

Words = NDArray[np.int64]
WIDEST_WORD = 24


class RandomWorkload:
    """One to six layers of any operator, kernel, stride, padding and width that follow from a seed."""

    name = "random"
    drawn: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, seed: int) -> None:
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
        sources = [layer for layer in self.layers if layer.fires]
        twins = [(a, b) for a in sources for b in sources if a.out_shape == b.out_shape and a is not b]
        op = draw.choice(["conv2d"] * 5 + ["linear", "maxpool2d", "avgpool2d", "add", "add"])
        if op == "add" and not twins:
            op = "conv2d"
        if op == "add":
            inputs = draw.choice(twins)
        elif sources and draw.random() > 0.1:
            inputs = (sources[-1] if draw.random() < 0.7 else draw.choice(sources),)
        else:
            inputs = ()
        shape = inputs[0].out_shape if inputs else self._draw_shape()
        bits = max((layer.out_word_bits for layer in inputs), default=draw.choice([self.timesteps, 8, 1, 11, 18]))
        kernel, stride, padding = (1, 1), (1, 1), (0, 0)
        if op == "linear":
            kernel = shape[1:]
        elif op != "add":
            kernel = (draw.randint(1, 4), draw.randint(1, 4))
            stride = (draw.randint(1, 3), draw.randint(1, 3))
            # A window of a pool reaches the map; one of a convolution may lie in padding altogether.
            margins = (2, 2) if op == "conv2d" else (kernel[0] // 2, kernel[1] // 2)
            padding = (draw.randint(0, margins[0]), draw.randint(0, margins[1]))
        rows, columns = (
            (size + 2 * margin - tap) // step + 1
            for size, margin, tap, step in zip(shape[1:], padding, kernel, stride, strict=True)
        )
        channels = draw.choice([1, 2, 4, 7, 16, 20, 35]) if op in ARRAY_OPS else shape[0]
        fires = op not in ARRAY_OPS or draw.random() < 0.8
        taps = {"add": 2, "avgpool2d": kernel[0] * kernel[1]}.get(op, 1)
        made_bits = self.timesteps if op in ARRAY_OPS else (taps * ((1 << bits) - 1)).bit_length()
        if min(rows, columns) < 1 or max(bits, made_bits) > WIDEST_WORD:
            return
        layer = Layer(
            name=name,
            op=op,
            inputs=tuple(source.name for source in inputs),
            in_shape=shape,
            out_shape=(channels, rows, columns),
            kernel=kernel,
            stride=stride,
            padding=padding,
            weight_bits=draw.choice([8, 8, 4, 2]) if op in ARRAY_OPS else 0,
            timesteps=bits,
            word_bits=bits,
            out_word_bits=made_bits if fires else 32,
            fires=fires,
        )
        self.layers = (*self.layers, layer)

    def _draw_shape(self) -> tuple[int, int, int]:
        draw = self.random
        return draw.choice([1, 2, 3, 5, 8, 16, 17, 33]), draw.randint(1, 9), draw.randint(1, 9)

    def _draw_words(self, layer: Layer) -> Words:
        density = self.random.choice([0, 0.05, 0.3, 0.6, 1])
        words = self.numbers.integers(1, 1 << layer.word_bits, layer.in_shape)
        return np.where(self.numbers.random(layer.in_shape) < density, words, 0)

    def _draw_parameters(self, layer: Layer) -> Parameters:
        channels = layer.out_shape[0]
        largest = 1 << (layer.weight_bits - 1)
        weights = self.numbers.integers(-largest, largest, (channels, layer.in_shape[0], *layer.kernel))
        most = max(2, int(largest * layer.fan_in**0.5)) if layer.fires else 2
        return Parameters(
            weights.astype(np.int8), self.numbers.integers(-50, 50, channels), self.numbers.integers(1, most, channels)
        )

    def _compute(self, layer: Layer, image: int) -> Words:
        words = self.input_words(layer.name, image).astype(np.int64)
        if layer.op == "add":
            return words + self.input_words(layer.name, image, 1)
        taps = windows(words, layer)
        if layer.op == "maxpool2d":
            return np.maximum.reduce(list(taps.values()))
        if layer.op == "avgpool2d":
            return np.add.reduce(list(taps.values()))
        parameters = self._parameters[layer.name]
        sums = parameters.bias[:, None, None] + sum(
            np.einsum("oc,crq->orq", parameters.weights[:, :, row, column].astype(np.int64), part)
            for (row, column), part in taps.items()
        )
        if not layer.fires:
            return sums
        return np.clip(sums // parameters.theta[:, None, None], 0, (1 << layer.out_word_bits) - 1)


def windows(words: Words, layer: Layer) -> dict[tuple[int, int], Words]:
    """For each kernel position the words that it meets, one an output pixel: [channels, out rows, out columns]."""
    (top, left), (down, right) = layer.padding, layer.stride
    padded = np.pad(words, ((0, 0), (top, top), (left, left)))
    _, rows, columns = layer.out_shape
    return {
        (row, column): padded[:, row : row + down * rows : down, column : column + right * columns : right][
            :, :rows, :columns
        ]
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
    return Arch(validate(ArchSettings, document), document)
