"""Packed spikes and the SpikePack neuron (Shen et al., arXiv 2501.14484) at tau = 2 with subtractive reset.

A neuron's T spikes s_1..s_T of b bits each make the word z = sum_t s_t 2^(b(T-t)): the first step is the most
significant. `strict` is 0 for a neuron that fires on ">=" and 1 for one that fires on ">".
"""

from __future__ import annotations

from accelsim.jit import kernel


@kernel
def pack(planes, bits_per_step, words):
    """planes: int64 [T, n], each below 2^bits_per_step. words: int64 [n], overwritten."""
    steps, count = planes.shape
    for i in range(count):
        word = 0
        for t in range(steps):
            word = (word << bits_per_step) | planes[t, i]
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
def integrate(current, membrane):
    """One serial step over an input plane, by Horner's rule u <- 2u + I. Both int64 [channels, n]; adds to membrane."""
    channels, count = membrane.shape
    for c in range(channels):
        for i in range(count):
            membrane[c, i] = 2 * membrane[c, i] + current[c, i]


@kernel
def fire_serial(membrane, theta, strict, timesteps, words):
    """T decoding steps with the threshold theta 2^(T-t), subtracted on each spike.

    membrane: int64 [channels, n], left with the residue. theta: int64 [channels], > 0. words: int64 [channels, n],
    overwritten with the packed spikes.
    """
    channels, count = membrane.shape
    words[:] = 0
    for t in range(timesteps):
        for c in range(channels):
            threshold = theta[c] << (timesteps - 1 - t)
            for i in range(count):
                spike = 1 if membrane[c, i] - strict >= threshold else 0
                membrane[c, i] -= threshold * spike
                words[c, i] = 2 * words[c, i] + spike


@kernel
def fire_packed(membrane, theta, strict, timesteps, words):
    """The closed form of `fire_serial`, O(1) in T: clip(floor((U - strict) / theta), 0, 2^T - 1).

    In integers floor((U - 1) / theta) = ceil(U / theta) - 1, the form of ">". membrane: int64 [channels, n], kept.
    theta: int64 [channels], > 0. words: int64 [channels, n], overwritten.
    """
    channels, count = membrane.shape
    largest = (1 << timesteps) - 1
    for c in range(channels):
        for i in range(count):
            words[c, i] = min(max((membrane[c, i] - strict) // theta[c], 0), largest)
