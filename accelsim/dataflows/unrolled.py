"""`unrolled`: loops laid out in hardware, every zero multiplied. FireFly v1 and v2, Eyeriss-like arrays.

`parallel` says how much of each loop is done in one cycle: output channels, input channels, kernel positions, output
pixels of a row and bit planes. What is left of the loops runs in time, and a remainder takes a whole cycle. Cycles do
not depend on the spikes.

**`stationary: weights`** (FireFly v1, Li et al., TVLSI 2023; cycle rules read from its public RTL). A task is a group
of P output channels on the whole map. Loops, outermost first: bit planes, input channels (and groups of kernel
positions where a kernel has more than are parallel), windows of the map; one window a cycle.

- Before the windows of each weight matrix, `weight_reload_cycles` pass while it moves into the array (P + 1 in FireFly
  v1, which has one set of weight registers). Windows wait until the bytes of the matrix have come.
- Before each bit plane `flush_lines` lines of the map pass without a window while the line buffer empties and fills,
  in parallel with the reload. Before the first plane of a layer `first_window_cycles` more pass.
- With N windows, F matrices, O groups of output channels, T planes, W columns and P channels, a layer of FireFly v1
  takes max(P + 1, W + 2) + O T (F N + (F - 1)(P + 1)) + (O T - 1) max(P + 1, W) cycles.
- A window is computed at every pixel of the input map, also with a stride: the hardware knows 3 x 3 kernels at stride
  1 only, so larger kernels (matrix after matrix) and strides (windows dropped) are estimates of what its host would do.
- A layer whose kernel covers its map, such as a fully connected one, spreads its inputs over the kernel positions too:
  F = ceil(inputs / (channels x positions)), inputs padded to a multiple of `linear_multiple`; the words of a window
  come one a cycle, in parallel with the reload.
- With `stream_input` the map is read from memory again for every matrix, a word a window, up to 16 words at once.
- The machine sends spikes plane by plane as the last matrix of each plane passes. Here a word holds all planes of a
  pixel; a T-th of the pixels leaves in each plane, so that as many bytes leave in the same cycles.

**`stationary: outputs`** (FireFly v2, Li et al., 2024; cycle rules read from its public RTL). Loops: rows, tiles of N
pixels, bit planes, then K = kernel positions x input channels left; sums stay in the array and tile follows tile
without a gap. A layer takes O x rows x ceil(columns / N) x ceil(planes / t) x K cycles.

- K is at least `least_tile_cycles`: the sums of N pixels leave one pixel a cycle, and the host pads what is shorter.
- The first tile of a task takes the entries of K as they come from memory, each as soon as it is there.
- A row begins when the rows of the map under it are there, whole strides of them.

**`coalesced` lanes** (an Eyeriss-like array as simulators of its competitors model it, 14 x 12: Prosperity, HPCA 2025).
Pixels, planes and inputs are one joint loop over all lanes: ceil(pixels x planes x inputs / lanes) cycles a group of
output channels. Their simulator rounds down; an operand that is left over takes a cycle here.

A word is `packed`: one operand, or as many as it has shares of `lane_bits`; `bit_serial`: an operand a bit plane;
`time_serial`: an operand a time step. Channels are padded with zeros to multiples of `parallel`, in memory too, but
for coalesced lanes.
Skipping is refused: lanes are wired to their loops, so one whose operand is zero has nothing else to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from accelsim.config import Count, Cycles, Settings, broken
from accelsim.dataflows import task as k
from accelsim.dataflows._unrolled import Machine, coalesced, stationary_outputs, stationary_weights
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words
from accelsim.kernels import steps as p

KERNELS = {"weights": stationary_weights, "outputs": stationary_outputs, "coalesced": coalesced}


class Parallel(Settings):
    """How much of each loop is done in one cycle."""

    output_channels: Count = Field(le=1024, description="output channels at once")
    input_channels: Count = Field(1, le=1024, description="input channels at once")
    kernel: Count = Field(1, le=256, description="kernel positions at once")
    pixels: Count = Field(1, le=256, description="output pixels of a row at once")
    time: Count = Field(1, le=32, description="operands of a word at once: bit planes, or time steps")
    coalesced: Count = Field(
        1, le=1024, description="lanes over all loops but output channels, as one; the others are then 1"
    )


class UnrolledSettings(ScheduledSettings):
    """`pe_array` with `dataflow: unrolled`."""

    dataflow: Literal["unrolled"] = "unrolled"
    skip: Skip = "nothing"
    parallel: Parallel
    stationary: Literal["weights", "outputs"] = Field(
        description="weights: a weight matrix stays while all windows pass; outputs: sums stay until they are complete"
    )
    lane_bits: Count = Field(1, le=16, description="bits of an operand; wider ones are taken in shares")
    native_step_bits: Count = Field(
        1, le=16, description="bits of a time step that the machine is made for; wider ones are named in the report"
    )
    weight_reload_cycles: Cycles = Field(0, le=4096, description="dead cycles before the windows of a weight matrix")
    flush_lines: Cycles = Field(0, le=16, description="lines of the map without a window, before each bit plane")
    first_window_cycles: Cycles = Field(0, le=4096, description="dead cycles before the first window of a layer")
    least_tile_cycles: Count = Field(1, le=4096, description="cycles that a tile of pixels takes at least")
    linear_multiple: Count = Field(
        1, le=4096, description="the inputs of a layer whose kernel covers its map are padded to a multiple of this"
    )
    parameter_bits: Cycles = Field(0, le=256, description="bits of bias, threshold and the like an output channel")
    stream_input: bool = Field(False, description="whether the map is read from memory again for each weight matrix")

    @property
    def pe_shape(self) -> tuple[int, int]:
        each = self.parallel
        return each.input_channels * each.kernel * each.pixels * each.time * each.coalesced, each.output_channels

    @property
    def operand_bits(self) -> int:
        return self.lane_bits

    @property
    def line_bits(self) -> int:
        each = self.parallel
        return each.input_channels * each.pixels * each.time * each.coalesced * self.lane_bits

    @model_validator(mode="after")
    def _check(self) -> UnrolledSettings:
        each = self.parallel
        if each.coalesced > 1:
            others = {"input_channels": each.input_channels, "kernel": each.kernel, "pixels": each.pixels}
            for name, value in (others | {"time": each.time}).items():
                if value > 1:
                    raise broken(f"parallel.{name}", "coalesced lanes take all loops as one", value, "1")
            if self.stationary != "outputs":
                raise broken("stationary", "coalesced lanes end pixel after pixel", self.stationary, "outputs")
        if self.stationary == "outputs":
            for key in ("weight_reload_cycles", "flush_lines", "stream_input"):
                if getattr(self, key):
                    raise broken(key, "belongs to arrays whose weights stay", getattr(self, key), "0 or false")
        elif self.least_tile_cycles > 1:
            raise broken("least_tile_cycles", "belongs to arrays whose sums stay", self.least_tile_cycles, "1")
        return self


class Unrolled(Dataflow):
    """Spatially unrolled loops."""

    settings_class = UnrolledSettings
    compared_with = "FireFly v1 and v2: rules read from their public RTL, and layers worked out from them"
    modes: ClassVar[dict[tuple[SpikeMode, Skip], str]] = {
        (mode, skip): "" if skip == "nothing" else "its lanes are wired to loops and cannot pass over an operand"
        for mode in ("packed", "bit_serial", "time_serial")
        for skip in ("nothing", "silent_words", "zero_bits")
    }

    def outputs(self, settings: UnrolledSettings) -> int:
        return settings.parallel.output_channels

    def whole_map(self, settings: UnrolledSettings) -> bool:
        return settings.stationary == "weights"

    def streams(self, settings: UnrolledSettings) -> bool:
        return settings.stream_input

    def parameter_bytes(self, settings: UnrolledSettings, layer_outs: int, first_out: int, outs: int) -> int:
        if first_out > 0:
            return 0
        padded = _ceil(layer_outs, settings.parallel.output_channels) * settings.parallel.output_channels
        return _ceil(padded * settings.parameter_bits, 8)

    def padding_bytes(self, settings: UnrolledSettings, task: Task) -> int:
        if settings.parallel.coalesced > 1:
            return 0
        entries = _ceil(task.outs, settings.parallel.output_channels) * weight_entries(settings, task)
        return entries * entry_bytes(settings, task) - _ceil(task.inputs * task.reach * task.weight_bits, 8)

    def refuses(self, settings: UnrolledSettings, task: Task) -> str:
        if task.step_bits <= settings.native_step_bits:
            return ""
        return f"time steps of {task.step_bits} bits, where it is made for {settings.native_step_bits}"

    def approximates(self, settings: UnrolledSettings, task: Task) -> str:
        reasons = []
        if settings.stationary == "weights" and not _is_linear(task):
            if task.kernel_rows * task.kernel_columns > settings.parallel.kernel:
                reasons.append(
                    f"{task.kernel_rows} x {task.kernel_columns} kernels, where it holds {settings.parallel.kernel} "
                    "positions"
                )
            if (task.stride_rows, task.stride_columns) != (1, 1):
                reasons.append(
                    f"stride {task.stride_rows} x {task.stride_columns}, where it computes every window of the map"
                )
        return "; ".join(reasons)

    def schedule(self, settings: UnrolledSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        return Schedule(*KERNELS[_order(settings)](task, machine_of(settings, task)))

    def twin(self, settings: UnrolledSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        return _twin(settings, task)

    def estimate(self, settings: UnrolledSettings, task: Task, word_density: float, bit_density: float) -> float:
        return float(cycles_of(settings, task))


DATAFLOW = Unrolled()


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


def _is_linear(task: Task) -> bool:
    """Whether the kernel covers the map, so that all inputs of the layer are one window."""
    return task.pixels == 1 and task.padding_rows + task.padding_columns == 0


def _order(settings: UnrolledSettings) -> str:
    return "coalesced" if settings.parallel.coalesced > 1 else settings.stationary


def operands_of(settings: UnrolledSettings, task: Task) -> int:
    """Operands of a word."""
    operands = {
        "packed": _ceil(task.planes, settings.lane_bits),
        "bit_serial": task.planes,
        "time_serial": task.timesteps * _ceil(task.step_bits, settings.lane_bits),
    }
    return operands[settings.spike_mode]


def passes_of(settings: UnrolledSettings, task: Task) -> int:
    """How often the operands of a layer's words are gone through."""
    return _ceil(operands_of(settings, task), settings.parallel.time)


