"""Packed spikes and the SpikePack neuron (Shen et al., arXiv 2501.14484), its variants included.

A neuron's T spikes s_1..s_T of b bits each make the word z = sum_t s_t 2^(b(T-t)): the first step is the most
significant. `strict` is 0 for a neuron that fires on ">=" and 1 for one that fires on ">": in integers, U > theta is
U - 1 >= theta. Where nothing else is said, membrane is int64 [channels, n], kept, theta int64 [channels], > 0, and
words int64 [channels, n], overwritten.
"""

from __future__ import annotations

import numpy as np

from accelsim.jit import kernel


@kernel
def pack(planes, bits_per_step, words):
    """planes: int64 [T, n], each below 2^bits_per_step in magnitude. words: int64 [n], overwritten."""
    steps, count = planes.shape
    for i in range(count):
        word = 0
        for t in range(steps):
            word = (word << bits_per_step) + planes[t, i]
        words[i] = word


@kernel
def unpack(words, bits_per_step, planes):
    """words: int64 [n], each below 2^(T * bits_per_step). planes: int64 [T, n], overwritten."""
    steps, count = planes.shape
    mask = (1 << bits_per_step) - 1
    for t in range(steps):
        shift = bits_per_step * (steps - 1 - t)
        for i in range(count):
            planes[t, i] = (words[i] >> shift) & mask


@kernel
def integrate(current, growth, share, membrane):
    """One serial step over an input plane, by Horner's rule u <- growth u + share I. Both int64 [channels, n]."""
    channels, count = membrane.shape
    for c in range(channels):
        for i in range(count):
            membrane[c, i] = growth * membrane[c, i] + share * current[c, i]


@kernel
def fire_serial(membrane, thresholds, strict, hard, words):
    """A decoding step for each row of `thresholds`, int64 [T, channels], first step first.

    A spike subtracts its threshold from the membrane, or where `hard` sets it to 0. membrane: left with the residue.
    """
    channels, count = membrane.shape
    words[:] = 0
    for t in range(len(thresholds)):
        for c in range(channels):
            threshold = thresholds[t, c]
            for i in range(count):
                spike = 1 if membrane[c, i] - strict >= threshold else 0
                if spike:
                    membrane[c, i] = 0 if hard else membrane[c, i] - threshold
                words[c, i] = 2 * words[c, i] + spike


@kernel
def fire_packed(membrane, theta, strict, timesteps, words):
    """The closed form at tau = 2, O(1) in T: clip(floor((U - strict) / theta), 0, 2^T - 1).

    In integers floor((U - 1) / theta) = ceil(U / theta) - 1, the form of ">". A quotient is guessed in floating point,
    which vectors do, unlike a division of integers: up to T = 32 it is off by one at most, and set right.
    """
    channels, count = membrane.shape
    largest = (1 << timesteps) - 1
    for c in range(channels):
        threshold = theta[c]
        reciprocal = 1.0 / threshold
        full = threshold * largest
        for i in range(count):
            u = min(max(membrane[c, i] - strict, 0), full)
            word = np.int64(u * reciprocal)
            residue = u - word * threshold
            words[c, i] = word + (residue >= threshold) - (residue < 0)


@kernel
def fire_doubling(membrane, theta, strict, timesteps, words):
    """A fixed threshold theta 2^(T-1) and a membrane that doubles: x <- 2 (x - threshold s).

    membrane: overwritten; |U| and theta below 2^(62 - T). Exact where x_1 = U / 2^(T-1) would round.
    """
    channels, count = membrane.shape
    words[:] = 0
    for _ in range(timesteps):
        for c in range(channels):
            threshold = theta[c] << (timesteps - 1)
            for i in range(count):
                spike = 1 if membrane[c, i] - strict >= threshold else 0
                membrane[c, i] = 2 * (membrane[c, i] - threshold * spike)
                words[c, i] = 2 * words[c, i] + spike


@kernel
def keep_leading(words):
    """Only the highest one of each word stays: what a hard reset at tau = 2 leaves of a train. words: int64, >= 0."""
    channels, count = words.shape
    for c in range(channels):
        for i in range(count):
            word = words[c, i]
            while word & (word - 1):
                word &= word - 1
            words[c, i] = word


@kernel
def fire_table(membrane, theta, strict, starts, codes, words):
    """The code of the largest start, times theta, that a membrane reaches, by bisection; 0 below all.

    starts: int64 [codes], ascending, for theta = 1. codes: int64 [codes].
    """
    channels, count = membrane.shape
    for c in range(channels):
        for i in range(count):
            value = membrane[c, i] - strict
            first, last = 0, len(starts)
            while first < last:
                middle = (first + last) // 2
                if starts[middle] * theta[c] <= value:
                    first = middle + 1
                else:
                    last = middle
            words[c, i] = codes[first - 1] if first > 0 else 0


@kernel
def round_up_in_log(membrane, midpoints, words):
    """From the power of two below U / theta to the nearest in the logarithm.

    midpoints: int64 [T, channels], the least U that is worth 2^(T-1), 2^(T-2), .. 1. words: powers of two or 0 as
    `keep_leading` leaves them, changed in place.
    """
    channels, count = membrane.shape
    largest = 1 << (len(midpoints) - 1)
    for c in range(channels):
        for i in range(count):
            word = words[c, i]
            above = 1 if word == 0 else min(2 * word, largest)
            step = 0
            while (largest >> step) > above:
                step += 1
            if membrane[c, i] >= midpoints[step, c]:
                words[c, i] = above


@kernel
def fire_negative_top(membrane, theta, strict, timesteps, words):
    """T decoding steps whose first spike counts -2^(T-1): words in two's complement of T bits, as unsigned integers.

    membrane: left with the residue. The first step fires on a membrane below 0 (or not above it) and adds its
    threshold; the others are those of a neuron of T - 1 steps.
    """
    channels, count = membrane.shape
    for c in range(channels):
        for i in range(count):
            word = 1 if membrane[c, i] - strict < 0 else 0
            value = membrane[c, i] + word * (theta[c] << (timesteps - 1))
            for t in range(1, timesteps):
                threshold = theta[c] << (timesteps - 1 - t)
                spike = 1 if value - strict >= threshold else 0
                value -= threshold * spike
                word = 2 * word + spike
            membrane[c, i] = value
            words[c, i] = word


@kernel
def fire_ternary(membrane, theta, strict, timesteps, words):
    """T decoding steps of spikes -1, 0 and 1: a spike of the membrane's sign where its magnitude reaches the threshold.

    membrane: left with the residue. words: sum_t s_t 2^(T-t), signed.
    """
    channels, count = membrane.shape
    words[:] = 0
    for t in range(timesteps):
        for c in range(channels):
            threshold = theta[c] << (timesteps - 1 - t)
            for i in range(count):
                value = membrane[c, i]
                spike = 0
                if value - strict >= threshold:
                    spike = 1
                elif -value - strict >= threshold:
                    spike = -1
                membrane[c, i] = value - threshold * spike
                words[c, i] = 2 * words[c, i] + spike
