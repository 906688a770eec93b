"""Bursts of recorded spikes: counted against the words, placed and timed as defined."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.workload import load_input
from accelsim.workload.bursts import Recording, record_bursts
from accelsim.workload.traffic import Grid, dispersion, make_pattern

TRACE = Path(__file__).parents[2] / "traces" / "resnet18_digits.npz"
TWO_LAYERS = """\
name: two_layers
timesteps: 4
layers:
  - {name: conv1, op: conv2d, in_shape: [3, 8, 8], out_channels: 4, kernel: 3, padding: 1, density: 0.5}
  - {name: conv2, op: conv2d, inputs: [conv1], out_channels: 2, kernel: 3, stride: 2, padding: 1, density: 0.25}
"""


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    path = tmp_path / "two.yaml"
    path.write_text(TWO_LAYERS)
    return record_bursts(load_input(path), nodes=4, packet_flits=2, flit_bits=8)


def test_a_row_of_words_is_a_burst_of_as_many_packets_as_hold_it(tmp_path: Path, recording: Recording) -> None:
    workload = load_input(tmp_path / "two.yaml")
    words = np.concatenate(
        [
            np.count_nonzero(workload.input_words(name, image), axis=(0, 2))
            for image in range(workload.images)
            for name in ("conv1", "conv2")
        ]
    )
    assert recording.packets.tolist() == [-(-int(count) * 4 // 16) for count in words if count]


def test_rows_are_dealt_to_nodes_and_sent_when_a_node_begins_the_row_that_needs_them(recording: Recording) -> None:
    """8 output rows of conv1 on 4 nodes take two rounds, 4 of conv2 one, which needs two input rows an output row."""
    conv1, conv2 = 27 * 4 * 64, 36 * 2 * 16
    images = len(recording.start) // 16
    share = conv1 / (conv1 + conv2) / images
    assert recording.start[:16] == pytest.approx([*[0.0] * 4, *[share / 2] * 4, *[share] * 8])
    assert np.diff(recording.start.reshape(images, 16), axis=0) == pytest.approx(1 / images)
    assert recording.made_by[:16].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7]
    assert recording.needed_by[:16].tolist() == [4, 5, 6, 7, 4, 5, 6, 7, 8, 8, 9, 9, 10, 10, 11, 11]


def test_a_pass_offers_the_rate_and_comes_again(recording: Recording) -> None:
    length = recording.pass_cycles(0.25)
    assert length == recording.packets.sum() * 2 / (0.25 * 4)
    cycles = round(length)
    created = recording.create(0.25, 3 * cycles, seed=5)
    counts = np.bincount(created.cycle // cycles, minlength=3)
    assert len(created.cycle) == 3 * recording.packets.sum()
    assert np.abs(counts - recording.packets.sum()).max() <= recording.packets.max() * 8
    assert (np.diff(created.cycle * 4 + created.source) >= 0).all()


def test_a_seed_names_a_placement(recording: Recording) -> None:
    once, again, other = (recording.create(0.25, 500, seed) for seed in (1, 1, 2))
    assert once.source.tolist() == again.source.tolist() and once.cycle.tolist() == again.cycle.tolist()
    assert once.source.tolist() != other.source.tolist() or once.cycle.tolist() != other.cycle.tolist()


def test_a_burst_goes_from_one_node_to_another(recording: Recording) -> None:
    created = recording.create(0.01, 10_000, seed=0)
    for cycle in np.unique(created.cycle).tolist():
        now = created.cycle == cycle
        # A node makes rows of one layer at a time, each needed by one node: with stride 1 a permutation of the nodes.
        assert len(set(zip(created.source[now].tolist(), created.destination[now].tolist(), strict=True))) <= 8


def test_recorded_spikes_are_burstier_than_chance() -> None:
    traffic = record_bursts(load_input(TRACE), nodes=16, packet_flits=1, flit_bits=64)
    assert traffic.name == "burst"
    created = traffic.create(0.1, 50_000, seed=0)
    chance = make_pattern("uniform", Grid(4, 4), 1).create(0.1, 50_000, seed=0)
    assert dispersion(created, 16, 50_000, 100) > 20 * dispersion(chance, 16, 50_000, 100)
    assert len(created.cycle) == pytest.approx(0.1 * 16 * 50_000, rel=0.05)
    shares = sum(float(share.sum()) for _, _, share in traffic.pairs())
    assert shares == pytest.approx(1)


def test_without_spikes_there_are_no_bursts(tmp_path: Path) -> None:
    path = tmp_path / "silent.yaml"
    path.write_text(TWO_LAYERS.replace("0.5}", "0.0}").replace("0.25}", "0.0}"))
    with pytest.raises(
        InputError, match=f"^{re.escape(str(path))}: holds no spikes that a layer with weights consumes$"
    ):
        record_bursts(load_input(path), 4, 1, 64)
