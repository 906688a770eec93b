"""Which axes of an ONNX tensor are which parts of a map's channels, rows and columns.

Reshapes and transposes move no data here: a layout says how the tensor's axes are made of factors of the map that a
layer produces, [batch, channels, rows, columns]. Channels cut into heads are two factors of the channels; tokens are
the rows and the columns in one axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.workload.layer import Shape

Part = Literal["batch", "channels", "rows", "columns"]


class Refusal(AccelsimError):
    """Why a node has no counterpart, and what there is instead; the reader adds the node and the file."""

    def __init__(self, rule: str, value: object = None, allowed: str = "") -> None:
        self.rule, self.value, self.allowed = rule, value, allowed
        super().__init__(rule)


@dataclass(frozen=True, slots=True)
class Factor:
    """`size` steps along a part of the map, `stride` places apart."""

    part: Part
    size: int
    stride: int = 1


Axis = tuple[Factor, ...]
"""The factors of an axis, slowest first; none for an axis of size 1."""


def whole(part: Part, size: int) -> Axis:
    """The axis that is that part of a map, from first to last."""
    return (Factor(part, size),) if size > 1 else ()


@dataclass(frozen=True, slots=True)
class Layout:
    """The axes of a tensor."""

    axes: tuple[Axis, ...]

    @classmethod
    def of_map(cls, batch: int, shape: Shape) -> Layout:
        """[batch, channels, rows, columns]."""
        channels, rows, columns = shape
        return cls((whole("batch", batch), whole("channels", channels), whole("rows", rows), whole("columns", columns)))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Size of each axis."""
        return tuple(prod(factor.size for factor in axis) for axis in self.axes)

    def axis(self, number: int) -> int:
        """An axis counted from the front, of one that may count from the back."""
        if not -len(self.axes) <= number < len(self.axes):
            raise Refusal("axis does not exist", number, f"{len(self.axes)} axes")
        return number % len(self.axes)

    def reshaped(self, sizes: Sequence[int]) -> Layout:
        """The same elements in the same order, in axes of other sizes."""
        if prod(sizes) != prod(self.sizes):
            raise Refusal("reshapes to another number of elements", list(sizes), f"of {list(self.sizes)}")
        left = list(_joined(tuple(chain(*self.axes))))
        axes = []
        for size in sizes:
            axis = []
            while size > 1:
                factor = left.pop(0)
                if size % factor.size == 0:
                    axis.append(factor)
                    size //= factor.size
                elif factor.size % size == 0:
                    inner = factor.size // size
                    axis.append(Factor(factor.part, size, factor.stride * inner))
                    left.insert(0, replace(factor, size=inner))
                    size = 1
                else:
                    raise Refusal(f"cuts the {factor.part} across", list(sizes), "axes that cut or join whole parts")
            axes.append(tuple(axis))
        return Layout(tuple(axes))

    def transposed(self, order: Sequence[int]) -> Layout:
        """Axes in another order."""
        if sorted(order) != list(range(len(self.axes))):
            raise Refusal("is no order of the axes", list(order))
        return Layout(tuple(self.axes[axis] for axis in order))

    def with_axis(self, number: int, axis: Axis) -> Layout:
        """The same with one axis replaced."""
        return Layout((*self.axes[:number], axis, *self.axes[number + 1 :]))

    def without(self, numbers: Sequence[int], keep: bool) -> Layout:
        """Some axes reduced to size 1, or left out."""
        axes = [() if number in numbers else axis for number, axis in enumerate(self.axes)]
        return Layout(tuple(axis for number, axis in enumerate(axes) if keep or number not in numbers))


def positions(axis: Axis, parts: Sequence[Part], shape: Shape) -> NDArray[np.int64] | None:
    """Where each element of an axis lies in the map [channels, rows, columns] cut down to some of its parts.

    None where the axis does not hold exactly these parts, whole.
    """
    sizes = {"batch": 0, "channels": shape[0], "rows": shape[1], "columns": shape[2]}
    if any(factor.part not in parts for factor in axis):
        return None
    if prod(factor.size for factor in axis) != prod(sizes[part] for part in parts):
        return None
    place = np.zeros(1, dtype=np.int64)
    for factor in axis:
        beyond = prod(sizes[part] for part in parts[parts.index(factor.part) + 1 :])
        place = (place[:, None] + np.arange(factor.size) * factor.stride * beyond).reshape(-1)
    return place


def in_order(axis: Axis, parts: Sequence[Part], shape: Shape) -> bool:
    """Whether an axis holds exactly these parts, whole and in the map's own order."""
    place = positions(axis, parts, shape)
    return place is not None and bool((np.diff(place) > 0).all())


def _joined(factors: Axis) -> Axis:
    joined: list[Factor] = []
    for factor in factors:
        last = joined[-1] if joined else None
        if last and last.part == factor.part and last.stride == factor.stride * factor.size:
            joined[-1] = Factor(factor.part, last.size * factor.size, factor.stride)
        else:
            joined.append(factor)
    return tuple(joined)
