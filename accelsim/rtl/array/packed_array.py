"""The array of a tile, from the lines of the spike buffer to the words of the neuron unit."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from accelsim.build.schema import ArchSettings
from accelsim.rtl.array.bank_queue import BankQueue
from accelsim.rtl.array.columns import Columns
from accelsim.rtl.array.detector import Detector, SpikePort
from accelsim.rtl.array.issue import Issue
from accelsim.rtl.array.line import bank_of, word_layout
from accelsim.rtl.array.neuron_unit import NeuronUnit, parameters_layout, words_layout
from accelsim.rtl.array.pixels import Pixels
from accelsim.rtl.array.results import Results
from accelsim.rtl.array.shape import ArrayShape
from accelsim.rtl.array.state import ArrayState
from accelsim.rtl.array.weight_bank import WeightBank, weights_layout
from accelsim.rtl.array.work import pass_layout, ticket_layout


class PackedArray(wiring.Component):
    """Computes `passes`, reading the spike buffer at `spikes`, and gives out the `words` of their pixels in order.

    Banks of the weight buffer that are in `weight_banks_taken` give nothing in that cycle: another master has them.
    `load_weights` writes the weights of row `load_row` of a layer, behind `load_base` in its bank; `load_neurons` the
    thresholds and biases at `load_parameters_row`. `state` is what the cycle counts as.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        self.detector = Detector(shape)
        self.queues = [BankQueue(shape) for _ in range(shape.weight_banks)]
        self.pixels = Pixels(shape)
        self.issue = Issue(shape)
        self.banks = [WeightBank(shape) for _ in range(shape.weight_banks)]
        self.columns = Columns(shape)
        self.results = Results(shape)
        self.neuron_unit = NeuronUnit(shape)
        self.room = Signal(range(shape.fifo_words + 1), init=shape.fifo_words)
        super().__init__(
            {
                "passes": In(stream.Signature(pass_layout(shape))),
                "begun": In(1),
                "weights_there": In(1),
                "spikes": Out(SpikePort(shape)),
                "weight_banks_taken": In(shape.weight_banks),
                "words": Out(stream.Signature(words_layout(shape))),
                "load_weights": In(1),
                "load_row": In(range(shape.largest_fan_in)),
                "load_base": In(range(shape.bank_rows)),
                "weights": In(weights_layout(shape)),
                "load_neurons": In(1),
                "load_parameters_row": In(range(shape.parameter_rows)),
                "parameters": In(parameters_layout(shape)),
                "state": Out(ArrayState),
            }
        )

    @classmethod
    def from_settings(cls, settings: ArchSettings) -> PackedArray:
        """The array of a tile of an architecture. Raises InputError for settings that the RTL has not."""
        return cls(ArrayShape.from_settings(settings))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name in ("detector", "pixels", "issue", "columns", "results", "neuron_unit"):
            m.submodules[name] = getattr(self, name)
        for number, (queue, bank) in enumerate(zip(self.queues, self.banks, strict=True)):
            m.submodules[f"queue{number}"] = queue
            m.submodules[f"bank{number}"] = bank
        self._detect(m)
        self._multiply(m)
        self._hand_over(m)
        self._charge(m)
        return m

    def _detect(self, m: Module) -> None:
        """Passes and lines to the detector, its words to the queues and its pixels to those in flight."""
        detector, pixels = self.detector, self.pixels
        wiring.connect(m, wiring.flipped(self.passes), detector.passes)
        wiring.connect(m, detector.port, wiring.flipped(self.spikes))
        m.d.comb += [
            detector.begun.eq(self.begun),
            detector.weights_there.eq(self.weights_there),
            detector.room.eq(self.room),
            detector.pixel_room.eq(pixels.room),
            detector.slot.eq(pixels.tail),
            pixels.open.eq(detector.opens),
            pixels.open_closed.eq(detector.opens_closed),
            pixels.ticket.eq(detector.ticket),
            pixels.close.eq(detector.closes),
            pixels.line.eq(detector.closing),
            pixels.passed.eq(detector.passed),
        ]
        for number, queue in enumerate(self.queues):
            m.d.comb += queue.push.eq(
                Cat(valid & (bank == number) for valid, bank in zip(detector.valid, detector.bank, strict=True))
            )
            for mine, word in zip(queue.word, detector.word, strict=True):
                m.d.comb += mine.eq(word)
        m.d.sync += self.room.eq(self.room + self.issue.count - detector.passed)

    def _multiply(self, m: Module) -> None:
        """Words that are taken from the queues, and a cycle later their weights, to the multipliers."""
        issue, pixels, columns = self.issue, self.pixels, self.columns
        leave = Signal()
        ticket = Signal(ticket_layout(self.shape))
        m.d.comb += [
            issue.filled.eq(Cat(queue.filled for queue in self.queues)),
            issue.refused.eq(self.weight_banks_taken),
            issue.there.eq(pixels.there),
            issue.front.eq(pixels.front),
            pixels.taking.eq(issue.count),
            pixels.leave.eq(pixels.complete & self.results.room),
            columns.leave.eq(leave),
            columns.ticket.eq(ticket),
        ]
        m.d.sync += [columns.taken.eq(issue.taken), leave.eq(pixels.leave), ticket.eq(pixels.front_ticket)]
        load_bank, load_place = bank_of(self.load_row, self.shape.weight_banks)
        for number, (queue, bank) in enumerate(zip(self.queues, self.banks, strict=True)):
            word = Signal(word_layout(self.shape), name=f"word{number}")
            m.d.sync += word.eq(queue.front)
            m.d.comb += [
                issue.pixel[number].eq(queue.front.pixel),
                queue.pop.eq(issue.taken[number]),
                bank.address.eq(queue.front.weights),
                columns.word[number].eq(word),
                columns.weights[number].eq(bank.weights),
                bank.write.eq(self.load_weights & (load_bank == number)),
                bank.write_address.eq(self.load_base + load_place),
                bank.write_weights.eq(self.weights),
            ]

    def _hand_over(self, m: Module) -> None:
        """Finished sums to the results' queue, and from there to the neuron unit."""
        columns, results, unit = self.columns, self.results, self.neuron_unit
        m.d.comb += [
            results.reserve.eq(self.pixels.leave),
            results.push.eq(columns.done),
            results.result.ticket.eq(columns.finished),
            results.result.sums.eq(columns.sums),
            unit.front_there.eq(results.front_there),
            unit.front.eq(results.front),
            unit.next_there.eq(results.next_there),
            unit.next.eq(results.next),
            results.pop.eq(unit.pop),
            unit.load.eq(self.load_neurons),
            unit.load_row.eq(self.load_parameters_row),
            unit.load_parameters.eq(self.parameters),
        ]
        wiring.connect(m, unit.words, wiring.flipped(self.words))

    def _charge(self, m: Module) -> None:
        """The state of the cycle."""
        pixels, detector = self.pixels, self.detector
        first = Signal()
        m.d.comb += first.eq(Mux(pixels.there, ~pixels.pushed.any() & pixels.front_ticket.first, detector.first))
        with m.If(self.issue.count.any()):
            m.d.comb += self.state.eq(Mux(pixels.fresh, ArrayState.BUSY, ArrayState.BANK_CONFLICT))
        with m.Elif(pixels.complete):
            m.d.comb += self.state.eq(Mux(pixels.leave, ArrayState.BUSY, ArrayState.OUTPUT_BLOCKED))
        with m.Elif(pixels.waiting):
            m.d.comb += self.state.eq(ArrayState.BANK_CONFLICT)
        with m.Elif(detector.missing == ArrayState.BUSY):
            m.d.comb += self.state.eq(Mux(first, ArrayState.FILL_DRAIN, ArrayState.BUSY))
        with m.Else():
            m.d.comb += self.state.eq(detector.missing)
