"""The spike detector: reads the lines of receptive fields, and passes the words that count to the queues."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.line import Line, word_layout
from accelsim.rtl.array.scan import Scan
from accelsim.rtl.array.shape import ArrayShape
from accelsim.rtl.array.state import ArrayState
from accelsim.rtl.array.work import pass_layout, ticket_layout


class SpikePort(wiring.Signature):
    """A reader's side of a spike buffer.

    `ask`: the line of `length` words at `address`, of slice `slice`, in row `row` of the map, is wanted in this cycle.
    It is `read`, and `lanes` holds its words, if the row is `there` and the line is not `refused`; a buffer refuses it
    as long as other masters have banks that some of it lies in. Else it is asked for again in the next cycle.
    """

    def __init__(self, shape: ArrayShape) -> None:
        super().__init__(
            {
                "ask": Out(1),
                "read": Out(1),
                "address": Out(range(shape.spike_words)),
                "length": Out(range(shape.line_words + 1)),
                "slice": Out(range(shape.slices)),
                "row": Out(range(shape.largest_side)),
                "there": In(1),
                "refused": In(1),
                "lanes": In(shape.lane_bits).array(shape.line_words),
            }
        )


class Detector(wiring.Component):
    """Works through `passes`, of which the front one stays until its last line was read.

    A pass opens once some word of its input has come, `begun`, and its `weights_there`; its first line is read
    `read_latency_cycles` later. A line is read when the one before is gone, or goes in this very cycle. An output
    enters the pixels in flight, `opens` with `ticket`, when its first line is read, if there is `pixel_room`; `slot` is
    where. It is complete when its last line is gone, `closes` in `closing`; one without a line is complete at once,
    `opens_closed`. `missing` is what the detector waits for, BUSY if it does not; `first` says that it is at the first
    output of a pass.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        slot = range(shape.pixels)
        self.scan = Scan(shape)
        self.line = Line(shape)
        super().__init__(
            {
                "passes": In(stream.Signature(pass_layout(shape))),
                "begun": In(1),
                "weights_there": In(1),
                "port": Out(SpikePort(shape)),
                "room": In(range(shape.fifo_words + 1)),
                "pixel_room": In(1),
                "slot": In(slot),
                "opens": Out(1),
                "opens_closed": Out(1),
                "ticket": Out(ticket_layout(shape)),
                "closes": Out(1),
                "closing": Out(slot),
                "passed": Out(range(shape.rows + 1)),
                "valid": Out(shape.rows),
                "bank": Out(range(shape.weight_banks)).array(shape.rows),
                "word": Out(word_layout(shape)).array(shape.rows),
                "missing": Out(ArrayState),
                "first": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, port, work = self.shape, self.port, self.passes.payload
        m.submodules.scan = scan = self.scan
        m.submodules.line = line = self.line
        opened, pixel_open, over = Signal(), Signal(), Signal(init=1)
        wait = Signal(range(shape.read_latency_cycles))
        filling = Signal(range(shape.pixels))

        m.d.comb += [scan.work.eq(work), line.room.eq(self.room)]
        m.d.comb += [line.lanes[i].eq(port.lanes[i]) for i in range(shape.line_words)]
        m.d.comb += [
            self.passed.eq(line.passed),
            self.valid.eq(line.valid),
            self.closes.eq(line.empty & line.closes),
            self.closing.eq(line.pixel),
        ]
        for n in range(shape.rows):
            m.d.comb += [self.bank[n].eq(line.bank[n]), self.word[n].eq(line.word[n])]

        m.d.comb += [
            port.address.eq(scan.address),
            port.length.eq(scan.length),
            port.slice.eq(scan.slice),
            port.row.eq(scan.map_row),
            self.first.eq(~opened | scan.first),
        ]
        with m.If(line.held & ~line.empty):
            m.d.comb += self.missing.eq(ArrayState.BUSY)
        with m.Elif(~self.passes.valid):
            m.d.comb += self.missing.eq(Mux(over, ArrayState.IDLE, ArrayState.SEQUENCING))
        with m.Elif(~opened):
            with m.If(~self.begun):
                m.d.comb += self.missing.eq(ArrayState.IDLE)
            with m.Elif(~self.weights_there):
                m.d.comb += self.missing.eq(ArrayState.WEIGHTS_MISSING)
            with m.Else():
                m.d.comb += scan.open.eq(1)
                m.d.sync += [opened.eq(1), wait.eq(shape.read_latency_cycles - 1)]
        with m.Elif(wait.any()):
            m.d.sync += wait.eq(wait - 1)
        with m.Elif(pixel_open | self.pixel_room):
            m.d.comb += [
                port.ask.eq(scan.found),
                port.read.eq(scan.found & port.there & ~port.refused),
                scan.step.eq(port.read | ~scan.found),
            ]
            with m.If(port.ask & ~port.there):
                m.d.comb += self.missing.eq(ArrayState.SPIKES_MISSING)
            with m.Elif(port.ask & port.refused):
                m.d.comb += self.missing.eq(ArrayState.BANK_CONFLICT)
        with m.If(line.held & (line.passed.any() | line.empty)):
            m.d.comb += self.missing.eq(ArrayState.BUSY)

        m.d.comb += [
            line.load.eq(port.read),
            line.length.eq(scan.length),
            line.label.weight_row.eq(scan.weight_row),
            line.label.weights.eq(work.weights),
            line.label.slice.eq(scan.slice),
            line.label.pixel.eq(Mux(pixel_open, filling, self.slot)),
            line.label.closes.eq(scan.closes),
            self.opens.eq(scan.step & ~pixel_open),
            self.opens_closed.eq(~scan.found),
            self.ticket.row.eq(scan.row),
            self.ticket.column.eq(scan.column),
            self.ticket.outs.eq(work.outs),
            self.ticket.parameters.eq(work.parameters),
            self.ticket.first.eq(scan.first),
        ]
        with m.If(self.opens):
            m.d.sync += filling.eq(self.slot)
        with m.If(scan.step):
            m.d.sync += pixel_open.eq(~scan.closes)
            with m.If(scan.closes & scan.ends):
                m.d.comb += self.passes.ready.eq(1)
                m.d.sync += [opened.eq(0), over.eq(work.last)]
        return m
