"""Layouts: random chains of reshapes and transposes against NumPy's own on the indices of a map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.interop.onnx.layout import Layout, Refusal, in_order, positions, whole

SHAPE = (12, 4, 6)


def place(layout: Layout) -> np.ndarray:
    """Where each element of a tensor of that layout lies in the map, by its factors alone."""
    beyond = {"batch": 0, "channels": SHAPE[1] * SHAPE[2], "rows": SHAPE[2], "columns": 1}
    index = np.zeros(1, dtype=int)
    for factor in (factor for axis in layout.axes for factor in axis):
        index = np.add.outer(index, np.arange(factor.size) * factor.stride * beyond[factor.part]).reshape(-1)
    return index.reshape(layout.sizes)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Layout, np.ndarray]:
    """A layout behind a few reshapes that joined or cut axes and transposes, and the array that NumPy made so."""
    layout, array = Layout.of_map(1, SHAPE), np.arange(np.prod(SHAPE)).reshape(1, *SHAPE)
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            order = draw(st.permutations(range(array.ndim)))
            layout, array = layout.transposed(order), array.transpose(order)
            continue
        sizes = list(array.shape)
        axis = draw(st.integers(0, len(sizes) - 1))
        divisors = [n for n in range(1, sizes[axis] + 1) if sizes[axis] % n == 0]
        if draw(st.booleans()) and len(sizes) > 1:
            axis = min(axis, len(sizes) - 2)
            sizes[axis : axis + 2] = [sizes[axis] * sizes[axis + 1]]
        else:
            outer = draw(st.sampled_from(divisors))
            sizes[axis : axis + 1] = [outer, sizes[axis] // outer]
        try:
            layout = layout.reshaped(sizes)
        except Refusal:
            continue
        array = array.reshape(sizes)
    return layout, array


@given(chains())
def test_views_follow_numpy(chain: tuple[Layout, np.ndarray]) -> None:
    layout, array = chain
    assert layout.sizes == array.shape
    assert np.array_equal(place(layout), array)


@given(chains())
def test_equal_layouts_are_equal_objects(chain: tuple[Layout, np.ndarray]) -> None:
    layout, array = chain
    again = layout.reshaped([array.size]).reshaped(array.shape)
    assert (again == layout) == np.array_equal(place(again), place(layout))


def test_heads_and_tokens() -> None:
    heads = Layout.of_map(2, SHAPE).reshaped([2, 3, 4, 24]).transposed([0, 1, 3, 2])
    assert heads.sizes == (2, 3, 24, 4)
    assert in_order(heads.axes[2], ("rows", "columns"), SHAPE)
    assert not in_order(heads.axes[2], ("columns", "rows"), SHAPE)
    assert positions(heads.axes[3], ("channels",), SHAPE) is None
    assert heads.transposed([0, 2, 1, 3]).reshaped([2, 24, 12]).axes[2] == whole("channels", 12)


def test_shuffled_channels_are_told_by_position() -> None:
    shuffled = Layout.of_map(1, SHAPE).reshaped([1, 3, 4, 4, 6]).transposed([0, 2, 1, 3, 4]).reshaped([1, *SHAPE])
    expected = np.arange(12).reshape(3, 4).T.reshape(-1)
    assert np.array_equal(positions(shuffled.axes[1], ("channels",), SHAPE), expected)
    assert not in_order(shuffled.axes[1], ("channels",), SHAPE)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (lambda layout: layout.reshaped([1, 9, 32]), "cuts the channels across"),
        (lambda layout: layout.reshaped([1, 7]), "reshapes to another number of elements"),
        (lambda layout: layout.transposed([0, 0, 1, 2]), "is no order of the axes"),
        (lambda layout: layout.axis(4), "axis does not exist"),
    ],
)
def test_refusals(view, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        view(Layout.of_map(1, SHAPE))
    assert caught.value.rule == message
