"""Word for word: what the engine computed in hardware order against what the trace holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import SimulationError
from accelsim.simulation.record import Run


def verify_outputs(run: Run) -> tuple[dict[tuple[int, str], NDArray[np.int64]], dict[str, int]]:
    """Computed words by (image, layer), and how many layers and words were compared.

    Outputs that were drawn at random, none being recorded, are computed but not compared. Raises SimulationError
    naming every layer that differs, how many words and the first of them.
    """
    by_name = {layer.name: layer for layer in run.layers}
    computed = {}
    differences = []
    counts = {"layers": 0, "words": 0}
    for (image, name), offset in run.program.output_offsets.items():
        channels, rows, columns = by_name[name].out_shape
        size = channels * rows * columns
        flat = run.program.contents.outputs[offset : offset + size]
        words = computed[image, name] = flat.reshape(rows, columns, channels).transpose(2, 0, 1)
        if name in run.workload.drawn:
            continue
        expected = run.workload.output_words(name, image).reshape(words.shape)
        counts["layers"] += image == 0
        counts["words"] += size
        wrong = np.argwhere(words != expected)
        if len(wrong):
            where = tuple(int(place) for place in wrong[0])
            differences.append(
                f"  {name}, image {image}: {len(wrong)} of {size} words differ, the first at (channel, row, column) "
                f"{where}: computed {int(words[where])}, recorded {int(expected[where])}"
            )
    if differences:
        raise SimulationError("\n".join(["--verify: the computed outputs are not those of the trace:", *differences]))
    return computed, counts
