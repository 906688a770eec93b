"""The estimated timeline of a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacities import CAPACITY
from hypothesis import given
from hypothesis import strategies as st
from small_workload import conv, residual_layers

from accelsim.mapping.choices import Choices, LayerChoices
from accelsim.mapping.estimate import IMAGES, Server, estimate_plan
from accelsim.mapping.plan import Estimate, interval
from accelsim.mapping.planner import make_plan
from accelsim.mapping.work import part_cycles


def estimated(images: int = 1, choices: Choices | None = None, **changes: object) -> Estimate:
    capacity = replace(CAPACITY, **changes)  # type: ignore[arg-type]
    return make_plan(residual_layers(), capacity, {}, choices, images=images).estimate


def test_interval_leaves_out_the_first_gap_where_there_is_another() -> None:
    assert interval([70]) == 70
    assert interval([70, 100]) == 30
    assert interval([70, 100, 120, 140]) == 20


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 20)), max_size=12))
def test_a_server_answers_one_at_a_time_and_as_soon_as_it_can(requests: list[tuple[int, int]]) -> None:
    """Cycle by cycle: each request takes the first cycles that nobody has taken before."""
    server = Server()
    tenths = Server()
    taken: set[int] = set()
    for asked, cycles in requests:
        free = [cycle for cycle in range(asked, asked + 400) if cycle not in taken][:cycles]
        taken |= set(free)
        expected = (free[0], free[-1] + 1) if free else (asked, asked)
        assert server.serve(asked, cycles) == expected
        # Nor does it give away what rounding leaves over of a cycle.
        assert tenths.serve(asked / 10, cycles / 10) == pytest.approx((expected[0] / 10, expected[1] / 10))


def test_one_layer_is_its_work_once_its_data_are_there() -> None:
    layer = conv("a", (8, 8, 8), 16)
    capacity = replace(CAPACITY, tiles=1, memory_bytes_per_cycle=float("inf"), flit_bytes=1 << 20)
    plan = make_plan([layer], capacity, {"a": (0.5,)})
    work = part_cycles(layer, plan.layers[0].parts[0], capacity, (0.5,))
    assert work < plan.estimate.cycles < work + 200


def test_slower_memory_takes_longer_until_weights_stay() -> None:
    fast, slow = estimated(), estimated(memory_bytes_per_cycle=0.5)
    assert slow.latency_cycles > 2 * fast.latency_cycles
    assert estimated(8, memory_bytes_per_cycle=0.5).interval_cycles < slow.latency_cycles / 4


def test_what_is_stored_over_a_slow_port_holds_a_layer_up_beyond_what_its_buffer_takes() -> None:
    layer = conv("a", (8, 8, 8), 16)

    def cycles(**changes: object) -> int:
        capacity = replace(CAPACITY, tiles=1, spike_bytes_per_cycle=1000.0, **changes)  # type: ignore[arg-type]
        return make_plan([layer], capacity, {"a": (0.5,)}).estimate.cycles

    stored = 8 * 8 * 16 * CAPACITY.sent_bits(layer) // 8
    fast = cycles(store_bytes_per_cycle=1000.0)
    assert cycles(store_bytes_per_cycle=0.01) > stored / 0.01 > 10 * fast
    held = cycles(store_bytes_per_cycle=0.01, write_buffer_bytes=stored)
    assert held > stored / 0.01, "the last word is stored no sooner"


def test_words_that_come_over_a_slow_port_hold_a_layer_up() -> None:
    layer = conv("a", (8, 8, 8), 16)
    slow = replace(CAPACITY, tiles=1, spike_bytes_per_cycle=0.01, store_bytes_per_cycle=1000.0)
    words = 8 * 8 * 8 * CAPACITY.stored_bits(layer.word_bits) // 8
    assert make_plan([layer], slow, {"a": (0.5,)}).estimate.cycles > words / 0.01


def test_later_images_take_the_interval_of_the_last_that_was_followed() -> None:
    few, many = estimated(IMAGES), estimated(IMAGES + 20)
    assert many.finished[:IMAGES] == few.finished
    gaps = {b - a for a, b in zip(many.finished[IMAGES - 1 :], many.finished[IMAGES:], strict=False)}
    assert len(gaps) == 1 and len(many.finished) == IMAGES + 20


def test_trees_save_copies_of_weights() -> None:
    layers = [conv("a", (64, 4, 4), 64)]
    capacity = replace(CAPACITY, flit_bytes=4)
    choices = Choices(layers={"a": LayerChoices(row_parts=4)})
    alone = make_plan(layers, capacity, {}, choices).estimate
    shared = make_plan(layers, replace(capacity, multicast=True), {}, choices).estimate
    assert shared.cycles < 0.65 * alone.cycles


def test_every_layer_has_its_share() -> None:
    found = estimated(3)
    assert len(found.layer_cycles) == len(residual_layers()) and min(found.layer_cycles) > 0
    plan = make_plan(residual_layers(), CAPACITY, {}, images=3)
    assert estimate_plan(plan, CAPACITY, {}, 3) == plan.estimate == found
