"""The random traffic of BookSim 2's runs, packet by packet: its generator, and the order in which it draws.

The generator is Knuth's lagged Fibonacci generator (The Art of Computer Programming, vol. 2, section 3.6: `ran_array`
for integers, `ranf_array` for fractions), of which the first 100 of every 1009 numbers are used. In a cycle every node
in turn draws a fraction, and creates a packet if it is below the probability; then it draws two integers, the first of
which, modulo the sum of weights, names the destination. A node that is sending draws nothing, and catches up on the
cycles it missed, up to the next packet, when it is done: while no source waits for credit, the draws do not depend on
the network.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

LONG, SHORT, ROUNDS, QUALITY, USED = 100, 37, 70, 1009, 100
MODULUS = 1 << 30
SEED = 1
"""With this one all rows of the sweeps come out to the last digit."""


def fractions(seed: int, count: int) -> NDArray[np.float64]:
    """The first numbers of `ranf_array`, in [0, 1), multiples of 2^-52."""
    return _numbers(seed, count, 52) / 2.0**52


def integers(seed: int, count: int) -> NDArray[np.int64]:
    """The first numbers of `ran_array`, in [0, 2^30)."""
    return _numbers(seed, count, 30)


@cache
def _numbers(seed: int, count: int, bits: int) -> NDArray[np.int64]:
    """The recurrence is x[j] = x[j - 100] - x[j - 37] modulo 2^30 for integers, a sum modulo 1 for fractions."""
    sign = -1 if bits == 30 else 1
    mask = (1 << bits) - 1
    state = _start(seed, bits, sign)
    blocks = -(-count // USED)
    found = np.empty((blocks, USED), np.int64)
    for block in range(blocks):
        found[block] = state
        state = _advance(state, QUALITY, sign, mask)
    return found.ravel()[:count]


def _advance(state: NDArray[np.int64], count: int, sign: int, mask: int) -> NDArray[np.int64]:
    """The state after `count` numbers."""
    x = np.empty(count + LONG, np.int64)
    x[:LONG] = state
    for start in range(LONG, count + LONG, SHORT):
        end = min(start + SHORT, count + LONG)
        x[start:end] = (x[start - LONG : end - LONG] + sign * x[start - SHORT : end - SHORT]) & mask
    return x[count:]


def _start(seed: int, bits: int, sign: int) -> NDArray[np.int64]:
    """Knuth's `ran_start` and `ranf_start`, whose numbers are integers here too, in units of 2^-52."""
    modulus, mask = 1 << bits, (1 << bits) - 1
    x = [0] * (2 * LONG)
    if bits == 30:
        value = (seed + 2) & (modulus - 2)
        for j in range(LONG):
            x[j] = value
            value <<= 1
            value -= modulus - 2 if value >= modulus else 0
    else:
        value = 2 * ((seed & (MODULUS - 1)) + 2)
        for j in range(LONG):
            x[j] = value
            value += value
            value -= modulus - 2 if value >= modulus else 0
    x[1] += 1
    left, rounds = seed & (MODULUS - 1), ROUNDS - 1
    while rounds:
        for j in range(LONG - 1, 0, -1):
            x[2 * j], x[2 * j - 1] = x[j], 0
        for j in range(2 * LONG - 2, LONG - 1, -1):
            x[j - (LONG - SHORT)] = (x[j - (LONG - SHORT)] + sign * x[j]) & mask
            x[j - LONG] = (x[j - LONG] + sign * x[j]) & mask
        if left & 1:
            x[1 : LONG + 1] = x[:LONG]
            x[0] = x[LONG]
            x[SHORT] = (x[SHORT] + sign * x[LONG]) & mask
        if left:
            left >>= 1
        else:
            rounds -= 1
    state = np.array(x[SHORT:LONG] + x[:SHORT], np.int64)
    for _ in range(10):
        state = _advance(state, 2 * LONG - 1, sign, mask)
    return state


def booksim_packets(pattern: str, rate: float, flits: int, cycles: int, seed: int = SEED) -> NDArray[np.int64]:
    """Packets [packets, 4] of a 4x4 mesh: creation, source, destination, cycle in which the source looks at it."""
    probability = rate / flits
    draws = fractions(seed, 400_000).tolist()
    places = integers(seed, 400_000).tolist()
    looked_at = [0] * 16
    busy_until = [0] * 16
    draw = packets = 0
    found = []
    for now in range(cycles):
        for node in range(16):
            if busy_until[node] > now:
                continue
            while looked_at[node] <= now:
                hit = draws[draw] < probability
                draw += 1
                created = looked_at[node]
                looked_at[node] += 1
                if hit:
                    found.append((created, node, _destination(pattern, node, places[2 * packets]), now))
                    packets += 1
                    busy_until[node] = now + flits
                    break
    return np.array(found, np.int64)


def _destination(pattern: str, node: int, drawn: int) -> int:
    y, x = divmod(node, 4)
    if pattern == "uniform":
        return drawn % 16
    if pattern == "hotspot":
        place = drawn % 19
        return place if place < 10 else 10 if place < 14 else place - 3
    return {"transpose": 4 * x + y, "neighbor": (y + 1) % 4 * 4 + (x + 1) % 4}[pattern]
