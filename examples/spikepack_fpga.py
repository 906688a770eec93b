"""At which density SpikePack's FPGA engine takes its published 23 ms for a ResNet-34, and the LIF one its 29.1 ms.

    python examples/spikepack_fpga.py                                    # prints the tables
    python examples/spikepack_fpga.py --update docs/spikepack_fpga.md    # writes them into the document

Arrays alone, by the closed form of their dataflow; docs/spikepack_fpga.md says what is assumed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from document import update

import accelsim
from accelsim.build.shares import estimate_cycles
from accelsim.dataflows.spike_detector import DATAFLOW, SpikeDetectorSettings
from accelsim.workload.layer import WEIGHTED_OPS, Layer

ROOT = Path(__file__).resolve().parents[1]
CLOCK_MHZ = 300
PUBLISHED_MS = {"SpikePack": 23.0, "LIF": 29.1}
NEURONS = 16
STEPS = (1, 2, 4, 8)


class Reading(NamedTuple):
    """What "64 synapses x 16 neurons" and "a spike detector of 16 inputs" may mean."""

    text: str
    group: int
    detectors: int
    per_cycle: int


READINGS = (
    Reading("4 detectors of 16 inputs, 1 spike a cycle each", 16, 4, 1),
    Reading("4 detectors of 16 inputs, 2 spikes a cycle each", 16, 4, 2),
    Reading("4 detectors of 16 inputs, 4 spikes a cycle each (the preset)", 16, 4, 4),
    Reading("64 inputs, the first 16 spikes a cycle", 64, 1, 16),
    Reading("1 detector of 16 inputs, 4 spikes a cycle", 16, 1, 4),
)


def network(timesteps: int) -> list[Layer]:
    """The layers of ResNet-34 on 224 x 224 that consume spikes, every word T bits wide."""
    layers = accelsim.load_trace(ROOT / "workloads" / "resnet34_imagenet.yaml").layers
    return [
        replace(layer, timesteps=timesteps, bits_per_step=1, word_bits=timesteps)
        for layer in layers
        if layer.op in WEIGHTED_OPS and layer.kind == "spikes"
    ]


def engine(reading: Reading, timesteps: int, packed: bool) -> SpikeDetectorSettings:
    """Packed words, or the same detectors on bit plane after bit plane as LIF neurons need them."""
    return SpikeDetectorSettings(
        dataflow="spike_detector",
        spike_mode="packed" if packed else "bit_serial",
        skip="silent_words" if packed else "zero_bits",
        group=reading.group,
        detectors=reading.detectors,
        per_cycle=reading.per_cycle,
        columns=NEURONS,
        lane_bits=timesteps if packed else 1,
    )


def milliseconds(reading: Reading, timesteps: int, packed: bool, density: float) -> float:
    """Time of the array when every word, or every bit, is set with the same probability."""
    settings = engine(reading, timesteps, packed)
    cycles = 0.0
    for layer in network(timesteps):
        for first in range(0, layer.out_shape[0], NEURONS):
            outs = (first, min(first + NEURONS, layer.out_shape[0]))
            cycles += estimate_cycles(
                DATAFLOW, settings, layer, (0, layer.out_shape[1]), outs, (0, layer.in_shape[0]), (density, density)
            )
    return cycles / CLOCK_MHZ / 1e3


def solve(time_of: Callable[[float], float], wanted: float) -> float | None:
    """The density at which a time is reached; None where it never is."""
    low, high = 0.0, 1.0
    if not time_of(low) <= wanted <= time_of(high):
        return None
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if time_of(middle) < wanted else (low, middle)
    return (low + high) / 2


def row(reading: Reading, timesteps: int) -> str:
    """One reading and number of time steps: both densities, and whether one network could have both."""

    def packed(density: float) -> float:
        return milliseconds(reading, timesteps, True, density)

    def serial(density: float) -> float:
        return milliseconds(reading, timesteps, False, density)

    words = solve(packed, PUBLISHED_MS["SpikePack"])
    bits = solve(serial, PUBLISHED_MS["LIF"])
    cells = [reading.text, str(timesteps)]
    for found, time_of in ((words, packed), (bits, serial)):
        reach = f"none: {time_of(0.0):.1f} to {time_of(1.0):.1f} ms"
        cells.append(reach if found is None else f"{found:.3f}")
    cells.append("" if bits is None else f"{1 - (1 - bits) ** timesteps:.3f}")
    return f"| {' | '.join(cells)} |"


def table(readings: Sequence[Reading] = READINGS, steps: Sequence[int] = STEPS) -> str:
    lines = [
        "| engine | T | words with a spike at 23 ms (SpikePack) | bits set at 29.1 ms (LIF) | words with a spike then |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(row(reading, timesteps) for reading in readings for timesteps in steps)])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", type=Path, metavar="DOCUMENT")
    options = parser.parse_args(arguments)
    text = table()
    print(text)
    if options.update:
        update(options.update, text)


if __name__ == "__main__":
    main()
