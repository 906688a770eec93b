"""What FireFly v1 and v2 fire: a layer computed in the order, and in the registers, of their public RTL.

Both fire on ">" and reset to 0. Sums of time steps do not commute with wrapping and saturation, so the order of a
machine, matrix after matrix in v1 and beat after beat in v2, is part of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.kernels import firefly as kernels
from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters

Words = NDArray[np.int32]

TAPS_V1 = 9
LINEAR_MULTIPLE_V1 = 288
"""The host pads the inputs of a fully connected layer to a multiple of 9 x 32."""

BEAT_CHANNELS_V2 = 8
"""Input channels that a lane adds up in a beat of the fast clock; there are two beats to a weight entry."""
LEAST_ENTRIES_V2 = 8
"""The host pads a tile to as many weight entries as it has pixels, which leave one a cycle."""

MODES_V2 = {1: kernels.TIME_STEPS, 2: kernels.TWO_BITS, 4: kernels.FOUR_BITS, 8: kernels.DIGITS}
"""Bits of a time step to the meaning of the four lanes."""


def outputs_v1(
    words: Words, layer: Layer, parameters: Parameters, *, channels: int = 32, leak: bool = False, winners: bool = False
) -> NDArray[np.int64]:
    """Words of T = `layer.timesteps` bits that FireFly v1 with P = `channels` fires, [out_channels, rows, columns].

    Partial sums of a weight matrix (P channels x 9 positions) keep 16 bits, the membrane 18, both wrapping. `theta` is
    the threshold. `leak` shifts the membrane after every matrix; its host never asks for that. `winners`: the mode of
    a classifier, in which the most excited neurons of each P fire and none is reset. A time step of several bits,
    which the machine cannot take, counts as that many spikes. Raises ValueError for parameters that do not fit.
    """
    _check_fit(layer, parameters, bias_bits=16, threshold_bits=18)
    taps, read = layer.kernel[0] * layer.kernel[1], layer.group_inputs
    if layer.out_shape[1:] == (1, 1) and layer.padding == (0, 0):
        inputs = [(tap, channel) for tap in range(taps) for channel in range(read)]
        padded = -(-len(inputs) // LINEAR_MULTIPLE_V1) * LINEAR_MULTIPLE_V1
        width = TAPS_V1 * channels
        matrices = [inputs[first : first + width] for first in range(0, padded, width)]
    else:
        matrices = [
            [
                (tap, channel)
                for tap in range(first_tap, min(first_tap + TAPS_V1, taps))
                for channel in range(first, min(first + channels, read))
            ]
            for first_tap in range(0, taps, TAPS_V1)
            for first in range(0, read, channels)
        ]
    fired = np.zeros(layer.out_shape, np.int64)
    kernels.layer_v1(
        *_gathered(words, layer, parameters, matrices),
        int(layer.timesteps),
        int(layer.bits_per_step),
        bool(leak),
        channels if winners else 0,
        fired,
    )
    return fired


def outputs_v2(words: Words, layer: Layer, parameters: Parameters, *, leaky: bool = False) -> NDArray[np.int64]:
    """Words of T = `layer.timesteps` bits that FireFly v2 with (16, 16, 8, 4) fires, [out_channels, rows, columns].

    Sums of 8 weights a beat go to four lanes of 12 bits, which saturate by a flag that comes too late for the last
    beat. The lanes are four time steps of 1 bit, two of 2 or one of 4; or the radix-4 digits of an image of 8 bits,
    coded directly, whose sums every time step gets. `theta` is the threshold. `leaky`: halves V, and what comes in, in
    each step. Raises ValueError for parameters that do not fit, and for time steps of other widths.
    """
    _check_fit(layer, parameters, bias_bits=12, threshold_bits=16)
    bits, steps = layer.bits_per_step, layer.timesteps
    if bits not in MODES_V2:
        raise ValueError(f"FireFly v2 takes time steps of {sorted(MODES_V2)} bits, not of {bits}")
    mode, lanes = MODES_V2[bits], kernels.LANES
    if mode == kernels.DIGITS:
        # An image is the same in all time steps; it is recorded once.
        shifts, lane_bits, wide = [[0, 2, 4, 6]], 2, BEAT_CHANNELS_V2 // 2
    else:
        of_a_pass = lanes // bits
        padded = -(-steps // lanes) * lanes
        places = [bits * (steps - 1 - step) for step in range(steps)] + [-1] * (padded - steps)
        lane_bits, wide = 1, BEAT_CHANNELS_V2
        shifts = [
            [place + bit if place >= 0 else -1 for place in places[first : first + of_a_pass] for bit in range(bits)]
            for first in range(0, padded, of_a_pass)
        ]
    taps, read = layer.kernel[0] * layer.kernel[1], layer.group_inputs
    entries = -(-read // (2 * wide))
    beats = [
        [(tap, channel) for channel in range(first, min(first + wide, read))]
        for tap in range(taps)
        for first in range(0, 2 * wide * entries, wide)
    ]
    beats += [[] for _ in range(2 * LEAST_ENTRIES_V2 - len(beats))]
    fired = np.zeros(layer.out_shape, np.int64)
    kernels.layer_v2(
        *_gathered(words, layer, parameters, beats),
        int(steps),
        np.array(shifts, np.int64),
        lane_bits,
        mode,
        bool(leaky),
        fired,
    )
    return fired


def _gathered(
    words: Words, layer: Layer, parameters: Parameters, runs: Sequence[Sequence[tuple[int, int]]]
) -> tuple[Any, ...]:
    """What both kernels begin with, for inputs (kernel position, channel) in runs that are added up together."""
    order = [place for run in runs for place in run]
    taps = np.array([tap for tap, _ in order], np.int64)
    channels = np.array([channel for _, channel in order], np.int64)
    rows, columns = np.divmod(taps, layer.kernel[1])
    weights = parameters.weights[:, channels, rows, columns].T
    places = np.stack([rows * layer.dilation[0], columns * layer.dilation[1], channels], axis=1)
    return (
        np.ascontiguousarray(words, dtype=np.int32),
        np.ascontiguousarray(weights, dtype=np.int64),
        np.ascontiguousarray(places, dtype=np.int64),
        np.cumsum([len(run) for run in runs], dtype=np.int64),
        *map(int, (*layer.stride, *layer.padding, layer.groups)),
        np.ascontiguousarray(parameters.bias, dtype=np.int64),
        np.ascontiguousarray(parameters.theta, dtype=np.int64),
    )


def _check_fit(layer: Layer, parameters: Parameters, bias_bits: int, threshold_bits: int) -> None:
    values = (("bias", parameters.bias, bias_bits), ("threshold", parameters.theta, threshold_bits))
    for name, numbers, bits in values:
        half = 1 << (bits - 1)
        wrong = numbers[(numbers < -half) | (numbers >= half)]
        if len(wrong):
            raise ValueError(f"{layer.name}: a {name} has {bits} bits, {-half} to {half - 1}, not {int(wrong[0])}")
