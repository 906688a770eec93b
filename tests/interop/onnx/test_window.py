"""Windows: which places of the map each output sees, against ONNX's definition, for random pads and strides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.interop.onnx.draft import Value
from accelsim.interop.onnx.file import OnnxNode
from accelsim.interop.onnx.layout import Layout, Refusal
from accelsim.interop.onnx.window import Window, window

SIZES = st.integers(1, 9)


def value(rows: int, columns: int, padding: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Value:
    shape = (1, rows, columns)
    return Value(None, shape, Layout.of_map(1, shape), padding=padding)


def taps(length: int, kernel: int, stride: int, dilation: int, begin: int, end: int, skip: int = 0) -> list[list[int]]:
    """Places (None of them beyond the map) that each window along one axis sees, its first `skip` taps left out."""
    count = (length + begin + end - (kernel - 1) * dilation - 1) // stride + 1
    return [
        [place for tap in range(skip, kernel) if 0 <= (place := n * stride - begin + tap * dilation) < length]
        for n in range(count)
    ]


@given(SIZES, st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.integers(0, 3), st.integers(0, 3))
def test_windows_see_what_they_should(length, kernel, stride, dilation, begin, end) -> None:
    attributes = {"strides": (stride, 1), "dilations": (dilation, 1), "pads": (begin, 0, end, 0)}
    node = OnnxNode("n", "Conv", (), (), attributes)
    try:
        place = window(node, value(length, 5), (kernel, 1), stretch=True)
    except Refusal as refusal:
        span = (kernel - 1) * dilation + 1
        too_large = length + begin + end < span
        assert too_large or dilation > 1 or abs(end - begin) > span, refusal.rule
        return
    own = place.padded_kernel[0] - place.after[0]
    given_taps = taps(length, own, stride, dilation, place.padding[0], 99, place.before[0])
    expected = taps(length, kernel, stride, dilation, begin, end)
    count = (length + 2 * place.padding[0] - (place.padded_kernel[0] - 1) * dilation - 1) // stride + 1
    assert count == len(expected)
    assert given_taps[:count] == expected


@pytest.mark.parametrize(("form", "small", "large"), [("SAME_UPPER", 0, 1), ("SAME_LOWER", 1, 0)])
def test_same_padding_puts_the_odd_row_where_it_says(form: str, small: int, large: int) -> None:
    node = OnnxNode("n", "Conv", (), (), {"auto_pad": form})
    place = window(node, value(5, 5), (2, 3), stretch=True)
    assert place == Window((2, 3), (1, 1), (1, 1), (1, 1), before=(large, 0), after=(small, 0))


def test_zeros_of_a_pad_before_it_count() -> None:
    place = window(OnnxNode("n", "Conv", (), (), {"pads": (1, 1, 1, 1)}), value(5, 5, (1, 0, 1, 0)), (3, 3), True)
    assert place.padding == (2, 1)


@pytest.mark.parametrize(
    ("attributes", "kernel", "rule"),
    [
        ({}, (3,), "window is not of two axes"),
        ({"strides": (0, 1)}, (3, 3), "strides are not of two axes"),
        ({"dilations": (1,)}, (3, 3), "dilations are not of two axes"),
        ({"pads": (1, 1)}, (3, 3), "pads are not of two axes"),
        ({"pads": (-1, 0, 0, 0)}, (3, 3), "pads are not of two axes"),
        ({}, (6, 3), "window is larger than its padded input"),
        ({"pads": (0, 0, 1, 0)}, (2, 2), "pads differ at the two ends of an axis, or ceil_mode adds a window"),
        ({"ceil_mode": 1, "strides": (2, 2)}, (2, 2),
         "pads differ at the two ends of an axis, or ceil_mode adds a window"),
    ],
)  # fmt: skip
def test_refusals(attributes: dict[str, Any], kernel: tuple[int, ...], rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        window(OnnxNode("n", "MaxPool", (), (), attributes), value(5, 5), kernel, stretch=False)
    assert caught.value.rule == rule


def test_ceil_mode_leaves_out_a_window_in_the_padding() -> None:
    # Of 5 rows padded by 1 on both sides, windows of 2 start at -1 and 2; one at 5 would see padding alone.
    node = OnnxNode("n", "MaxPool", (), (), {"ceil_mode": 1, "strides": (3, 3), "pads": (1, 1, 1, 1)})
    assert window(node, value(5, 5), (2, 2), stretch=False).padding == (1, 1)
