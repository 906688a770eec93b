"""The network while an ONNX graph is read: layers that still take up what follows them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from accelsim.interop.onnx.layout import Layout, Refusal
from accelsim.reference.ann import IDENTITY, Activation, Ann
from accelsim.reference.node import Node
from accelsim.reference.reals import Reals
from accelsim.workload.layer import ATTENTION_OPS, Shape

Floats = NDArray[np.float64]

NO_PADDING = (0, 0, 0, 0)

LARGEST_MAP = 1 << 28
"""Values of a map, above which a layer is refused."""


@dataclass(eq=False)
class Draft:
    """A layer and its numbers; `shape` is that of the map which it makes, `operands` are what it reads."""

    node: Node
    operands: tuple[Value, ...]
    shape: Shape
    weights: Reals | None = None
    bias: Floats | None = None
    activation: Activation | None = None
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Value:
    """An ONNX tensor: a view of what a draft makes (of the image where there is none), times `scale`.

    `padding` zeros are to be added before its first row, before its first column, after its last row and after its
    last column. `shared` tells whether others read the same draft, which may then not be changed.
    """

    draft: Draft | None
    shape: Shape
    layout: Layout
    scale: float = 1.0
    padding: tuple[int, int, int, int] = NO_PADDING
    shared: bool = False


class Drafts:
    """Layers in the order in which they are read."""

    def __init__(self, image: Value) -> None:
        self.image = image
        self._drafts: list[Draft] = []

    def add(
        self,
        node: Node,
        operands: Sequence[Value],
        shape: Shape,
        layout: Layout,
        weights: Reals | None = None,
        bias: Floats | None = None,
        gain: float = 1.0,
    ) -> Value:
        """A new layer, its inputs filled in at the end; scales of its operands are the caller's business."""
        if prod(shape) > LARGEST_MAP:
            raise Refusal("makes too large a map", list(shape), f"at most {LARGEST_MAP} values")
        if len(operands) > 1:
            # The image is no layer that another operand could stand beside.
            operands = [value if value.draft else self.passed(value, f"{node.name}.image") for value in operands]
        if weights is not None and bias is None:
            bias = np.zeros(len(weights))
        draft = Draft(node, tuple(operands), shape, weights, bias, gain=gain)
        self._drafts.append(draft)
        return Value(draft, shape, layout)

    def passed(self, value: Value, name: str, factor: Floats | None = None, offset: Floats | None = None) -> Value:
        """A depthwise convolution of 1x1 that scales and shifts each channel: what no other layer can take up."""
        value = self.unpadded(value)
        channels = value.shape[0]
        weights = np.full(channels, value.scale) if factor is None else factor * value.scale
        node = Node(name, "conv2d", groups=channels)
        return self.add(
            node,
            [value],
            value.shape,
            value.layout,
            weights.reshape(-1, 1, 1, 1).astype(np.float32),
            offset,
        )

    def settled(self, value: Value, name: str) -> Value:
        """The value with scale 1."""
        if value.scale == 1:
            return value
        ones, zeros = np.ones(value.shape[0]), np.zeros(value.shape[0])
        return self.passed(value, name) if not _fold(value, ones, zeros) else replace(value, scale=1.0)

    def unpadded(self, value: Value) -> Value:
        """The value, refused where zeros are to be put around it."""
        if value.padding != NO_PADDING:
            raise Refusal("reads zeros that Pad put around a map", allowed="Pad before a convolution or average pool")
        return value

    def affine(self, value: Value, factor: Floats, offset: Floats, name: str) -> Value:
        """factor x + offset by channel, float64 [channels] each: in the layer's weights where it may be."""
        value = self.unpadded(value)
        if _fold(value, factor, offset):
            return replace(value, scale=1.0)
        if not offset.any() and (factor == factor[0]).all():
            return replace(value, scale=value.scale * float(factor[0]))
        return self.passed(value, name, factor, offset)

    def activated(self, value: Value, activation: Activation, name: str) -> Value:
        """The value behind an activation: its layer's own where it may be."""
        value = self.unpadded(value)
        if value.scale < 0:
            value = self.settled(value, f"{name}.scale")
        draft = value.draft
        before = draft.activation or IDENTITY if draft else IDENTITY
        if draft is None or value.shared or value.scale <= 0 or before.slope < 0:
            value = self.passed(value, name)
            draft, before = value.draft, IDENTITY
        assert draft is not None
        ceiling = min(before.ceiling, activation.ceiling / value.scale)
        draft.activation = Activation(before.slope * activation.slope, ceiling)
        return value

    def finished(self, name: str, outputs: Sequence[Value]) -> Ann:
        """The network of the layers that the outputs follow from."""
        needed: set[Draft] = set()
        left = [value.draft for value in outputs]
        while left:
            draft = left.pop()
            if draft and draft not in needed:
                needed.add(draft)
                left += [value.draft for value in draft.operands]
        drafts = [draft for draft in self._drafts if draft in needed]
        names: dict[Draft, str] = {}
        for draft in drafts:
            names[draft] = _unique(draft.node.name, names.values())
        return Ann(
            name=name,
            input_shape=self.image.shape,
            nodes=tuple(
                replace(d.node, name=names[d], inputs=tuple(names[v.draft] for v in d.operands if v.draft))
                for d in drafts
            ),
            weights={names[d]: np.asarray(d.weights, dtype=np.float32) for d in drafts if d.weights is not None},
            bias={names[d]: d.bias for d in drafts if d.bias is not None},
            activation={names[d]: d.activation for d in drafts if d.activation},
            gain={names[d]: d.gain for d in drafts if d.node.op in ATTENTION_OPS},
            outputs=tuple(dict.fromkeys(names[value.draft] for value in outputs if value.draft)),
        )


def _unique(name: str, taken: Collection[str]) -> str:
    """The name without what a layer's may not have, numbered where it is taken."""
    name = re.sub(r"[\s,/:]+", ".", name).strip(".") or "layer"
    chosen, number = name, 2
    while chosen in taken:
        chosen, number = f"{name}.{number}", number + 1
    return chosen


def _fold(value: Value, factor: Floats, offset: Floats) -> bool:
    """Put factor x + offset, and the value's scale, into the layer itself; False where it cannot take them."""
    draft, factor = value.draft, factor * value.scale
    if draft is None or value.shared:
        return False
    uniform = bool((factor == factor[0]).all()) and not offset.any()
    if draft.activation:
        if not uniform or factor[0] <= 0 or (draft.weights is None and draft.node.op not in ATTENTION_OPS):
            return False
        # A rectifier lets positive factors through; its ceiling moves with them.
        draft.activation = Activation(draft.activation.slope, draft.activation.ceiling * float(factor[0]))
    if draft.weights is not None and draft.bias is not None:
        draft.weights = draft.weights * factor.reshape(-1, 1, 1, 1).astype(np.float32)
        draft.bias = draft.bias * factor + offset
        return True
    if draft.node.op in ATTENTION_OPS and uniform:
        draft.gain *= float(factor[0])
        return True
    return False
