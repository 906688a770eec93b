"""Random chips whose arrays play the schedule of a dataflow."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from random_chips import draw_chip

from accelsim.build.arch import Arch, arch_of
from accelsim.config import Document
from accelsim.dataflows import Dataflow, dataflow_names, find_dataflow

Draw = random.Random


def _systolic(draw: Draw, columns: int) -> dict[str, Any]:
    return {"rows": draw.choice([1, 3, 8]), "columns": columns, "lane_bits": draw.choice([1, 4, 8])}


def _adders(draw: Draw, columns: int) -> dict[str, Any]:
    return {"columns": columns, "scan_bits": draw.choice([1, 5, 16])}


def _unrolled(draw: Draw, columns: int) -> dict[str, Any]:
    parallel = {
        "output_channels": columns,
        "input_channels": draw.choice([1, 4]),
        "kernel": draw.choice([1, 9]),
        "pixels": draw.choice([1, 3]),
        "time": draw.choice([1, 2]),
    }
    if draw.random() < 0.5:
        return {"parallel": parallel, "stationary": "outputs"}
    return {"parallel": parallel, "stationary": "weights", "weight_reload_cycles": draw.choice([0, 3])}


ARRAYS: dict[str, Callable[[Draw, int], dict[str, Any]]] = {
    "output_stationary": _systolic,
    "weight_stationary": _systolic,
    "input_stationary": _systolic,
    "bit_sparsity": _adders,
    "product_sparsity": lambda draw, columns: {
        "columns": columns,
        "tile_rows": draw.choice([1, 7, 32]),
        "tile_columns": draw.choice([1, 5, 16]),
    },
    "row_dispatch": lambda draw, columns: {"elements": columns, "scan_bits": draw.choice([1, 16])},
    "spike_broadcast": lambda draw, columns: {
        "columns": columns,
        "order": draw.choice(["gathered", "scattered"]),
        "event_cycles": draw.choice([0, 1, 3]),
        "input": draw.choice(["buffer", "stream"]),
    },
    "spike_detector": lambda draw, columns: {
        "group": draw.choice([2, 4, 16]),
        "per_cycle": draw.choice([1, 2]),
        "columns": columns,
        "weight_mask": draw.random() < 0.5,
    },
    "dual_sparse": lambda draw, columns: {
        "columns": columns,
        "parallel_steps": draw.choice([1, 4]),
        "chunk": draw.choice([5, 64]),
        "chunk_cycles": draw.choice([0, 1]),
        "laggard_cycles": draw.choice([0, 8]),
    },
    "gustavson": lambda draw, columns: {
        "rows": draw.choice([1, 4]),
        "columns": columns,
        "block_rows": draw.choice([1, 3, 8]),
        "block_columns": draw.choice([2, 8]),
    },
    "unrolled": _unrolled,
    "time_batched": lambda draw, columns: {
        "rows": columns,
        "columns": draw.choice([1, 3, 8]),
        "window_steps": draw.choice([1, 4]),
        "pairing": draw.random() < 0.5,
        "fill_drain_cycles": draw.choice([0, 32]),
    },
}
"""Sizes of arrays by the name of their dataflow; the second argument is the largest number of output channels."""


def draw_scheduled_chip(seed: int, dataflow: str) -> Arch:
    """A chip as `draw_chip` draws it, with another array."""
    draw = random.Random(seed)
    document = draw_chip(seed).document
    found = find_dataflow(dataflow)
    mode, skip = draw.choice([combined for combined, reason in found.modes.items() if not reason])
    array = {
        "dataflow": dataflow,
        "spike_mode": mode,
        "skip": skip,
        "pipeline_cycles": draw.choice([0, 1, 9]),
        **ARRAYS[dataflow](draw, document.data["pe_array"]["columns"]),
    }
    data = {**document.data, "pe_array": array}
    for name in ("spike_buffer", "weight_buffer"):
        data[name] = {**data[name], "ports": draw.choice(["1r1w", "2rw"])}
    found_settings = found.settings_class.model_validate(array)
    if draw.random() < 0.3 or (isinstance(found, Dataflow) and found.streams(found_settings)):
        data = _alone(draw, data)
    return arch_of(Document("random.yaml", data))


def _alone(draw: Draw, data: dict[str, Any]) -> dict[str, Any]:
    """The chip as one tile that is wired to memory."""
    ports = {
        f"{kind}_bytes_per_cycle": draw.choice([0.3, 1, 4.0, 16, "ideal"]) for kind in ("weight", "spike", "store")
    }
    return {
        **{key: value for key, value in data.items() if key not in ("memory_controller", "network_interface", "dram")},
        "tiles": {"columns": 1, "rows": 1},
        "noc": "none",
        "neuron_unit": draw.choice(["ideal", data["neuron_unit"]]),
        "dram": draw.choice(["ideal", {"bandwidth_gb_per_s": 3.3, "latency_ns": 20}, {**ports, "latency_cycles": 3}]),
    }


SCHEDULED = [name for name in dataflow_names() if isinstance(find_dataflow(name), Dataflow)]
