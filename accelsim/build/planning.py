"""The mapping of a workload onto a chip, for those who run it and for those who only want to know that it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accelsim.build.arch import Arch
from accelsim.build.routes import Readers, branches
from accelsim.build.shares import whole_group
from accelsim.dataflows import ScheduledSettings
from accelsim.errors import InputError
from accelsim.mapping.choices import Choices, LayerChoices
from accelsim.mapping.plan import Plan
from accelsim.mapping.planner import make_plan
from accelsim.parts.noc import NocSettings
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, Layer
from accelsim.workload.payload import encode
from accelsim.workload.workload import Workload


def plan_workload(arch: Arch, workload: Workload, layers: Sequence[Layer], images: int = 1) -> Plan:
    """Map layers onto a chip for a run of some images, with the densities of the first image.

    Raises InputError where they do not fit, or where the chip's `mapping` names what is not there.
    """
    choices = _choices(arch, workload)
    unsupported = _unsupported(arch, layers)
    plan = make_plan(layers, arch.capacity, densities(arch, workload, layers), choices, arch.document.problem, images)
    if arch.noc is not None and arch.noc.multicast == "tree":
        _check_branches(arch, arch.noc, plan)
    return replace(plan, notes=(*unsupported, *plan.notes))


def _unsupported(arch: Arch, layers: Sequence[Layer]) -> list[str]:
    """Notes on layers that the arrays cannot take as they are. Raises InputError where the chip refuses them."""
    flow, array = arch.dataflow, arch.settings.pe_array
    if flow is None or not isinstance(array, ScheduledSettings):
        return []
    tasks = {layer.name: whole_group(layer) for layer in layers if layer.op in ARRAY_OPS}
    words = {name: reason for name, task in tasks.items() if (reason := flow.refuses(array, task))}
    shapes = {name: reason for name, task in tasks.items() if (reason := flow.approximates(array, task))}
    if array.unsupported == "error" and (words or shapes):
        raise InputError(
            arch.document.problem(("pe_array", "unsupported"), f"refuses {name}: {reason}", "error", "bit_planes")
            for name, reason in (*words.items(), *shapes.items())
        )
    notes = [f"{name}: runs as bit planes, every set bit an event: {reason}" for name, reason in words.items()]
    return notes + [f"{name}: its cycles are an estimate: {reason}" for name, reason in shapes.items()]


def densities(arch: Arch, workload: Workload, layers: Sequence[Layer]) -> dict[str, tuple[float, ...]]:
    """Shares of the words of the first image, one for each scan of the array, that have a bit in the slice scanned.

    Of an array whose work a dataflow schedules: the shares of words that are not zero, and of bits that are set.
    """
    lane_bits = arch.capacity.lane_bits
    found: dict[str, tuple[float, ...]] = {}
    for layer in layers:
        if layer.op in ARRAY_OPS:
            words = workload.input_words(layer.name, 0)
            if arch.dataflow is not None:
                ones = int(np.bitwise_count(words).sum())
                found[layer.name] = (float(np.count_nonzero(words) / words.size), ones / (words.size * layer.word_bits))
                continue
            slices = [words >> (lane_bits * scan) for scan in range(arch.capacity.scans(layer.word_bits))]
            found[layer.name] = tuple(
                float(np.count_nonzero(piece & ((1 << lane_bits) - 1)) / words.size) for piece in slices
            )
    return found


def _choices(arch: Arch, workload: Workload) -> Choices:
    """The chip's `mapping` as the planner takes it."""
    settings = arch.settings.mapping
    names = [layer.name for layer in workload.layers]
    unknown = [name for name in settings.layers if name not in names]
    if unknown:
        shown = ", ".join(names)
        raise InputError(
            arch.document.problem(("mapping", "layers", name), "names no layer of the input", None, shown)
            for name in unknown
        )
    return Choices(
        schedule=settings.schedule,
        split=settings.split,
        loop_order=None if settings.loop_order == "auto" else settings.loop_order,
        keep_weights=settings.keep_weights == "auto",
        layers={name: LayerChoices(**chosen.model_dump()) for name, chosen in settings.layers.items()},
    )


def _check_branches(arch: Arch, noc: NocSettings, plan: Plan) -> None:
    """Encoded packets, too, must fit a virtual channel whole to branch; an encoding can lengthen them."""
    settings = arch.settings
    problems = []
    readers = Readers(plan)
    for layer_plan in plan.layers:
        branching = [
            group[1] - group[0]
            for part in layer_plan.parts
            for group in part.groups
            if branches(readers.of(layer_plan, part.rows, group))
        ]
        bits = max((_longest_payload(arch, layer_plan.layer, channels) for channels in set(branching)), default=0)
        flits = ceil_div(bits + settings.network_interface.header_bits, noc.flit_bits)
        if branching and flits > noc.buffer_flits:
            rule = f"could deadlock: packets of {layer_plan.layer.name} that branch may have {flits} flits in "
            rule += "this encoding"
            allowed = f">= {flits}, or noc.multicast: none"
            key = ("noc", "buffer_flits")
            problems.append(arch.document.problem(key, rule, noc.buffer_flits, allowed))
    if problems:
        raise InputError(problems)


def _longest_payload(arch: Arch, layer: Layer, channels: int) -> int:
    """Bits of the longest payload of spikes from a group of channels: of as many words as fit, none silent."""
    interface = arch.settings.network_interface
    bits = arch.capacity.stored_bits(layer.out_word_bits)
    words = channels * min(layer.out_shape[2], max(1, interface.packet_payload_bits // (channels * bits)))
    return len(encode(np.ones(words, np.int64), bits, interface.payload))


def check(arch: Arch, workload: Workload) -> list[str]:
    """Validate that a workload fits a chip, without running; notes for people. Raises InputError."""
    return list(plan_workload(arch, workload, workload.layers).notes)