def weight_entries(settings: UnrolledSettings, task: Task) -> int:
    """Weight matrices, or entries of K, that a group of output channels needs."""
    each = settings.parallel
    taps, read = task.kernel_rows * task.kernel_columns, task.last_channel - task.first_channel
    if settings.stationary == "weights" and _is_linear(task):
        inputs = _ceil(taps * read, settings.linear_multiple) * settings.linear_multiple
        return _ceil(inputs, each.kernel * each.input_channels)
    return max(_ceil(taps, each.kernel) * _ceil(read, each.input_channels), settings.least_tile_cycles)


def entry_bytes(settings: UnrolledSettings, task: Task) -> int:
    """Bytes of one of them."""
    each = settings.parallel
    return _ceil(each.output_channels * each.input_channels * each.kernel * task.weight_bits, 8)


def machine_of(settings: UnrolledSettings, task: Task) -> Machine:
    each = settings.parallel
    return Machine(
        outs=each.output_channels,
        ins=each.input_channels,
        taps=each.kernel,
        pixels=each.pixels,
        lanes=each.coalesced,
        time=each.time,
        operands=operands_of(settings, task),
        passes=passes_of(settings, task),
        reload=settings.weight_reload_cycles,
        flush_lines=settings.flush_lines,
        first=settings.first_window_cycles,
        least=settings.least_tile_cycles,
        linear=settings.linear_multiple,
        streamed_bits=each.time * settings.lane_bits if settings.stream_input else 0,
        entry_bytes=entry_bytes(settings, task),
        parameters=DATAFLOW.parameter_bytes(settings, task.layer_outs, task.first_out, task.outs),
    )


