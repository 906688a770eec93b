"""Multicast in whole runs: the same words by fewer flits, whatever the network, and what it refuses."""

from __future__ import annotations

import re
from itertools import product

import pytest
from chips import DIGITS, ROOT, SPIKEPACK, chip
from small_workload import SmallWorkload, conv, residual_layers

from accelsim.build.arch import load_arch
from accelsim.build.planning import check, plan_workload
from accelsim.errors import InputError
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.report.text import render
from accelsim.simulation import simulate
from accelsim.simulation.run import run_engine
from accelsim.workload.load import load_input

BRANCHING = ("noc.buffer_flits=8", "noc.multicast=tree")
NETWORKS = (
    (),
    ("noc.routing=yx",),
    ("noc.topology=torus", "noc.virtual_channels=2"),
    ("noc.topology=ring", "noc.virtual_channels=3"),
    ("noc.topology=crossbar",),
    ("noc.concentration=2", "noc.columns=2", "noc.rows=2"),
    ("noc.routing_cycles=2", "noc.vc_allocation_cycles=2", "noc.traversal_cycles=2", "noc.credit_cycles=1"),
)


def residual() -> SmallWorkload:
    return SmallWorkload(residual_layers())


@pytest.mark.parametrize("network", NETWORKS, ids=" ".join)
def test_what_several_tiles_read_travels_once(network: tuple[str, ...]) -> None:
    """The same plan sent twice: destinations, words and their ways are the same, shared parts of ways are used once."""
    workload = residual()
    arch = chip(*network, "noc.buffer_flits=8")
    plan = plan_workload(arch, workload, workload.layers, images=2)
    apart = simulate(arch, workload, images=2, verify=True, plan=plan).report
    together = simulate(chip(*network, *BRANCHING), workload, images=2, verify=True, plan=plan).report
    assert apart["noc"]["unicast"] == together["noc"]["unicast"]
    assert {name: apart["noc"][name] for name in ("packets", "flits", "flit_hops")} == apart["noc"]["unicast"]
    assert together["noc"]["packets"] < apart["noc"]["packets"]
    assert together["noc"]["flits"] < apart["noc"]["flits"]
    assert together["noc"]["flit_hops"] <= apart["noc"]["flit_hops"]
    assert together["verified"] == apart["verified"]
    assert together["dram"]["read_bytes"] == apart["dram"]["read_bytes"]
    assert together["noc"]["payload"]["words"] == apart["noc"]["payload"]["words"]


def test_flit_hops_of_a_tree_are_its_branches() -> None:
    """Each packet of a tree leaves every router of it by each branch once, flit by flit."""
    run = run_engine(chip(*BRANCHING), residual())
    network = run.fabric.network
    assert len(network.tree_hops) > 4
    branches = network.trees[:, 0].reshape(len(network.tree_hops), -1)
    assert network.tree_hops.tolist() == [sum(int(mask).bit_count() for mask in tree) for tree in branches]
    assert network.layer_flits[:, n.FLIT_HOPS_DONE].sum() == network.link_bins.sum() > network.tree_hops.sum()


def test_weights_that_several_tiles_need_leave_their_controller_once() -> None:
    """Four tiles compute different rows with the same 16 x 8 x 9 weights: 5 packets, not 20."""
    layer = conv("layer", (8, 16, 16), 16)
    flits = {}
    for multicast in ("none", "tree"):
        run = run_engine(chip("noc.buffer_flits=8", f"noc.multicast={multicast}"), SmallWorkload([layer]))
        assert len(run.plan.layers[0].parts) == 4
        weights = run.fabric.memory.transfer[run.fabric.memory.transfer[:, k.D_KIND] == k.WEIGHTS]
        assert weights[:, k.D_COUNT].tolist() == [4]
        flits[multicast] = int(run.fabric.tiles.events[0, k.E_MEMORY_FLITS])
        assert run.fabric.tiles.events[0, k.E_WEIGHT_WRITE_FLITS] == 4 * 37
    # 1152 bytes of weights in packets of 252 are 4 of 8 flits and one of 144 bytes, 5 flits; rows go to one tile each.
    assert flits["none"] - flits["tree"] == 3 * 37


def test_a_packet_that_branches_must_fit_a_virtual_channel() -> None:
    rule = "could deadlock: packets that branch must fit a virtual channel whole, and the longest has 8 flits"
    with pytest.raises(InputError) as error:
        chip("noc.buffer_flits=7", "noc.multicast=tree")
    assert f"noc.buffer_flits: {rule} (got 7); allowed: >= 8, or noc.multicast: none" in str(error.value)


def test_a_longer_encoding_counts() -> None:
    """31 pixels of 16 words of 4 bits are 1984 bits; as bitmaps 2480, with their header 10 flits of 256."""
    first = conv("first", (8, 3, 31), 16, kernel=1)
    second = conv("second", first.out_shape, 16, inputs=("first",))
    workload = SmallWorkload([first, second, conv("third", second.out_shape, 16, inputs=("second",))])
    assert check(chip(*BRANCHING), workload) == []
    with pytest.raises(InputError) as error:
        check(chip(*BRANCHING, "network_interface.payload=bitmap"), workload)
    told = "--set: noc.buffer_flits: could deadlock: packets of {} that branch may have 10 flits in this encoding "
    told += "(got 8); allowed: >= 10, or noc.multicast: none"
    assert str(error.value) == "\n".join(told.format(name) for name in ("first", "second"))


def test_packets_that_one_node_gets_may_be_of_any_length() -> None:
    """As a bitmap a row would have 10 flits, but goes to DRAM, dense."""
    report = simulate(
        chip(*BRANCHING, "network_interface.payload=bitmap"),
        SmallWorkload([conv("only", (8, 3, 31), 16, kernel=1)]),
        verify=True,
    ).report
    assert report["verified"]["layers"] == 1


def test_the_text_says_what_it_saves() -> None:
    together = render(simulate(chip(*BRANCHING), residual()).report)
    assert "  sent to each destination apart: " in together
    apart = render(simulate(chip("noc.buffer_flits=8"), residual()).report)
    assert "  sent to each destination apart: " not in apart


def test_the_documented_figures() -> None:
    rows = re.findall(
        r"^\| (\d) \| (\w+) \| ([\d, |]+) \|$", (ROOT / "docs" / "multicast.md").read_text(), re.MULTILINE
    )
    assert [(images, multicast) for images, multicast, _ in rows] == list(product("18", ("none", "tree")))
    trace = load_input(DIGITS)
    for images, multicast, figures in rows:
        arch = load_arch(SPIKEPACK, ["noc.buffer_flits=8", f"noc.multicast={multicast}"])
        report = simulate(arch, trace, images=int(images)).report
        noc = report["noc"]
        found = [report["total"]["cycles"], noc["packets"], noc["flits"], noc["flit_hops"]]
        assert found == [int(figure.replace(",", "")) for figure in figures.split(" | ")]


def test_the_documented_crossbar() -> None:
    text = (ROOT / "docs" / "multicast.md").read_text()
    cycles = [
        simulate(
            load_arch(SPIKEPACK, ["noc.topology=crossbar", "noc.buffer_flits=8", f"noc.multicast={multicast}"]),
            load_input(DIGITS),
        ).report["total"]["cycles"]
        for multicast in ("none", "tree")
    ]
    assert f"{cycles[0]:,} cycles apart and {cycles[1]:,} as trees" in text
