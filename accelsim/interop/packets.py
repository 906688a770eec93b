"""Packet lists for a network alone: `cycle,src,dst,size` in, what became of each packet out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.replay import MOST_PACKETS, Deliveries, Packets
from accelsim.errors import InputError, Problem

COLUMNS = ("cycle", "src", "dst", "size")
LOG_COLUMNS = ("pid", "src", "dst", "size", "ctime", "itime", "atime_head", "atime_tail", "hops")

LAST_CYCLE = 1 << 40
"""The latest creation of a packet: cycles of a run, flits times hops included, stay far inside 64 bits."""

LOG_LINE = ",".join(["%d"] * len(LOG_COLUMNS)) + "\n"
LINES_AT_ONCE = 1 << 16

MOST_FLITS = 1 << 20
MOST_PROBLEMS = 20
"""So many problems of a file are told; the rest is counted."""

Rows = NDArray[np.int64]


def read_packets(path: str | Path, nodes: int) -> Rows:
    """The packets of a file, int64 [packets, 4]: creation cycle, source, destination, flits, in the file's order.

    A line holds four whole numbers and there is no header; empty lines are skipped. InputError names the lines that
    hold anything else, nodes that the network lacks (`nodes` is how many it has) or sizes below 1.
    """
    file = str(path)
    content = _content(Path(path), file)
    rows = _parse(content)
    if rows is None or _out_of_range(rows, nodes).any():
        raise InputError(_gather(_problems(content, nodes, file), file))
    if not len(rows):
        raise InputError(Problem("holds no packets", file, allowed=_form()))
    if len(rows) > MOST_PACKETS:
        raise InputError(Problem("holds too many packets", file, value=len(rows), allowed=f"at most {MOST_PACKETS}"))
    return rows


def packets_of(rows: Rows) -> Packets:
    """Packets as the engine takes them.

    A source sends in the file's order, so that a packet is not looked at before the one above it was fetched: the
    engine gets the running maximum of the creation cycles of each source.
    """
    created, source = rows[:, 0].copy(), rows[:, 1].copy()
    by_source = np.argsort(source, kind="stable")
    starts = np.flatnonzero(np.diff(source[by_source], prepend=-1))
    # The step from one source to the next lifts it above all cycles before, so that one accumulation serves all.
    step = int(created.max()) + 1
    rank = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(by_source))))
    created[by_source] = np.maximum.accumulate(created[by_source] + rank * step) - rank * step
    return Packets(created, source, rows[:, 2].copy(), rows[:, 3].copy())


def check_log(path: str | Path, packets: str | Path) -> None:
    """Refuse, before any work, a log that cannot be written, or that would take the place of the list of packets."""
    log = Path(path)
    rule = ""
    if log.is_dir():
        rule = "is a directory"
    elif not log.parent.is_dir():
        rule = "cannot be written: no such directory"
    elif log.exists() and Path(packets).exists() and log.samefile(packets):
        rule = "is the list of packets itself"
    if rule:
        raise InputError(Problem(rule, key="--log", value=str(path)))


def write_log(path: str | Path, rows: Rows, deliveries: Deliveries) -> None:
    """Write what became of the packets, a line each in order of arrival; whole or not at all.

    Columns: number in order of fetching by the sources, source, destination, flits, cycle of creation (the file's),
    of the head's injection, of the head's and of the tail's arrival, routers traversed.
    """
    sent = rows[deliveries.packet]
    columns = (
        deliveries.number,
        sent[:, 1],
        deliveries.node,
        sent[:, 3],
        sent[:, 0],
        deliveries.injected,
        deliveries.head,
        deliveries.tail,
        deliveries.hops,
    )
    path = Path(path)
    # What is no plain file, such as /dev/stdout, is written to; the file that a link points to is replaced.
    plain = not path.exists() or path.is_file()
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp") if plain else path
    try:
        with temporary.open("w", encoding="ascii") as stream:
            stream.write(",".join(LOG_COLUMNS) + "\n")
            for first in range(0, len(sent), LINES_AT_ONCE):
                part = np.column_stack([column[first : first + LINES_AT_ONCE] for column in columns])
                stream.writelines(LOG_LINE % tuple(values) for values in part.tolist())
        if plain:
            temporary.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(Problem(f"cannot be written: {error.strerror or error}", str(path))) from None
    finally:
        if plain:
            temporary.unlink(missing_ok=True)


def _form() -> str:
    return f"lines of {','.join(COLUMNS)}"


def _content(path: Path, file: str) -> str:
    if not path.exists():
        raise InputError(Problem("no such file", file))
    if path.is_dir():
        raise InputError(Problem("is not a file", file))
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(Problem("is not UTF-8 text", file, allowed=_form())) from None
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", file)) from None


def _parse(content: str) -> Rows | None:
    """The table of a file all of whose lines are well formed; None where one is not."""
    lines = content.splitlines()
    if not content.strip():
        return np.zeros((0, len(COLUMNS)), np.int64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rows: Rows = np.loadtxt(lines, dtype=np.int64, delimiter=",", comments=None, ndmin=2)
    except (ValueError, OverflowError, Warning):
        return None
    return rows if rows.shape[1] == len(COLUMNS) else None


def _out_of_range(rows: Rows, nodes: int) -> NDArray[np.bool_]:
    """Which packets [packets] break a rule."""
    low = np.array([0, 0, 0, 1])
    high = np.array([LAST_CYCLE, nodes - 1, nodes - 1, MOST_FLITS])
    wrong: NDArray[np.bool_] = (rows < low) | (rows > high)
    return np.asarray(wrong.any(axis=1))


def _problems(content: str, nodes: int, file: str) -> Iterator[Problem]:
    """What is wrong with each line, one after another: the slow way, for a file that is known to be wrong."""
    ranges = ((0, LAST_CYCLE), (0, nodes - 1), (0, nodes - 1), (1, MOST_FLITS))
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if number == 1 and len(cells) == len(COLUMNS) and all(cell.isidentifier() for cell in cells):
            yield Problem("is a header, which such a file has none of", file, number, value=_shown(line))
            continue
        if len(cells) != len(COLUMNS):
            rule = f"has {len(cells)} column{'s' if len(cells) != 1 else ''}, not {len(COLUMNS)}"
            yield Problem(rule, file, number, value=_shown(line), allowed=",".join(COLUMNS))
            continue
        for name, cell, (low, high) in zip(COLUMNS, cells, ranges, strict=True):
            sign = cell[:1] in ("-", "+")
            if not (cell[sign:].isascii() and cell[sign:].isdigit()):
                yield Problem("must be a whole number", file, number, name, _shown(cell))
            elif len(cell) > 18 or not low <= int(cell) <= high:
                rule = "is no node of the network" if name in ("src", "dst") else "is out of range"
                yield Problem(rule, file, number, name, _shown(cell), f"{low} to {high}")


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."


def _gather(problems: Iterator[Problem], file: str) -> list[Problem]:
    told: list[Problem] = []
    more = 0
    for problem in problems:
        if len(told) < MOST_PROBLEMS:
            told.append(problem)
        else:
            more += 1
    if more:
        told.append(Problem(f"{more} more problem{'s' if more != 1 else ''} like these", file))
    return told or [Problem("is no list of packets", file, allowed=_form())]
