"""Netlists of the hardware, for other tools."""

from __future__ import annotations

from amaranth.back import rtlil
from amaranth.lib import wiring


def to_rtlil(component: wiring.Component, name: str = "top") -> str:
    """The design in RTLIL, the language of Yosys; its ports are the component's, `clk` and `rst`.

    The same component always gives the same text.
    """
    text: str = rtlil.convert(component, name=name, emit_src=False)
    return text
