"""`noc`: the network on chip that carries packed spikes and weights."""

from typing import Literal

from pydantic import Field, model_validator

from accelsim.config import Count, Settings, broken
from accelsim.engine.topology import NetworkShape


class NocSettings(Settings):
    """A mesh of input-queued virtual-channel routers with credit flow control (see docs/timing.md)."""

    topology: Literal["mesh"] = "mesh"
    columns: Count = Field(le=64)
    rows: Count = Field(le=64)
    routing: Literal["xy"] = "xy"
    flit_bits: Count = Field(64, le=4096)
    virtual_channels: Count = Field(1, le=12)
    buffer_flits: Count = Field(8, le=256, description="flits a virtual channel")
    routing_cycles: Literal[0, 1] = Field(0, description="0: the route is looked ahead")
    vc_allocation_cycles: Literal[1] = 1
    switch_allocation_cycles: Literal[1] = 1
    traversal_cycles: Literal[1] = 1
    speculative: bool = Field(True, description="a head bids for the switch while it waits for its virtual channel")
    link_cycles: Count = Field(1, le=4)

    def shape(self, queue_flits: int) -> NetworkShape:
        """What the engine makes a network from; `queue_flits` may wait for injection at a node."""
        return NetworkShape(
            topology=self.topology,
            columns=self.columns,
            rows=self.rows,
            concentration=1,
            routing=self.routing,
            virtual_channels=self.virtual_channels,
            buffer_flits=self.buffer_flits,
            routing_cycles=self.routing_cycles,
            vc_allocation_cycles=self.vc_allocation_cycles,
            switch_allocation_cycles=self.switch_allocation_cycles,
            traversal_cycles=self.traversal_cycles,
            credit_cycles=0,
            speculative=self.speculative,
            link_cycles=self.link_cycles,
            queue_flits=queue_flits,
        )

    @property
    def nodes(self) -> int:
        return self.columns * self.rows

    @model_validator(mode="after")
    def _check(self) -> "NocSettings":
        if self.columns * self.rows < 2:
            raise broken("columns", "a network has at least two nodes", self.columns * self.rows)
        return self