def cycles_of(settings: UnrolledSettings, task: Task) -> int:
    """Closed form of the cycles of a task, with all that it needs at hand."""
    each = settings.parallel
    groups, passes = _ceil(task.outs, each.output_channels), passes_of(settings, task)
    first = settings.first_window_cycles if task.first_out == 0 else 0
    if each.coalesced > 1:
        return first + groups * _ceil(task.pixels * passes * task.inputs, each.coalesced)
    entries = weight_entries(settings, task)
    if settings.stationary == "outputs":
        rows = task.last_row - task.first_row
        return first + groups * rows * _ceil(task.out_columns, each.pixels) * passes * entries
    if _is_linear(task):
        return groups * passes * entries * (max(settings.weight_reload_cycles, each.kernel - 1) + 1)
    reload, columns = settings.weight_reload_cycles, window_columns(task)
    windows = window_rows(task) * _ceil(columns, each.pixels)
    line = settings.flush_lines * columns
    begin = max(reload, line + settings.first_window_cycles) - max(reload, line) if task.first_out == 0 else 0
    return begin + groups * passes * (entries * windows + (entries - 1) * reload + max(reload, line))


def window_rows(task: Task) -> int:
    """Rows of windows that a line buffer goes through: at every row of the input map, and of the output at least."""
    return max(task.height, (task.last_row - 1) * task.stride_rows + 1)


