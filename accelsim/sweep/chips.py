"""The same input on several chips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelsim.sweep.executor import Failure, run_all
from accelsim.sweep.sweep import cores, load_once

if TYPE_CHECKING:
    from accelsim.simulation import Result


@dataclass(frozen=True, slots=True)
class ChipRun:
    """A chip, the overrides of its keys, and what it is to run."""

    arch: str
    overrides: tuple[str, ...]
    input: str
    images: int = 1
    layers: tuple[str, ...] | None = None
    seed: int = 0


def simulate_chip(run: ChipRun) -> Result:
    """The result of one chip; InputError or SimulationError as from any other run."""
    from accelsim.build import load_arch
    from accelsim.simulation import simulate

    arch = load_arch(run.arch, run.overrides)
    workload = load_once(run.input, run.seed)
    return simulate(arch, workload, images=run.images, layers=run.layers, seed=run.seed)


def run_chips(
    runs: Sequence[ChipRun], jobs: int | None = None, simulate: Callable[[ChipRun], Result] = simulate_chip
) -> Iterator[tuple[int, Result | Failure]]:
    """Simulate every chip in up to `jobs` processes (default: one a core): (index, outcome) as they come.

    A chip that fails stops no other.
    """
    return run_all(simulate, runs, jobs or cores())
