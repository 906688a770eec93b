"""Small ONNX models, written node by node, and what the onnx package's own evaluator makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from accelsim.interop.onnx import read_onnx
from accelsim.reference.ann import Ann, forward

Array = NDArray[Any]
RNG = np.random.default_rng(5)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """An operator; names of tensors are separated by spaces, "-" stands for one left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), name=f"the_{outputs.split()[0]}", **attributes)


def model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, Array] | None = None,
    shape: tuple[int | str | None, ...] = ("batch", 3, 8, 8),
    outputs: str = "y",
    opset: int = 18,
) -> onnx.ModelProto:
    """A model that eats one image."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def read(written: onnx.ModelProto, path: Path, **options: Any) -> Ann:
    """What `read_onnx` makes of a model that is written to a file."""
    path.write_bytes(written.SerializeToString())
    return read_onnx(path, **options)


def weights(*shape: int) -> Array:
    """Random weights; those of a layer keep its sums about as large as its inputs."""
    return (RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def image(*shape: int) -> Array:
    """A random batch of images, negative values among them."""
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


CONV = node("Conv", "image w", "c", pads=[1, 1, 1, 1])
W = {"w": weights(4, 3, 3, 3)}
"""A first layer of 4 channels, and its weights."""


def assert_equal(written: onnx.ModelProto, path: Path, images: Array, tolerance: float = 1e-5) -> Ann:
    """The network reads as one that gives what the evaluator gives, for each of its outputs."""
    ann = read(written, path)
    expected = ReferenceEvaluator(written).run(None, {"image": images})
    given = forward(ann, images.reshape(len(images), *ann.input_shape))
    assert len(expected) == len(ann.outputs)
    for name, values in zip(ann.outputs, expected, strict=True):
        scale = np.abs(values).max() + 1e-9
        assert given[name].size == values.size
        assert np.abs(given[name].reshape(-1) - values.reshape(-1)).max() <= tolerance * scale, name
    return ann
