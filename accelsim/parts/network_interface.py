"""`network_interface`: cuts data into packets, and queues them for the router."""

from typing import Literal

from pydantic import Field

from accelsim.config import Count, Settings


class NetworkInterfaceSettings(Settings):
    """One a node. It injects and takes at most one flit a cycle."""

    packet_payload_bits: Count = Field(1024, le=1 << 20, description="largest payload of a packet")
    header_bits: Count = Field(32, le=4096, description="destination, address and length, in front of the payload")
    payload: Literal["dense", "bitmap", "address_event", "auto"] = Field(
        "dense", description="encoding of spike packets between tiles (see docs/payload.md); DRAM gets dense words"
    )
    queue_flits: Count = Field(64, le=65536, description="flits that may wait for injection")
