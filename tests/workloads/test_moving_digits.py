"""Digits that move, and the events that a camera makes of them."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

HOME = Path(__file__).resolve().parents[2] / "workloads" / "training"


@pytest.fixture(scope="module")
def moving():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HOME)
        yield importlib.import_module("moving_digits")


@pytest.fixture(scope="module")
def digits():
    return np.random.default_rng(1).integers(0, 17, (6, 8, 8))


def test_enlarging_is_bilinear_between_pixel_centres(moving, digits) -> None:
    position = np.clip((np.arange(12) + 0.5) / 1.5 - 0.5, 0, 7)
    rows = np.array([[np.interp(position, np.arange(8), row) for row in digit] for digit in digits])
    expected = [[np.interp(position, np.arange(8), column) for column in digit.T] for digit in rows]
    assert moving.enlarge(digits) == pytest.approx(36 * np.array(expected).transpose(0, 2, 1), abs=1e-9)


def test_a_digit_at_whole_pixels_is_the_digit(moving, digits) -> None:
    ink = moving.enlarge(digits)
    corners = np.array([[0, 0], [4, 4], [3, 0], [0, 2], [4, 1], [2, 3]])
    placed = moving.place(ink, corners * moving.FINE)
    for digit, canvas, (row, column) in zip(ink, placed, corners, strict=True):
        expected = np.zeros((16, 16), dtype=int)
        expected[row : row + 12, column : column + 12] = digit * moving.FINE**2
        assert np.array_equal(canvas, expected)


def test_between_pixels_it_is_the_mean_of_its_neighbours(moving, digits) -> None:
    ink = moving.enlarge(digits)
    half = moving.place(ink, np.full((6, 2), moving.FINE * 5 // 2))
    corners = [(2, 2), (2, 3), (3, 2), (3, 3)]
    whole = [moving.place(ink, np.tile(np.array(corner) * moving.FINE, (6, 1))) for corner in corners]
    assert np.array_equal(4 * half, np.sum(whole, axis=0))


def test_pictures_are_what_recordings_begin_with(moving, digits) -> None:
    pictures = moving.still(digits, seed=8)
    starts, _ = moving.draw_paths(len(digits), np.random.default_rng(8))
    exact = moving.place(moving.enlarge(digits), starts) * 255 / moving.FULL_INK
    assert (pictures.dtype, pictures.shape) == (np.uint8, (6, 1, 16, 16))
    assert np.abs(pictures[:, 0] - exact).max() <= 0.5


def test_it_stays_on_the_canvas_and_keeps_its_speed(moving) -> None:
    starts, speeds = moving.draw_paths(200, np.random.default_rng(2))
    paths = moving.bounce(starts, speeds)
    assert paths.min() == 0
    assert paths.max() == (moving.CANVAS - moving.DIGIT) * moving.FINE
    assert np.array_equal(paths[:, 0], starts)
    steps = np.abs(np.diff(paths, axis=1))
    # A step in which it turns round covers less ground.
    assert (steps <= np.abs(speeds)[:, None]).all()
    assert (steps == np.abs(speeds)[:, None]).mean() > 0.9


def test_events_are_those_of_a_pixel_that_remembers(moving) -> None:
    """Against a plain loop: one event for each threshold between the pixel's memory and what it sees."""
    path = np.random.default_rng(3).integers(-900, 900, 50)
    reference, memory = np.array([0]), 0
    for seen in path:
        expected = 0
        while abs(seen - memory) >= moving.THRESHOLD:
            sign = 1 if seen > memory else -1
            memory += sign * moving.THRESHOLD
            expected += sign
        assert moving.contrast_events(np.array([seen]), reference).tolist() == [expected]
        assert reference.tolist() == [memory]


def test_a_pixel_that_sees_no_change_sends_noise_alone(moving) -> None:
    counts = moving.record(np.zeros((40, 8, 8), dtype=int), seed=4)
    assert counts.max() == 1
    assert counts.mean() == pytest.approx(moving.NOISE, rel=0.1)


def test_what_comes_on_goes_off(moving, digits, monkeypatch) -> None:
    """Without noise, a pixel that sees the background at the end has as many OFF as ON events as at the start."""
    monkeypatch.setattr(moving, "NOISE", 0)
    counts = moving.record(digits, seed=5).astype(int)
    paths = moving.bounce(*moving.draw_paths(len(digits), np.random.default_rng(5)))
    logarithm = moving.log_brightness()
    first, last = (logarithm[moving.place(moving.enlarge(digits), paths[:, step])] for step in (0, -1))
    net = (counts[:, :, 0] - counts[:, :, 1]).sum(axis=1)
    assert np.abs(net * moving.THRESHOLD - (last - first)).max() < moving.THRESHOLD


def test_events_depend_on_the_seed_alone(moving, digits) -> None:
    assert np.array_equal(moving.record(digits, seed=6), moving.record(digits, seed=6))
    assert not np.array_equal(moving.record(digits, seed=6), moving.record(digits, seed=7))


@given(timesteps=st.sampled_from([1, 2, 4, 8, 16]), bits=st.integers(1, 8), seed=st.integers(0, 99))
def test_frames_are_counts_of_equal_parts(moving, timesteps: int, bits: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 40, (2, 16, 2, 3, 3)).astype(np.uint8)
    frames = moving.frames(counts, timesteps, bits)
    assert (frames.dtype, frames.shape) == (np.uint8, (2, timesteps, 2, 3, 3))
    step = 16 // timesteps
    for part in range(timesteps):
        total = counts[:, part * step : (part + 1) * step].astype(int).sum(axis=1)
        assert np.array_equal(frames[:, part], np.minimum(total, 2**bits - 1))
