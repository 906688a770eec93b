"""Bytes that a plan moves: hand-worked layers."""

from __future__ import annotations

from dataclasses import replace

from capacities import CAPACITY
from small_workload import conv

from accelsim.mapping.choices import Choices, LayerChoices
from accelsim.mapping.plan import Plan, TileCapacity
from accelsim.mapping.planner import make_plan
from accelsim.mapping.traffic import Traffic, plan_traffic
from accelsim.workload.layer import Layer

LAYER = conv("a", (8, 8, 8), 32)
"""9 x 8 x 32 weights of a byte, a map of 8 x 8 x 8 words of half a byte: a row has 32 bytes."""
WEIGHTS, MAP, OUTPUTS = 2304, 256, 1024


def traffic(
    layer: Layer, choices: Choices | None = None, first_image: bool = True, **changes: object
) -> tuple[Plan, Traffic]:
    capacity: TileCapacity = replace(CAPACITY, **changes)  # type: ignore[arg-type]
    plan = make_plan([layer], capacity, {}, choices)
    return plan, plan_traffic(plan, capacity, first_image)[0]


def cut(channel_parts: int, row_parts: int, **others: object) -> Choices:
    chosen = LayerChoices(channel_parts=channel_parts, row_parts=row_parts)
    return Choices(layers={"a": chosen}, **others)  # type: ignore[arg-type]


def test_one_tile_reads_everything_once() -> None:
    _, moved = traffic(LAYER, cut(1, 1))
    assert moved == Traffic(WEIGHTS, WEIGHTS, MAP, MAP, 0, 0, OUTPUTS)


def test_rows_share_weights_and_read_their_halos() -> None:
    """Rows 0 to 3 read input rows 0 to 4, and rows 4 to 7 read 3 to 7: two rows of 32 bytes more."""
    _, moved = traffic(LAYER, cut(1, 2))
    assert moved == Traffic(WEIGHTS, 2 * WEIGHTS, MAP + 64, MAP + 64, 0, 0, OUTPUTS)


def test_channels_share_the_map() -> None:
    _, moved = traffic(LAYER, cut(2, 1))
    assert moved == Traffic(WEIGHTS, WEIGHTS, MAP, 2 * MAP, 0, 0, OUTPUTS)


def test_weights_that_stay_are_read_for_the_first_image_only() -> None:
    assert traffic(LAYER, cut(1, 1), first_image=False)[1].weight_bytes == 0
    _, moved = traffic(LAYER, cut(1, 1, keep_weights=False), first_image=False)
    assert moved.weight_read_bytes == moved.weight_bytes == WEIGHTS


def strips(order: str) -> tuple[Plan, Traffic]:
    """Five strips in a buffer for two of them: each reads its rows, and one above and one below."""
    return traffic(LAYER, cut(1, 1, keep_weights=False, loop_order=order), spike_buffer_bytes=224)


def test_rows_first_fetches_the_weights_for_every_strip() -> None:
    plan, moved = strips("rows_first")
    count = len(plan.layers[0].parts[0].strips)
    assert count > 2
    assert moved.weight_read_bytes == count * WEIGHTS
    assert moved.word_read_bytes == MAP + 2 * (count - 1) * 32


def test_weights_first_fetches_the_strips_for_every_block_of_weights() -> None:
    plan, moved = strips("weights_first")
    count = len(plan.layers[0].parts[0].strips)
    assert moved.weight_read_bytes == WEIGHTS
    assert moved.word_read_bytes == 2 * (MAP + 2 * (count - 1) * 32)


def test_strips_that_are_still_there_are_not_fetched_again() -> None:
    """Two strips have a slot each."""
    part = strips("weights_first")[0].layers[0].parts[0]
    two = replace(part, strips=part.strips[:2], slots=2)
    assert [(visit.strip, visit.fetched) for visit in two.visits()] == [(0, True), (1, True), (0, False), (1, False)]
    assert [visit.filled for visit in two.visits()] == [0, 1, 0, 1]


def test_the_order_with_fewer_bytes_is_taken() -> None:
    _, chosen = traffic(LAYER, cut(1, 1, keep_weights=False), spike_buffer_bytes=224)
    orders = [strips(order)[1].dram_read_bytes for order in ("rows_first", "weights_first")]
    assert chosen.dram_read_bytes == min(orders) < max(orders)


def test_chunks_of_input_channels_come_again_for_every_group() -> None:
    """Two chunks of four channels, in turn for each of two groups: everything once, if rows fit the accumulators."""
    plan, moved = traffic(LAYER, cut(1, 1, keep_weights=False), weight_buffer_bytes=1152)
    assert plan.layers[0].parts[0].chunks == ((0, 4), (4, 8))
    assert moved.weight_bytes == WEIGHTS
    _, again = traffic(LAYER, cut(1, 1, keep_weights=False), weight_buffer_bytes=1152, accumulator_words=4 * 8 * 16)
    assert again.weight_bytes == 2 * WEIGHTS


def test_words_go_to_every_reader() -> None:
    first, second = conv("a", (8, 8, 8), 32), conv("b", (32, 8, 8), 32, inputs=("a",))
    choices = Choices(layers={"a": LayerChoices(row_parts=1), "b": LayerChoices(channel_parts=2, row_parts=1)})
    plan = make_plan([first, second], CAPACITY, {}, choices)
    sent, stored = plan_traffic(plan, CAPACITY, True)
    assert (sent.sent_words, sent.sent_bytes, sent.stored_bytes) == (2 * 32 * 64, 2 * 32 * 32, 0)
    assert (stored.word_read_bytes, stored.sent_words, stored.stored_bytes) == (0, 0, OUTPUTS)