def window_columns(task: Task) -> int:
    return max(task.width, (task.out_columns - 1) * task.stride_columns + 1)


Repetition = tuple[int, int, int, int, int, int]
"""Cycles, pixels, kind, row, weights and stream of one repetition of a step."""


def _twin(settings: UnrolledSettings, task: Task) -> Schedule:
    """The schedule from the rules, beat after beat."""
    counts = np.zeros(k.COUNTS, np.int64)
    walk = {"weights": _walk_weights, "outputs": _walk_outputs, "coalesced": _walk_coalesced}[_order(settings)]
    rows = [
        [cycles, len(list(same)), pixels, kind, row, weights, stream]
        for (cycles, pixels, kind, row, weights, stream), same in groupby(walk(settings, task, counts))
    ]
    return Schedule(np.array(rows, np.int64), counts)


def _blocks(size: int, width: int) -> list[range]:
    return [range(first, min(first + width, size)) for first in range(0, size, width)]


def _walk_weights(settings: UnrolledSettings, task: Task, counts: np.ndarray) -> Iterator[Repetition]:
    each, alone = settings.parallel, _is_linear(task)
    read = task.last_channel - task.first_channel
    if alone:
        sizes = [len(block) for block in _blocks(task.inputs, each.kernel * each.input_channels)]
        padded = _ceil(task.inputs, settings.linear_multiple) * settings.linear_multiple
        sizes += [0] * (_ceil(padded, each.kernel * each.input_channels) - len(sizes))
        rows, columns = 1, 1
    else:
        sizes = [
            len(taps) * len(channels)
            for taps in _blocks(task.kernel_rows * task.kernel_columns, each.kernel)
            for channels in _blocks(read, each.input_channels)
        ]
        rows, columns = window_rows(task), window_columns(task)
    beats = [len(block) for _ in range(rows) for block in _blocks(columns, each.pixels)]
    words_of_a_beat = each.input_channels * (each.kernel if alone else each.pixels)
    stream = _ceil(words_of_a_beat * each.time * settings.lane_bits, 8) if settings.stream_input else 0
    passes = passes_of(settings, task)
    # The pixels are finished in bundles of as many as are computed at once, evenly, the last one with the last beat.
    bundles = [len(block) for block in _blocks(task.pixels, each.pixels)]
    apart = passes * len(beats) // len(bundles)
    finished = {passes * len(beats) - 1 - apart * back: size for back, size in enumerate(reversed(bundles))}
    first_boundary = min(finished) % apart
    needed = DATAFLOW.parameter_bytes(settings, task.layer_outs, task.first_out, task.outs)
    blocks = _blocks(task.outs, each.output_channels)
    for block in blocks:
        for turn, lanes in enumerate(_blocks(operands_of(settings, task), each.time)):
            for matrix, size in enumerate(sizes):
                dead = settings.weight_reload_cycles
                if alone:
                    dead = max(dead, each.kernel - 1)
                elif matrix == 0:
                    line = settings.flush_lines * columns
                    very_first = task.first_out == 0 and block.start == 0 and turn == 0
                    dead = max(dead, line + (settings.first_window_cycles if very_first else 0))
                if dead:
                    yield dead, 0, p.FILL_DRAIN, -1, 0, 0
                there = needed + (blocks.index(block) * len(sizes) + matrix + 1) * entry_bytes(settings, task)
                row = -1 if settings.stream_input else task.height - 1
                counts[k.WEIGHT_READS] += size * len(block)
                counts[[k.WORDS, k.LINES]] += len(beats)
                counts[k.LINE_WORDS] += len(beats) * each.input_channels * each.pixels
                for pixels in beats:
                    sums = pixels * len(block) * len(lanes)
                    counts[k.MACS] += size * sums
                    counts[[k.SUMS, k.ACCUMULATOR_WRITES]] += sums
                    counts[k.ACCUMULATOR_READS] += sums if (turn, matrix) != (0, 0) else 0
                if block != blocks[-1] or matrix < len(sizes) - 1:
                    gap = settings.weight_reload_cycles
                    fitting = [
                        size
                        for size in (1, 2, 4, 8, 16)
                        if len(beats) % size == 0 and size <= max(1, gap, each.kernel - 1 if alone else 0)
                    ]
                    burst = max(fitting) if stream else len(beats)
                    yield from [(burst, 0, p.BUSY, row, there, burst * stream)] * (len(beats) // burst)
                    continue
                places = range(turn * len(beats), (turn + 1) * len(beats))
                ends = [place for place in places if place % apart == first_boundary or place == places[-1]]
                lengths = np.diff([places[0] - 1, *ends]).tolist()
                for length, end, asked in zip(lengths, ends, _asked_ahead(lengths, apart), strict=True):
                    yield length, finished.get(end, 0), p.BUSY, row, there, asked * stream


def _asked_ahead(lengths: Sequence[int], apart: int) -> list[int]:
    """Windows whose spikes are asked for with each repetition: what a short first one leaves for the second to wait."""
    asked = list(lengths)
    if len(asked) > 1 and lengths[0] < apart:
        ahead = min(apart, sum(lengths)) - lengths[0]
        asked[0] += ahead
        asked[1] -= ahead
    return asked


def _walk_outputs(settings: UnrolledSettings, task: Task, counts: np.ndarray) -> Iterator[Repetition]:
    each = settings.parallel
    taps, read = task.kernel_rows * task.kernel_columns, task.last_channel - task.first_channel
    entries = [
        len(some) * len(others) for some in _blocks(taps, each.kernel) for others in _blocks(read, each.input_channels)
    ]
    entries += [0] * (settings.least_tile_cycles - len(entries))
    passes = passes_of(settings, task)
    loaded = DATAFLOW.parameter_bytes(settings, task.layer_outs, task.first_out, task.outs)
    if task.first_out == 0 and settings.first_window_cycles:
        yield settings.first_window_cycles, 0, p.FILL_DRAIN, -1, 0, 0
    blocks = _blocks(task.outs, each.output_channels)
    for block in blocks:
        first = True
        for out_row in range(task.first_row, task.last_row):
            bottom = out_row * task.stride_rows - task.padding_rows
            bottom += (task.kernel_rows - 1) * task.dilation_rows
            needed = min(min(max(bottom, 0), task.height - 1) + task.stride_rows - 1, task.height - 1)
            for tile in _blocks(task.out_columns, each.pixels):
                finished = len(tile) if block == blocks[-1] else 0
                beats = 0
                for turn, lanes in enumerate(_blocks(operands_of(settings, task), each.time)):
                    for index, size in enumerate(entries):
                        counts[k.MACS] += size * len(tile) * len(block) * len(lanes)
                        counts[k.SUMS] += len(tile) * len(block) * len(lanes)
                        counts[[k.WORDS, k.LINES]] += 1
                        counts[k.LINE_WORDS] += each.input_channels * each.pixels
                        counts[k.WEIGHT_READS] += size * len(block)
                        if first and turn == 0:
                            loaded += entry_bytes(settings, task)
                            last = passes == 1 and index == len(entries) - 1
                            yield 1, finished if last else 0, p.BUSY, needed, loaded, 0
                        else:
                            beats += 1
                if beats:
                    yield beats, finished, p.BUSY, needed, loaded, 0
                first = False


def _walk_coalesced(settings: UnrolledSettings, task: Task, counts: np.ndarray) -> Iterator[Repetition]:
    lanes = settings.parallel.coalesced
    if task.first_out == 0 and settings.first_window_cycles:
        yield settings.first_window_cycles, 0, p.FILL_DRAIN, -1, 0, 0
    blocks = _blocks(task.outs, settings.parallel.output_channels)
    for block in blocks:
        cycles = free = 0
        for out_row in range(task.first_row, task.last_row):
            before = cycles
            for _ in range(task.out_columns * passes_of(settings, task)):
                for _ in range(task.inputs):
                    if free == 0:
                        cycles += 1
                        free = lanes
                    free -= 1
            operands = task.out_columns * passes_of(settings, task) * task.inputs
            counts[[k.WORDS, k.LINE_WORDS]] += operands
            counts[[k.MACS, k.SUMS]] += operands * len(block)
            counts[k.WEIGHT_READS] += task.inputs * len(block)
            finished = task.out_columns if block == blocks[-1] else 0
            bottom = out_row * task.stride_rows - task.padding_rows
            bottom += (task.kernel_rows - 1) * task.dilation_rows
            if cycles > before or finished:
                yield cycles - before, finished, p.BUSY, min(max(bottom, 0), task.height - 1), -1, 0
        counts[k.LINES] += cycles
