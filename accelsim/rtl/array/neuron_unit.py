"""The neuron unit: sums become packed words."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.ranks import wire
from accelsim.rtl.array.results import result_layout
from accelsim.rtl.array.shape import ArrayShape
from accelsim.rtl.array.work import ticket_layout
from accelsim.units import ceil_div


def parameters_layout(shape: ArrayShape) -> data.ArrayLayout:
    """Threshold and bias of every column."""
    neuron = data.StructLayout({"threshold": shape.accumulator_bits - 1, "bias": signed(shape.accumulator_bits)})
    return data.ArrayLayout(neuron, shape.columns)


def words_layout(shape: ArrayShape) -> data.StructLayout:
    """The words of an output pixel; those of columns from `ticket.outs` on mean nothing."""
    return data.StructLayout({"ticket": ticket_layout(shape), "words": data.ArrayLayout(shape.out_bits, shape.columns)})


def reaches(remains: Value, level: Value) -> Value:
    """Whether a neuron fires."""
    return remains >= level


class Neuron(wiring.Component):
    """SpikePack's closed form, clip(floor(total / threshold), 0, 2^out_bits - 1) for a threshold above 0.

    Spike after spike, the most significant first: it fires if what remains reaches the threshold times the weight of
    the step, and subtracts that.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        super().__init__(
            {
                "sum": In(signed(shape.accumulator_bits)),
                "bias": In(signed(shape.accumulator_bits)),
                "threshold": In(shape.accumulator_bits - 1),
                "word": Out(shape.out_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        remains = wire(m, self.sum + self.bias)
        for step in reversed(range(self.shape.out_bits)):
            level = self.threshold << step
            m.d.comb += self.word[step].eq(reaches(remains, level))
            remains = wire(m, Mux(self.word[step], remains - level, remains))
        return m


class NeuronUnit(wiring.Component):
    """Encodes `neuron_lanes` sums of a pixel a cycle, and then offers its words.

    The pixel in service stays in the results' queue until its words were taken, `pop`; the next one's service begins
    in that cycle. `load` writes the thresholds and biases of a group of channels at `load_row`.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        row = range(shape.parameter_rows)
        super().__init__(
            {
                "front_there": In(1),
                "front": In(result_layout(shape)),
                "next_there": In(1),
                "next": In(result_layout(shape)),
                "pop": Out(1),
                "words": Out(stream.Signature(words_layout(shape))),
                "load": In(1),
                "load_row": In(row),
                "load_parameters": In(parameters_layout(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        lanes = min(shape.neuron_lanes, shape.columns)
        turns = ceil_div(shape.columns, lanes)
        m.submodules.parameters = parameters = memory.Memory(
            shape=parameters_layout(shape), depth=shape.parameter_rows, init=[]
        )
        write, read = parameters.write_port(), parameters.read_port(domain="comb")
        words = [Signal(shape.out_bits, name=f"word{i}") for i in range(shape.columns)]
        done, turn = Signal(range(turns + 1)), Signal(range(turns + 1))
        pixel = Signal(result_layout(shape))
        works, served = Signal(), Signal()

        m.d.comb += [
            write.en.eq(self.load),
            write.addr.eq(self.load_row),
            write.data.eq(self.load_parameters),
            served.eq((done * lanes >= self.front.ticket.outs) & done.any()),
            self.words.valid.eq(served),
            self.words.payload.ticket.eq(self.front.ticket),
            self.words.payload.words.eq(Cat(words)),
            self.pop.eq(served & self.words.ready),
            pixel.eq(Mux(self.pop, self.next.as_value(), self.front.as_value())),
            works.eq(Mux(self.pop, self.next_there, self.front_there & ~served)),
            turn.eq(Mux(self.pop, 0, done)),
            read.addr.eq(pixel.ticket.parameters),
        ]
        m.d.sync += done.eq(Mux(works, turn + 1, turn))
        for lane in range(lanes):
            m.submodules[f"neuron{lane}"] = neuron = Neuron(shape)
            with m.Switch(turn):
                for number, column in enumerate(range(lane, shape.columns, lanes)):
                    with m.Case(number):
                        m.d.comb += [
                            neuron.sum.eq(pixel.sums[column].as_signed()),
                            neuron.bias.eq(read.data[column].bias),
                            neuron.threshold.eq(read.data[column].threshold),
                        ]
                        with m.If(works):
                            m.d.sync += words[column].eq(neuron.word)
        return m
