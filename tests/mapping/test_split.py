"""How a layer is cut over the tiles."""

from dataclasses import replace

import numpy as np
import pytest
from capacities import CAPACITY as SMALL
from hypothesis import given
from hypothesis import strategies as st
from small_workload import conv

from accelsim.mapping.split import Cuts, allowed_cuts, choose_split, estimate, input_rows, shares
from accelsim.workload.layer import Layer

CAPACITY = replace(SMALL, tiles=16, controllers=4, memory_bytes_per_cycle=51.2)


@given(st.integers(1, 1000), st.data())
def test_shares_cover_everything_once_and_differ_by_one(total: int, data: st.DataObject) -> None:
    parts = data.draw(st.integers(1, total))
    cut = shares(total, parts)
    assert [item for first, last in cut for item in range(first, last)] == list(range(total))
    sizes = [last - first for first, last in cut]
    assert len(cut) == parts and max(sizes) - min(sizes) <= 1 and min(sizes) >= 1


def test_rows_of_dilated_kernels_and_repeated_maps() -> None:
    dilated = replace(conv("a", (8, 8, 8), 8), dilation=(2, 1), padding=(2, 1))
    assert input_rows(dilated, (3, 4)) == (1, 6)
    repeated = Layer("u", "upsample", (), (8, 4, 4), (8, 12, 4), factor=(3, 1))
    assert [input_rows(repeated, rows) for rows in ((0, 1), (2, 4), (5, 12))] == [(0, 1), (0, 2), (1, 4)]


@pytest.mark.parametrize(
    ("rows", "kernel", "expected"),
    [((0, 1), 3, (0, 2)), ((1, 3), 3, (0, 4)), ((7, 8), 3, (6, 8)), ((2, 4), 1, (2, 4))],
)
def test_input_rows_leave_padding_out(rows: tuple[int, int], kernel: int, expected: tuple[int, int]) -> None:
    assert input_rows(conv("a", (8, 8, 8), 8, kernel=kernel), rows) == expected


def test_choice_is_the_cheapest_of_all_cuts() -> None:
    layer = conv("a", (32, 16, 16), 64)
    best = choose_split(layer, CAPACITY, (0.5,))
    cuts = [(channels, rows) for channels in range(1, 5) for rows in range(1, 16 // channels + 1)]
    channels, rows = np.array(cuts).T
    costs = dict(zip(cuts, estimate(layer, CAPACITY, (0.5,), channels, rows).tolist(), strict=True))
    assert best.cycles == min(costs.values()) == costs[best.channel_parts, best.row_parts]


def test_weights_that_bind_are_not_copied() -> None:
    """With many weights and few pixels, cutting by rows would send every weight several times."""
    layer = conv("a", (512, 2, 2), 512)
    assert choose_split(layer, CAPACITY, (0.5,)).row_parts == 1


def test_what_the_user_decides_is_kept() -> None:
    layer = conv("a", (32, 16, 16), 64)

    def parts(*choice: object) -> tuple[int, int]:
        found = Cuts(layer, CAPACITY, (0.5,), allowed_cuts(layer, CAPACITY, *choice)).best(16)  # type: ignore[arg-type]
        return found.channel_parts, found.row_parts

    assert parts("rows")[0] == 1 and parts("output_channels")[1] == 1
    assert min(parts("both")) > 1
    assert parts("auto", 3)[0] == 3 and parts("auto", None, 5)[1] == 5
    assert parts("rows", 2, 3) == parts("both", 2, 3) == (2, 3)


def test_parts_whose_weights_do_not_fit_are_taken_to_load_them() -> None:
    """Four groups of 4608 bytes: rows that copy all of them are worth it only where they stay."""
    layer = conv("a", (32, 16, 16), 64)
    slow = replace(CAPACITY, memory_bytes_per_cycle=1.0, flit_bytes=1)
    cuts = Cuts(layer, slow, (0.5,), allowed_cuts(layer, slow), weights_loaded=0.0)
    assert cuts.best(16).row_parts > 1
    assert cuts.best(16, most_copies=1).row_parts == 1


def test_cycles_fall_with_tiles() -> None:
    layer = conv("a", (32, 16, 16), 64)
    cuts = Cuts(layer, CAPACITY, (0.5,), allowed_cuts(layer, CAPACITY))
    table = cuts.cycles_by_tiles(16)
    assert table[0] == np.inf
    assert all(table[tiles] == cuts.best(tiles).cycles for tiles in range(1, 17))
    assert (np.diff(table[1:]) <= 0).all()
