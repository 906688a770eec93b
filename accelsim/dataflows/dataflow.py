"""A dataflow: how an array of processing elements takes spikes and weights. One file a dataflow, and nothing else."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from accelsim.config import Count, Cycles, Settings
from accelsim.dataflows.task import Mask, Schedule, Task, Words

SpikeMode = Literal["packed", "bit_serial", "time_serial"]
Skip = Literal["nothing", "silent_words", "zero_bits"]


class ArraySettings(Settings):
    """`pe_array`: what all arrays have in common; a dataflow adds its own keys."""

    dataflow: str
    spike_mode: SpikeMode = Field(
        description="packed: the bits of a word are one operand; bit_serial: bit plane after bit plane; time_serial: "
        "time step after time step, the bits of a step together"
    )
    skip: Skip = Field(description="what costs no array cycle: nothing, words without any spike, or every zero bit")
    pipeline_cycles: Cycles = Field(0, le=4096, description="from a pixel's last operand to the neuron unit")
    accumulator_bits: Count = Field(24, le=64, description="width of a partial sum")

    @property
    @abstractmethod
    def pe_shape(self) -> tuple[int, int]:
        """(operands taken, output channels) a cycle: their product is the number of processing elements."""

    @property
    def operand_bits(self) -> int:
        """Bits of an operand: 1 where spikes gate weights, more where words are multiplied."""
        return 1

    @property
    def line_bits(self) -> int:
        """Bits that are read from the spike buffer at once."""
        return self.pe_shape[0] * self.operand_bits

    @property
    def queued_words(self) -> int:
        """Words in queues of flip-flops between spike buffer and array."""
        return 0


class ScheduledSettings(ArraySettings):
    """`pe_array` where a dataflow schedules the work."""

    unsupported: Literal["bit_planes", "error"] = Field(
        "bit_planes",
        description="a layer whose words the array cannot take: run as bit planes, every set bit an event; or refused",
    )


class ArrayKind:
    """A kind of array. A module of this package holds one instance of it, named DATAFLOW.

    The module's docstring is its chapter in docs/timing.md. A kind that is no `Dataflow` is stepped by the fabric.
    """

    settings_class: ClassVar[type[ArraySettings]]
    modes: ClassVar[Mapping[tuple[SpikeMode, Skip], str]]
    """The spike modes and skips that the hardware can combine: "" or, for those it cannot, the reason."""
    compared_with: ClassVar[str] = ""
    """What besides its own twin its cycles have been compared with, for the report."""


class Dataflow(ArrayKind, ABC):
    """An array whose work follows from the spikes alone: a schedule of steps, which the fabric plays."""

    needs_weights: ClassVar[bool] = False
    """Whether cycles depend on which weights are zero."""

    def outputs(self, settings: Any) -> int:
        """Output channels of a task, at most; 0: all of a layer."""
        return int(settings.pe_shape[1])

    def whole_map(self, settings: Any) -> bool:
        """Whether a task has to hold all output rows of a layer, as the order of work demands."""
        return False

    def streams(self, settings: Any) -> bool:
        """Whether the input map is read from memory in the course of a task, rather than kept in the spike buffer."""
        return False

    def parameter_bytes(self, settings: Any, layer_outs: int, first_out: int, outs: int) -> int:
        """Bytes of biases and the like that are loaded before the weights of a task."""
        return 0

    def padding_bytes(self, settings: Any, task: Task) -> int:
        """Bytes of zeros that are loaded among the weights of a task, where channels are padded to the array's size."""
        return 0

    def refuses(self, settings: Any, task: Task) -> str:
        """Why the words of a layer cannot be taken as they are, so that it runs as bit planes; "" if they can."""
        return ""

    def approximates(self, settings: Any, task: Task) -> str:
        """What of a layer the hardware has no way for, so that its cycles are an estimate; "" if it has."""
        return ""

    @abstractmethod
    def schedule(self, settings: Any, task: Task, words: Words, mask: Mask) -> Schedule:
        """What the array does for a task, by the compiled kernel."""

    @abstractmethod
    def twin(self, settings: Any, task: Task, words: Words, mask: Mask) -> Schedule:
        """The same in plain Python, written from the rules and not from the kernel: slow, for tests."""

    @abstractmethod
    def estimate(self, settings: Any, task: Task, word_density: float, bit_density: float) -> float:
        """Cycles of a task whose words are nonzero, and whose bits are set, with these probabilities.

        The closed form where cycles do not depend on the spikes.
        """


@functools.cache
def dataflow_names() -> tuple[str, ...]:
    """All dataflows: the modules of this package that hold one, and entry points `accelsim.dataflows` of others."""
    own = [found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]) if found.name[0] != "_"]
    others = [found.name for found in entry_points(group="accelsim.dataflows")]
    return tuple(sorted({*own, *others} - {"task", "dataflow"}))


@functools.cache
def find_dataflow(name: str) -> ArrayKind:
    """The dataflow of that name. Raises KeyError where there is none."""
    if name not in dataflow_names():
        raise KeyError(name)
    for point in entry_points(group="accelsim.dataflows"):
        if point.name == name:
            found: ArrayKind = point.load()
            return found
    module: Any = importlib.import_module(f"accelsim.dataflows.{name}")
    kind: ArrayKind = module.DATAFLOW
    return kind
