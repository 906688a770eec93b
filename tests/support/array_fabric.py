"""The compiled array on a case, cycle by cycle."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
from array_case import Case, Cycle, Left, Run, Taken, banks_at
from bare_fabric import TILE, contents, fabric, mesh
from numpy.typing import NDArray
from tile_driver import make_pass

from accelsim.engine.groups import GroupTable
from accelsim.engine.layout import bit_planes
from accelsim.engine.sram import SramShape
from accelsim.kernels import state as k
from accelsim.simulation.timeline import STATE_NAMES
from accelsim.units import ceil_div

FLIT_BITS = 4096
"""Every packet is one flit, and all of them fit the queue: nothing but their grant holds packets up."""


def simulate(case: Case, rest: int = 2, longest: int = 5000) -> Run:
    """Run a case to its end, and `rest` cycles more."""
    compiled = _CompiledArray(case)
    cycles = []
    while compiled.works():
        assert len(cycles) < longest, "the passes do not end"
        cycles.append(compiled.step())
    cycles += [compiled.step() for _ in range(rest)]
    rows, columns = case.out_shape
    return Run(cycles, compiled.fabric.tiles.outputs.reshape(rows, columns, -1).copy())


class _CompiledArray:
    def __init__(self, case: Case) -> None:
        self.case = case
        shape = case.shape
        groups = GroupTable()
        box = groups.add_box()
        rows = [groups.add("a row", 1) for _ in case.row_there]
        weights = [groups.add("weights", 1) for _ in case.passes]
        grants = [groups.add("a grant", 1) for _ in case.passes]
        out_rows, out_columns = case.out_shape
        total = case.weights.shape[1]
        routes, works = [], []
        for number, part in enumerate(case.passes):
            outs = part.outs[1] - part.outs[0]
            out = groups.add("outputs", (part.rows[1] - part.rows[0]) * out_columns * outs)
            done = groups.add("end of the pass", 1)
            route = [0] * k.ROUTE_COLUMNS
            route[k.R_TARGET], route[k.R_FIRST_ROW], route[k.R_LAST_ROW], route[k.R_GROUP] = 1, *part.rows, out
            route[k.R_CHANNELS], route[k.R_KIND] = outs, k.CONTROL
            routes.append(route)
            works.append(
                make_pass(
                    case.words.shape,
                    W_KERNEL_ROWS=case.kernel[0],
                    W_KERNEL_COLUMNS=case.kernel[1],
                    W_STRIDE_ROWS=case.stride[0],
                    W_STRIDE_COLUMNS=case.stride[1],
                    W_DILATION_ROWS=case.dilation[0],
                    W_DILATION_COLUMNS=case.dilation[1],
                    W_REACH=outs // case.groups,
                    W_GROUP_CHANNELS=(part.channels[1] - part.channels[0]) // case.groups,
                    W_PADDING_ROWS=case.padding[0],
                    W_PADDING_COLUMNS=case.padding[1],
                    W_FIRST_CHANNEL=part.channels[0],
                    W_LAST_CHANNEL=part.channels[1],
                    W_FIRST_ROW=part.rows[0],
                    W_LAST_ROW=part.rows[1],
                    W_OUT_COLUMNS=out_columns,
                    W_FIRST_OUT=part.outs[0],
                    W_OUTS=outs,
                    W_OUT_CHANNELS=total,
                    W_ROW_BITS=case.row_bits * case.slices,
                    W_SLICE_STEP=case.row_bits,
                    W_POSITION_BITS=case.words.shape[2] * shape.lane_bits,
                    W_READ_BITS=shape.lane_bits,
                    W_SLICE_BITS=shape.lane_bits,
                    W_SLICES=case.slices,
                    W_WEIGHTS_GROUP=weights[number],
                    W_ROW_GROUP=rows[0],
                    W_BOX=box,
                    W_GRANT_GROUP=grants[number],
                    W_DONE_GROUP=done,
                    W_SERVICE=ceil_div(outs, shape.neuron_lanes),
                    W_CARRY=k.CARRY_STORE | k.CARRY_FIRE,
                    W_OUT_BITS=1,
                    W_ROUTES=number,
                    W_ROUTE_COUNT=1,
                    W_LIMIT=(1 << shape.out_bits) - 1,
                    W_LAST=number == len(case.passes) - 1,
                )
            )
        outs = max(part.outs[1] - part.outs[0] for part in case.passes)
        held = replace(
            contents(case.words.ravel().tolist(), routes=routes),
            planes=bit_planes(case.words.ravel().astype(np.int32), shape.lane_bits * shape.slices),
            weights=case.weights.ravel(),
            bias=case.bias,
            theta=case.threshold,
            outputs=np.full(out_rows * out_columns * total, -1, np.int64),
            membrane_pixels=out_rows * out_columns,
            verify=True,
            outs=shape.columns,
        )
        tile = replace(
            TILE,
            rows=shape.rows,
            line_words=shape.line_words,
            fifo_words=shape.fifo_words,
            weight_banks=shape.weight_banks,
            spike_banks=case.spike_banks,
            spike_sram=SramShape(width_bits=case.spike_bits, depth_words=1024),
            pixels=shape.pixels,
            results=shape.results,
            spike_latency_cycles=shape.read_latency_cycles,
            pipeline_cycles=shape.pipeline_cycles,
            skips=shape.skips,
            payload_bits=case.packet_pixels * outs,
            flit_bits=FLIT_BITS,
        )
        self.passes = works
        self.fabric = fabric(groups, held, mesh(2, 1, queue_flits=FLIT_BITS), tile)
        self.events = {rows[y]: t for y, t in enumerate(case.row_there)}
        self.events |= {weights[n]: part.weights for n, part in enumerate(case.passes)}
        self.events |= {grants[n]: part.granted for n, part in enumerate(case.passes)}
        self.box = box
        self.submitted = 0
        self.under_way: deque[tuple[int, ...]] = deque([()] * (shape.pipeline_cycles + 1))
        """Sums in the pipeline, those of the present cycle last."""

    @property
    def scalars(self) -> NDArray[np.int64]:
        row: NDArray[np.int64] = self.fabric.tiles.scalars[0]
        return row

    def works(self) -> bool:
        """Whether any pixel has not left the neuron unit."""
        return bool(self.scalars[k.S_DRAINED] < len(self.case.passes))

    def step(self) -> Cycle:
        """Let happen what is due in this cycle, and step it."""
        t, tiles, clock, scalars = self.fabric.now, self.fabric.tiles, self.fabric.clock, self.scalars
        for group, when in self.events.items():
            if when <= t:
                clock.left[group] = 0
        clock.begun[self.box] = self.case.begun <= t
        while self.submitted < len(self.passes) and self.case.passes[self.submitted].submitted <= t:
            self.fabric.submit_pass(0, self.passes[self.submitted])
            self.submitted += 1
        self._take_banks(t, k.SPIKE_BUFFER, self.case.spike_taken)
        self._take_banks(t, k.WEIGHT_BUFFER, self.case.weight_taken)
        # What a tile waits for came here without waking it up.
        tiles.active[0] |= 1
        events, heads = tiles.events[0].copy(), tiles.bank_head[0].copy()
        front = tiles.pixel[0, scalars[k.S_PIXEL_HEAD]].copy()
        self.fabric.advance(t + 1)
        change = tiles.events[0] - events
        taken = tuple(
            Taken(bank, int(entry) >> 32, int(entry) & 0xFFFFFFFF)
            for bank in np.flatnonzero(tiles.bank_head[0] != heads).tolist()
            for entry in [tiles.bank_fifo[0, bank, heads[bank]]]
        )
        assert len(taken) == change[k.E_WORDS]
        return Cycle(
            state=STATE_NAMES[scalars[k.S_STATE]],
            read=int(change[k.E_LINE_WORDS]),
            lost=bool(change[k.E_CONFLICTS]),
            taken=taken,
            left=self._left(front) if change[k.E_PIXELS] else None,
            sums=self._sums(),
            fifo=int(scalars[k.S_FIFO]),
            in_flight=int(scalars[k.S_PIXELS]),
            results=int(scalars[k.S_RESULTS]),
        )

    def _take_banks(self, t: int, sram: int, taken: tuple[int, ...]) -> None:
        """Leave banks of an SRAM as a flit that is written in this cycle would leave them."""
        banks = banks_at(taken, t) & set(range(self.fabric.tiles.sram[sram, k.B_BANKS]))
        if banks:
            self.fabric.tiles.interface[0, k.I_SPIKE_AT + sram] = t
            self.fabric.tiles.use[sram, 0, list(banks)] = t << 4 | 4

    def _left(self, front: NDArray[np.int64]) -> Left:
        """The pixel that was at the front; what its sums were is found in the membranes now."""
        left = Left(*(int(front[name]) for name in (k.X_PASS, k.X_ROW, k.X_COLUMN)))
        part = self.case.passes[left.number]
        place = left.row * self.case.out_shape[1] + left.column
        sums = self.fabric.tiles.membrane[0, place, : part.outs[1] - part.outs[0]]
        self.under_way[-1] = tuple(sums.tolist())
        return left

    def _sums(self) -> tuple[int, ...]:
        """What left the array a pipeline's length ago."""
        self.under_way.append(())
        return self.under_way.popleft()
