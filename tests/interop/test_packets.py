"""Packet lists: read fast when they are right, told line by line when they are wrong; logs are written whole."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.engine.replay import Deliveries
from accelsim.errors import InputError
from accelsim.interop.packets import LOG_COLUMNS, packets_of, read_packets, write_log


def read(tmp_path: Path, text: str | bytes, nodes: int = 16) -> list[list[int]]:
    path = tmp_path / "in.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_packets(path, nodes).tolist()


def problems(tmp_path: Path, text: str | bytes, nodes: int = 16) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, nodes)
    return str(caught.value).replace(str(tmp_path / "in.csv"), "in.csv").splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "5,0,15,1\n3,2,2,9\n",
        "5,0,15,1\n3,2,2,9",
        "5,0,15,1\r\n3,2,2,9\r\n",
        "\n 5, 0,15 ,1\n\n3,2,2,9\n\n",
        "\ufeff5,0,15,1\n3,2,2,9\n",
    ],
)
def test_packets_are_read_in_the_order_of_the_file(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [[5, 0, 15, 1], [3, 2, 2, 9]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["in.csv: holds no packets; allowed: lines of cycle,src,dst,size"]),
        ("\n\n", ["in.csv: holds no packets; allowed: lines of cycle,src,dst,size"]),
        ("1,2,3\n", ["in.csv:1: has 3 columns, not 4 (got '1,2,3'); allowed: cycle,src,dst,size"]),
        ("1,2,3,4,5\n", ["in.csv:1: has 5 columns, not 4 (got '1,2,3,4,5'); allowed: cycle,src,dst,size"]),
        ("1\n", ["in.csv:1: has 1 column, not 4 (got '1'); allowed: cycle,src,dst,size"]),
        (
            "cycle,src,dst,size\n1,2,3,4\n",
            ["in.csv:1: is a header, which such a file has none of (got 'cycle,src,dst,size')"],
        ),
        (
            "0,16,-1,0\n",
            [
                "in.csv:1: src: is no node of the network (got '16'); allowed: 0 to 15",
                "in.csv:1: dst: is no node of the network (got '-1'); allowed: 0 to 15",
                "in.csv:1: size: is out of range (got '0'); allowed: 1 to 1048576",
            ],
        ),
        (
            "1,2,3,4\n\n-1,2,3,4\n1.0,2,x,4\n,2,3,4\n1e3,2,3,4\n",
            [
                "in.csv:3: cycle: is out of range (got '-1'); allowed: 0 to 1099511627776",
                "in.csv:4: cycle: must be a whole number (got '1.0')",
                "in.csv:4: dst: must be a whole number (got 'x')",
                "in.csv:5: cycle: must be a whole number (got '')",
                "in.csv:6: cycle: must be a whole number (got '1e3')",
            ],
        ),
        (
            "99999999999999999999,2,3,4\n",
            ["in.csv:1: cycle: is out of range (got '99999999999999999999'); allowed: 0 to 1099511627776"],
        ),
        (b"1,2,3,\xff\n", ["in.csv: is not UTF-8 text; allowed: lines of cycle,src,dst,size"]),
    ],
)
def test_what_is_wrong_is_told_by_line(tmp_path: Path, text: str | bytes, told: list[str]) -> None:
    assert problems(tmp_path, text) == told


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    told = problems(tmp_path, "0,0,0,0\n" * 1000)
    assert len(told) == 21
    assert told[19] == "in.csv:20: size: is out of range (got '0'); allowed: 1 to 1048576"
    assert told[20] == "in.csv: 980 more problems like these"


def test_a_file_that_is_none(tmp_path: Path) -> None:
    for path, rule in ((tmp_path / "absent.csv", "no such file"), (tmp_path, "is not a file")):
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}: {rule}$"):
            read_packets(path, 16)


TEXT = st.text(st.sampled_from("0123456789,-+.\n\r x\x0b\u2028\u00a0"), max_size=40)


@given(text=TEXT)
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        rows = read_packets(path, 16)
    except InputError as error:
        assert error.problems
    else:
        assert rows.shape == (len([line for line in text.splitlines() if line.strip()]), 4)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=30))
def test_a_source_sends_in_the_order_of_the_file(pairs: list[tuple[int, int]]) -> None:
    """What the engine gets never decreases for a source, and is the latest creation so far in the file."""
    rows = np.array([(cycle, source, 0, 1) for cycle, source in pairs], np.int64)
    packets = packets_of(rows)
    latest: dict[int, int] = {}
    for (cycle, source), created in zip(pairs, packets.created.tolist(), strict=True):
        latest[source] = max(cycle, latest.get(source, 0))
        assert created == latest[source]
    assert packets.source.tolist() == [source for _, source in pairs]
    assert packets.destination.tolist() == [0] * len(pairs)


ROWS = np.array([[5, 0, 15, 1], [3, 2, 2, 9]], np.int64)
ARRIVED = Deliveries(
    *(np.array(column) for column in zip((1, 0, 2, 4, 9, 17, 1), (0, 1, 15, 6, 11, 11, 7), strict=True))
)


def test_the_log(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_log(path, ROWS, ARRIVED)
    assert path.read_text() == ",".join(LOG_COLUMNS) + "\n0,2,2,9,3,4,9,17,1\n1,0,15,1,5,6,11,11,7\n"
    assert LOG_COLUMNS == ("pid", "src", "dst", "size", "ctime", "itime", "atime_head", "atime_tail", "hops")


def test_a_log_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path / 'taken'))}: cannot be written: Is a directory$"):
        write_log(tmp_path / "taken", ROWS, ARRIVED)
    with pytest.raises(InputError, match=r"cannot be written: No such file or directory$"):
        write_log(tmp_path / "absent" / "out.csv", ROWS, ARRIVED)
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


def test_a_log_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_log(tmp_path / "link.csv", ROWS, ARRIVED)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith(",".join(LOG_COLUMNS))
