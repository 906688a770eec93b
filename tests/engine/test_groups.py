from accelsim.engine.groups import GroupTable


def test_groups_are_numbered_in_order_and_keep_what_they_set_off() -> None:
    table = GroupTable()
    first = table.add("weights", 12)
    box = table.add_box()
    second = table.add("input row", 3, watched=True, fires=5, chain=first, box=box)
    assert (first, second, box) == (0, 1, 0)
    columns = (table.left, table.watched, table.fires, table.chain, table.box)
    assert [list(column) for column in columns] == [[12, 3], [0, 1], [-1, 5], [-1, 0], [-1, 0]]
    assert table.add_box() == 1
    assert table.boxes == 2


def test_groups_of_one_kind_share_a_name() -> None:
    table = GroupTable()
    for name in ("row of a", "row of a", "row of a", "row of b", "row of a"):
        table.add(name, 1)
    assert [table.name(group) for group in range(5)] == ["row of a"] * 3 + ["row of b", "row of a"]
