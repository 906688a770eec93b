"""A tile: its stages in one cycle, and the one state that the cycle counts as.

Queues between the stages are judged by their fill at the beginning of the cycle, and what is written in cycle t is
seen in t + 1. docs/timing.md tells the cycle of each stage in words.
"""

from accelsim.jit import kernel
from accelsim.kernels import state as k
from accelsim.kernels.array import array
from accelsim.kernels.detector import detector
from accelsim.kernels.neuron_unit import drain
from accelsim.kernels.outcomes import MOVED, SCANNING, WAITS_FOR_TIME
from accelsim.kernels.schedule import play
from accelsim.kernels.vector import vector


@kernel
def charge(clock, tiles, tile, state, layer, t):
    """From cycle t on the tile is in `state`, working on or waiting for `layer`; close the interval before."""
    scalars = tiles.scalars[tile]
    if scalars[k.S_STATE] == state and scalars[k.S_LAYER] == layer:
        return
    settle(clock, tiles, tile, t)
    scalars[k.S_STATE] = state
    scalars[k.S_LAYER] = layer
    if state != k.IDLE and tiles.span[layer, 0] > t:
        tiles.span[layer, 0] = t


@kernel
def settle(clock, tiles, tile, t):
    """Book the cycles that the tile has been in its present state, up to but not including cycle t."""
    scalars = tiles.scalars[tile]
    start = scalars[k.S_SINCE]
    if start >= t:
        return
    state = scalars[k.S_STATE]
    tiles.cycles[tile, scalars[k.S_LAYER], state] += t - start
    shift = clock.scalars[k.BIN_SHIFT]
    while start < t:
        time_bin = start >> shift
        end = min((time_bin + 1) << shift, t)
        tiles.bins[tile, time_bin, state] += end - start
        start = end
    scalars[k.S_SINCE] = t


@kernel
def tile_cycle(clock, network, tiles, memory, tile, t):
    """One cycle of a tile. Returns whether it has to be looked at in the next cycle."""
    scalars = tiles.scalars[tile]
    result_room = tiles.settings[k.T_RESULTS] - scalars[k.S_RESULTS]
    clock.scalars[k.TILE_CYCLES] += 1
    scheduled = tiles.settings[k.T_SCHEDULED] and not has_vector_pass(tiles, tile)
    wake = k.FOREVER
    if scheduled:
        state, wake, pass_number = play(clock, tiles, memory, tile, result_room, t)
        awake = wake <= t + 1
        moved = state == k.BUSY or state == k.FILL_DRAIN
    else:
        state, awake, moved, pass_number = scan(clock, tiles, memory, tile, result_room, t)
    drained = drain(clock, network, tiles, memory, tile, t)
    charge_pass(clock, tiles, tile, state, pass_number, t)
    if moved or drained == MOVED:
        clock.scalars[k.LAST_MOVE] = t
    awake = awake or drained == MOVED or drained == WAITS_FOR_TIME
    if scheduled and not awake:
        tiles.wake[tile] = wake
    return awake


@kernel
def scan(clock, tiles, memory, tile, result_room, t):
    """One cycle of detector and array, or of a vector pass.

    Returns the tile's state, whether to look at it in the next cycle, whether anything moved, and the pass.
    """
    scalars = tiles.scalars[tile]
    settings = tiles.settings
    fifo_room = settings[k.T_FIFO] - scalars[k.S_FIFO]
    pixel_room = settings[k.T_PIXELS] - scalars[k.S_PIXELS]
    pass_number = scalars[k.S_DETECTOR]
    if scalars[k.S_PIXELS] > 0:
        pass_number = tiles.pixel[tile, scalars[k.S_PIXEL_HEAD], k.X_PASS]
    first_pixel = scalars[k.S_PIXELS] == 0 or tiles.pixel[tile, scalars[k.S_PIXEL_HEAD], k.X_PUSHED] == 0

    state = array(clock, tiles, memory, tile, result_room, t)
    awake = state != SCANNING
    found = detector(clock, tiles, tile, fifo_room, pixel_room, t)
    vector_open = (
        scalars[k.S_OPEN]
        and scalars[k.S_DETECTOR] < scalars[k.S_SUBMITTED]
        and tiles.passes[tile, scalars[k.S_DETECTOR] & k.PASS_MASK, k.W_OP] != k.ARRAY
    )
    if state == SCANNING and vector_open:
        state = vector(clock, tiles, memory, tile, result_room, t)
        awake = state != k.SPIKES_MISSING and state != k.OUTPUT_BLOCKED
    elif state == SCANNING:
        awake = found == MOVED or found == WAITS_FOR_TIME or found == k.BANK_CONFLICT
        if found == MOVED or found == WAITS_FOR_TIME or found == SCANNING:
            state = k.FILL_DRAIN if first_pixel and opening(tiles, tile, pass_number) else k.BUSY
        else:
            state = found
    elif state == k.OUTPUT_BLOCKED:
        awake = found == MOVED
    return state, awake, state == k.BUSY or found == MOVED, pass_number


@kernel
def has_vector_pass(tiles, tile):
    """Whether the pass that is next is the neuron unit's, not the array's."""
    number = tiles.scalars[tile, k.S_DETECTOR]
    submitted = tiles.scalars[tile, k.S_SUBMITTED]
    return number < submitted and tiles.passes[tile, number & k.PASS_MASK, k.W_OP] != k.ARRAY


@kernel
def charge_pass(clock, tiles, tile, state, pass_number, t):
    """Charge the cycle to the layer of a pass; between two passes to the one before, and to none after the last."""
    layer = tiles.cycles.shape[1] - 1
    if state == k.SEQUENCING and (pass_number == 0 or tiles.passes[tile, (pass_number - 1) & k.PASS_MASK, k.W_LAST]):
        state = k.IDLE
    if state == k.SEQUENCING:
        layer = tiles.passes[tile, (pass_number - 1) & k.PASS_MASK, k.W_LAYER]
    elif state != k.IDLE:
        layer = tiles.passes[tile, pass_number & k.PASS_MASK, k.W_LAYER]
    charge(clock, tiles, tile, state, layer, t)


@kernel
def opening(tiles, tile, pass_number):
    """Whether the array still waits for the first word of the first pixel of a pass."""
    scalars = tiles.scalars[tile]
    work = tiles.passes[tile, pass_number & k.PASS_MASK]
    if scalars[k.S_PIXELS] > 0:
        pixel = tiles.pixel[tile, scalars[k.S_PIXEL_HEAD]]
        return pixel[k.X_ROW] == work[k.W_FIRST_ROW] and pixel[k.X_COLUMN] == 0
    return scalars[k.S_ROW] == work[k.W_FIRST_ROW] and scalars[k.S_COLUMN] == 0
