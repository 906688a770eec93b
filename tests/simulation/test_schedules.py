"""Schedules, loop orders and residency as they run: right words, the plan's bytes, and what each is good for."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from chips import DIGITS, SPIKEPACK, chip
from random_chips import RandomWorkload, draw_chip
from small_workload import SmallWorkload, conv, residual_layers

from accelsim.build.arch import arch_of, load_arch
from accelsim.config import override
from accelsim.errors import InputError
from accelsim.simulation import simulate
from accelsim.workload import load_input
from accelsim.workload.layer import Layer

PIPELINED = "mapping.schedule=pipelined"


def run(*overrides: str, images: int = 4, workload: Any = None) -> dict[str, Any]:
    workload = workload or SmallWorkload(residual_layers())
    return simulate(chip(*overrides), workload, images=images, verify=True).report


@pytest.mark.parametrize(
    "overrides",
    [
        (PIPELINED,),
        (PIPELINED, "spike_buffer.bytes=2 KiB"),
        (PIPELINED, "mapping.layers={first: {through_dram: true}, summed: {tiles: [3]}}"),
        ("mapping.loop_order=weights_first", "spike_buffer.bytes=300"),
        ("mapping.loop_order=rows_first", "spike_buffer.bytes=300", "mapping.keep_weights=never"),
        ("mapping.split=both",),
        (PIPELINED, "mapping.split=rows", "noc.multicast=tree", "noc.buffer_flits=8"),
        (PIPELINED, "mapping.layers={second: {tiles: [0, 1]}, pooled: {tiles: [0]}, scores: {tiles: [0]}}"),
    ],
)
def test_every_mapping_computes_the_same_words(overrides: tuple[str, ...]) -> None:
    assert run(*overrides)["verified"]["layers"] == 5


def draw_mapping(seed: int, layers: tuple[Layer, ...]) -> dict[str, Any]:
    """Any schedule, cut, order and residency; some layers through DRAM."""
    draw = random.Random(seed)
    through = {layer.name: {"through_dram": True} for layer in layers if draw.random() < 0.3}
    return {
        "schedule": draw.choice(["pipelined", "pipelined", "layer_by_layer"]),
        "split": draw.choice(["auto", "output_channels", "rows", "both"]),
        "loop_order": draw.choice(["auto", "weights_first", "rows_first"]),
        "keep_weights": draw.choice(["auto", "never"]),
        "layers": through,
    }


def test_random_mappings_of_random_networks_on_random_chips() -> None:
    """Right words, the plan's bytes and no deadlock, or a message that names what does not fit."""
    right = 0
    for seed in range(500, 540):
        workload = RandomWorkload(seed)
        mapping = json.dumps(draw_mapping(seed, workload.layers))
        document = override(draw_chip(seed).document, [f"mapping={mapping}"])
        arch = arch_of(document)
        try:
            report = simulate(arch, workload, images=1 + seed % 5, verify=True).report
        except InputError as error:
            assert all(problem.rule.startswith("no tiling fits the ") for problem in error.problems)
            continue
        assert report["verified"]["layers"] == len(workload.layers)
        right += 1
    assert right > 20


def strips(*overrides: str) -> int:
    """Bytes read for one convolution whose map does not fit the spike buffer, and whose weights are not kept."""
    layer = conv("a", (8, 8, 8), 32)
    forced = ("spike_buffer.bytes=224", "mapping.keep_weights=never", "mapping.layers={a: {tiles: [0]}}")
    report = run(*forced, *overrides, images=1, workload=SmallWorkload([layer]))
    return int(report["dram"]["read_bytes"])


def test_the_outer_loop_decides_what_is_fetched_again() -> None:
    """Five strips of 16 rows of 32 bytes with their halos, two groups of 1152 bytes of weights."""
    assert strips("mapping.loop_order=rows_first") == 5 * 2304 + 16 * 32
    assert strips("mapping.loop_order=weights_first") == strips() == 2304 + 2 * 16 * 32


def test_weights_that_may_not_stay_are_read_for_every_image() -> None:
    kept, fetched = (run(*overrides)["dram"]["read_bytes"] for overrides in ((), ("mapping.keep_weights=never",)))
    assert fetched - kept == 3 * (24 * 27 + 24 * 24 * 9 + 10 * 24 * 16)


def test_images_overlap_in_a_pipeline() -> None:
    """Two layers of equal work on a tile each: the interval is one layer's, the latency that of both."""
    first = conv("a", (16, 12, 12), 16)
    second = conv("b", first.out_shape, 16, inputs=("a",))
    workload = SmallWorkload([first, second])
    pinned = "mapping.layers={a: {tiles: [0]}, b: {tiles: [1]}}"
    report = run(PIPELINED, pinned, images=6, workload=workload)
    total = report["total"]
    works = [(layer["compute_cycles"] + layer["stall_cycles"]["bank_conflict"]) / 6 for layer in report["layers"]]
    assert total["interval_cycles"] < 1.25 * max(works)
    one_tile = run(PIPELINED, "mapping.layers={a: {tiles: [0]}, b: {tiles: [0]}}", images=6, workload=workload)
    assert one_tile["total"]["interval_cycles"] > 1.6 * total["interval_cycles"]


def test_room_for_two_images_lets_the_next_come_while_one_is_read() -> None:
    """The second layer reads its whole map to the end: with one box its producer has to wait for that."""
    first = conv("a", (16, 12, 12), 16)
    second = conv("b", first.out_shape, 64, inputs=("a",))
    workload = SmallWorkload([first, second])
    pinned = "mapping.layers={a: {tiles: [0]}, b: {tiles: [1]}}"
    double = run(PIPELINED, pinned, images=6, workload=workload)
    single = run(PIPELINED, pinned, "spike_buffer.bytes=2000", images=6, workload=workload)
    assert any("room for one image" in note for note in single["notes"])
    assert not any("room for one image" in note for note in double["notes"])
    assert double["total"]["interval_cycles"] < single["total"]["interval_cycles"]
    full = double["buffers"]["spike_buffer"], single["buffers"]["spike_buffer"]
    assert full[0]["peak_bytes"] > full[1]["peak_bytes"], "two images are there at once"


def test_the_estimate_is_near_the_shipped_network() -> None:
    """It knows no queues of the network, and no conflicts in the spike buffer."""
    for overrides in ((), (PIPELINED,)):
        arch = load_arch(SPIKEPACK, overrides)
        total = simulate(arch, load_input(DIGITS), images=4).report["total"]
        for key in ("cycles", "interval_cycles"):
            estimated = total[f"estimated_{key}"]
            assert abs(estimated / total[key] - 1) < 0.1, (overrides, key, estimated, total[key])
