"""Stages of several cycles in the compiled router: BookSim 2's figures at every delay of which it has any."""

from __future__ import annotations

import csv
from itertools import product
from math import ceil
from pathlib import Path

import pytest
from bare_fabric import mesh
from network_driver import NetworkDriver, Packet

from accelsim.engine.topology import NetworkShape

FIGURES = Path(__file__).resolve().parents[1] / "golden" / "booksim2" / "zero_load_and_rate.csv"

with FIGURES.open() as file:
    ROWS = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def line_of_routers(row: dict[str, float], routers: int, depth: int) -> NetworkShape:
    """The setting of a row: one VC, the delays of the stages, whether it speculates."""
    return mesh(
        routers,
        1,
        buffer_flits=depth,
        routing_cycles=int(row["routing_delay"]),
        vc_allocation_cycles=int(row["vc_alloc_delay"]),
        switch_allocation_cycles=int(row["sw_alloc_delay"]),
        traversal_cycles=int(row["st_final"] + row["st_prep"]),
        credit_cycles=int(row["credit_delay"]),
        speculative=bool(row["speculative"]),
    )


@pytest.mark.parametrize("row", ROWS)
def test_latency_of_booksim_at_any_delay(row: dict[str, float]) -> None:
    for name in ("lat_R1", "lat_R2", "lat_R4", "lat_R7", "lat_R7_p5"):
        routers, flits = int(name[5]), 5 if name.endswith("p5") else 1
        (found,) = NetworkDriver(line_of_routers(row, 7, 8)).send_all([Packet(0, 0, routers - 1, flits)])
        assert found.tail == row[name], name


@pytest.mark.parametrize("row", ROWS)
def test_rate_of_booksim_at_any_delay(row: dict[str, float]) -> None:
    """1,000 flits through four routers in a line. BookSim's own start and end cost it some 20 to 35 cycles more."""
    for size in (1, 5):
        for depth in (1, 2, 4, 5, 6, 7, 8, 10, 12):
            stream = [Packet(0, 0, 3, size)] * (1000 // size)
            cycles = NetworkDriver(line_of_routers(row, 4, depth)).send_all(stream)[-1].tail
            rate = row[f"thr{size}_b{depth}"]
            assert 1000 / (cycles + 35) - 0.0005 <= rate <= 1000 / (cycles + 18) + 0.0005, (size, depth)


@pytest.mark.parametrize("speculative", [False, True])
@pytest.mark.parametrize("vc", range(1, 5))
@pytest.mark.parametrize("switch", range(1, 5))
def test_stages_follow_one_another(vc: int, switch: int, speculative: bool) -> None:
    """A speculative request is repeated until the VC is there by the end of one. All the other delays as well."""
    allocation = ceil(vc / switch) * switch if speculative else vc + switch
    for routing, traversal, link, credit in product(range(5), range(1, 5), range(1, 5), (0, 4)):
        network = mesh(
            3,
            1,
            routing_cycles=routing,
            vc_allocation_cycles=vc,
            switch_allocation_cycles=switch,
            traversal_cycles=traversal,
            credit_cycles=credit,
            link_cycles=link,
            speculative=speculative,
        )
        (found,) = NetworkDriver(network).send_all([Packet(3, 0, 2, 5)])
        assert found.head == 3 + 1 + link + 3 * (routing + allocation + traversal + link)
        # A traversal of several cycles lets the flits behind wait for the next one.
        assert found.tail == found.head + 4 * switch or traversal > 1
