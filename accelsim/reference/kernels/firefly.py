"""The arithmetic of FireFly v1 and v2, bit for bit: accumulators that wrap or saturate, and their neurons.

Read from the public RTL of both. Numbers are int64 that hold what a register of so many bits would.
"""

from __future__ import annotations

import numpy as np

from accelsim.jit import kernel

LANES = 4
"""Sums that a DSP slice of FireFly v2 keeps, and time steps that its neurons take at once."""

TIME_STEPS, TWO_BITS, FOUR_BITS, DIGITS = 3, 2, 0, 1
"""What the lanes of FireFly v2 are, by the RTL's `reduceMode`."""


@kernel
def wrap(value, bits):
    """What a register of that many bits keeps of a number, read as two's complement."""
    half = 1 << (bits - 1)
    return ((value + half) & ((1 << bits) - 1)) - half


@kernel
def clamp(value, bits):
    """The nearest number that a register of that many bits can hold."""
    half = 1 << (bits - 1)
    return min(max(value, -half), half - 1)


@kernel
def integrate_v1(membrane, partial, bias, last, leak):
    """V1's membrane after a weight matrix: 18 bits that wrap; the bias comes with the last matrix of a time step.

    The leak is a shift by one after every matrix, so that V halves once a time step only where there is one matrix.
    """
    membrane = wrap(membrane + wrap(partial, 16), 18)
    if last:
        membrane = wrap(membrane + bias, 18)
    if leak:
        membrane >>= 1
    return membrane


@kernel
def layer_v1(
    words,
    weights,
    places,
    ends,
    row_stride,
    column_stride,
    row_padding,
    column_padding,
    groups,
    bias,
    threshold,
    timesteps,
    step_bits,
    leak,
    winners,
    fired,
):
    """Words [out_channels, out_rows, out_columns] that V1 fires, written to int64 `fired`.

    words: int32 [in_channels, rows, columns]. weights: int64 [inputs, out_channels], in the order of `places`, int64
    [inputs, 3]: row, column and channel (within a group) of an input under the window at (0, 0). ends: int64
    [matrices], where each matrix ends in it. bias, threshold: int64 [out_channels]. winners: where above 0, the most
    excited neurons of every so many channels fire and none is reset.
    """
    outs, out_rows, out_columns = fired.shape
    group_outs = outs // groups
    group_inputs = words.shape[0] // groups
    membrane = np.zeros(outs, np.int64)
    partial = np.zeros(outs, np.int64)
    limit = np.zeros(outs, np.int64)
    for out_row in range(out_rows):
        for out_column in range(out_columns):
            membrane[:] = 0
            for step in range(timesteps):
                place = timesteps - 1 - step
                for group in range(groups):
                    first = group * group_outs
                    begin = 0
                    for matrix in range(len(ends)):
                        partial[:] = 0
                        for index in range(begin, ends[matrix]):
                            row = out_row * row_stride - row_padding + places[index, 0]
                            column = out_column * column_stride - column_padding + places[index, 1]
                            if 0 <= row < words.shape[1] and 0 <= column < words.shape[2]:
                                word = words[group * group_inputs + places[index, 2], row, column]
                                spikes = (word >> (place * step_bits)) & ((1 << step_bits) - 1)
                                if spikes != 0:
                                    for out in range(first, first + group_outs):
                                        partial[out] += spikes * weights[index, out]
                        begin = ends[matrix]
                        last = matrix == len(ends) - 1
                        for out in range(first, first + group_outs):
                            membrane[out] = integrate_v1(membrane[out], partial[out], bias[out], last, leak)
                limit[:] = threshold
                if winners > 0:
                    for first in range(0, outs, winners):
                        limit[first : first + winners] = membrane[first : first + winners].max() - 1
                for out in range(outs):
                    if membrane[out] > limit[out]:
                        fired[out, out_row, out_column] |= 1 << place
                        if winners == 0:
                            membrane[out] = 0


@kernel
def overflow_of(before, after):
    """The way in which a lane of 12 bits overflowed: 1, -1 or 0."""
    if before >= 1024 and after < 0:
        return 1
    if before < -1024 and after >= 0:
        return -1
    return 0


@kernel
def finish_v2(lanes, mode, bias):
    """Sums of time steps from the four lanes of a pass, in place; returns how many.

    18 bits that wrap, before and after the bias, then 16 bits that saturate, to -32767 at the lower end.
    """
    if mode == TIME_STEPS:
        count = 4
    elif mode == TWO_BITS:
        lanes[0] += 2 * lanes[1]
        lanes[1] = lanes[2] + 2 * lanes[3]
        count = 2
    elif mode == FOUR_BITS:
        lanes[0] += 2 * lanes[1] + 4 * (lanes[2] + 2 * lanes[3])
        count = 1
    else:
        lanes[0] += 4 * lanes[1] + 16 * (lanes[2] + 4 * lanes[3])
        count = 1
    for index in range(count):
        total = wrap(wrap(lanes[index], 18) + bias, 18)
        if total > 32767:
            total = 32767
        elif total < -32768:
            total = -32767
        lanes[index] = total
    return count


