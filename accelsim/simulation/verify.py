"""Word for word: what the chip computes against what the trace holds.

The engine computes exact sums, in hardware order. Where the registers of a machine are narrower, or its neurons are not
those of the trace, its words differ from the trace's: they are computed layer by layer, and the differences counted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem, SimulationError
from accelsim.reference.firefly import outputs_v1, outputs_v2
from accelsim.simulation.record import Run
from accelsim.workload.layer import WEIGHTED_OPS, Layer

ARITHMETICS: dict[str, Callable[..., NDArray[np.int64]]] = {"firefly_v1": outputs_v1, "firefly_v2": outputs_v2}
"""Words that a machine computes for a layer, by the name of its arithmetic."""


def verify_outputs(run: Run) -> tuple[dict[tuple[int, str], NDArray[np.int64]], dict[str, int]]:
    """Computed words by (image, layer), and how many layers and words were compared.

    Outputs that were drawn at random, none being recorded, are computed but not compared. Raises SimulationError
    naming every layer that differs, how many words and the first of them, unless the chip's arithmetic is another one
    than the trace's; InputError where that has no registers for the layer's numbers.
    """
    by_name = {layer.name: layer for layer in run.layers}
    computed = {}
    differences = []
    counts = {"layers": 0, "words": 0, "differing_words": 0}
    for (image, name), offset in run.program.output_offsets.items():
        channels, rows, columns = by_name[name].out_shape
        size = channels * rows * columns
        flat = run.program.contents.outputs[offset : offset + size]
        words = flat.reshape(rows, columns, channels).transpose(2, 0, 1)
        machine = _machine_words(run, by_name[name], image)
        words = computed[image, name] = words if machine is None else machine
        if name in run.workload.drawn:
            continue
        expected = run.workload.output_words(name, image).reshape(words.shape)
        counts["layers"] += image == 0
        counts["words"] += size
        wrong = np.argwhere(words != expected)
        counts["differing_words"] += len(wrong)
        if len(wrong) and machine is None:
            where = tuple(int(place) for place in wrong[0])
            differences.append(
                f"  {name}, image {image}: {len(wrong)} of {size} words differ, the first at (channel, row, column) "
                f"{where}: computed {int(words[where])}, recorded {int(expected[where])}"
            )
    if differences:
        raise SimulationError("\n".join(["--verify: the computed outputs are not those of the trace:", *differences]))
    return computed, counts


def _machine_words(run: Run, layer: Layer, image: int) -> NDArray[np.int64] | None:
    """What a machine of other arithmetic fires; None where the engine's words are the chip's."""
    outputs = ARITHMETICS.get(run.arch.settings.neurons.arithmetic)
    parameters = run.workload.parameters(layer.name)
    if outputs is None or parameters is None or layer.op not in WEIGHTED_OPS or not layer.fires:
        return None
    words = run.workload.input_words(layer.name, image).reshape(layer.in_shape)
    try:
        return outputs(words.astype(np.int32), layer, parameters)
    except ValueError as error:
        raise InputError(Problem(f"--verify: {error}", key="neuron_unit.arithmetic")) from error
