"""The layers of a recorded VGG-16 with what sparse arrays take for them; its spikes, where somebody has them."""

from __future__ import annotations

import csv
import functools
import os
from typing import NamedTuple

import numpy as np
from chips import ROOT
from dataflow_cases import layer_task
from numpy.typing import NDArray

from accelsim.dataflows import Task

FIGURES = ROOT / "tests" / "golden" / "vgg16_cifar10_t4" / "cycles.csv"
RECORDED = os.environ.get("ACCELSIM_VGG16_TRACE", "")
"""Path of the .npz of raw spikes, [time step, channel, row, column] or [time step, feature] a layer."""


class Layer(NamedTuple):
    name: str
    figures: dict[str, int | None]
    """The columns of the table; None where it says nothing."""

    @property
    def outputs(self) -> int:
        return self.figure("outputs")

    @property
    def kernel(self) -> int:
        return 1 if self.name.startswith("fc") else 3

    @property
    def padding(self) -> int:
        return self.kernel // 2

    def figure(self, column: str) -> int:
        value = self.figures[column]
        assert value is not None
        return value

    @property
    def task(self) -> Task:
        """The layer as one task."""
        size = round(self.figure("pixels") ** 0.5)
        channels = self.figure("inputs") // self.kernel**2
        return layer_task(size, size, channels, self.outputs, kernel=self.kernel, padding=self.padding)

    def spikes(self) -> NDArray[np.int64]:
        """0/1 [time step, channel, row, column]; only where the recorded spikes are at hand."""
        raw = _recorded(self.name)
        return raw[:, :, None, None] if raw.ndim == 2 else raw


@functools.cache
def layers() -> tuple[Layer, ...]:
    with FIGURES.open() as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Layer(row["layer"], {key: int(value) if value else None for key, value in row.items() if key != "layer"})
        for row in rows
    )


@functools.cache
def _recorded(name: str) -> NDArray[np.int64]:
    with np.load(RECORDED) as arrays:
        return arrays[name].astype(np.int64)