@kernel
def fire_v2(sums, carry, threshold, leaky):
    """Four time steps of a neuron in one cycle. Returns the spikes, the first as bit 3, and V to carry on.

    sums: int64 [4]. Sums since the last spike are formed in parallel, and the V of the steps before is compared with
    what the threshold leaves of it, 18 bits that wrap. A leaky neuron halves V and what comes in, rounding down; the
    V of the steps before is halved as often as needed at once, which can be one less than step by step.
    """
    spikes = 0
    since = 0
    fresh = True
    for step in range(LANES):
        if leaky:
            since = (since >> 1) + (sums[step] >> 1)
            carry >>= 1
            fires = since + carry > threshold
        else:
            since += sums[step]
            fires = carry > wrap(threshold - since, 18) if fresh else since > threshold
        if fires:
            spikes |= 1 << (LANES - 1 - step)
            since = 0
            carry = 0
            fresh = False
    return spikes, clamp(carry + since, 18)


@kernel
def layer_v2(
    words,
    weights,
    places,
    ends,
    row_stride,
    column_stride,
    row_padding,
    column_padding,
    groups,
    bias,
    threshold,
    timesteps,
    shifts,
    lane_bits,
    mode,
    leaky,
    fired,
):
    """Words [out_channels, out_rows, out_columns] that V2 fires, written to int64 `fired`; see `layer_v1`.

    ends: int64 [beats], where the inputs of each beat of the fast clock end; a beat may be empty. shifts: int64
    [passes, 4], the lowest bit of a word that each lane takes in each pass, below 0 for none, `lane_bits` of them.
    """
    outs, out_rows, out_columns = fired.shape
    group_outs = outs // groups
    group_inputs = words.shape[0] // groups
    passes = len(shifts)
    packs = -(-timesteps // LANES)
    sums = np.zeros((outs, max(packs, passes) * LANES), np.int64)
    lanes = np.zeros((outs, LANES), np.int64)
    change = np.zeros((outs, LANES), np.int64)
    overflow = np.zeros((outs, LANES), np.int64)
    for out_row in range(out_rows):
        for out_column in range(out_columns):
            count = 0
            for turn in range(passes):
                lanes[:] = 0
                overflow[:] = 0
                begin = 0
                for beat in range(len(ends)):
                    change[:] = 0
                    for index in range(begin, ends[beat]):
                        row = out_row * row_stride - row_padding + places[index, 0]
                        column = out_column * column_stride - column_padding + places[index, 1]
                        if not (0 <= row < words.shape[1] and 0 <= column < words.shape[2]):
                            continue
                        for group in range(groups):
                            word = words[group * group_inputs + places[index, 2], row, column]
                            if word == 0:
                                continue
                            for lane in range(LANES):
                                if shifts[turn, lane] >= 0:
                                    spikes = (word >> shifts[turn, lane]) & ((1 << lane_bits) - 1)
                                    if spikes != 0:
                                        for out in range(group * group_outs, (group + 1) * group_outs):
                                            change[out, lane] += spikes * weights[index, out]
                    begin = ends[beat]
                    for out in range(outs):
                        for lane in range(LANES):
                            before = lanes[out, lane]
                            lanes[out, lane] = wrap(before + change[out, lane], 12)
                            # The flag is a register late: an overflow in the last beat goes unnoticed.
                            if beat < len(ends) - 1 and overflow[out, lane] == 0:
                                overflow[out, lane] = overflow_of(before, lanes[out, lane])
                found = 0
                for out in range(outs):
                    for lane in range(LANES):
                        if overflow[out, lane] != 0:
                            lanes[out, lane] = 2047 if overflow[out, lane] > 0 else -2048
                    found = finish_v2(lanes[out], mode, bias[out])
                    sums[out, count : count + found] = lanes[out, :found]
                count += found
            if mode == DIGITS:
                for out in range(outs):
                    sums[out, :] = sums[out, 0]
            for out in range(outs):
                carry = 0
                word = 0
                for pack in range(packs):
                    first = pack * LANES
                    spikes, carry = fire_v2(sums[out, first : first + LANES], carry, threshold[out], leaky)
                    word = (word << LANES) | spikes
                fired[out, out_row, out_column] = word >> (packs * LANES - timesteps)
