"""The timeline picture: its parts hold the data, its labels fit, its colours can be told apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.colors import to_rgb

from accelsim.report.plot import plot_timeline
from accelsim.report.plot.style import STATE_COLOURS
from accelsim.report.plot.timeline import MOST_LANES, merge_bins, place, stacked_image

Make = Callable[..., dict[str, Any]]
PNG = b"\x89PNG\r\n\x1a\n"


def test_a_column_is_filled_in_proportion() -> None:
    """Ten pixels high: 60 cycles busy below, 30 idle above, 10 waiting for weights between."""
    image = stacked_image(np.array([[[60, 10, 30]]]), ("busy", "weights_missing", "idle"), pixels=10)
    colours = [tuple(pixel) for pixel in image[:, 0]]
    expected = [(name, tuple(round(255 * part) for part in to_rgb(STATE_COLOURS[name]))) for name in STATE_COLOURS]
    colour = dict(expected)
    assert colours == [colour["idle"]] * 3 + [colour["weights_missing"]] + [colour["busy"]] * 6


def test_a_bin_without_counts_is_idle() -> None:
    image = stacked_image(np.zeros((2, 3, 1), dtype=np.int64), ("busy",), pixels=4)
    assert image.shape == (8, 3, 3)
    assert (image == np.round(np.array(to_rgb(STATE_COLOURS["idle"])) * 255)).all()


@given(
    values=arrays.arrays(np.int64, st.tuples(st.integers(1, 3), st.integers(1, 50)), elements=st.integers(0, 9)),
    most=st.integers(1, 60),
)
def test_merging_bins_loses_nothing(values: np.ndarray[Any, Any], most: int) -> None:
    merged, group = merge_bins(values, axis=1, most=most)
    assert merged.shape[1] <= most
    assert merged.shape[1] == -(-values.shape[1] // group)
    np.testing.assert_array_equal(merged.sum(axis=1), values.sum(axis=1))


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 50)), max_size=40))
def test_layers_of_a_lane_do_not_overlap(layers: list[tuple[int, int]]) -> None:
    spans = place([str(index) for index in range(len(layers))], [s for s, _ in layers], [s + n for s, n in layers])
    assert len(spans) == len(layers)
    for lane in range(MOST_LANES - 1):
        of_lane = [span for span in spans if span.lane == lane]
        assert all(before.end <= after.start for before, after in itertools.pairwise(of_lane))
    assert all(span.lane < MOST_LANES for span in spans)


def test_layers_in_sequence_share_one_lane() -> None:
    assert [span.lane for span in place(["a", "b", "c"], [0, 5, 9], [5, 9, 12])] == [0, 0, 0]
    assert [span.lane for span in place(["a", "b", "c"], [0, 4, 9], [5, 9, 12])] == [0, 1, 0]


@pytest.mark.parametrize(
    ("layers", "tiles", "bins", "overlap"),
    [(20, 16, 60, False), (60, 4, 200, False), (20, 1, 40, True), (1, 70, 1, False)],
)
def test_pictures_of_all_sizes(
    timeline_of: Make, report_of: Make, tmp_path: Path, layers: int, tiles: int, bins: int, overlap: bool
) -> None:
    timeline = timeline_of(layers=layers, tiles=tiles, bins=bins, overlap=overlap)
    plot_timeline(report_of(timeline), timeline, tmp_path / "t.png", dpi=40)
    assert (tmp_path / "t.png").read_bytes().startswith(PNG)


def test_a_chip_without_network_or_memory_limit(
    timeline: dict[str, Any], report: dict[str, Any], tmp_path: Path
) -> None:
    bins = timeline["tile_states"].shape[1]
    timeline |= {
        "link_flits": np.zeros((0, bins), dtype=np.int64),
        "link_names": np.array([], dtype=str),
        "dram_read_bytes": np.zeros((0, bins), dtype=np.int64),
        "dram_write_bytes": np.zeros((0, bins), dtype=np.int64),
        "dram_peak_bytes_per_cycle": float("inf"),
    }
    plot_timeline(report, timeline, tmp_path / "t.png", dpi=40)
    assert (tmp_path / "t.png").read_bytes().startswith(PNG)


def test_the_same_data_give_the_same_picture(timeline: dict[str, Any], report: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        plot_timeline(report, timeline, tmp_path / name, dpi=40)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


# Machado, Oliveira and Fernandes, IEEE TVCG 2009: colours as seen without one kind of cone, on linear RGB.
VISION = {
    "all three": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = [0.9505, 1.0, 1.089]


def lab(colour: str, vision: list[list[float]]) -> np.ndarray[Any, Any]:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = np.array(TO_XYZ) @ np.clip(np.array(vision) @ linear, 0, 1) / WHITE
    fx, fy, fz = (np.cbrt(part) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("vision", VISION)
def test_states_can_be_told_apart_without_one_kind_of_cone(vision: str) -> None:
    """CIE 1976 colour difference above 15 between any two states; 2.3 is just noticeable."""
    seen = {name: lab(colour, VISION[vision]) for name, colour in STATE_COLOURS.items()}
    for first, second in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[first] - seen[second]) > 15, (first, second)
