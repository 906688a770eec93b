"""A builder of small random networks with every operator."""

import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings

from accelsim.reference.model import Model
from accelsim.reference.node import Node
from accelsim.reference.quantise import quantise_weights

if os.environ.get("NUMBA_DISABLE_JIT") == "1":
    settings.register_profile("plain", max_examples=10)
    settings.load_profile("plain")


@pytest.fixture(scope="session")
def random_model() -> Callable[[int], Model]:
    """Convolution, residual block, maximum, convolution with stride, average, classifier; sizes from the seed."""

    def build(seed: int) -> Model:
        rng = np.random.default_rng(seed)
        channels, width, rows, columns = (int(n) for n in rng.integers((1, 1, 5, 5), (4, 6, 9, 9)))
        nodes = (
            Node("stem", "conv2d", (), (3, 3), (1, 1), (1, 1), "block"),
            Node("branch", "conv2d", ("stem",), (3, 3), (1, 1), (1, 1), "block"),
            Node("sum", "add", ("branch", "stem")),
            Node("largest", "maxpool2d", ("sum",), (2, 2), (1, 2), (0, 1)),
            Node("down", "conv2d", ("largest",), (3, 2), (2, 1), (1, 0), "down"),
            Node("mean", "avgpool2d", ("down",), (2, 2), (1, 1)),
            Node("read", "linear", ("mean",), _mean_size(rows, columns)),
        )
        sources = {"stem": channels, "branch": width, "down": width, "read": 3}
        weights, scale, bias = {}, {}, {}
        for node in nodes:
            if node.name in sources:
                outputs = 3 if node.name in ("down", "read") else width
                real = rng.normal(size=(outputs, sources[node.name], *node.kernel))
                weights[node.name], scale[node.name] = quantise_weights(real, per_channel=node.name != "read")
                bias[node.name] = rng.normal(size=outputs) / 2
        return Model(
            name="random",
            dataset="none",
            image_shape=(channels, rows, columns),
            image_bits=8,
            image_step=1 / 255,
            nodes=nodes,
            weights=weights,
            scale=scale,
            bias=bias,
            full_scale={"block": np.array([1.0, 2.0, 3.0]), "down": np.array([4.0])},
            images=rng.integers(0, 256, (2, channels, rows, columns), dtype=np.uint8),
            labels=rng.integers(0, 3, 2),
        )

    return build


def _mean_size(rows: int, columns: int) -> tuple[int, int]:
    rows, columns = rows - 1, (columns + 2 - 2) // 2 + 1
    rows, columns = (rows + 2 - 3) // 2 + 1, columns - 1
    return rows - 1, columns - 1
