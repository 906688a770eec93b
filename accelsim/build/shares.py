"""Shares of layers as tasks of a dataflow."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.dataflows import ArraySettings, Dataflow, Task
from accelsim.mapping.plan import Range
from accelsim.mapping.work import input_channels
from accelsim.workload.layer import Layer


def make_task(layer: Layer, rows: Range, outs: Range, channels: Range) -> Task:
    """Output rows and channels of a layer, of the sums over a range of input channels."""
    reach = min(outs[1] - outs[0], layer.group_outputs)
    return Task(
        layer.in_shape[1],
        layer.in_shape[2],
        layer.in_shape[0],
        *layer.kernel,
        *layer.stride,
        *layer.padding,
        *layer.dilation,
        *channels,
        *rows,
        layer.out_shape[2],
        outs[0],
        outs[1] - outs[0],
        layer.out_shape[0],
        reach,
        layer.word_bits,
        layer.bits_per_step,
        layer.weight_bits,
    )


def estimate_cycles(
    flow: Dataflow,
    settings: ArraySettings,
    layer: Layer,
    rows: Range,
    outs: Range,
    chunk: Range,
    density: Sequence[float],
) -> float:
    """Estimated cycles of an array for a share of a layer; `density` of its words, and of their bits."""
    task = as_taken(flow, settings, make_task(layer, rows, outs, input_channels(layer, outs, chunk)))
    return flow.estimate(settings, task, density[0], density[-1])


def as_taken(flow: Dataflow, settings: ArraySettings, task: Task) -> Task:
    """A task as the array can take it: words that it refuses become bit planes, every one a time step."""
    return task._replace(step_bits=1) if flow.refuses(settings, task) else task


def whole_group(layer: Layer) -> Task:
    """A layer as one task: all of it that is computed together."""
    outs = (0, layer.group_outputs)
    return make_task(layer, (0, layer.out_shape[1]), outs, input_channels(layer, outs))


def parameter_bytes(flow: Dataflow, settings: ArraySettings, layer: Layer, outs: Range) -> int:
    """Bytes that are loaded besides the weights of some output channels: biases and the like, and padding."""
    task = make_task(layer, (0, layer.out_shape[1]), outs, input_channels(layer, outs))
    parameters = flow.parameter_bytes(settings, layer.out_shape[0], outs[0], outs[1] - outs[0])
    return parameters + flow.padding_bytes(settings, as_taken(flow, settings, task))
