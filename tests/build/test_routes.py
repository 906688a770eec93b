from __future__ import annotations

import pytest

from accelsim.build import routes
from accelsim.build.routes import Route, RouteTable, TreeTable
from accelsim.errors import InputError
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k

COLUMNS = [k.R_TARGET, k.R_FIRST_ROW, k.R_LAST_ROW, k.R_GROUP, k.R_GROUP_STRIDE, k.R_CHANNELS, k.R_KIND, k.R_WORDS]


def rows(table: RouteTable) -> list[list[int]]:
    return [[row[column] for column in COLUMNS] for row in table.rows]


def spikes(node: int, first: int, last: int, group: int, channels: tuple[int, int] = (0, 16)) -> Route:
    return Route(node, (first, last), group, k.SPIKES, channels, 1000)


STORE = Route(9, (0, 8), 77, k.STORE, (16, 32), 0)


def test_apart_each_reader_has_a_row() -> None:
    table = RouteTable(None)
    assert table.add(3, [spikes(1, 0, 8, 100), STORE]) == (0, 2)
    assert table.add(3, [spikes(2, 2, 4, 200, (16, 32))]) == (2, 1)
    assert rows(table) == [
        [1, 0, 8, 100, 1, 16, k.SPIKES, 1000],
        [9, 0, 8, 77, 0, 16, k.STORE, 0],
        [2, 2, 4, 200, 1, 16, k.SPIKES, 1016],
    ]


def test_rows_that_several_read_go_by_a_tree() -> None:
    """Rows 0 to 3 go to node 1, 3 to 5 (its halo) to both, 5 to 8 to node 2; groups follow the rows."""
    trees = TreeTable()
    table = RouteTable(trees)
    assert table.add(3, [spikes(1, 0, 5, 100), spikes(2, 3, 8, 200), STORE]) == (0, 4)
    assert rows(table) == [
        [1, 0, 3, 100, 1, 16, k.SPIKES, 1000],
        [n.TREES, 3, 5, 0, 1, 16, k.SPIKES, 1000],
        [2, 5, 8, 202, 1, 16, k.SPIKES, 1000],
        [9, 0, 8, 77, 0, 16, k.STORE, 0],
    ]
    assert trees.trees == [(3, (1, 2))]
    assert trees.members == [(1, 103), (2, 200)]


def test_a_second_reader_at_a_node_and_other_channels_get_packets_of_their_own() -> None:
    trees = TreeTable()
    table = RouteTable(trees)
    table.add(3, [spikes(1, 0, 4, 10), spikes(2, 0, 4, 20), spikes(1, 0, 4, 30), spikes(2, 0, 4, 40, (0, 8))])
    assert [(row[0], row[3]) for row in rows(table)] == [(n.TREES, 0), (1, 30), (2, 40)]
    assert trees.members == [(1, 10), (2, 20)]


def test_trees_are_made_once_and_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    trees = TreeTable()
    assert [trees.target(0, nodes) for nodes in ((1, 2), (2, 1), (1, 3))] == [n.TREES, n.TREES, n.TREES + 1]
    assert trees.target(4, (1, 2)) == n.TREES + 2
    monkeypatch.setattr(routes.n, "MOST_TREES", 3)
    assert trees.target(4, (2, 1)) == n.TREES + 2
    with pytest.raises(InputError) as error:
        trees.target(5, (1, 2))
    rule = "this workload takes more than 3 trees of tiles on this chip"
    assert str(error.value) == f"noc.multicast: {rule} (got 'tree'); allowed: none"
