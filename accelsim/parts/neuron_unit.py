"""`neuron_unit`: turns finished sums into packed words; also runs pooling and residual additions."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from accelsim.config import Count, Settings, broken
from accelsim.config.keypath import shown
from accelsim.units import ceil_div

MOST_LANES = 4096


class NeuronUnitSettings(Settings):
    """One neuron unit a tile."""

    lanes: Count = Field(16, le=MOST_LANES, description="neurons encoded a cycle")
    decoding: Literal["packed", "serial"] = Field(
        "packed", description="packed: closed form, one cycle; serial: one cycle a time step, membrane read and written"
    )
    arithmetic: Literal["exact", "firefly_v1", "firefly_v2"] = Field(
        "exact", description="of sums and neurons: exact, or in the registers of a machine; what --verify computes"
    )
    results: Count = Field(2, le=16, description="finished pixels that may wait, the one in service included")

    def service_cycles(self, outs: int, timesteps: int, update_cycles: int) -> int:
        """Cycles in which the neuron unit is occupied with one pixel of `outs` neurons."""
        steps = timesteps * update_cycles if self.decoding == "serial" else 1
        return ceil_div(outs, self.lanes) * steps


def _check_kind(value: Any) -> Any:
    if value != "ideal" and not isinstance(value, dict | NeuronUnitSettings):
        raise broken("", "must be ideal or a mapping", shown(value))
    return value


AnyNeuronUnit = Annotated[
    Annotated[Literal["ideal"], Tag("ideal")] | Annotated[NeuronUnitSettings, Tag("NeuronUnitSettings")],
    Discriminator(lambda value: "ideal" if value == "ideal" else "NeuronUnitSettings"),
    BeforeValidator(_check_kind),
]
"""What `neuron_unit` may be: one that takes no time, or lanes."""
