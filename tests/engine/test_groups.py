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


def columns(table: GroupTable) -> list[list[int]]:
    return [
        list(column)
        for column in (table.left, table.watched, table.fires, table.chain, table.box, table.bits, table.place)
    ]


def test_rows_and_chains_are_many_groups_at_once() -> None:
    many, single = GroupTable(), GroupTable()
    for table in (many, single):
        table.add("weights", 2)
    assert many.add_rows("input row", 4, [7, 9, 11], box=0, bits=32) == 1
    assert many.add_chain("requests", range(5, 8)) == 6
    for place in (7, 9, 11):
        single.add("input row", 4, box=0, bits=32, place=place)
    trigger = -1
    for transfer in (7, 6, 5):
        trigger = single.add("requests", 1, fires=transfer, chain=trigger)
    assert trigger == 6
    assert columns(many) == columns(single)
    assert [many.name(group) for group in range(7)] == ["weights"] + ["input row"] * 3 + ["requests"] * 3
