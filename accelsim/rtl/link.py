"""What runs over the wires between routers: flits one way, credits the other."""

from __future__ import annotations

from amaranth import Mux
from amaranth.hdl import ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.shape import LOCAL, PORTS, MeshShape


def flit_layout(shape: MeshShape) -> data.StructLayout:
    """A flit.

    `vc` is the virtual channel of the link that it travels on. A head knows its destination, and in `port` the output
    that it wants of the router that it is going to: the route is looked ahead, by the sender.
    """
    return data.StructLayout(
        {
            "head": 1,
            "tail": 1,
            "vc": range(shape.virtual_channels),
            "port": range(PORTS),
            "column": range(shape.columns),
            "row": range(shape.rows),
            "payload": shape.flit_bits,
        }
    )


class Link(wiring.Signature):
    """Wires from a sender (router output, source) to a receiver (router input, sink).

    A flit is there while `valid`, and cannot be refused: the sender holds a credit for it. While `credit` a place has
    become free in the receiver's virtual channel `credit_vc`.
    """

    def __init__(self, shape: MeshShape) -> None:
        super().__init__(
            {
                "valid": Out(1),
                "flit": Out(flit_layout(shape)),
                "credit": In(1),
                "credit_vc": In(range(shape.virtual_channels)),
            }
        )


def route(column: int, row: int, to_column: ValueLike, to_row: ValueLike) -> ValueLike:
    """The output that a flit wants of the router at (column, row): along its row first, then along its column."""
    along_column = Mux(to_row > row, 2, Mux(to_row < row, 3, LOCAL))
    return Mux(to_column > column, 0, Mux(to_column < column, 1, along_column))
