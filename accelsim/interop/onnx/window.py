"""Windows of convolutions and pools: what ONNX says of them, brought to padding that is alike on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.interop.onnx.draft import Value
from accelsim.interop.onnx.file import OnnxNode
from accelsim.interop.onnx.layout import Refusal

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """`before` and `after` are rows and columns of zeros to add to the kernel where no padding alike on both sides
    makes the same windows."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Pair
    before: Pair = (0, 0)
    after: Pair = (0, 0)
    whole: bool = True
    """Whether every window lies within the input and its pads."""

    @property
    def padded_kernel(self) -> Pair:
        """The kernel with its zeros."""
        rows, columns = (sum(sizes) for sizes in zip(self.kernel, self.before, self.after, strict=True))
        return rows, columns


def window(node: OnnxNode, value: Value, kernel: Sequence[int], stretch: bool) -> Window:
    """The window of a node over a map. `stretch`: the kernel may get zeros (a convolution's), else they are refused."""
    if len(kernel) != 2 or min(kernel) < 1:
        raise Refusal("window is not of two axes", list(kernel), "a kernel of rows and columns")
    strides = _pair(node, "strides")
    dilations = _pair(node, "dilations")
    pads = _pads(node, value, kernel, strides, dilations)
    padding, before, after = [0, 0], [0, 0], [0, 0]
    whole = True
    for axis in range(2):
        begin, end = pads[axis], pads[axis + 2]
        span = (kernel[axis] - 1) * dilations[axis] + 1
        room = value.shape[1 + axis] + begin + end - span
        if room < 0:
            allowed = f"at most {value.shape[1 + axis] + begin + end}"
            raise Refusal("window is larger than its padded input", span, allowed)
        step = strides[axis]
        count = (-(-room // step) if node.attributes.get("ceil_mode", 0) else room // step) + 1
        if node.attributes.get("ceil_mode", 0) and (count - 1) * step >= value.shape[1 + axis] + begin:
            count -= 1  # a window that would start in the padding behind the map is left out
        whole = whole and (count - 1) * step <= room
        if (value.shape[1 + axis] + 2 * begin - span) // step + 1 == count:
            padding[axis] = begin
        elif stretch and dilations[axis] == 1 and abs(end - begin) <= span:
            padding[axis] = max(begin, end)
            before[axis], after[axis] = max(0, end - begin), max(0, begin - end)
        else:
            rule = "pads differ at the two ends of an axis, or ceil_mode adds a window"
            raise Refusal(rule, pads, "padding alike on both sides, and sizes that the strides divide")
    return Window(
        (kernel[0], kernel[1]),
        strides,
        dilations,
        (padding[0], padding[1]),
        (before[0], before[1]),
        (after[0], after[1]),
        whole,
    )


def _pair(node: OnnxNode, key: str) -> Pair:
    values = node.attributes.get(key, (1, 1))
    if len(values) != 2 or min(values) < 1:
        raise Refusal(f"{key} are not of two axes", list(values), "rows and columns, each at least 1")
    return int(values[0]), int(values[1])


def _pads(node: OnnxNode, value: Value, kernel: Sequence[int], strides: Pair, dilations: Pair) -> list[int]:
    """Rows above, columns before, rows below, columns behind; those of a Pad before it included."""
    form = node.attributes.get("auto_pad", "NOTSET")
    pads = list(node.attributes.get("pads", (0, 0, 0, 0)))
    if form in ("SAME_UPPER", "SAME_LOWER"):
        pads = [0, 0, 0, 0]
        for axis in range(2):
            length, step = value.shape[1 + axis], strides[axis]
            span = (kernel[axis] - 1) * dilations[axis] + 1
            total = max(0, (-(-length // step) - 1) * step + span - length)
            small, large = total // 2, total - total // 2
            pads[axis], pads[axis + 2] = (small, large) if form == "SAME_UPPER" else (large, small)
    elif form == "VALID":
        pads = [0, 0, 0, 0]
    if len(pads) != 4 or min(pads) < 0:
        raise Refusal("pads are not of two axes", pads, "four numbers, each at least 0")
    return [own + other for own, other in zip(pads, value.padding, strict=True)]
