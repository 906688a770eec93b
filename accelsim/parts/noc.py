"""`noc`: the network on chip that carries packed spikes and weights."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from accelsim.config import Count, Cycles, Settings, broken
from accelsim.config.keypath import shown
from accelsim.engine.topology import NetworkShape
from accelsim.kernels.network_state import MASK_BITS, TREES

CHANNELS = MASK_BITS
"""Virtual channels of all ports of a router: the requests to an allocator are the bits of one machine word."""

MOST_NODES = TREES
"""What the engine's packets can name: numbers from here on are trees."""

ADAPTIVE = ("west_first", "odd_even")


class NocSettings(Settings):
    """A network of input-queued virtual-channel routers with credit flow control (see docs/timing.md).

    What could deadlock is refused: a ring of links needs two classes of virtual channels (datelines: Dally and Seitz,
    IEEE Trans. Computers 1987), turn models (Glass and Ni, ISCA 1992; Chiu, IEEE TPDS 2000) hold on a mesh only, and
    the branches of a multicast tree must all follow one order of dimensions.
    """

    topology: Literal["mesh", "torus", "ring", "crossbar"] = Field(
        "mesh", description="mesh, torus: columns x rows routers; ring: one after another; crossbar: a single router"
    )
    columns: Count = Field(le=64)
    rows: Count = Field(le=64)
    concentration: Count = Field(1, le=CHANNELS, description="nodes a router (crossbar: times columns and rows)")
    routing: Literal["xy", "yx", "west_first", "odd_even"] = Field(
        "xy", description="xy, yx: one dimension after the other; west_first, odd_even: adaptive, minimal"
    )
    multicast: Literal["none", "tree"] = Field("none", description="tree: one packet that branches in the routers")
    flit_bits: Count = Field(64, le=4096)
    virtual_channels: Count = Field(1, le=CHANNELS)
    buffer_flits: Count = Field(8, le=256, description="flits a virtual channel")
    routing_cycles: Cycles = Field(0, le=4, description="0: the route is looked ahead")
    vc_allocation_cycles: Count = Field(1, le=4)
    switch_allocation_cycles: Count = Field(1, le=4)
    traversal_cycles: Count = Field(1, le=4)
    credit_cycles: Cycles = Field(0, le=4, description="that a router takes to handle a credit, besides the wire")
    speculative: bool = Field(True, description="a head bids for the switch while it waits for its virtual channel")
    link_cycles: Count = Field(1, le=4)

    @property
    def nodes(self) -> int:
        """Terminals: places for a tile or a memory controller each."""
        return self.columns * self.rows * self.concentration

    def shape(self, queue_flits: int) -> NetworkShape:
        """The network as the engine takes it; a source's queue holds `queue_flits`."""
        return NetworkShape(
            topology=self.topology,
            columns=self.columns,
            rows=self.rows,
            concentration=self.concentration,
            routing=self.routing,
            virtual_channels=self.virtual_channels,
            buffer_flits=self.buffer_flits,
            routing_cycles=self.routing_cycles,
            vc_allocation_cycles=self.vc_allocation_cycles,
            switch_allocation_cycles=self.switch_allocation_cycles,
            traversal_cycles=self.traversal_cycles,
            credit_cycles=self.credit_cycles,
            speculative=self.speculative,
            link_cycles=self.link_cycles,
            queue_flits=queue_flits,
        )

    @model_validator(mode="after")
    def _check(self) -> "NocSettings":
        if self.nodes < 2:
            raise broken("columns", "a network has at least two nodes", self.nodes)
        if self.nodes > MOST_NODES:
            rule = f"a network has at most {MOST_NODES} nodes, and this one has {self.nodes}"
            raise broken("concentration", rule, self.concentration)
        self._check_ports()
        self._check_routing()
        if self.topology in ("torus", "ring") and self.virtual_channels < 2:
            rule = f"could deadlock: packets round a {self.topology} wait for each other"
            rule += " without a second class of channels"
            raise broken("virtual_channels", rule, self.virtual_channels, ">= 2")
        if self.multicast == "tree" and self.routing in ADAPTIVE:
            rule = "could deadlock: the branches of a tree must follow one order of dimensions"
            raise broken("multicast", f"{rule}, not {self.routing}", self.multicast, "none; or routing xy or yx")
        return self

    def _check_ports(self) -> None:
        ports = self.shape(1).ports
        rule = f"{ports} ports of {self.virtual_channels} channels are more than the {CHANNELS} that a router's"
        rule += " allocators take"
        if ports > CHANNELS:
            key = "columns" if self.topology == "crossbar" else "concentration"
            raise broken(key, rule, getattr(self, key))
        if ports * self.virtual_channels > CHANNELS:
            raise broken("virtual_channels", rule, self.virtual_channels, f"<= {CHANNELS // ports}")

    def _check_routing(self) -> None:
        dimensions = {"ring": "one", "crossbar": "none"}.get(self.topology)
        if self.routing in ADAPTIVE and self.topology == "torus":
            rule = "could deadlock: the turns that it forbids break no cycle over the wrap links of a torus"
            raise broken("routing", rule, self.routing, "xy, yx")
        if self.routing in ADAPTIVE and dimensions:
            rule = f"chooses between two dimensions, and a {self.topology} has {dimensions}"
            raise broken("routing", rule, self.routing, "xy")
        if self.routing == "yx" and dimensions:
            rule = f"orders two dimensions, and a {self.topology} has {dimensions}"
            raise broken("routing", rule, self.routing, "xy")


def _check_kind(value: Any) -> Any:
    if value != "none" and not isinstance(value, dict):
        raise broken("", "must be none or a mapping", shown(value))
    return value


AnyNoc = Annotated[
    Annotated[Literal["none"], Tag("none")] | Annotated[NocSettings, Tag("NocSettings")],
    Discriminator(lambda value: "none" if value == "none" else "NocSettings"),
    BeforeValidator(_check_kind),
]
"""What `noc` may be: a network, or none where a single tile and memory are wired to each other."""
