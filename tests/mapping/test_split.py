"""How a layer is cut over the tiles."""

from dataclasses import replace

import numpy as np
import pytest
from capacities import CAPACITY as SMALL
from hypothesis import given
from hypothesis import strategies as st
from small_workload import conv

from accelsim.mapping.split import choose_split, estimate, input_rows, shares
from accelsim.mapping.work import channel_groups

CAPACITY = replace(SMALL, tiles=16, controllers=4, memory_bytes_per_cycle=51.2)


@given(st.integers(1, 1000), st.data())
def test_shares_cover_everything_once_and_differ_by_one(total: int, data: st.DataObject) -> None:
    parts = data.draw(st.integers(1, total))
    cut = shares(total, parts)
    assert [item for first, last in cut for item in range(first, last)] == list(range(total))
    sizes = [last - first for first, last in cut]
    assert len(cut) == parts and max(sizes) - min(sizes) <= 1 and min(sizes) >= 1


def test_groups_are_columns_wide_but_the_last() -> None:
    assert channel_groups(conv("a", (8, 4, 4), 40), CAPACITY) == [(0, 16), (16, 32), (32, 40)]


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
