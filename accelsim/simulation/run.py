"""Run a workload on a chip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.build.arch import Arch
from accelsim.build.chip import add_actors, make_fabric
from accelsim.build.lower import lower
from accelsim.build.planning import plan_workload
from accelsim.build.program import Program
from accelsim.engine.bridge import Bridge
from accelsim.errors import InputError, Problem
from accelsim.kernels.state import W_LAYER
from accelsim.kernels.steps import CYCLES
from accelsim.mapping.plan import Plan
from accelsim.parts.sequencer import Command
from accelsim.simulation.invariants import check_invariants
from accelsim.simulation.record import Run
from accelsim.simulation.report import make_report
from accelsim.simulation.timeline import make_timeline
from accelsim.simulation.verify import Verification, verify_outputs
from accelsim.workload.layer import Layer
from accelsim.workload.statistics import network_statistics
from accelsim.workload.workload import Workload

Progress = Callable[[int, int, str], None]
"""Called with layers done, layers in all, and the name of the layer that was finished last."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found: `report` as in report.json, `timeline` as in timeline.npz, the architecture as run."""

    report: dict[str, Any]
    timeline: dict[str, NDArray[Any]]
    arch_text: str
    outputs: dict[tuple[int, str], NDArray[np.int64]] = field(default_factory=dict, repr=False)
    """With `verify`: computed words of (image, layer), shape (channels, rows, columns)."""


def simulate(
    arch: Arch,
    workload: Workload,
    *,
    images: int = 1,
    layers: Sequence[str] | None = None,
    verify: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    plan: Plan | None = None,
) -> Result:
    """Simulate `images` images of a workload, one layer after another, words travelling from tile to tile.

    `layers` names those to run; what the others would have produced is then read from DRAM. With `verify` the engine
    computes all outputs in hardware order and compares every word with the workload's. A `plan` (see
    `accelsim.build.planning`) is kept, else one is made. Raises InputError where the workload does not fit the chip,
    SimulationError on deadlock, a broken invariant or a word that differs.
    """
    run = run_engine(
        arch, workload, images=images, layers=layers, verify=verify, seed=seed, progress=progress, plan=plan
    )
    check_invariants(run)
    verification = Verification()
    if verify:
        verification = verify_outputs(run)
        run = replace(run, verified=verification.counts, notes=tuple(verification.notes.values()))
    return Result(make_report(run), make_timeline(run), arch.document.dump(), verification.outputs)


def run_engine(
    arch: Arch,
    workload: Workload,
    *,
    images: int = 1,
    layers: Sequence[str] | None = None,
    verify: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    plan: Plan | None = None,
    make_bridge: Callable[..., Bridge] = Bridge,
    reverse_actors: bool = False,
    instant_arrays: bool = False,
) -> Run:
    """Map, lower and run; with a `plan`, as it says.

    `make_bridge` and `reverse_actors` let tests disturb what must not matter. With `instant_arrays` the steps of
    schedules take no cycles.
    """
    if images < 1:
        raise InputError(Problem("must be at least 1", key="images", value=images))
    chosen = choose_layers(workload, layers)
    plan = plan or plan_workload(arch, workload, chosen, images)
    program = lower(plan, workload, arch, images, verify)
    if instant_arrays:
        program.contents.steps[:, CYCLES] = 0
    fabric = make_fabric(arch, program)
    bridge = make_bridge(fabric, program.groups)
    finished: list[int] = []
    add_actors(bridge, arch, program, finished, LayerProgress(program, chosen, progress), reverse_actors)
    bridge.run()
    fabric.settle()
    statistics = {found.layer.name: found for found in network_statistics(workload, images, chosen)}
    return Run(
        arch, workload, chosen, plan, program, fabric, images, tuple(finished), bridge.actor_events, statistics, seed
    )


def choose_layers(workload: Workload, names: Sequence[str] | None) -> tuple[Layer, ...]:
    """The layers of a workload that are to run; InputError lists the choices for an unknown name."""
    if names is None:
        return workload.layers
    known = [layer.name for layer in workload.layers]
    unknown = [name for name in names if name not in known]
    if not names:
        raise InputError(Problem("must name a layer", key="layers", allowed=", ".join(known)))
    if unknown:
        raise InputError(
            Problem("no such layer", key="--layers", value=name, allowed=", ".join(known)) for name in unknown
        )
    return tuple(layer for layer in workload.layers if layer.name in names)


class LayerProgress:
    """Counts the passes that end, and tells `progress` whenever a layer of an image has no more of them.

    Bit planes of images that are over are forgotten.
    """

    def __init__(self, program: Program, layers: Sequence[Layer], progress: Progress | None) -> None:
        self.layers = layers
        self.progress = progress
        self.planes = program.planes
        self.left = Counter(int(command.work[W_LAYER]) for script in program.scripts for command in script.commands)
        self.total = len(self.left)
        self.layers_left = Counter(number // len(layers) for number in self.left)

    def __call__(self, command: Command) -> None:
        number = int(command.work[W_LAYER])
        self.left[number] -= 1
        if self.left[number] == 0:
            del self.left[number]
            image = number // len(self.layers)
            self.layers_left[image] -= 1
            if self.layers_left[image] == 0:
                self.planes.forget(image)
            if self.progress is not None:
                self.progress(self.total - len(self.left), self.total, self.layers[number % len(self.layers)].name)
