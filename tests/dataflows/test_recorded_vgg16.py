"""Sparse arrays on the spikes of a trained network, layer by layer, where its recording is at hand."""

from __future__ import annotations

from typing import Any

import pytest
from dataflow_cases import packed
from recorded_vgg16 import RECORDED, Layer, layers
from simulator_rules import ProductCycles, mint, product_sparse, ptb_slots, sato, unroll

from accelsim.dataflows import NO_MASK, find_dataflow
from accelsim.dataflows.task import WORDS

NAMES = [layer.name for layer in layers()]


def test_the_table_holds_the_layers_of_the_network() -> None:
    """What must hold among its columns, spikes or not."""
    assert [*(f"conv{number}" for number in range(1, 13)), "fc0"] == NAMES
    for layer in layers():
        task, events = layer.task, layer.figure("events")
        assert (task.pixels, task.inputs) == (layer.figure("pixels"), layer.figure("inputs"))
        groups = -(-layer.outputs // 128)
        assert layer.figure("bit_sparse_cycles") == events * groups
        assert layer.figure("loas_cycles") == layer.figure("nonzero_words") * -(-layer.outputs // 16)
        assert layer.figure("spinalflow_compute_cycles") == (events + 2 * task.pixels) * groups
        assert layer.figure("nonzero_words") <= events <= task.pixels * task.inputs * layer.figure("timesteps")
        assert events * layer.outputs <= 128 * layer.figure("sato_cycles")


if RECORDED:

    @pytest.mark.parametrize("layer", layers(), ids=NAMES)
    def test_the_simulators_rules_give_the_table(layer: Layer) -> None:
        rows = unroll(layer.spikes(), layer.kernel, padding=layer.padding)
        found = layer.figures
        assert mint(rows, layer.outputs) == found["bit_sparse_cycles"]
        assert sato(rows, layer.outputs) == found["sato_cycles"]
        expected = ProductCycles(layer.figure("product_sparse_cycles"), layer.figure("product_detection_cycles"))
        assert product_sparse(rows, layer.outputs) == expected
        assert ptb_slots(rows, fully_connected=layer.kernel == 1) == found["ptb_slots"]

    @pytest.mark.parametrize("layer", layers(), ids=NAMES)
    @pytest.mark.parametrize(
        ("dataflow", "column"), [("bit_sparsity", "bit_sparse_cycles"), ("row_dispatch", "sato_cycles")]
    )
    def test_bit_sparse_and_whole_rows_take_the_cycles_of_the_table(layer: Layer, dataflow: str, column: str) -> None:
        assert cycles(dataflow, layer) == layer.figures[column]

    @pytest.mark.parametrize("layer", layers(), ids=NAMES)
    def test_product_sparsity_pays_for_what_no_total_hides(layer: Layer) -> None:
        """Sums are those of the table; a tile whose search takes longer than the sums before it is waited for."""
        sums, searches = layer.figure("product_sparse_cycles"), layer.figure("product_detection_cycles")
        found = cycles("product_sparsity", layer)
        assert max(sums, searches) <= found <= 1.27 * max(sums, searches)
        dataflow = find_dataflow("product_sparsity")
        chip = dataflow.settings_class(dataflow="product_sparsity")
        first = dataflow.schedule(chip, layer.task, packed(layer.spikes()), NO_MASK)
        assert first.counts[WORDS] * -(-layer.outputs // 128) == sums

    @pytest.mark.parametrize("layer", layers(), ids=NAMES)
    def test_spike_broadcast_takes_the_cycles_of_the_table(layer: Layer) -> None:
        assert cycles("spike_broadcast", layer, columns=128) == layer.figures["spinalflow_compute_cycles"]

    @pytest.mark.parametrize("layer", layers(), ids=NAMES)
    def test_a_join_without_latency_takes_the_cycles_of_the_table(layer: Layer) -> None:
        """Dense weights: a laggard that overlaps with the next chunk costs a part, where chunks have few matches."""
        bare = cycles("dual_sparse", layer, columns=16, laggard_cycles=0, chunk_cycles=0)
        assert bare == layer.figures["loas_cycles"]
        assert bare < cycles("dual_sparse", layer, columns=16) <= 1.5 * bare


def cycles(name: str, layer: Layer, **keys: Any) -> int:
    """Array cycles of all tasks of a layer."""
    dataflow = find_dataflow(name)
    chip = dataflow.settings_class(dataflow=name, **keys)
    words = packed(layer.spikes())
    total = 0
    for first in range(0, layer.outputs, dataflow.outputs(chip) or layer.outputs):
        outs = min(dataflow.outputs(chip) or layer.outputs, layer.outputs - first)
        task = layer.task._replace(first_out=first, outs=outs, reach=outs)
        total += dataflow.schedule(chip, task, words, NO_MASK).cycles
    return total
