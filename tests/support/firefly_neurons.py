"""One neuron of FireFly v1 or v2 after another, from the rules, in plain integers: the slow twin of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters


def register(value: int, bits: int) -> int:
    """Two's complement: drop what does not fit."""
    value %= 1 << bits
    return value - (1 << bits) if value >> (bits - 1) else value


def inputs_of(layer: Layer, words: Any, out: int, row: int, column: int) -> dict[tuple[int, int], int]:
    """Words under a window by kernel position and channel of the group; 0 outside the map."""
    found = {}
    first = out // layer.group_outputs * layer.group_inputs
    for tap in range(layer.kernel[0] * layer.kernel[1]):
        y = row * layer.stride[0] - layer.padding[0] + tap // layer.kernel[1] * layer.dilation[0]
        x = column * layer.stride[1] - layer.padding[1] + tap % layer.kernel[1] * layer.dilation[1]
        inside = 0 <= y < layer.in_shape[1] and 0 <= x < layer.in_shape[2]
        for channel in range(layer.group_inputs):
            found[tap, channel] = int(words[first + channel, y, x]) if inside else 0
    return found


def weight_of(layer: Layer, parameters: Parameters, out: int, tap: int, channel: int) -> int:
    return int(parameters.weights[out, channel, tap // layer.kernel[1], tap % layer.kernel[1]])


def layer_by_neuron(words: Any, layer: Layer, parameters: Parameters, neuron: Any) -> list[list[list[int]]]:
    """Words that every neuron fires, [out_channels][rows][columns]."""
    outs, rows, columns = layer.out_shape
    return [
        [
            [neuron(layer, parameters, out, inputs_of(layer, words, out, row, column)) for column in range(columns)]
            for row in range(rows)
        ]
        for out in range(outs)
    ]


def neuron_v1(channels: int, leak: bool) -> Any:
    """A neuron of FireFly v1 with P = `channels`, without the mode of a classifier."""

    def fire(layer: Layer, parameters: Parameters, out: int, inputs: dict[tuple[int, int], int]) -> int:
        linear = layer.out_shape[1:] == (1, 1) and layer.padding == (0, 0)
        matrix_of = {}
        for position, (tap, channel) in enumerate(inputs):
            matrix_of[tap, channel] = (position // (9 * channels),) if linear else (tap // 9, channel // channels)
        matrices = sorted(set(matrix_of.values()))
        if linear:
            matrices += [(-1,)] * (-(-(-(-len(inputs) // 288) * 288) // (9 * channels)) - len(matrices))
        v, word = 0, 0
        for step in range(layer.timesteps):
            for index, matrix in enumerate(matrices):
                partial = 0
                for place, value in inputs.items():
                    if matrix_of[place] == matrix:
                        spikes = value >> layer.bits_per_step * (layer.timesteps - 1 - step)
                        spikes %= 1 << layer.bits_per_step
                        partial += spikes * weight_of(layer, parameters, out, *place)
                v = register(v + register(partial, 16), 18)
                if index == len(matrices) - 1:
                    v = register(v + int(parameters.bias[out]), 18)
                v = v // 2 if leak else v
            fires = v > parameters.theta[out]
            word = 2 * word + int(fires)
            v = 0 if fires else v
        return word

    return fire


def lane_v2(changes: Sequence[int]) -> int:
    """A lane of 12 bits after a beat for each change: what it holds, or the end at which it overflowed first."""
    sums, value = [], 0
    for change in changes:
        value = register(value + change, 12)
        sums.append(value)
    for before, after in pairwise(sums[:-1]):
        if before >= 1024 and after < 0:
            return 2047
        if before < -1024 and after >= 0:
            return -2048
    return value


def sum_v2(total: int, bias: int) -> int:
    total = register(register(total, 18) + bias, 18)
    return 32767 if total > 32767 else -32767 if total < -32768 else total


def spikes_v2(sums: Sequence[int], threshold: int, leaky: bool) -> list[int]:
    """Spikes of a neuron over the sums of its steps, four at a time."""
    spikes, carry = [], 0
    for first in range(0, len(sums), 4):
        pack = [*sums[first : first + 4], 0, 0, 0][:4]
        last = -1
        for step in range(4):
            since = pack[last + 1 : step + 1]
            if leaky:
                value = 0
                for x in since:
                    value = value // 2 + x // 2
                fires = value + (carry // 2 ** (step + 1) if last < 0 else 0) > threshold
            elif last < 0:
                fires = carry > register(threshold - sum(since), 18)
            else:
                fires = sum(since) > threshold
            spikes.append(int(fires))
            last = step if fires else last
        rest = pack[last + 1 :]
        value = 0
        for x in rest:
            value = value // 2 + x // 2 if leaky else value + x
        if last < 0:
            value += carry // 16 if leaky else carry
        carry = int(np.clip(value, -(2**17), 2**17 - 1))
    return spikes[: len(sums)]


def neuron_v2(leaky: bool) -> Any:
    """A neuron of FireFly v2 with (16, 16, 8, 4)."""

    def fire(layer: Layer, parameters: Parameters, out: int, inputs: dict[tuple[int, int], int]) -> int:
        bits, steps = layer.bits_per_step, layer.timesteps
        wide = 4 if bits == 8 else 8
        taps = layer.kernel[0] * layer.kernel[1]
        halves = 2 * -(-layer.group_inputs // (2 * wide))
        beats = max(taps * halves, 16)

        def lane(shift: int, mask: int) -> int:
            changes = [0] * beats
            for (tap, channel), value in inputs.items():
                part = value >> shift & mask
                changes[tap * halves + channel // wide] += part * weight_of(layer, parameters, out, tap, channel)
            return lane_v2(changes)

        if bits == 8:
            total = sum(4**digit * lane(2 * digit, 3) for digit in range(4))
            sums = [sum_v2(total, int(parameters.bias[out]))] * steps
        else:
            sums = [
                sum_v2(
                    sum(2**bit * lane(bits * (steps - 1 - step) + bit, 1) for bit in range(bits)),
                    int(parameters.bias[out]),
                )
                for step in range(steps)
            ]
        return int("".join(map(str, spikes_v2(sums, int(parameters.theta[out]), leaky))), 2)

    return fire
