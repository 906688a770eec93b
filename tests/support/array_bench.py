"""The array as hardware on a case, cycle by cycle."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.sim import Simulator
from array_case import Case, Cycle, Left, Pass, Run, Taken, banks_at

from accelsim.rtl.array.packed_array import PackedArray

GARBAGE = 0b0101
"""What lanes behind the words of the buffer hold."""


def simulate(case: Case, cycles: int) -> Run:
    """Run a case for some cycles."""
    bench = _Bench(case)
    simulator = Simulator(bench.array)
    simulator.add_clock(1e-6)

    async def testbench(context: Any) -> None:
        await bench.load(context)
        for t in range(cycles):
            await bench.step(context, t)

    simulator.add_testbench(testbench)
    simulator.run()
    return Run(bench.cycles, bench.words)


class Emitter:
    """Gathers pixels of a row into packets, each of which waits for its grant before the next can be complete."""

    def __init__(self, case: Case) -> None:
        self.case = case
        outs = [part.outs[1] - part.outs[0] for part in case.passes]
        self.pixels = [case.packet_pixels * max(outs) // count for count in outs]
        self.gathered = 0
        self.sending = -1
        """Pass of the packet that waits, or -1."""

    def send(self, t: int) -> None:
        """Queue the packet that waits, if it may be."""
        if self.sending >= 0 and self.case.passes[self.sending].granted <= t:
            self.sending = -1

    def takes(self, number: int, column: int) -> bool:
        """Whether it can take a pixel of a pass at a column."""
        return self.sending < 0 or not self._completes(number, column)

    def take(self, number: int, column: int) -> None:
        """Take that pixel."""
        if self._completes(number, column):
            self.sending, self.gathered = number, 0
        else:
            self.gathered += 1

    def _completes(self, number: int, column: int) -> bool:
        """Whether that pixel is the last of its packet."""
        return column == self.case.out_shape[1] - 1 or self.gathered + 1 >= self.pixels[number]


class SpikeBuffer:
    """Banks of one port. A line is read word by word, up to the first whose bank is not free; then it goes on."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.done = 0
        """Words of the line under way that were read."""

    def read(self, t: int, first_bit: int, bits: int) -> bool:
        """Whether the whole line has been read with this cycle."""
        busy = banks_at(self.case.spike_taken, t)
        width = self.case.spike_bits
        for word in range(first_bit // width + self.done, (first_bit + bits - 1) // width + 1):
            if word % self.case.spike_banks in busy:
                return False
            busy.add(word % self.case.spike_banks)
            self.done += 1
        self.done = 0
        return True


class _Bench:
    def __init__(self, case: Case) -> None:
        self.case = case
        self.array = PackedArray(case.shape)
        self.flat = case.words.ravel().tolist()
        self.emitter = Emitter(case)
        self.buffer = SpikeBuffer(case)
        self.consumed = 0
        self.cycles: list[Cycle] = []
        rows, columns = case.out_shape
        self.words = np.full((rows, columns, case.weights.shape[1]), -1, np.int64)

    async def load(self, context: Any) -> None:
        """Write the weights and the thresholds of all passes, those of pass n behind those of n - 1."""
        array, case = self.array, self.case
        context.set(array.load_weights, 1)
        for number, part in enumerate(case.passes):
            context.set(array.load_base, self._base(number))
            for row, weights in enumerate(case.weights_of(part).tolist()):
                context.set(array.load_row, row)
                for column, weight in enumerate(weights):
                    context.set(array.weights[column], weight & 0xFF)
                await context.tick()
        context.set(array.load_weights, 0)
        context.set(array.load_neurons, 1)
        for number, part in enumerate(case.passes):
            context.set(array.load_parameters_row, number)
            for column, channel in enumerate(range(*part.outs)):
                context.set(array.parameters[column].bias, int(case.bias[channel]))
                context.set(array.parameters[column].threshold, int(case.threshold[channel]))
            await context.tick()
        context.set(array.load_neurons, 0)

    def _base(self, number: int) -> int:
        """Where the weights of a pass begin in each bank."""
        return number * -(-len(self.case.weights) // self.case.shape.weight_banks)

    def _fields(self, number: int, part: Pass) -> dict[str, int]:
        """A pass as the array is told of it."""
        case = self.case
        height, width, channels = case.words.shape
        top = part.rows[0] * case.stride[0] - case.padding[0]
        left = -case.padding[1]
        return {
            "corner": ((top * width + left) * channels + part.channels[0]) % case.shape.spike_words,
            "row_words": case.dilation[0] * width * channels,
            "column_words": case.dilation[1] * channels,
            "step_words": case.stride[1] * channels,
            "turn_words": case.stride[0] * width * channels,
            "kernel_words": case.kernel[1] * channels,
            "height": height,
            "width": width,
            "top": top,
            "left": left,
            "all_channels": channels,
            "first_channel": part.channels[0],
            "channels": part.channels[1] - part.channels[0],
            "kernel_rows": case.kernel[0],
            "kernel_columns": case.kernel[1],
            "stride_rows": case.stride[0],
            "stride_columns": case.stride[1],
            "dilation_rows": case.dilation[0],
            "dilation_columns": case.dilation[1],
            "out_rows": part.rows[1] - part.rows[0],
            "out_columns": case.out_shape[1],
            "slices": case.slices,
            "weights": self._base(number),
            "outs": part.outs[1] - part.outs[0],
            "parameters": number,
            "last": number == len(case.passes) - 1,
        }

    def _give(self, context: Any, t: int) -> None:
        """What comes from outside in cycle t."""
        array, case = self.array, self.case
        there = self.consumed < len(case.passes) and case.passes[self.consumed].submitted <= t
        context.set(array.passes.valid, there)
        if there:
            part = case.passes[self.consumed]
            context.set(array.passes.payload, self._fields(self.consumed, part))
            context.set(array.begun, case.begun <= t)
            context.set(array.weights_there, part.weights <= t)
        self._give_line(context, t)
        mask = sum(1 << bank for bank in banks_at(case.weight_taken, t) if bank < case.shape.weight_banks)
        context.set(array.weight_banks_taken, mask)
        self.emitter.send(t)
        if context.get(array.words.valid):
            ticket = context.get(array.words.payload.ticket)
            context.set(array.words.ready, self.emitter.takes(ticket.parameters, ticket.column))
        else:
            context.set(array.words.ready, 0)

    def _give_line(self, context: Any, t: int) -> None:
        """The line that the array asks for in cycle t, if it does."""
        port, case, shape = self.array.spikes, self.case, self.case.shape
        if not context.get(port.ask):
            return
        address, row, part = (context.get(wire) for wire in (port.address, port.row, port.slice))
        there = case.row_there[row] <= t
        context.set(port.there, there)
        if there:
            place = address - row * case.words[0].size
            first_bit = (row * case.slices + part) * case.row_bits + place * shape.lane_bits
            whole = self.buffer.read(t, first_bit, context.get(port.length) * shape.lane_bits)
            context.set(port.refused, not whole)
        for lane in range(shape.line_words):
            word = self.flat[address + lane] if address + lane < len(self.flat) else GARBAGE
            context.set(port.lanes[lane], word >> part * shape.lane_bits & (1 << shape.lane_bits) - 1)

    async def step(self, context: Any, t: int) -> None:
        """One cycle: what is on the wires in it, and the queues after it."""
        array, case = self.array, self.case
        self._give(context, t)
        port = array.spikes
        cycle = Cycle(
            state=context.get(array.state).name.lower(),
            read=context.get(array.detector.scan.length) if context.get(port.read) else 0,
            lost=bool(context.get(port.ask) and context.get(port.there) and context.get(port.refused)),
            taken=self._taken(context),
            left=self._left(context),
            sums=self._sums(context),
            fifo=0,
            in_flight=0,
            results=0,
        )
        if context.get(array.words.valid) and context.get(array.words.ready):
            self._note_words(context.get(array.words.payload))
        self.consumed += context.get(array.passes.valid) and context.get(array.passes.ready)
        await context.tick()
        self.cycles.append(
            cycle._replace(
                fifo=case.shape.fifo_words - context.get(array.room),
                in_flight=context.get(array.pixels.count),
                results=context.get(array.results.held),
            )
        )

    def _taken(self, context: Any) -> tuple[Taken, ...]:
        case = self.case
        banks = case.shape.weight_banks
        taken = context.get(self.array.issue.taken)
        words = []
        for bank in range(banks):
            if taken >> bank & 1:
                word = context.get(self.array.queues[bank].front)
                number = context.get(self.array.pixels.front_ticket).parameters
                place = word.weights - self._base(number)
                row = place * banks + (bank - place) % banks
                words.append(Taken(bank, row, word.value << word.slice * case.shape.lane_bits))
        return tuple(words)

    def _left(self, context: Any) -> Left | None:
        if not context.get(self.array.pixels.leave):
            return None
        ticket = context.get(self.array.pixels.front_ticket)
        first = self.case.passes[ticket.parameters].rows[0]
        return Left(ticket.parameters, first + ticket.row, ticket.column)

    def _sums(self, context: Any) -> tuple[int, ...]:
        columns = self.array.columns
        outs = context.get(columns.finished.outs) if context.get(columns.done) else 0
        return tuple(context.get(columns.sums[column].as_signed()) for column in range(outs))

    def _note_words(self, pixel: Any) -> None:
        part = self.case.passes[pixel.ticket.parameters]
        self.emitter.take(pixel.ticket.parameters, pixel.ticket.column)
        for column, channel in enumerate(range(*part.outs)):
            self.words[part.rows[0] + pixel.ticket.row, pixel.ticket.column, channel] = pixel.words[column]
