"""Parts of the array alone: each against a few lines of Python."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator
from array_case import SMALL

from accelsim.rtl.array.bank_queue import BankQueue
from accelsim.rtl.array.line import bank_of
from accelsim.rtl.array.neuron_unit import Neuron
from accelsim.rtl.array.ranks import ranks


def simulate(design: Module | wiring.Component, bench: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    simulator = Simulator(design)
    simulator.add_clock(1e-6, if_exists=True)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(("rows", "fifo_words"), [(1, 1), (1, 5), (2, 3), (3, 3), (3, 8), (4, 7)])
def test_a_bank_queue_is_a_queue(rows: int, fifo_words: int) -> None:
    """Any words of a cycle enter in their order, up to as many as it is deep; the oldest leaves."""
    chance = random.Random(f"{rows} {fifo_words}")
    queue = BankQueue(replace(SMALL, rows=rows, fifo_words=fifo_words, lane_bits=8))
    model: deque[int] = deque()

    async def bench(context: Any) -> None:
        for _ in range(200):
            assert context.get(queue.filled) == bool(model)
            if model:
                assert context.get(queue.front).value == model[0]
            pushed = chance.randrange(1 << rows)
            if len(model) + pushed.bit_count() > fifo_words:
                pushed = 0
            values = [chance.randrange(256) for _ in range(rows)]
            for word, value in zip(queue.word, values, strict=True):
                context.set(word.value, value)
            pops = bool(model) and chance.random() < 0.7
            context.set(queue.push, pushed)
            context.set(queue.pop, pops)
            if pops:
                model.popleft()
            model.extend(value for n, value in enumerate(values) if pushed >> n & 1)
            await context.tick()

    simulate(queue, bench)


def test_a_neuron_is_the_closed_form() -> None:
    """clip(floor(U / theta), 0, 2^T - 1), on both sides of every step."""
    neuron = Neuron(SMALL)

    async def bench(context: Any) -> None:
        for threshold in (1, 2, 7, 100, (1 << 18) - 1):
            context.set(neuron.threshold, threshold)
            for level in range(-1, 19):
                for total in (level * threshold - 1, level * threshold):
                    context.set(neuron.bias, 5)
                    context.set(neuron.sum, total - 5)
                    assert context.get(neuron.word) == min(max(total // threshold, 0), 15)

    simulate(neuron, bench)


@pytest.mark.parametrize("banks", [1, 2, 3, 4, 6, 16])
def test_weight_rows_lie_in_a_diagonal_of_banks(banks: int) -> None:
    """Row i in bank (i + i div banks) mod banks: each bank has one row at each place."""
    row = Signal(8)
    bank, place = bank_of(row, banks)
    m = Module()
    found = []

    async def bench(context: Any) -> None:
        for number in range(256):
            context.set(row, number)
            found.append((context.get(bank), context.get(place)))

    simulate(m, bench)
    assert found == [((i + i // banks) % banks, i // banks) for i in range(256)]
    assert len(set(found)) == 256


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_ranks_count_the_ones_before(width: int) -> None:
    bits = Signal(width)
    m = Module()
    places, count = ranks(m, bits)

    async def bench(context: Any) -> None:
        for mask in range(1 << width):
            context.set(bits, mask)
            ones = [mask >> i & 1 for i in range(width)]
            assert [context.get(place) for place in places] == [sum(ones[:i]) for i in range(width)]
            assert context.get(count) == sum(ones)

    simulate(m, bench)
