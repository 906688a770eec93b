from __future__ import annotations

import re

from accelsim.rtl.export import to_rtlil
from accelsim.rtl.router import Router
from accelsim.rtl.shape import MeshShape


def test_a_router_as_a_netlist() -> None:
    """Its ports are the wires of five links each way; a flit of a 4 x 4 mesh has 2 + 1 + 3 + 4 bits and its payload."""
    shape = MeshShape(4, 4, 2, 4, 64)
    text = to_rtlil(Router(shape, 5), "router")
    top = text.split("\nmodule \\router\n")[1].split("\nend\n")[0]
    ports = re.findall(r"^  wire width (\d+) (input|output) \d+ +\\(\S+)$", top, re.MULTILINE)
    expected = {("1", "input", "clk"), ("1", "input", "rst")}
    for port in range(5):
        for side, forth, back in (("arrive", "input", "output"), ("depart", "output", "input")):
            wires = {"valid": ("1", forth), "flit": ("74", forth), "credit": ("1", back), "credit_vc": ("1", back)}
            expected |= {(*kind, f"{side}__{port}__{wire}") for wire, kind in wires.items()}
    assert sorted(ports) == sorted(expected)
    assert text == to_rtlil(Router(shape, 5), "router")
