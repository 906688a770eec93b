"""`memory_controller`: the nodes behind which DRAM channels lie."""

from pydantic import Field

from accelsim.config import Bytes, Count, Settings


class MemoryControllerSettings(Settings):
    """One controller a node, each with a DRAM channel of its own; transfers are dealt out in turn.

    Without a network there is one, and it has no node.
    """

    nodes: tuple[int, ...] | None = Field(None, min_length=1, description="network nodes, column + columns * row")
    packet_bytes: Count = Field(128, le=1 << 16, description="payload of a packet of weights or words")
    read_ahead_packets: Count = Field(16, le=4096, description="packets read from DRAM that may wait for the network")
    write_buffer_bytes: Bytes = Field(4096, gt=0, description="beyond it, credits for arriving flits are held back")
