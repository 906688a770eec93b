"""Rows of spikes that begin with what another row has summed already: product sparsity.

This is Prosperity (Wei et al.: Prosperity, HPCA 2025), by the rules of its public simulator
(github.com/dubcyfor3/Prosperity), corrected where that takes a shortcut.

- The unrolled input has a row for each pixel and bit plane, the planes of a pixel together, and a column for each
  channel, kernel row and kernel column, the channel slowest. It is cut into tiles of `tile_rows` x `tile_columns`;
  those at the edges keep their true size (`test_product_sparsity.edge_tiles_keep_their_size`).
- Within a tile, row i may begin with the sum of any row j whose ones are a subset of its own; if the rows are equal, j
  comes before i. It takes the one with the most ones, and then a cycle for each of the ones that remain. A copy takes 1
  cycle, a row without ones none, and a row with a single 1 is never searched for: it takes 1 cycle
  (`test_product_sparsity.worked_example`, `test_product_sparsity.a_subset_may_come_later_but_not_an_equal_row`).
- The search looks at one row with two ones or more a cycle, and counts the ones of `popcount_units` rows a cycle: a
  tile of r rows takes (rows with two ones or more) + ceil(r / popcount_units) cycles. It is done while the array works
  on the tile before, so that a tile takes the larger of its own sums and the next tile's search; only the first
  search of a layer is seen (`test_product_sparsity.the_search_is_done_while_the_tile_before_is_summed`).
- Each `columns` output channels are a task, for which all of this is done again
  (`test_product_sparsity.a_group_of_channels_begins_with_its_search_done`).
- Pixels leave when the last tile of their rows is summed (`test_product_sparsity.pixels_leave_with_their_last_tile`).
- Spikes are read from memory, tile after tile, the windows unrolled on the chip: 1 / (kernel rows x kernel columns)
  of a tile's bits. They are read once a layer where all of its unrolled bits fit `spike_tile_bytes`, or a row of tiles
  is one tile; else once a task (`test_product_sparsity.spikes_are_read_again_for_each_task`).
- Weights are read with the task, and again for each row of tiles after the first unless all of the layer's fit
  `weight_tile_bytes` (`test_product_sparsity.weights_are_read_again_for_each_row_of_tiles`).

Architecture: rows, tiles, prefixes, cycles of rows, units of the search, buffers of one tile. Corrected: the simulator
compares the sums and the searches of a layer as a whole, and drops the last, partial group of rows that are counted.
Estimate: output channels are outermost here and rows of tiles there, which changes what a search overlaps with, but no
sum; each row that is issued writes its sums to the accumulator buffer, and reads its prefix's and, after the first
column of tiles, its own. Words of several bits in one time step are taken plane by plane.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accelsim.config import Bytes, Count
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import drawn_words, inside_share, no_spikes, plane_modes
from accelsim.dataflows._windows import unrolled
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words, empty_schedule
from accelsim.jit import kernel, popcount, trailing_zeros

# What is found out about a tile.
COST, SEARCHED, ADDITIONS, ISSUED, REUSED, TILE_COLUMNS = range(6)

TILES_DRAWN = 32
"""For an estimate."""


class ProductSparsitySettings(ScheduledSettings):
    """`pe_array` of `dataflow: product_sparsity`."""

    dataflow: Literal["product_sparsity"]
    spike_mode: SpikeMode = "bit_serial"
    skip: Skip = "zero_bits"
    columns: Count = Field(128, le=65536, description="adders: output channels to which a spike is added at once")
    tile_rows: Count = Field(256, le=65536, description="rows (pixels x bit planes) among which prefixes are searched")
    tile_columns: Count = Field(16, le=16, description="inputs (of the unrolled windows) of a tile")
    popcount_units: Count = Field(8, le=65536, description="rows of a tile whose ones are counted a cycle")
    spike_tile_bytes: Bytes = Field(512, description="spikes that are on the chip at once: a tile")
    weight_tile_bytes: Bytes = Field(2048, description="weights that are on the chip at once: those of a tile")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return 1, self.columns

    @property
    def line_bits(self) -> int:
        return self.tile_columns


@kernel
def tile_work(words: Words, task: Task, tile_rows: int, tile_columns: int) -> Any:
    """Int64 [row tiles, column tiles, TILE_COLUMNS] of the unrolled input."""
    planes = task.planes
    taps = task.kernel_rows * task.kernel_columns
    rows = (task.last_row - task.first_row) * task.out_columns * planes
    inputs = (task.last_channel - task.first_channel) * taps
    row_tiles = (rows + tile_rows - 1) // tile_rows
    column_tiles = (inputs + tile_columns - 1) // tile_columns
    work = np.zeros((row_tiles, column_tiles, TILE_COLUMNS), np.int64)
    patterns = np.zeros(tile_rows, np.int64)
    # Unlike rows of at least one 1 in the order of their ones; the first with n ones stands at starts[n].
    unlike = np.zeros(tile_rows, np.int64)
    starts = np.zeros(tile_columns + 2, np.int64)
    seen = np.zeros(1 << tile_columns, np.bool_)
    for row_tile in range(row_tiles):
        first = row_tile * tile_rows
        count = min(rows - first, tile_rows)
        for column_tile in range(column_tiles):
            begin = column_tile * tile_columns
            gather(words, task, first, count, begin, min(inputs - begin, tile_columns), patterns)
            found = work[row_tile, column_tile]
            starts[:] = 0
            for i in range(count):
                pattern = patterns[i]
                ones = popcount(pattern)
                found[ISSUED] += ones > 0
                found[SEARCHED] += ones > 1
                if ones > 0:
                    if ones > 1 and seen[pattern]:
                        found[COST] += 1
                        found[REUSED] += 1
                    elif ones == 1:
                        found[COST] += 1
                        found[ADDITIONS] += 1
                    if not seen[pattern]:
                        seen[pattern] = True
                        starts[ones + 1] += 1
            for ones in range(1, tile_columns + 2):
                starts[ones] += starts[ones - 1]
            for i in range(count):
                pattern = patterns[i]
                if seen[pattern]:
                    seen[pattern] = False
                    ones = popcount(pattern)
                    unlike[starts[ones]] = pattern
                    starts[ones] += 1
            # Each start has moved to the end of its rows, which is the start of the next.
            for i in range(starts[1], starts[tile_columns]):
                pattern = unlike[i]
                ones = popcount(pattern)
                other = ~pattern
                best = 0
                for j in range(starts[ones - 1] - 1, -1, -1):
                    if unlike[j] & other == 0:
                        best = popcount(unlike[j])
                        break
                found[COST] += ones - best
                found[ADDITIONS] += ones - best
                found[REUSED] += best > 0
    return work


@kernel
def gather(
    words: Words, task: Task, first: int, count: int, begin: int, width: int, patterns: NDArray[np.int64]
) -> Any:
    """Write the rows of a tile, bit c being input `begin` + c, to `patterns`, int64 [at least count]."""
    planes = task.planes
    taps = task.kernel_rows * task.kernel_columns
    patterns[:count] = 0
    first_pixel = first // planes
    for place in range(width):
        channel = task.first_channel + (begin + place) // taps
        tap = (begin + place) % taps
        row_offset = tap // task.kernel_columns * task.dilation_rows - task.padding_rows
        column_offset = tap % task.kernel_columns * task.dilation_columns - task.padding_columns
        out_row = task.first_row + first_pixel // task.out_columns
        out_column = first_pixel % task.out_columns
        for start in range(first_pixel * planes - first, count, planes):
            row = out_row * task.stride_rows + row_offset
            column = out_column * task.stride_columns + column_offset
            if 0 <= row < task.height and 0 <= column < task.width:
                word = words[row, column, channel]
                while word != 0:
                    i = start + planes - 1 - trailing_zeros(word)
                    if 0 <= i < count:
                        patterns[i] |= 1 << place
                    word &= word - 1
            out_column += 1
            if out_column == task.out_columns:
                out_column = 0
                out_row += 1


class ProductSparsity(Dataflow):
    """Search and sums of tiles in turn; no closed form."""

    settings_class = ProductSparsitySettings
    compared_with = (
        "the public simulator of Prosperity: its sums tile by tile; waits for a search differ, as "
        "docs/accelerators.md tells"
    )
    modes = plane_modes(
        nothing="the search issues ones alone; bit_sparsity takes zeros too",
        silent_words="a row holds one bit of a word: the search issues ones alone",
    )

    def whole_map(self, settings: Any) -> bool:
        return True

    def streams(self, settings: Any) -> bool:
        return True

    def refuses(self, settings: Any, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: ProductSparsitySettings, task: Task, words: Words, mask: Mask) -> Schedule:
        return _schedule(settings, task, tile_work(words, task, settings.tile_rows, settings.tile_columns))

    def twin(self, settings: ProductSparsitySettings, task: Task, words: Words, mask: Mask) -> Schedule:
        windows = unrolled(task, words).transpose(0, 3, 1, 2).reshape(task.pixels, -1)
        rows = [
            [word >> plane & 1 for word in window]
            for window in windows.tolist()
            for plane in reversed(range(task.planes))
        ]
        height, width = settings.tile_rows, settings.tile_columns
        work = [
            [
                _slow_tile([row[left : left + width] for row in rows[top : top + height]])
                for left in range(0, task.inputs, width)
            ]
            for top in range(0, len(rows), height)
        ]
        return _schedule(settings, task, np.array(work))

    def estimate(self, settings: ProductSparsitySettings, task: Task, word_density: float, bit_density: float) -> float:
        """By tiles of words drawn with these densities; real ones, where neighbours are alike, take fewer cycles."""
        share = inside_share(task)
        densities = round(word_density * share, 3), round(bit_density * share, 3)
        cycles = 0.0
        for rows, many_rows in _tiles(task.pixels * task.planes, settings.tile_rows):
            for columns, many_columns in _tiles(task.inputs, settings.tile_columns):
                tile = _expected_tile(rows, columns, task.planes, settings.popcount_units, *densities)
                cycles += many_rows * many_columns * tile
        return cycles


def _schedule(settings: ProductSparsitySettings, task: Task, work: NDArray[np.int64]) -> Schedule:
    """The steps of a task's tiles, one a step, after the layer's first search."""
    row_tiles, column_tiles, _ = work.shape
    rows = np.minimum(settings.tile_rows, task.pixels * task.planes - settings.tile_rows * np.arange(row_tiles))
    search = (work[..., SEARCHED] + -(-rows // settings.popcount_units)[:, None]).reshape(-1)
    begins, goes_on = task.first_out == 0, task.first_out + task.outs < task.layer_outs
    weights = _weight_bytes(settings, task, row_tiles, column_tiles)
    spikes = _spike_bytes(settings, task, rows, column_tiles, again=not begins)
    # While a tile is summed the next one is searched, and so has to be there; after the last the next task's first.
    next_search = np.append(search[1:], search[0] if goes_on else 0)
    next_spikes = _spike_bytes(settings, task, rows, column_tiles, again=True)[0] if goes_on else 0
    schedule = empty_schedule(search.size + begins)
    if begins:
        schedule.steps[0, [k.CYCLES, k.KIND, k.STREAM]] = search[0], k.FILL_DRAIN, spikes[0]
    tiles = schedule.steps[int(begins) :]
    tiles[:, k.CYCLES] = np.maximum(work[..., COST].reshape(-1), next_search)
    tiles[:, k.STREAM] = np.append(spikes[1:], next_spikes) + weights
    finished = np.minimum(task.pixels, (settings.tile_rows * np.arange(1, row_tiles + 1)) // task.planes)
    tiles[column_tiles - 1 :: column_tiles, k.PIXELS] = np.diff(finished, prepend=0)
    additions, issued, reused = (int(work[..., column].sum()) for column in (ADDITIONS, ISSUED, REUSED))
    counts = schedule.counts
    counts[k.WORDS] = work[..., COST].sum()
    counts[[k.MACS, k.SUMS, k.WEIGHT_READS]] = additions * task.reach
    counts[[k.LINES, k.LINE_WORDS]] = int(rows.sum()) * column_tiles, task.pixels * task.inputs
    counts[k.ACCUMULATOR_WRITES] = issued * task.outs
    counts[k.ACCUMULATOR_READS] = (reused + int(work[:, 1:, ISSUED].sum())) * task.outs
    return schedule


def _spike_bytes(
    settings: ProductSparsitySettings, task: Task, rows: NDArray[np.int64], column_tiles: int, again: bool
) -> NDArray[np.int64]:
    """Spikes to be read for each tile, int64 [tiles]; fractions of a byte go to the tile that completes it.

    `again`: for a task after the first of the layer.
    """
    unrolled_bits = task.pixels * task.planes * task.inputs
    if again and (column_tiles == 1 or unrolled_bits <= 8 * settings.spike_tile_bytes):
        return np.zeros(rows.size * column_tiles, np.int64)
    ends = np.minimum(settings.tile_columns * np.arange(column_tiles + 1), task.inputs)
    taps = task.kernel_rows * task.kernel_columns
    return np.diff(-(-rows[:, None] * ends // (8 * taps)), axis=1).reshape(-1)


def _weight_bytes(
    settings: ProductSparsitySettings, task: Task, row_tiles: int, column_tiles: int
) -> NDArray[np.int64]:
    """Weights to be read again for each tile, int64 [tiles]."""
    weights = np.zeros((row_tiles, column_tiles), np.int64)
    if task.inputs * task.layer_outs * task.weight_bits > 8 * settings.weight_tile_bytes:
        ends = np.minimum(settings.tile_columns * np.arange(column_tiles + 1), task.inputs)
        weights[1:] = np.diff(-(-ends * task.outs * task.weight_bits // 8))
    return weights.reshape(-1)


def _slow_tile(rows: list[list[int]]) -> list[int]:
    """What the kernel finds out about a tile, every row against every other."""
    found = [0] * TILE_COLUMNS
    sets = [{place for place, bit in enumerate(row) if bit} for row in rows]
    for i, own in enumerate(sets):
        prefixes: list[set[int]] = []
        if len(own) > 1:
            prefixes = [one for j, one in enumerate(sets) if j != i and one and (one < own or (one == own and j < i))]
        remaining = len(own) - max(map(len, prefixes), default=0)
        found[COST] += max(1, remaining) if own else 0
        found[SEARCHED] += len(own) > 1
        found[ADDITIONS] += remaining
        found[ISSUED] += bool(own)
        found[REUSED] += bool(prefixes)
    return found


def _tiles(size: int, tile: int) -> list[tuple[int, int]]:
    """(size, how many) of the full tiles and of the one at the edge."""
    return [(edge, many) for edge, many in ((tile, size // tile), (size % tile, 1)) if edge and many]


@functools.lru_cache(1024)
def _expected_tile(
    rows: int, columns: int, planes: int, popcount_units: int, word_density: float, bit_density: float
) -> float:
    """Expected cycles of a tile: its sums, or the search for one like it."""
    pixels = -(-rows // planes)
    words = drawn_words(pixels * columns * TILES_DRAWN, planes, word_density, bit_density)
    words = words.reshape(1, pixels, columns * TILES_DRAWN)
    drawn = Task(
        *words.shape, 1, 1, 1, 1, 0, 0, 1, 1, 0, columns * TILES_DRAWN, 0, 1, pixels, 0, 1, 1, 1, planes, 1, 8
    )  # fmt: skip
    work = tile_work(words, drawn, rows, columns)[0]
    search = work[:, SEARCHED] + -(-rows // popcount_units)
    return float(np.maximum(work[:, COST], np.roll(search, 1)).mean())


DATAFLOW = ProductSparsity()
