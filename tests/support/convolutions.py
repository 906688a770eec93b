"""Random convolutions of every window and grouping, and their sums by NumPy."""

import numpy as np
from hypothesis import strategies as st

from accelsim.workload.layer import Layer


def slow_sums(layer: Layer, weights, words):
    """Sums over windows of the padded words, group by group, in int64."""
    (down, right), taps = layer.padding, layer.kernel
    padded = np.pad(words.astype(np.int64), ((0, 0), (down, down), (right, right)))
    sums = np.zeros(layer.out_shape, dtype=np.int64)
    rows, columns = layer.out_shape[1:]
    for group in range(layer.groups):
        inputs = slice(group * layer.group_inputs, (group + 1) * layer.group_inputs)
        outputs = slice(group * layer.group_outputs, (group + 1) * layer.group_outputs)
        for row in range(taps[0]):
            for column in range(taps[1]):
                top, left = row * layer.dilation[0], column * layer.dilation[1]
                seen = padded[inputs, top :: layer.stride[0], left :: layer.stride[1]][:, :rows, :columns]
                sums[outputs] += np.einsum("oi,ihw->ohw", weights[outputs, :, row, column].astype(np.int64), seen)
    return sums


@st.composite
def convolutions(draw):
    """A convolution with any window and groups, and the generator of its numbers."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(pair), draw(pair), draw(pair)
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    span = [(taps - 1) * apart + 1 for taps, apart in zip(kernel, dilation, strict=True)]
    size = [draw(st.integers(max(1, reach - 2 * edge), 12)) for reach, edge in zip(span, padding, strict=True)]
    out = [
        (length + 2 * edge - reach) // step + 1
        for length, edge, reach, step in zip(size, padding, span, stride, strict=True)
    ]
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inputs, outputs = groups * draw(st.integers(1, 5)), groups * draw(st.sampled_from([1, 2, 3, 33]))
    layer = Layer(
        "x", "conv2d", (), (inputs, *size), (outputs, *out), kernel, stride, padding, groups=groups, dilation=dilation
    )
    return layer, np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
