"""Plans for arrays whose work a dataflow schedules: what they must have whole, and what they cannot take."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_workload import WORD_BITS, SmallWorkload, conv

from accelsim.build.arch import load_arch
from accelsim.build.planning import plan_workload
from accelsim.errors import InputError

PRESETS = Path(__file__).resolve().parents[2] / "arch_configs"


def test_a_map_that_an_array_must_have_whole_is_not_cut() -> None:
    workload = SmallWorkload([conv("a", (6, 16, 16), 8)])
    kept = ["pe_array.stream_input=false", "dram=ideal"]
    needed = 6 * 16 * 16 * WORD_BITS // 8
    arch = load_arch(PRESETS / "firefly_v1_p16.yaml", [*kept, f"spike_buffer.bytes={needed}"])
    (part,) = plan_workload(arch, workload, workload.layers).layers[0].parts
    assert [strip.rows for strip in part.strips] == [(0, 16)]
    arch = load_arch(PRESETS / "firefly_v1_p16.yaml", [*kept, f"spike_buffer.bytes={needed - 1}"])
    rule = f"spike_buffer.bytes: no tiling fits the spike buffer: the input map of a needs {needed} bytes, there are "
    with pytest.raises(InputError, match=f"{rule}{needed - 1}; allowed: >= 768"):
        plan_workload(arch, workload, workload.layers)


def test_a_shape_that_the_hardware_has_no_way_for_is_named_an_estimate_or_refused() -> None:
    workload = SmallWorkload([conv("a", (6, 8, 8), 8, kernel=5)])
    reason = "5 x 5 kernels, where it holds 9 positions"
    plan = plan_workload(load_arch(PRESETS / "firefly_v1_p16.yaml"), workload, workload.layers)
    assert f"a: its cycles are an estimate: {reason}" in plan.notes
    assert not [note for note in plan.notes if "bit planes" in note]
    with pytest.raises(InputError, match=f"pe_array.unsupported: refuses a: {reason} \\(got 'error'\\)"):
        plan_workload(
            load_arch(PRESETS / "firefly_v1_p16.yaml", ["pe_array.unsupported=error"]), workload, workload.layers
        )


def test_words_that_an_array_cannot_take_are_bit_planes_or_refused() -> None:
    workload = SmallWorkload([conv("a", (6, 8, 8), 8)])
    object.__setattr__(workload.layers[0], "timesteps", 2)
    object.__setattr__(workload.layers[0], "bits_per_step", 2)
    reason = "words of 2 bits in one time step are no spikes"
    plan = plan_workload(load_arch(PRESETS / "mint.yaml"), workload, workload.layers)
    assert f"a: runs as bit planes, every set bit an event: {reason}" in plan.notes
    with pytest.raises(InputError, match=f"pe_array.unsupported: refuses a: {reason} \\(got 'error'\\)"):
        plan_workload(load_arch(PRESETS / "mint.yaml", ["pe_array.unsupported=error"]), workload, workload.layers)
