"""What groups, dilation, joined and repeated maps and attention products cost, worked by hand: docs/timing.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bare_fabric import TILE
from chips import chip
from small_workload import WORD_BITS, SmallWorkload, conv, operator_layers
from tile_driver import TileDriver

from accelsim.kernels import state as k
from accelsim.simulation.run import run_engine
from accelsim.simulation.verify import verify_outputs
from accelsim.stats.synaptic import reached_sum
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer

ONE_TILE = ("tiles={columns: 1, rows: 1}", "noc={columns: 2, rows: 1, flit_bits: 256, buffer_flits: 8}")
FAST = (*ONE_TILE, "memory_controller.nodes=[1]", "dram=ideal")


def run_layers(layers: list[Layer], *overrides: str, images: int = 1, density: float = 0.4) -> Any:
    """A verified run of a network on one tile with an ideal DRAM."""
    workload = SmallWorkload(layers, images=images, density=density)
    run = run_engine(chip(*FAST, *overrides), workload, images=images, verify=True)
    verify_outputs(run)
    return run


def test_a_pass_of_one_group_scans_its_channels_alone() -> None:
    """A 3x3 kernel over one group of 4 of 8 channels: each position is a run of its own, 9 lines of 4 words."""
    tile = TileDriver(
        np.ones((3, 3, 8), np.int64),
        W_KERNEL_ROWS=3,
        W_KERNEL_COLUMNS=3,
        W_FIRST_CHANNEL=4,
        W_LAST_CHANNEL=8,
        W_GROUP_CHANNELS=4,
        W_LAST_ROW=1,
        W_OUT_COLUMNS=1,
    )
    tile.run()
    assert tile.cycles_of("lines") == list(range(2, 11))
    assert len(tile.cycles_of("words")) == 9 * 4


def test_a_dilated_kernel_reads_each_tap_on_its_own() -> None:
    """3x3 taps two apart over 5x5 positions of 4 words, of which only the taps fire: 9 lines, no word left out."""
    words = np.zeros((5, 5, 4), np.int64)
    words[::2, ::2] = 1
    tile = TileDriver(
        words,
        W_KERNEL_ROWS=3,
        W_KERNEL_COLUMNS=3,
        W_DILATION_ROWS=2,
        W_DILATION_COLUMNS=2,
        W_LAST_ROW=1,
        W_OUT_COLUMNS=1,
    )
    tile.run()
    assert tile.cycles_of("lines") == list(range(2, 11))
    assert len(tile.cycles_of("words")) == 9 * 4


def test_rows_between_taps_are_skipped_and_runs_stay_where_only_rows_are_apart() -> None:
    tile = TileDriver(
        np.ones((5, 2, 4), np.int64),
        W_KERNEL_ROWS=3,
        W_KERNEL_COLUMNS=2,
        W_DILATION_ROWS=2,
        W_LAST_ROW=1,
        W_OUT_COLUMNS=1,
    )
    tile.run()
    assert len(tile.cycles_of("lines")) == 3
    assert len(tile.cycles_of("words")) == 3 * 8


def test_a_word_reaches_the_columns_of_its_group() -> None:
    """Depthwise, 4 channels of one position: as many words and cycles as dense, a product each instead of four."""
    words = np.array([[[1, 3, 0, 7]]])
    dense, depthwise = TileDriver(words), TileDriver(words, W_REACH=1, W_GROUP_CHANNELS=1, W_WEIGHT_STRIDE=1)
    assert dense.run() == depthwise.run()
    for tile, reach in ((dense, 4), (depthwise, 1)):
        events = tile.fabric.tiles.events[0]
        assert (events[k.E_WORDS], events[k.E_MACS], events[k.E_SYNOPS]) == (3, 3 * reach, 6 * reach)
    # Three columns of four got a sum.
    assert (dense.fabric.tiles.events[0, k.E_SUMS], depthwise.fabric.tiles.events[0, k.E_SUMS]) == (4, 3)


def test_a_repeated_map_reads_a_line_for_each_output() -> None:
    """One row of two positions, three times as wide and twice as high: 12 lines, 12 outputs."""
    tile = TileDriver(
        np.ones((1, 2, 4), np.int64),
        replace(TILE, results=8),
        W_OP=k.UPSAMPLE,
        W_STRIDE_ROWS=2,
        W_STRIDE_COLUMNS=3,
        W_LAST_ROW=2,
        W_OUT_COLUMNS=6,
    )
    tile.run()
    assert tile.cycles_of("lines") == tile.cycles_of("pixels") == list(range(2, 14))


def test_a_joined_map_reads_a_line_of_the_operand_that_has_the_channels() -> None:
    """6 + 4 channels at 4 x 4 positions: a pass an operand, a line a position; nothing is added."""
    first = conv("first", (3, 4, 4), 6)
    second = replace(conv("second", (6, 4, 4), 4, inputs=("first",)))
    joined = Layer("joined", "concat", ("first", "second"), (10, 4, 4), (10, 4, 4), operand_channels=(6, 4))
    joined = replace(joined, timesteps=WORD_BITS, word_bits=WORD_BITS, out_word_bits=WORD_BITS)
    run = run_layers([first, second, joined])
    events = run.fabric.tiles.events[2]
    assert (events[k.E_LINES], events[k.E_LINE_WORDS], events[k.E_PIXELS]) == (2 * 16, 10 * 16, 2 * 16)
    assert [group for part in run.plan.layers[2].parts for group in part.groups] == [(0, 6), (6, 10)]


def test_a_global_pool_reads_every_position_and_makes_one_output() -> None:
    """20 channels at 3 x 3 positions in one line each."""
    source = conv("source", (3, 3, 3), 20)
    pool = Layer("pool", "avgpool2d", ("source",), (20, 3, 3), (20, 1, 1), (3, 3), (3, 3))
    pool = replace(pool, timesteps=WORD_BITS, word_bits=WORD_BITS, out_word_bits=8)
    events = run_layers([source, pool]).fabric.tiles.events[1]
    assert (events[k.E_LINES], events[k.E_VECTOR_OPS], events[k.E_PIXELS]) == (9, 9 * 20, 1)


def attention(name: str) -> tuple[Layer, Layer]:
    """An attention product of two heads, and the convolution whose weights are as many and as wide."""
    layers = {layer.name: layer for layer in operator_layers()}
    product = layers[name]
    return product, replace(product, op="conv2d", inputs=(), fires=False, out_word_bits=32)


@pytest.mark.parametrize("name", ["scores", "values"])
def test_an_attention_product_takes_the_cycles_of_the_convolution_whose_weights_it_is(name: str) -> None:
    product, same = attention(name)
    workload = SmallWorkload(operator_layers(), images=1)
    words = workload.input_words(name, 0).astype(np.int64)
    events = []
    for layer, source in ((product, workload), (same, Recorded(same, words))):
        run = run_engine(chip(*FAST), source, layers=[name])
        own = run.fabric.tiles
        counted = [k.E_WORDS, k.E_MACS, k.E_SUMS, k.E_SYNOPS, k.E_LINES, k.E_DRAM_READ, k.E_PIXELS]
        states = own.cycles[:, 0, [k.BUSY, k.BANK_CONFLICT]].sum()
        assert run.layers[0].op == layer.op
        events.append([*own.events[0, counted].tolist(), int(states)])
    assert events[0] == events[1]


class Recorded(SmallWorkload):
    """One layer that consumes given words."""

    def __init__(self, layer: Layer, words: np.ndarray[Any, Any]) -> None:
        self.layers = (layer,)
        self._parameters = {}
        self.images = 1
        self._images = words[None]


def products(run: Any, layer: Layer, image: int) -> int:
    """Of words with a bit in the slice that is scanned, over all slices, and the synapses that they reach."""
    words = run.workload.input_words(layer.name, image)
    lane_bits = run.arch.capacity.lane_bits
    window = (layer.out_shape, layer.kernel, layer.stride, layer.padding, layer.groups, layer.dilation)
    slices = [words >> first & (1 << lane_bits) - 1 for first in range(0, layer.word_bits, lane_bits)]
    return sum(reached_sum(piece != 0, *window) for piece in slices)


def test_products_of_every_operator_are_those_of_its_synapses() -> None:
    """Array, weight buffer and DRAM do no more than groups have: counted, in bytes and in products."""
    run = run_layers(list(operator_layers()), images=2)
    layers = len(run.layers)
    for index, layer in enumerate(run.layers):
        events = run.fabric.tiles.events[index:-1:layers]
        if layer.op not in ARRAY_OPS:
            assert not events[:, k.E_MACS].any() and events[:, k.E_VECTOR_OPS].all()
            continue
        assert events[:, k.E_MACS].sum() == sum(products(run, layer, image) for image in range(2))
        loaded = run.program.weight_bytes[index::layers]
        size = -(-layer.fan_in * layer.out_shape[0] * layer.weight_bits // 8)
        if layer.op in WEIGHTED_OPS:
            assert list(loaded) == [size, 0]
        else:
            assert layer.op in ATTENTION_OPS and list(loaded) == [size, size]


def test_the_second_operand_is_read_from_memory_once_it_is_stored() -> None:
    run = run_layers(list(operator_layers()))
    notes = [note for note in run.plan.notes if "in place of weights" in note]
    assert notes == [
        "k: outputs go through DRAM to scores, which takes them in place of weights",
        "v: outputs go through DRAM to values, which takes them in place of weights",
    ]
    index = {layer.name: number for number, layer in enumerate(run.layers)}
    events, spans = run.fabric.tiles.events, run.fabric.tiles.span
    for producer, product in (("k", "scores"), ("v", "values")):
        stored = 8 * 36 * WORD_BITS // 8
        assert events[index[producer], k.E_DRAM_WRITE] == events[index[product], k.E_DRAM_READ] == stored
        assert spans[index[product], 1] > spans[index[producer], 1]
