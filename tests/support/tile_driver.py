"""One pass of one tile, cycle by cycle, its words and settings given by the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bare_fabric import TILE, contents, fabric, mesh
from numpy.typing import NDArray

from accelsim.engine.fabric import NetworkShape, TileShape
from accelsim.engine.groups import GroupTable
from accelsim.kernels import state as k
from accelsim.simulation.timeline import STATE_NAMES


@dataclass(frozen=True, slots=True)
class Cycle:
    """What a tile did in a cycle, and how full its queues are after it."""

    state: str
    lines: int
    words: int
    """Words that the array took."""
    conflicts: int
    """Reads that lost their bank."""
    pixels: int
    """Pixels whose sums left the array."""
    packets: int
    """Packets queued for the network."""
    fifo: int
    in_flight: int
    results: int


def make_pass(shape: Sequence[int], **columns: int) -> NDArray[np.int64]:
    """A pass over words [rows, columns, channels]: four outputs of a 1x1 convolution, but for the columns given."""
    rows, width, channels = shape
    work = np.zeros(k.PASS_COLUMNS, np.int64)
    for column in (k.W_ROW_GROUP, k.W_ROW_GROUP_B, k.W_BOX, k.W_BOX_B, k.W_GRANT_GROUP, k.W_WEIGHTS_GROUP):
        work[column] = -1
    given = {
        "W_HEIGHT": rows,
        "W_WIDTH": width,
        "W_CHANNELS": channels,
        "W_LAST_CHANNEL": channels,
        "W_KERNEL_ROWS": 1,
        "W_KERNEL_COLUMNS": 1,
        "W_STRIDE_ROWS": 1,
        "W_STRIDE_COLUMNS": 1,
        "W_DILATION_ROWS": 1,
        "W_DILATION_COLUMNS": 1,
        "W_LAST_ROW": rows,
        "W_OUT_COLUMNS": width,
        "W_OUTS": 4,
        "W_OUT_CHANNELS": 4,
        "W_REACH": columns.get("W_OUTS", 4),
        "W_WEIGHT_STRIDE": columns.get("W_OUT_CHANNELS", 4),
        "W_WEIGHT_OFFSET": columns.get("W_FIRST_OUT", 0),
        "W_OUT_BITS": 4,
        "W_SLICE_BITS": 4,
        "W_SLICES": 1,
        "W_SERVICE": 1,
        "W_CARRY": k.CARRY_FIRE,
        "W_ROW_BITS": width * channels * 4,
        "W_POSITION_BITS": channels * 4,
        "W_READ_BITS": 4,
    }
    for name, value in (given | columns).items():
        work[getattr(k, name)] = value
    return work


class TileDriver:
    """A tile at node 0 that sends its outputs to node 1. Life cycle: made, `step`ped, or `run` to its end.

    `words` [rows, columns, channels] is the whole input, and with `kind` SPIKES also what is sent, node 1 then being a
    tile too; columns of the pass are given by name, `W_SERVICE=3`; `awaits` names a column whose group is complete when
    `let_go` has sent a packet; `passes` are submitted at once.
    """

    def __init__(
        self,
        words: NDArray[np.integer[Any]],
        tile: TileShape = TILE,
        network: NetworkShape | None = None,
        awaits: str = "",
        passes: int = 1,
        kind: int = k.CONTROL,
        **columns: int,
    ) -> None:
        self.groups = GroupTable()
        done = self.groups.add("end of the pass", passes)
        self.awaited = self.groups.add("what the pass waits for", 1 if awaits else 0)
        work = make_pass(words.shape, W_DONE_GROUP=done, W_ROUTE_COUNT=1, **columns)
        if awaits:
            work[getattr(k, awaits)] = self.awaited
        outputs = (work[k.W_LAST_ROW] - work[k.W_FIRST_ROW]) * work[k.W_OUT_COLUMNS] * work[k.W_OUTS]
        out = self.groups.add("outputs", int(outputs) * passes)
        route = [0] * k.ROUTE_COLUMNS
        route[k.R_TARGET], route[k.R_LAST_ROW], route[k.R_GROUP] = 1, int(work[k.W_LAST_ROW]), out
        route[k.R_CHANNELS], route[k.R_KIND] = int(work[k.W_OUTS]), kind
        held = contents(words.ravel().tolist(), routes=[route])
        tile_nodes = (0, 1) if kind == k.SPIKES else (0,)
        self.fabric = fabric(self.groups, held, network or mesh(2, 1), tile, tile_nodes=tile_nodes)
        for number in range(passes):
            work[k.W_LAST] = number == passes - 1
            self.fabric.submit_pass(0, work)
        self.history: list[Cycle] = []

    @property
    def scalars(self) -> NDArray[np.int64]:
        row: NDArray[np.int64] = self.fabric.tiles.scalars[0]
        return row

    def let_go(self) -> None:
        """Send the packet that completes the awaited group: over two routers, it is there 8 cycles later."""
        self.fabric.send_control(1, 0, self.awaited, 0)

    def step(self) -> Cycle:
        """Step one cycle."""
        tiles, clock = self.fabric.tiles, self.fabric.clock.scalars
        before = tiles.events[0].copy(), int(clock[k.SENT_PACKETS])
        self.fabric.advance(self.fabric.now + 1)
        change = tiles.events[0] - before[0]
        self.history.append(
            Cycle(
                state=STATE_NAMES[self.scalars[k.S_STATE]],
                lines=int(change[k.E_LINES]),
                words=int(change[k.E_WORDS]),
                conflicts=int(change[k.E_CONFLICTS]),
                pixels=int(change[k.E_PIXELS]),
                packets=int(clock[k.SENT_PACKETS]) - before[1],
                fifo=int(self.scalars[k.S_FIFO]),
                in_flight=int(self.scalars[k.S_PIXELS]),
                results=int(self.scalars[k.S_RESULTS]),
            )
        )
        return self.history[-1]

    def run(self, longest: int = 20_000) -> list[Cycle]:
        """Step until all outputs have arrived."""
        while self.fabric.clock.left.any():
            assert self.fabric.now < longest, "the pass does not end"
            self.step()
        return self.history

    def cycles_of(self, column: str) -> list[int]:
        """The cycles in which a count of the history was not zero, as often as it counted."""
        return [t for t, cycle in enumerate(self.history) for _ in range(getattr(cycle, column))]

    def cycles_of_state(self, state: str) -> list[int]:
        """The cycles in which the tile was in a state."""
        return [t for t, cycle in enumerate(self.history) if cycle.state == state]

    def states(self) -> dict[str, int]:
        """Cycles by state, those of the tile's intervals that are over."""
        return {
            name: int(self.fabric.tiles.cycles[0, :, number].sum())
            for number, name in enumerate(STATE_NAMES)
            if self.fabric.tiles.cycles[0, :, number].any()
        }


def sparse(channels: int, *nonzero: int) -> NDArray[np.int64]:
    """One position whose words are 1 in the given channels and 0 elsewhere: [1, 1, channels]."""
    words = np.zeros((1, 1, channels), np.int64)
    words[0, 0, list(nonzero)] = 1
    return words
