"""The small public surface: load a chip and a trace, simulate, look at the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accelsim.build import Arch
    from accelsim.workload.workload import Workload


def load_arch(path: str | Path, overrides: Sequence[str] = ()) -> Arch:
    """The chip that a YAML file describes, with `KEY=VALUE` overrides; InputError holds all that is wrong with it."""
    from accelsim import build

    return build.load_arch(path, overrides)


def load_trace(path: str | Path, seed: int = 0) -> Workload:
    """A trace (.npz), or a workload file (.yaml) whose spikes are drawn with `seed`; InputError if it is broken."""
    from accelsim import workload

    return workload.load_input(path, seed)


def simulate(
    arch: Arch,
    trace: Workload,
    *,
    images: int = 1,
    layers: Sequence[str] | None = None,
    verify: bool = False,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Result:
    """Run `images` images through the chip; `layers` keeps only those, `verify` compares every output word.

    `progress(done, total, layer)` is called as layers get done. InputError tells of a layer that does not fit the chip,
    SimulationError of a run that failed.
    """
    from accelsim.simulation import simulate as run

    done = run(arch, trace, images=images, layers=layers, verify=verify, seed=seed, progress=progress)
    return Result(done.report, done.timeline, done.arch_text)


class Result:
    """What a simulation found: `report` (plain data, the content of report.json), `timeline` (arrays by name) and
    `arch_text` (the YAML of the chip as run)."""

    def __init__(self, report: dict[str, Any], timeline: dict[str, NDArray[np.generic]], arch_text: str) -> None:
        self.report = report
        self.timeline = timeline
        self.arch_text = arch_text

    def text(self) -> str:
        """The report for people."""
        from accelsim.report.text import render

        return render(self.report)

    def save(self, directory: str | Path) -> Path:
        """Write report.json, report.txt, timeline.npz and arch.yaml, all or none."""
        from accelsim.report.files import save

        save(self, Path(directory), self.text())
        return Path(directory)

    def plot(self, path: str | Path = "timeline.png") -> Path:
        """Draw the utilisation timeline into a picture file."""
        from accelsim.report.plot import plot_timeline

        plot_timeline(self.report, self.timeline, Path(path))
        return Path(path)
