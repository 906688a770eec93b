"""Traffic patterns against their definitions, and injection against the Bernoulli process."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.workload.traffic import PATTERNS, Created, Grid, bernoulli_slots, dispersion, make_pattern

MESH = Grid(4, 4)


def partners(name: str, grid: Grid) -> list[int]:
    partner = make_pattern(name, grid, 1).partner
    assert partner is not None
    return partner.tolist()


def test_transpose_swaps_column_and_row() -> None:
    assert partners("transpose", Grid(3, 3)) == [0, 3, 6, 1, 4, 7, 2, 5, 8]
    assert partners("transpose", Grid(2, 2, concentration=2)) == [0, 1, 4, 5, 2, 3, 6, 7]


def test_bit_complement_inverts_every_bit_of_a_number() -> None:
    assert partners("bit_complement", MESH) == [node ^ 15 for node in range(16)]
    assert partners("bit_complement", Grid(4, 1, concentration=2)) == [node ^ 7 for node in range(8)]


def test_neighbor_goes_one_further_in_every_dimension() -> None:
    assert partners("neighbor", MESH) == [(y + 1) % 4 * 4 + (x + 1) % 4 for y in range(4) for x in range(4)]
    assert partners("neighbor", Grid(3, 1, concentration=2)) == [2, 3, 4, 5, 0, 1]
    assert partners("neighbor", Grid(2, 2, concentration=2, dimensions=1)) == [2, 3, 4, 5, 6, 7, 0, 1]
    assert partners("neighbor", Grid(2, 2, dimensions=0)) == [1, 2, 3, 0]


def test_hotspot_weighs_the_middle_or_the_nodes_named() -> None:
    weights = make_pattern("hotspot", MESH, 1).weights
    assert weights is not None
    assert weights.tolist() == [4 if node == 2 + 4 * 2 else 1 for node in range(16)]
    named = make_pattern("hotspot", Grid(3, 2, concentration=2), 1, hotspot_nodes=(0, 11), hotspot_weight=7).weights
    assert named is not None
    assert named.tolist() == [7, *[1] * 10, 7]


@pytest.mark.parametrize(
    ("name", "grid", "message"),
    [
        (
            "transpose",
            Grid(4, 3),
            "--traffic transpose: swaps columns and rows, so there must be as many of both (got '4 x 3'); "
            "allowed: a square",
        ),
        (
            "bit_complement",
            Grid(3, 4),
            "--traffic bit_complement: complements the bits of a node's number, so the nodes must be a power of two "
            "(got 12); allowed: 2, 4, 8, 16, ...",
        ),
    ],
)
def test_where_a_pattern_is_undefined(name: str, grid: Grid, message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_pattern(name, grid, 1)
    assert str(caught.value) == message


def test_hot_nodes_must_exist() -> None:
    with pytest.raises(InputError) as caught:
        make_pattern("hotspot", MESH, 1, hotspot_nodes=(3, 16, 99))
    assert str(caught.value) == (
        "--hotspot-nodes: is no node of the network (got 16); allowed: 0 to 15\n"
        "--hotspot-nodes: is no node of the network (got 99); allowed: 0 to 15"
    )


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("flits", [1, 5])
def test_every_node_creates_its_share(name: str, flits: int) -> None:
    """Rate, shares of the sources and shares of the pairs, each within five standard deviations."""
    traffic = make_pattern(name, MESH, flits)
    cycles, rate = 40_000, 0.3
    created = traffic.create(rate, cycles, seed=1)
    probability = rate / flits
    expected = cycles * probability
    counts = np.bincount(created.source, minlength=16)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected * (1 - probability))
    found = np.bincount(created.source * 16 + created.destination, minlength=256)
    wanted = np.zeros(256)
    for source, destination, share in traffic.pairs():
        wanted[source * 16 + destination] += share * len(created.cycle)
    assert not found[wanted == 0].any()
    assert (np.abs(found - wanted) <= 5 * np.sqrt(wanted)).all()
    assert wanted.sum() == pytest.approx(len(created.cycle))
    assert (np.diff(created.cycle * 16 + created.source) > 0).all()


@pytest.mark.parametrize("name", PATTERNS)
def test_a_seed_names_a_run_and_a_longer_one_begins_alike(name: str) -> None:
    traffic = make_pattern(name, MESH, 2)
    short, long, other = traffic.create(0.4, 500, 3), traffic.create(0.4, 2000, 3), traffic.create(0.4, 500, 4)
    for column in ("cycle", "source", "destination"):
        longer = getattr(long, column)[: len(short.cycle)]
        assert getattr(short, column).tolist() == longer.tolist()
    assert short.cycle.tolist() != other.cycle.tolist()
    assert long.cycle[len(short.cycle)] >= 500


def test_pairs_of_many_nodes_come_in_blocks() -> None:
    grid = Grid(40, 40)
    blocks = list(make_pattern("uniform", grid, 1).pairs())
    assert len(blocks) > 1
    assert sum(len(source) for source, _, _ in blocks) == 1600**2
    assert sum(float(share.sum()) for _, _, share in blocks) == pytest.approx(1)


@given(probability=st.sampled_from([1e-4, 0.01, 0.5, 0.999, 1.0]), slots=st.integers(0, 3000), seed=st.integers(0, 99))
def test_slots_are_distinct_and_inside(probability: float, slots: int, seed: int) -> None:
    found = bernoulli_slots(np.random.default_rng(seed), probability, slots)
    assert (np.diff(found) > 0).all()
    assert ((found >= 0) & (found < slots)).all()
    if probability == 1:
        assert len(found) == slots


def test_dispersion_tells_bursts_from_chance() -> None:
    chance = make_pattern("uniform", MESH, 1).create(0.2, 100_000, 0)
    assert dispersion(chance, 16, 100_000, 100) == pytest.approx(1 - 0.2, rel=0.03)
    clock = np.arange(0, 1000, 10)
    steady = Created(clock, np.zeros(100, np.int64), np.zeros(100, np.int64))
    assert dispersion(steady, 1, 1000, 100) == 0
    bursts = Created(np.repeat(np.arange(0, 1000, 100), 10) // 200 * 200, steady.source, steady.destination)
    assert dispersion(bursts, 1, 1000, 100) == 10
    assert dispersion(Created(*[np.zeros(0, np.int64)] * 3), 4, 1000, 100) == 0


@pytest.mark.parametrize("probability", [1e-12, 1e-19, 1e-30, 1e-320])
def test_hardly_any_traffic_is_drawn_at_once(probability: float) -> None:
    slots = bernoulli_slots(np.random.default_rng(1), probability, 10**13)
    assert len(slots) == pytest.approx(probability * 10**13, abs=10)
    assert (slots >= 0).all() and (np.diff(slots) > 0).all()


def test_dispersion_of_a_long_run_takes_no_memory_for_it() -> None:
    rare = Created(*(np.array(column) for column in ([5, 10**13], [0, 1], [1, 0])))
    assert dispersion(rare, 2, 10**14, 100) == pytest.approx(1, abs=1e-9)
