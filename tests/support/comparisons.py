"""Made-up reports of which a comparison is made."""

from __future__ import annotations

from typing import Any

SYNOPS = 1_000_000


def a_report(arch: str, layers: dict[str, int], energy_j: float, area_mm2: float, hops: int = 0) -> dict[str, Any]:
    """What a comparison reads of a report: layers one after another, nine tenths of them computing, 100 MHz."""
    cycles = sum(layers.values())
    time_s = cycles / 100e6
    return {
        "arch": arch,
        "input": "net",
        "images": 1,
        "total": {
            "cycles": cycles,
            "time_s": time_s,
            "fps": 1 / time_s,
            "energy_j": energy_j,
            "power_w": energy_j / time_s,
            "edp_js": energy_j * time_s,
            "synops": SYNOPS,
            "gsops_per_s": SYNOPS / time_s / 1e9,
            "gsops_per_w": SYNOPS / energy_j / 1e9,
            "utilisation": 0.5,
            "bound_by": "pe_array",
        },
        "energy_j": {"by_component": {"pe_array": energy_j / 4, "dram": energy_j * 3 / 4}},
        "area_mm2": {"pe_array": area_mm2} if area_mm2 else {},
        "layers": [
            {
                "name": name,
                "synops": SYNOPS // len(layers),
                "cycles": spent,
                "compute_cycles": spent * 9 // 10,
                "stall_cycles": {"weights_missing": spent // 10},
                "sequencing_cycles": 0,
                "idle_cycles": 0,
                "energy_j": energy_j * spent / cycles,
                "utilisation": 0.5,
                "bound_by": "pe_array",
                "traffic": {"dram_read_bytes": 10 * spent, "dram_write_bytes": spent, "noc_flit_hops": hops},
            }
            for name, spent in layers.items()
        ],
        "notes": ["output words drawn", f"of {arch}"],
        "provenance": {"arch_sha256": arch * 3},
    }
