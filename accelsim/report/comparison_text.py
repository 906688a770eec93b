"""A comparison for people: one table, where the cycles go, and layer by layer who is fastest."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from accelsim.report.comparison import STATES
from accelsim.report.table import WIDTH, Column, count, integer_si, percent, si, table

Comparison = Mapping[str, Any]

SHORT_STATES = ("computing", "weights", "spikes", "banks", "output", "sequencing", "idle")
"""The states as the titles of columns."""

SIZES = {"pes": "processing elements", "area": "area"}


def render_comparison(comparison: Comparison, layers: bool = False) -> str:
    """The whole comparison as text of at most 120 columns; with `layers`, also the time of every layer."""
    blocks = [_header(comparison), _chips(comparison), _cycles(comparison)]
    if comparison["equal"]:
        blocks.append(_equal(comparison))
    if layers:
        blocks += _layers(comparison)
    blocks += [_notes(comparison), _failures(comparison)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def times(ratio: float | None) -> str:
    """How many times: 12.3, "12.3x"."""
    if ratio is None:
        return "-"
    if ratio >= 1000 or 0 < ratio < 0.01:
        return f"{ratio:.1e}x"
    return f"{ratio:.3g}x" if ratio < 100 else f"{ratio:.0f}x"


def _header(comparison: Comparison) -> list[str]:
    chips, images = len(comparison["chips"]), comparison["images"]
    title = f"{chips} chip{'s' * (chips != 1)} running {comparison['input']}, {images} image{'s' * (images != 1)}"
    lines = textwrap.wrap(f"{title}: {si(comparison['synops'])} synaptic operations", WIDTH)
    return [*lines, "=" * max(map(len, lines))]


def _chips(comparison: Comparison) -> list[str]:
    chips = comparison["chips"]
    network = any(chip["noc_flit_hops"] for chip in chips)
    columns = [
        Column("chip", "<", 10), Column("PEs"), Column("cycles"), Column("time"), Column("x"), Column("energy"),
        Column("x"), Column("pJ/synop"), Column("util"), Column("DRAM"), Column("flit-hops"), Column("mm2"),
        Column("bound by", "<", 8),
    ]  # fmt: skip
    rows = [
        [
            chip["name"],
            count(chip["pes"]),
            count(chip["cycles"]),
            si(chip["time_s"], "s"),
            times(chip["speedup"]),
            si(chip["energy_j"], "J"),
            times(chip["efficiency"]),
            _picojoules(chip["energy_per_synop_j"]),
            percent(chip["utilisation"]),
            si(chip["dram_bytes"], "B"),
            integer_si(chip["noc_flit_hops"]),
            "-" if chip["area_mm2"] is None else f"{chip['area_mm2']:.3g}",
            chip["bound_by"],
        ]
        for chip in chips
    ]
    if not network:
        at = [column.title for column in columns].index("flit-hops")
        for line in (columns, *rows):
            del line[at]
    explained = f"  x: how many times faster than {comparison['baseline']}, and with how many times less energy"
    return [*table(columns, rows), explained]


def _picojoules(joules: float | None) -> str:
    return "-" if joules is None else f"{joules * 1e12:.3g}"


def _cycles(comparison: Comparison) -> list[str]:
    columns = (Column("chip", "<", 10), *(Column(state) for state in SHORT_STATES))
    rows = []
    for chip in comparison["chips"]:
        spent = chip["state_cycles"]
        whole = max(1, sum(spent.values()))
        rows.append((chip["name"], *(percent(spent[state] / whole) for state in STATES)))
    return ["Where the cycles go: each layer's bottleneck array, summed over layers", *table(columns, rows)]


def _equal(comparison: Comparison) -> list[str]:
    of = comparison["equal"]
    columns = (
        Column("chip", "<", 10), Column("copies"), Column("PEs"), Column("mm2"), Column("time an input"), Column("x"),
        Column("power"), Column("DRAM/s"),
    )  # fmt: skip
    rows = []
    for chip in comparison["chips"]:
        equal = chip["equal"]
        rows.append(
            (
                chip["name"],
                "-" if equal["copies"] is None else f"{equal['copies']:.4g}",
                count(equal["pes"]),
                "-" if equal["area_mm2"] is None else f"{equal['area_mm2']:.3g}",
                si(equal["time_s"], "s"),
                times(equal["speedup"]),
                si(equal["power_w"], "W"),
                si(equal["dram_bytes_per_s"], "B"),
            )
        )
    why = (
        "Copies of a chip beside each other, each with a memory and an input of its own: an input takes its time "
        "divided by the copies, and the energy of above."
    )
    return [
        f"At equal {SIZES[of]}, those of {comparison['baseline']}",
        *table(columns, rows),
        *textwrap.wrap(why, WIDTH, initial_indent="  ", subsequent_indent="  "),
    ]


def _layers(comparison: Comparison) -> Iterator[list[str]]:
    """The time of every layer, the shortest marked; as many chips a table as fit."""
    chips = comparison["chips"]
    best = [
        min(line, key=lambda layer: layer["time_s"]) for line in zip(*(chip["layers"] for chip in chips), strict=True)
    ]
    names = [layer["name"] for layer in chips[0]["layers"]]
    named = min(24, max(len(name) for name in names))
    wide = max(9, *(len(chip["name"]) for chip in chips))
    room = max(1, (WIDTH - 2 - named) // (wide + 2))
    for first in range(0, len(chips), room):
        shown = chips[first : first + room]
        columns = (Column("layer", "<", 8), *(Column(chip["name"]) for chip in shown))
        rows = [
            (
                name,
                *(
                    si(chip["layers"][index]["time_s"], "s") + ("*" if chip["layers"][index] is best[index] else " ")
                    for chip in shown
                ),
            )
            for index, name in enumerate(names)
        ]
        won = (
            f"{sum(any(layer is winner for winner in best) for layer in chip['layers'])} of {len(names)} "
            for chip in shown
        )
        rows.append(("fastest", *won))
        yield ["Time of each layer, the shortest marked *", *table(columns, rows)]


def _notes(comparison: Comparison) -> list[str]:
    """Notes that all chips share once, others with the chips that they are about."""
    chips = comparison["chips"]
    about: dict[str, list[str]] = {}
    for chip in chips:
        for note in dict.fromkeys(chip["notes"]):
            about.setdefault(note, []).append(chip["name"])
    lines = [note if len(names) == len(chips) else f"{', '.join(names)}: {note}" for note, names in about.items()]
    nodes = {chip["node_nm"] for chip in chips}
    if len(nodes) > 1:
        each = ", ".join(f"{chip['name']} {chip['node_nm']:g} nm" for chip in chips)
        lines.insert(0, f"energy and area are priced in each chip's own technology: {each}")
    return _bullets("Notes", lines)


def _failures(comparison: Comparison) -> list[str]:
    return [
        line
        for failure in comparison["failures"]
        for line in (f"failed: {failure['name']}", *(f"  {text}" for text in failure["message"].splitlines()))
    ]


def _bullets(title: str, lines: list[str]) -> list[str]:
    wrapped = [textwrap.wrap(line, WIDTH, initial_indent="  - ", subsequent_indent="    ") for line in lines]
    return [title, *(line for lines in wrapped for line in lines)] if lines else []
