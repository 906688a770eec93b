"""Traffic in bursts, as recorded words send it: rows of spikes go from their makers to those who need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS
from accelsim.workload.traffic import BLOCK, Created, Integers
from accelsim.workload.workload import Workload


@dataclass(frozen=True, slots=True)
class Recording:
    """The bursts of a network's spikes, one a row of words that a layer consumes; arrays of one length.

    Layers of an image follow one another, and images too. A layer takes time in proportion to its dense products. Its
    output rows are dealt to the nodes in turn, in an order drawn for each layer and image; nodes work at the same time,
    each on one row after another. When a node begins output row q, the input rows r with r // stride = q are sent to
    it, each from the node that made it. All packets of a row are created in that cycle, as many as hold the bits of
    its nonzero words. `start` is when that is, in shares of the whole recording, which is stretched to the rate that
    is asked for and repeated without end; a run begins anywhere in it.
    """

    packet_flits: int
    nodes: int
    start: NDArray[np.float64]
    made_by: Integers
    """Row that makes the burst, of all layers and images: its layer's number times nodes, and the turn in dealing."""
    needed_by: Integers
    """Row that needs it, likewise."""
    packets: Integers
    name: str = "burst"

    def pass_cycles(self, rate: float) -> float:
        """Cycles that the recording is stretched to: its flits over nodes times rate."""
        return int(self.packets.sum()) * self.packet_flits / (rate * self.nodes)

    def create(self, rate: float, cycles: int, seed: int) -> Created:
        """See `Traffic`. `seed` draws where rows are, and where in the recording the run begins."""
        rng = np.random.default_rng([seed, 2])
        layers = int(max(self.made_by.max(), self.needed_by.max())) // self.nodes + 1
        placement = rng.permuted(np.tile(np.arange(self.nodes), (layers, 1)), axis=1).ravel()
        length = self.pass_cycles(rate)
        begin = float(rng.random())
        passes = int(cycles / length + begin) + 1
        cycle = np.floor((self.start + np.arange(passes)[:, None] - begin) * length).astype(np.int64).ravel()
        bursts = np.tile(np.arange(len(self.start)), passes)
        inside = (cycle >= 0) & (cycle < cycles)
        repeats = self.packets[bursts[inside]]
        burst, cycle = np.repeat(bursts[inside], repeats), np.repeat(cycle[inside], repeats)
        source, destination = placement[self.made_by[burst]], placement[self.needed_by[burst]]
        order = np.lexsort((source, cycle))
        return Created(cycle[order], source[order], destination[order])

    def pairs(self) -> Iterator[tuple[Integers, Integers, NDArray[np.float64]]]:
        """See `Traffic`: wherever rows are dealt to, every pair is as likely."""
        nodes = np.arange(self.nodes)
        for block in np.array_split(nodes, max(1, self.nodes**2 // BLOCK)):
            source, destination = np.repeat(block, self.nodes), np.tile(nodes, len(block))
            yield source, destination, np.full(len(source), 1 / self.nodes**2)


def record_bursts(workload: Workload, nodes: int, packet_flits: int, flit_bits: int) -> Recording:
    """The bursts of all images of a workload; InputError where no layer consumes a spike."""
    start: list[float] = []
    made_by: list[int] = []
    needed_by: list[int] = []
    packets: list[int] = []
    payload_bits = packet_flits * flit_bits
    layers = [layer for layer in workload.layers if layer.op in ARRAY_OPS and layer.kind == "spikes"]
    now = 0.0
    number = 0
    for image in range(workload.images):
        for layer in layers:
            words = workload.input_words(layer.name, image)
            number += 1
            rounds = ceil_div(layer.out_shape[1], nodes)
            for row, count in enumerate(np.count_nonzero(words, axis=(0, 2)).tolist()):
                needed = min(row // layer.stride[0], layer.out_shape[1] - 1)
                if count:
                    start.append(now + layer.dense_macs * (needed // nodes) / rounds)
                    made_by.append((number - 1) * nodes + row % nodes)
                    needed_by.append(number * nodes + needed % nodes)
                    packets.append(ceil_div(count * layer.word_bits, payload_bits))
            now += layer.dense_macs
    if not packets:
        path = str(workload.source.get("path", workload.name))
        raise InputError(Problem("holds no spikes that a layer with weights consumes", path))
    return Recording(
        packet_flits,
        nodes,
        np.array(start) / now,
        np.array(made_by, np.int64),
        np.array(needed_by, np.int64),
        np.array(packets, np.int64),
    )
