"""Handwritten digits that move over a canvas, as a camera sees them that reports changes of brightness: ON, OFF events.

A digit, enlarged from 8x8 to 12x12 pixels, glides over 16x16 at constant speed and bounces off the borders. Each pixel
of the camera holds the logarithm of the brightness at its last event and sends an ON or an OFF event whenever the
present one is higher or lower by `THRESHOLD`, the principle of the dynamic vision sensor (Lichtsteiner, Posch,
Delbruck: A 128x128 120 dB 15 us latency asynchronous temporal contrast vision sensor, IEEE JSSC 2008). Events are
counted in integers and all randomness is that of one seeded generator, so that they are the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CANVAS = 16
DIGIT = 12
BINS = 16
"""Finest division of a recording in time."""

SUBSTEPS = 4
"""Positions of the digit in a bin."""

FINE = 32
"""Positions are counted in fractions of a pixel: 1 / `FINE`."""

SLOWEST, FASTEST = 4, 12
"""Along each axis, in fractions of a pixel a substep: half a pixel to one and a half a bin (estimate)."""

OCTAVE = 256
"""Units of the logarithm in a doubling of brightness."""

THRESHOLD = OCTAVE // 2
"""Half an octave: a contrast of 41 % (estimate; the sensor's 15 to 50 % are set by its bias currents)."""

BACKGROUND = 1 / 8
"""Brightness of the canvas where that of the darkest ink is 1 + 1/8 (estimate)."""

NOISE = 1 / 200
"""Chance of an event without cause a pixel, polarity and bin (estimate)."""

FULL_INK = 16 * 6**2 * FINE**2
"""Ink of a pixel that is covered by the darkest ink, 16 in the data set; 6 and `FINE` are weights of interpolations."""


def record(images: NDArray[np.integer], seed: int) -> NDArray[np.uint8]:
    """Events of digits [n, 8, 8] with values 0..16: counts [n, `BINS`, 2, 16, 16], ON before OFF.

    Paths and noise are drawn from the seed: equal seeds give equal events, other seeds other paths.
    """
    generator = np.random.default_rng(seed)
    ink = enlarge(images)
    paths = bounce(*draw_paths(len(ink), generator))
    logarithm = log_brightness()
    counts = np.zeros((len(ink), BINS, 2, CANVAS, CANVAS), dtype=np.int64)
    reference = logarithm[place(ink, paths[:, 0])]
    for step in range(1, paths.shape[1]):
        events = contrast_events(logarithm[place(ink, paths[:, step])], reference)
        counts[:, (step - 1) // SUBSTEPS, 0] += np.maximum(events, 0)
        counts[:, (step - 1) // SUBSTEPS, 1] += np.maximum(-events, 0)
    counts += generator.random(counts.shape) < NOISE
    return np.minimum(counts, 255).astype(np.uint8)


def still(images: NDArray[np.integer], seed: int) -> NDArray[np.uint8]:
    """Pictures of digits [n, 8, 8] with values 0..16 where their recordings begin: 8 bits, [n, 1, 16, 16]."""
    starts, _ = draw_paths(len(images), np.random.default_rng(seed))
    ink = place(enlarge(images), starts)
    return ((ink * 255 + FULL_INK // 2) // FULL_INK).astype(np.uint8)[:, None]


def enlarge(images: NDArray[np.integer]) -> NDArray[np.int64]:
    """Digits [n, 8, 8] of 12x12 pixels, 36 times as dark: bilinear between the centres of pixels, edges repeated."""
    values = np.asarray(images, dtype=np.int64)
    lower, weight = np.divmod(4 * np.arange(DIGIT) - 1, 6)
    first, second = np.clip(lower, 0, 7), np.clip(lower + 1, 0, 7)
    values = values[:, first] * (6 - weight)[:, None] + values[:, second] * weight[:, None]
    return values[:, :, first] * (6 - weight) + values[:, :, second] * weight


def draw_paths(count: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and speeds [count, 2] (down, right), in fractions of a pixel and of those a substep."""
    starts = generator.integers(0, (CANVAS - DIGIT) * FINE + 1, (count, 2))
    speeds = generator.integers(SLOWEST, FASTEST + 1, (count, 2)) * generator.choice([-1, 1], (count, 2))
    return starts, speeds


def bounce(starts: NDArray[np.int64], speeds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions [n, 1 + `BINS` x `SUBSTEPS`, 2] of the digit's upper left corner: straight between the borders."""
    span = (CANVAS - DIGIT) * FINE
    unfolded = starts[:, None] + speeds[:, None] * np.arange(1 + BINS * SUBSTEPS)[:, None]
    return span - np.abs(unfolded % (2 * span) - span)


def place(ink: NDArray[np.int64], corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Digits [n, 12, 12] with their upper left corners at [n, 2]: ink [n, 16, 16], 0 to `FULL_INK`, bilinear."""
    pixel, part = np.divmod(corners, FINE)
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down, right = part[:, 0, None, None], part[:, 1, None, None]
    spread = framed[:, 1:] * (FINE - down) + framed[:, :-1] * down
    spread = spread[:, :, 1:] * (FINE - right) + spread[:, :, :-1] * right
    canvas = np.zeros((len(ink), CANVAS + 1, CANVAS + 1), dtype=np.int64)
    reach = np.arange(DIGIT + 1)
    rows, columns = pixel[:, 0, None] + reach, pixel[:, 1, None] + reach
    canvas[np.arange(len(ink))[:, None, None], rows[:, :, None], columns[:, None, :]] = spread
    return canvas[:, :CANVAS, :CANVAS]


def log_brightness() -> NDArray[np.int64]:
    """Logarithm of the brightness by amount of ink, 0 to `FULL_INK`, in units of 1 / `OCTAVE`."""
    return np.rint(OCTAVE * np.log2(BACKGROUND + np.arange(FULL_INK + 1) / FULL_INK)).astype(np.int64)


def contrast_events(logarithm: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.int64]:
    """Signed events of pixels that see `logarithm`; their `reference` moves by a threshold an event, in place."""
    change = logarithm - reference
    events = np.sign(change) * (np.abs(change) // THRESHOLD)
    reference += events * THRESHOLD
    return events


def frames(counts: NDArray[np.uint8], timesteps: int, bits: int) -> NDArray[np.uint8]:
    """Counts [n, `BINS`, ...] in `timesteps` equal parts of the recording, each of `bits` bits: [n, timesteps, ...].

    What exceeds 2^bits - 1 events of a pixel and polarity is lost. `timesteps` divides `BINS`; at most 8 bits.
    """
    parts = counts.reshape(len(counts), timesteps, BINS // timesteps, *counts.shape[2:]).sum(axis=2, dtype=np.int64)
    return np.minimum(parts, 2**bits - 1).astype(np.uint8)
