"""A bank of the weight buffer."""

from __future__ import annotations

from amaranth import Module
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.shape import ArrayShape


def weights_layout(shape: ArrayShape) -> data.ArrayLayout:
    """The weights from one input to all columns, signed, as bits."""
    return data.ArrayLayout(shape.weight_bits, shape.columns)


class WeightBank(wiring.Component):
    """Gives in t + 1 the weights at `address` in t. A row a cycle can be written, at `write_address` while `write`."""

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        place = range(shape.bank_rows)
        super().__init__(
            {
                "write": In(1),
                "write_address": In(place),
                "write_weights": In(weights_layout(shape)),
                "address": In(place),
                "weights": Out(weights_layout(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rows = rows = memory.Memory(shape=weights_layout(self.shape), depth=self.shape.bank_rows, init=[])
        write, read = rows.write_port(), rows.read_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_weights),
            read.addr.eq(self.address),
            self.weights.eq(read.data),
        ]
        return m
