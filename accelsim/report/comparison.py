"""Reports of several chips side by side: the same input, the same measures, and how they stand to a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Report = Mapping[str, Any]
Equal = Literal["pes", "area"]

SCHEMA = 1

STATES = (
    "computing",
    "weights_missing",
    "spikes_missing",
    "bank_conflict",
    "output_blocked",
    "sequencing",
    "idle",
)
"""What the cycles of a layer's bottleneck array go to; computing is busy, fill and drain."""

RATIOS = ("cycles", "compute_cycles", "time_s", "energy_j", "energy_per_synop_j", "edp_js", "dram_bytes", "area_mm2")
"""Measures of a chip that are also given as a share of the baseline's."""

EQUAL_NAMES = {"pes": "pes", "area": "area_mm2"}
"""What `--equal` makes equal: a measure of a chip."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A chip that ran: the name it goes by here, its report, and what only its description tells."""

    name: str
    report: Report
    pes: int
    clock_mhz: float
    node_nm: float


def compare(
    contenders: Sequence[Contender],
    baseline: str | None = None,
    equal: Equal | None = None,
    failures: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """What comparison.json holds (its keys: docs/compare.md): every chip beside the baseline, by default the first.

    With `equal`, also as many copies of each chip as have the baseline's processing elements or area, each copy with a
    memory and an input of its own: the time of an input falls by their number, its energy stays. `failures` are
    (chip, message).
    """
    names = [contender.name for contender in contenders]
    baseline = baseline if baseline is not None else names[0]
    chips = [_chip(contender) for contender in contenders]
    reference = chips[names.index(baseline)]
    for chip in chips:
        chip["speedup"] = _ratio(reference["time_s"], chip["time_s"])
        chip["efficiency"] = _ratio(reference["energy_j"], chip["energy_j"])
        chip["relative"] = {name: _ratio(chip[name], reference[name]) for name in RATIOS}
        chip["equal"] = _equal(chip, reference, equal) if equal else None
    report = contenders[0].report
    return {
        "schema": SCHEMA,
        "input": report["input"],
        "images": report["images"],
        "synops": report["total"]["synops"],
        "baseline": baseline,
        "equal": equal,
        "chips": chips,
        "failures": [{"name": name, "message": message} for name, message in failures],
    }


def _chip(contender: Contender) -> dict[str, Any]:
    report = contender.report
    total, layers = report["total"], report["layers"]
    area = report.get("area_mm2") or {}
    return {
        "name": contender.name,
        "arch": report["arch"],
        "pes": contender.pes,
        "clock_mhz": contender.clock_mhz,
        "node_nm": contender.node_nm,
        "area_mm2": sum(area.values()) if area else None,
        "cycles": total["cycles"],
        "compute_cycles": sum(layer["compute_cycles"] for layer in layers),
        "time_s": total["time_s"],
        "fps": total["fps"],
        "energy_j": total["energy_j"],
        "power_w": total["power_w"],
        "energy_per_synop_j": _ratio(total["energy_j"], total["synops"]),
        "edp_js": total["edp_js"],
        "gsops_per_s": total["gsops_per_s"],
        "gsops_per_w": total["gsops_per_w"],
        "utilisation": total["utilisation"],
        "bound_by": total["bound_by"],
        "dram_bytes": sum(
            layer["traffic"]["dram_read_bytes"] + layer["traffic"]["dram_write_bytes"] for layer in layers
        ),
        "noc_flit_hops": sum(layer["traffic"]["noc_flit_hops"] or 0 for layer in layers),
        "state_cycles": {state: sum(_state(layer, state) for layer in layers) for state in STATES},
        "energy_by_component_j": dict(report["energy_j"]["by_component"]),
        "layers": [_layer(layer, contender.clock_mhz) for layer in layers],
        "notes": list(report.get("notes") or []),
        "arch_sha256": report["provenance"]["arch_sha256"],
    }


def _layer(layer: Report, clock_mhz: float) -> dict[str, Any]:
    return {
        "name": layer["name"],
        "synops": layer["synops"],
        "cycles": layer["cycles"],
        "compute_cycles": layer["compute_cycles"],
        "time_s": layer["cycles"] / (clock_mhz * 1e6),
        "energy_j": layer["energy_j"],
        "utilisation": layer["utilisation"],
        "bound_by": layer["bound_by"],
    }


def _state(layer: Report, state: str) -> int:
    if state == "computing":
        return int(layer["compute_cycles"])
    if state in ("sequencing", "idle"):
        return int(layer[f"{state}_cycles"])
    return int(layer["stall_cycles"].get(state, 0))


def _equal(chip: Report, reference: Report, equal: Equal) -> dict[str, Any]:
    copies = _ratio(reference[EQUAL_NAMES[equal]], chip[EQUAL_NAMES[equal]])
    if copies is None:
        return dict.fromkeys(("copies", "time_s", "speedup", "power_w", "area_mm2", "pes", "dram_bytes_per_s"))
    time_s = chip["time_s"] / copies
    return {
        "copies": copies,
        "time_s": time_s,
        "speedup": _ratio(reference["time_s"], time_s),
        "power_w": chip["power_w"] * copies,
        "area_mm2": None if chip["area_mm2"] is None else chip["area_mm2"] * copies,
        "pes": chip["pes"] * copies,
        "dram_bytes_per_s": chip["dram_bytes"] / time_s,
    }


def _ratio(number: float | None, to: float | None) -> float | None:
    return number / to if number is not None and to else None
