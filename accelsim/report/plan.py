"""The mapping of a run, before it is run: what `accelsim plan` prints, as data and as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from accelsim.build import Arch
from accelsim.mapping.plan import LayerPlan, Plan
from accelsim.mapping.traffic import Traffic, plan_traffic
from accelsim.report.table import WIDTH, Column, count, si, table
from accelsim.workload.layer import ARRAY_OPS
from accelsim.workload.workload import Workload


def describe_plan(arch: Arch, workload: Workload, plan: Plan, images: int) -> dict[str, Any]:
    """Everything that a plan decides and expects, as plain data; bytes are those of one image."""
    first, later = (plan_traffic(plan, arch.capacity, first_image) for first_image in (True, False))
    estimate = plan.estimate
    names = [entry.layer.name for entry in plan.layers]
    return {
        "arch": arch.name,
        "input": workload.name,
        "images": images,
        "schedule": arch.settings.mapping.schedule,
        "estimate": {
            "cycles": estimate.cycles,
            "latency_cycles": estimate.latency_cycles,
            "interval_cycles": estimate.interval_cycles,
        },
        "stages": [
            {"layers": names[stage.layers[0] : stage.layers[1]], "tiles": list(stage.tiles)} for stage in plan.stages
        ],
        "layers": [
            _layer(plan, entry, first[entry.index], later[entry.index], estimate.layer_cycles[entry.index])
            for entry in plan.layers
        ],
        "first_image": asdict(sum(first, Traffic())),
        "later_images": asdict(sum(later, Traffic())),
        "tiles": [
            {
                "tile": tile,
                "layers": [entry.layer.name for entry in plan.layers if any(part.tile == tile for part in entry.parts)],
                "spike_buffer_peak_bytes": plan.spike_buffer_peak_bytes[tile],
                "weight_bytes": plan.weight_bytes[tile],
                "weights_stay": plan.weights_stay[tile],
            }
            for tile in range(arch.capacity.tiles)
        ],
        "spike_buffer_bytes": arch.capacity.spike_buffer_bytes,
        "weight_buffer_bytes": arch.capacity.weight_buffer_bytes,
        "notes": [*workload.notes, *plan.notes],
    }


def _layer(plan: Plan, entry: LayerPlan, first: Traffic, later: Traffic, cycles: int) -> dict[str, Any]:
    parts = entry.parts
    on_array = entry.layer.op in ARRAY_OPS
    return {
        "name": entry.layer.name,
        "op": entry.layer.op,
        "channel_parts": len({part.channels for part in parts}),
        "row_parts": len({part.rows for part in parts}),
        "tiles": [part.tile for part in parts],
        "strips": max(len(part.strips) for part in parts),
        "channel_groups": max(len(part.groups) for part in parts),
        "input_chunks": max(len(part.chunks) for part in parts) if on_array else 1,
        "loop_order": sorted({part.loop_order for part in parts}),
        "images_with_room": min(box.copies for part in parts for strip in part.strips for box in strip.boxes),
        "inputs": [box.producer or "dram" for box in parts[0].strips[0].boxes],
        "through_dram": entry.stores,
        "weights_stay": all(plan.stays(entry, part) for part in parts) if on_array else None,
        "estimated_cycles": cycles,
        "first_image": asdict(first),
        "later_images": asdict(later),
    }


def render_plan(plan: dict[str, Any]) -> str:
    """The plan for people. `plan` is what `describe_plan` made."""
    images = plan["images"]
    title = f"{plan['arch']} mapping {plan['input']}, {images} image{'s' if images != 1 else ''}, {plan['schedule']}"
    estimate = plan["estimate"]
    blocks = [
        [title, "=" * len(title)],
        [
            f"  estimate: {count(estimate['cycles'])} cycles, the first image in {count(estimate['latency_cycles'])}, "
            f"one every {count(estimate['interval_cycles'])}"
        ],
        list(_layers(plan)),
        list(_buffers(plan)),
    ]
    if plan["stages"]:
        blocks.append(list(_stages(plan)))
    if plan["notes"]:
        blocks.append(["Notes", *(line for note in plan["notes"] for line in _wrapped(note, "  - "))])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _layers(plan: dict[str, Any]) -> Iterator[str]:
    columns = (
        Column("layer", "<", 10),
        Column("op", "<", 4),
        Column("cuts"),
        Column("tiles", "<", 8),
        Column("strips"),
        Column("outer loop", "<"),
        Column("weights", "<"),
        Column("DRAM read"),
        Column("later"),
        Column("copied"),
        Column("sent"),
        Column("stored"),
        Column("estimate"),
    )
    rows = [
        (
            layer["name"],
            layer["op"].removesuffix("2d"),
            f"{layer['channel_parts']}x{layer['row_parts']}",
            tile_ranges(layer["tiles"]),
            str(layer["strips"]),
            "/".join(order.removesuffix("_first") for order in layer["loop_order"])
            if layer["strips"] > 1 and layer["weights_stay"] is not None
            else "",
            {True: "stay", False: "reload", None: ""}[layer["weights_stay"]],
            *_bytes(layer["first_image"], layer["later_images"]),
            count(layer["estimated_cycles"]),
        )
        for layer in plan["layers"]
    ]
    total = _bytes(plan["first_image"], plan["later_images"])
    rows.append(("image", "", "", "", "", "", "", *total, ""))
    yield "Layers: cuts by output channel x rows; bytes of the first image and of a later one; cycles of all images"
    yield from table(columns, rows)
    yield "  copied: from DRAM into buffers, each copy; sent: from tile to tile, each copy; stored: to DRAM"


def _bytes(first: dict[str, int], later: dict[str, int]) -> tuple[str, ...]:
    return (
        si(first["weight_read_bytes"] + first["word_read_bytes"], "B"),
        si(later["weight_read_bytes"] + later["word_read_bytes"], "B"),
        si(first["weight_bytes"] + first["word_bytes"], "B"),
        si(first["sent_bytes"], "B"),
        si(first["stored_bytes"], "B"),
    )


def _buffers(plan: dict[str, Any]) -> Iterator[str]:
    tiles = plan["tiles"]
    stay = sum(tile["weights_stay"] for tile in tiles)
    words = max(tile["spike_buffer_peak_bytes"] for tile in tiles)
    weights = max(tile["weight_bytes"] for tile in tiles)
    yield "Buffers"
    yield f"  spike buffer: {count(words)} of {count(plan['spike_buffer_bytes'])} bytes in the fullest tile"
    there = count(plan["weight_buffer_bytes"])
    yield f"  weight buffer: {count(weights)} bytes of weights for the {there} of the tile that uses most"
    yield f"  weights stay for all images in {stay} of {len(tiles)} tiles"


def _stages(plan: dict[str, Any]) -> Iterator[str]:
    yield "Stages of the pipeline"
    for stage in plan["stages"]:
        yield from _wrapped(f"tiles {tile_ranges(stage['tiles'])}: {', '.join(stage['layers'])}", "  ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=" " * (len(indent) + 2))


def tile_ranges(tiles: Sequence[int]) -> str:
    """Numbers in short: 0-3 7 9-15."""
    numbers = sorted(set(tiles))
    runs: list[list[int]] = []
    for tile in numbers:
        if runs and tile == runs[-1][1] + 1:
            runs[-1][1] = tile
        else:
            runs.append([tile, tile])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
