"""`neuron_unit`: turns finished sums into packed words; also runs pooling and residual additions."""

from typing import Literal

from pydantic import Field

from accelsim.config import Count, Settings
from accelsim.units import ceil_div


class NeuronUnitSettings(Settings):
    """One neuron unit a tile."""

    lanes: Count = Field(16, le=4096, description="neurons encoded a cycle")
    decoding: Literal["packed", "serial"] = Field(
        "packed", description="packed: closed form, one cycle; serial: one cycle a time step, membrane read and written"
    )
    results: Count = Field(2, le=16, description="finished pixels that may wait, the one in service included")

    def service_cycles(self, outs: int, timesteps: int, update_cycles: int) -> int:
        """Cycles in which the neuron unit is occupied with one pixel of `outs` neurons."""
        steps = timesteps * update_cycles if self.decoding == "serial" else 1
        return ceil_div(outs, self.lanes) * steps
