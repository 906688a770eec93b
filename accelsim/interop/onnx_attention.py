"""Products of two ONNX tensors over heads: the two of attention."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from accelsim.interop.onnx_draft import Drafts, Value
from accelsim.interop.onnx_file import OnnxNode
from accelsim.interop.onnx_layout import Axis, Factor, Layout, Refusal, in_order, whole
from accelsim.interop.onnx_operands import SPACE, layer_name
from accelsim.reference.node import Node
from accelsim.workload.layer import Op, Shape


def attention(drafts: Drafts, node: OnnxNode, first: Value, second: Value) -> Value:
    """A product of two tensors over heads: scores of queries and keys, or values weighted by scores."""
    first, second = drafts.unpadded(first), drafts.unpadded(second)
    axes = len(first.layout.axes)
    if len(second.layout.axes) != axes or axes < 3 or first.layout.sizes[:-2] != second.layout.sizes[:-2]:
        value = f"{list(first.layout.sizes)} and {list(second.layout.sizes)}"
        raise Refusal("multiplies tensors of unlike axes", value, "[batch, heads, tokens, channels] twice")
    if first.layout.sizes[-1] != second.layout.sizes[-2] or first.shape[1:] != second.shape[1:]:
        value = f"{list(first.layout.sizes)} and {list(second.layout.sizes)}"
        raise Refusal("multiplies tensors of unlike tokens", value, "self-attention: as many keys as queries")
    left, right = _Side(first, rows=True), _Side(second, rows=False)
    heads = left.heads if left.heads == right.heads else 0
    if heads and left.inner_channels and right.inner_channels and left.inner == right.inner:
        op: Op = "attention_scores"
        operands, tokens = (first, second), left.tokens
        shape: Shape = (heads * tokens, *first.shape[1:])
        layout = Layout((*left.batch(tokens), left.outer, whole("channels", tokens)))
    elif heads and left.inner_channels and right.outer_channels and right.inner_tokens:
        op, operands, shape = "attention_values", (first, second), second.shape
        layout = Layout((*right.batch(right.outer_size), left.outer, right.outer))
    elif heads and right.inner_channels and left.outer_channels and left.inner_tokens:
        op, operands, shape = "attention_values", (second, first), first.shape
        layout = Layout((*left.batch(left.outer_size), left.outer, right.outer))
    else:
        rule = "is no product of attention: queries and keys over channels, or scores and values over tokens"
        value = f"{list(first.layout.sizes)} and {list(second.layout.sizes)}"
        raise Refusal(rule, value, "heads as factors of channels")
    node_of = Node(layer_name(node), op, groups=heads)
    return drafts.add(node_of, operands, shape, layout, gain=first.scale * second.scale)


class _Side:
    """One operand of an attention product: which axis is summed over (`inner`), and what the other holds."""

    def __init__(self, value: Value, rows: bool) -> None:
        axes, channels = value.layout.axes, value.shape[0]
        self.value = value
        self.outer, summed = (axes[-2], axes[-1]) if rows else (axes[-1], axes[-2])
        self.inner = prod(factor.size for factor in summed)
        self.outer_size = prod(factor.size for factor in self.outer)
        self.tokens = value.shape[1] * value.shape[2]
        self.inner_channels = self._fast_channels(summed) and in_order(self.outer, SPACE, value.shape)
        self.outer_channels = self._fast_channels(self.outer)
        self.inner_tokens = in_order(summed, SPACE, value.shape)
        # What is left of the channels are the heads, in the axes before the last two; 0 where they hold other things.
        fast = self.inner if self.inner_channels else self.outer_size
        slow = tuple(factor for axis in axes[:-2] for factor in axis if factor.part != "batch")
        heads = channels // fast
        expected = (Factor("channels", heads, fast),) if heads > 1 else ()
        self.heads = heads if heads * fast == channels and slow == expected else 0

    def _fast_channels(self, axis: Axis) -> bool:
        """Whether the axis holds neighbouring channels, and nothing else."""
        return all(factor.part == "channels" and factor.stride == 1 for factor in axis) and len(axis) < 2

    def batch(self, fast: int) -> tuple[Axis, ...]:
        """All axes but the last two, for a result of that many neighbouring channels a head."""
        return tuple(
            tuple(replace(factor, stride=fast) if factor.part == "channels" else factor for factor in axis)
            for axis in self.value.layout.axes[:-2]
        )
