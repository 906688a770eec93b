"""Chips whose registers or neurons are not the trace's: --verify computes what they do, and counts what differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_workload import SmallWorkload, conv

from accelsim.build.arch import load_arch
from accelsim.reference.firefly import outputs_v1, outputs_v2
from accelsim.simulation import simulate
from accelsim.workload.workload import Parameters

PRESETS = Path(__file__).resolve().parents[2] / "arch_configs"
LAYERS = [conv("a", (5, 6, 6), 8), conv("b", (8, 6, 6), 8, inputs=("a",))]


@pytest.mark.parametrize(
    ("preset", "outputs"),
    [
        ("firefly_v1_p16", lambda *layer: outputs_v1(*layer, channels=16)),
        ("firefly_v1_p32", lambda *layer: outputs_v1(*layer, channels=32)),
        ("firefly_v2", outputs_v2),
    ],
)
def test_words_are_the_machine_s(preset: str, outputs: object) -> None:
    workload = SmallWorkload(LAYERS, images=1)
    result = simulate(load_arch(PRESETS / f"{preset}.yaml"), workload, verify=True)
    differing = 0
    for layer in LAYERS:
        words = workload.input_words(layer.name, 0).astype(np.int32)
        expected = outputs(words, layer, workload.parameters(layer.name))
        np.testing.assert_array_equal(result.outputs[0, layer.name], expected)
        differing += int((expected != workload.output_words(layer.name, 0)).sum())
    assert 0 < differing == result.report["verified"]["differing_words"]


def test_exact_sums_differ_nowhere() -> None:
    arch = load_arch(PRESETS / "firefly_v2.yaml", ["neuron_unit.arithmetic=exact"])
    assert simulate(arch, SmallWorkload(LAYERS, images=1), verify=True).report["verified"]["differing_words"] == 0


def test_numbers_that_no_register_holds_are_computed_exactly_and_named() -> None:
    workload = SmallWorkload(LAYERS[:1], images=1)
    drawn = workload.parameters("a")
    assert drawn is not None
    workload._parameters["a"] = Parameters(drawn.weights, drawn.bias, drawn.theta + (1 << 20))
    workload.replace_images(workload._images)
    report = simulate(load_arch(PRESETS / "firefly_v2.yaml"), workload, verify=True).report
    assert report["verified"]["differing_words"] == 0
    assert "a: a threshold has 16 bits, -32768 to 32767, not 1048600: computed exactly" in report["notes"]
