"""Neurons that fire while they integrate: (leaky) integrate-and-fire in integers, one time step after the other."""

from __future__ import annotations

from accelsim.jit import kernel

BEFORE, AFTER, EACH = 0, 1, 2
"""Where a membrane leaks: before a current comes in, after it, or membrane and current each by itself."""


@kernel
def decayed(value, kept, over, shift):
    """floor(value kept / over); `shift` is log2(over), or negative where `over` is no power of two."""
    if shift >= 0:
        return (value * kept) >> shift
    return value * kept // over


@kernel
def fire_causal(currents, theta, kept, over, shift, leak, strict, hard, membrane, spikes):
    """One spike or none a time step: leak, integrate, compare, reset.

    currents: int64 [1 or T, channels, n], one of them standing for all steps. theta: int64 [channels], > 0. The leak
    keeps kept / over of a membrane, rounded down; equal numbers keep all of it. strict: 1 for ">", 0 for ">=". hard: a
    spike sets the membrane to 0, else subtracts theta. membrane: int64 [channels, n], where the neurons begin, left
    with what remains. spikes: uint8 [T, channels, n], overwritten.
    """
    steps, channels, count = spikes.shape
    for t in range(steps):
        given = t if len(currents) > 1 else 0
        for c in range(channels):
            threshold = theta[c] + strict
            for i in range(count):
                value = membrane[c, i]
                current = currents[given, c, i]
                if kept == over:
                    value += current
                elif leak == BEFORE:
                    value = decayed(value, kept, over, shift) + current
                elif leak == AFTER:
                    value = decayed(value + current, kept, over, shift)
                else:
                    value = decayed(value, kept, over, shift) + decayed(current, kept, over, shift)
                if value >= threshold:
                    spikes[t, c, i] = 1
                    value = 0 if hard else value - theta[c]
                else:
                    spikes[t, c, i] = 0
                membrane[c, i] = value
