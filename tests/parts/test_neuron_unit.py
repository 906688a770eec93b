from __future__ import annotations

import pytest

from accelsim.parts.neuron_unit import NeuronUnitSettings


@pytest.mark.parametrize(
    ("decoding", "outs", "timesteps", "update_cycles", "expected"),
    [
        ("packed", 16, 4, 2, 1),
        ("packed", 17, 4, 2, 2),
        ("packed", 1, 8, 1, 1),
        ("serial", 16, 4, 1, 4),
        ("serial", 17, 4, 1, 8),
        ("serial", 16, 4, 2, 8),
    ],
)
def test_service_of_a_pixel(decoding: str, outs: int, timesteps: int, update_cycles: int, expected: int) -> None:
    settings = NeuronUnitSettings(lanes=16, decoding=decoding)  # type: ignore[arg-type]
    assert settings.service_cycles(outs, timesteps, update_cycles) == expected
