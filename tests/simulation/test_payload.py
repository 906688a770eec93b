"""Encodings of spike packets in whole runs: the same words, and the bits that the trace gives when it is encoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chips import chip
from numpy.typing import NDArray
from small_workload import SmallWorkload, conv, residual_layers

from accelsim.build.arch import Arch
from accelsim.kernels import state as k
from accelsim.kernels.payload import ENCODINGS
from accelsim.mapping.plan import LayerPlan, Plan, Range
from accelsim.simulation import simulate
from accelsim.simulation.counters import layer_counters, priced_events
from accelsim.simulation.run import run_engine
from accelsim.units import ceil_div
from accelsim.workload.payload import encode
from accelsim.workload.synthetic import read_workload

Words = NDArray[np.int64]

SHORT_PACKETS = ("network_interface.packet_payload_bits=512", "noc.flit_bits=32")
FIRST = conv("first", (8, 12, 12), 32, kernel=1)
CHAIN = (FIRST, conv("second", FIRST.out_shape, 16, inputs=("first",)))


def overlap(a: Range, b: Range) -> slice:
    return slice(max(a[0], b[0]), max(a[0], b[0], min(a[1], b[1])))


def packets(arch: Arch, plan: Plan, layer_plan: LayerPlan, words: Words) -> Iterator[Words]:
    """The words of every copy of every packet that a layer sends to tiles, of its output [channels, rows, columns].

    Told from the plan: each part sends its rows, channel group by channel group, cut into packets of as many whole
    pixels as fit, to every part of a consumer that reads some of them.
    """
    layer = layer_plan.layer
    readers = [
        part.strips[0].boxes[operand]
        for consumer, operand in layer_plan.consumers
        for part in plan.layers[consumer].parts
    ]
    for part in layer_plan.parts:
        for group in part.groups:
            pixel_bits = (group[1] - group[0]) * arch.capacity.stored_bits(layer.out_word_bits)
            pixels = max(1, arch.settings.network_interface.packet_payload_bits // pixel_bits)
            for box in readers:
                for row in range(layer.out_shape[1])[overlap(part.rows, box.rows)]:
                    sent = words[overlap(group, box.channels), row]
                    for column in range(0, sent.shape[1] if len(sent) else 0, pixels):
                        yield sent[:, column : column + pixels].T.ravel()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_words_do_not_depend_on_the_encoding_and_bits_are_those_of_the_trace(encoding: str) -> None:
    arch = chip(*SHORT_PACKETS, f"network_interface.payload={encoding}")
    workload = SmallWorkload(residual_layers())
    run = run_engine(arch, workload, images=2)
    report = simulate(arch, workload, images=2, verify=True).report
    assert report["verified"]["layers"] == len(workload.layers)
    payload = report["noc"]["payload"]
    assert payload["encoding"] == encoding
    total = {name: {"bits": 0, "flits": 0} for name in ENCODINGS}
    sent: list[Words] = []
    for layer_plan, entry in zip(run.plan.layers, report["layers"], strict=True):
        found = [
            words
            for image in range(2)
            for words in packets(arch, run.plan, layer_plan, workload.output_words(layer_plan.layer.name, image))
        ]
        sent += found
        for name in ENCODINGS:
            bits = [len(encode(words, layer_plan.layer.out_word_bits, name)) for words in found]
            assert entry["traffic"][f"payload_{name}_bits"] == sum(bits)
            total[name]["bits"] += sum(bits)
            total[name]["flits"] += sum(ceil_div(32 + size, 32) for size in bits)
    assert payload["bits"] == {name: total[name]["bits"] for name in ENCODINGS}
    assert payload["flits"] == {name: total[name]["flits"] for name in ENCODINGS}
    assert payload["packets"] == len(sent) == sum(payload["shortest_packets"].values()) > 100
    assert payload["words"] == sum(len(words) for words in sent)
    assert payload["nonzero_words"] == sum(int(np.count_nonzero(words)) for words in sent)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_flits_that_arrive_are_those_of_the_encoding(encoding: str) -> None:
    """All that the first layer consumes comes from DRAM; what the others consume, their producers sent."""
    run = run_engine(chip(*SHORT_PACKETS, f"network_interface.payload={encoding}"), SmallWorkload(residual_layers()))
    arrived = run.fabric.tiles.events[1:5, k.E_SPIKE_WRITE_FLITS]
    assert arrived.tolist() == run.fabric.tiles.payload[1:5, ENCODINGS.index(encoding), k.Q_FLITS].tolist()
    assert arrived.sum() > 100


WORKLOAD = """\
name: two
timesteps: 4
layers:
  - {{name: first, op: conv2d, in_shape: [8, 12, 12], out_channels: 32, kernel: 1, density: 0.1}}
  - {{name: second, op: conv2d, inputs: [first], out_channels: 16, kernel: 1, density: {density}}}
"""
"""Packets of the first layer are rows of 12 pixels of 16 words."""


@pytest.mark.parametrize(("density", "best"), [(0.03, "address_event"), (0.4, "bitmap"), (1.0, "dense")])
def test_shorter_packets_save_flits_and_cycles(tmp_path: Path, density: float, best: str) -> None:
    """A chip that waits for its links is fastest with the encoding that its density asks for."""
    (tmp_path / "two.yaml").write_text(WORKLOAD.format(density=density), encoding="utf-8")
    workload = read_workload(tmp_path / "two.yaml")
    narrow = ("noc.flit_bits=16", "dram=ideal", "neuron_unit={lanes: 64, results: 8}")
    reports = {
        name: simulate(chip(*narrow, f"network_interface.payload={name}"), workload).report for name in ENCODINGS
    }
    flits = reports["dense"]["noc"]["payload"]["flits"]
    cycles = {name: report["total"]["cycles"] for name, report in reports.items()}
    plain = ENCODINGS[:-1]
    assert min(plain, key=lambda name: flits[name]) == min(plain, key=lambda name: cycles[name]) == best
    assert sorted(plain, key=lambda name: flits[name]) == sorted(plain, key=lambda name: cycles[name])
    assert flits["auto"] <= flits[best] + 24
    for name, report in reports.items():
        assert report["noc"]["payload"]["flits"] == flits
        assert report["noc"]["flits"] - flits[name] == reports["dense"]["noc"]["flits"] - flits["dense"]
        assert report["dram"]["write_bytes"] == reports["dense"]["dram"]["write_bytes"] > 0


def test_buffers_are_charged_for_words_and_the_network_for_flits() -> None:
    """What is decoded is written to the spike buffer whole, so that its writes cost the same but for packets' ends."""
    energy = {}
    for name in ("dense", "bitmap"):
        run = run_engine(chip("noc.flit_bits=8", f"network_interface.payload={name}"), SmallWorkload(CHAIN))
        events = [priced_events(run, layer) for layer in layer_counters(run)]
        energy[name] = {key: sum(layer[key] for layer in events) for key in events[0]}
    assert energy["bitmap"]["flit_hops"] < energy["dense"]["flit_hops"]
    ends = abs(energy["bitmap"]["spike_buffer_write_bits"] - energy["dense"]["spike_buffer_write_bits"])
    assert ends < 8 * 2 * 24
