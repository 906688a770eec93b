"""A PE array whose work is a schedule: the steps of its dataflow, played cycle by cycle.

A step is repeated; each repetition begins in the cycle after the one before ended, but not before its weights, its rows
of the input map and the spikes that are streamed for it are there. At its end its pixels go to the neuron unit; while
there is no room the array waits. `accelsim.kernels.steps` has the columns of a step.
"""

from accelsim.jit import kernel
from accelsim.kernels import state as k
from accelsim.kernels import steps as p
from accelsim.kernels.array import book_pixels, fire
from accelsim.kernels.delivery import count_down
from accelsim.kernels.neuron_unit import push_result


@kernel
def ask_stream(clock, tiles, memory, tile, size, t):
    """Let the spikes of a repetition come from memory from cycle t on: over its spike port, or its one pipe.

    What a layer streams is one run of requests that are known ahead: they follow each other without the latency of
    memory, which counts from the layer's beginning on, S_STREAM_BEGUN.
    """
    scalars = tiles.scalars[tile]
    scalars[k.S_STREAM_ASKED] = 1
    scalars[k.S_STREAMED] = t
    if size == 0:
        return
    ports = memory.settings[k.M_KIND] == k.PORTS
    channel = k.SPIKE_PORT if ports else 0
    state = memory.channel[channel]
    rate = state[k.C_RATE]
    duration = size * state[k.C_COST]
    state[k.C_BUSY] += duration
    memory.read_bins[channel, t >> clock.scalars[k.BIN_SHIFT]] += size
    first = (scalars[k.S_STREAM_BEGUN] + memory.settings[k.M_LATENCY]) * rate
    if ports:
        # Nothing else crosses the port meanwhile: a layer either streams its words or keeps them.
        scalars[k.S_PORT] = max(max(scalars[k.S_PORT], t * rate), first) + duration
        ends = scalars[k.S_PORT]
    else:
        state[k.C_FREE] = max(state[k.C_FREE], t * rate) + duration
        ends = max(state[k.C_FREE], first + duration)
    scalars[k.S_STREAMED] = (ends + rate - 1) // rate


@kernel
def ask_next_stream(clock, tiles, memory, tile, work, step, t):
    """As a repetition begins, the spikes of the next one are asked for: of this pass, or of the layer's next."""
    scalars = tiles.scalars[tile]
    scalars[k.S_STREAM_ASKED] = 0
    if scalars[k.S_TURN] + 1 < step[p.REPEAT]:
        ask_stream(clock, tiles, memory, tile, step[p.STREAM], t)
    elif scalars[k.S_STEP] + 1 < work[k.W_STEPS] + work[k.W_STEP_COUNT]:
        ask_stream(clock, tiles, memory, tile, tiles.steps[scalars[k.S_STEP] + 1, p.STREAM], t)
    elif scalars[k.S_DETECTOR] + 1 < scalars[k.S_SUBMITTED]:
        following = tiles.passes[tile, (scalars[k.S_DETECTOR] + 1) & k.PASS_MASK]
        if following[k.W_LAYER] == work[k.W_LAYER]:
            ask_stream(clock, tiles, memory, tile, tiles.steps[following[k.W_STEPS], p.STREAM], t)


@kernel
def missing(clock, tiles, tile, work, step, t):
    """What the next repetition waits for, or BUSY when nothing is missing."""
    scalars = tiles.scalars[tile]
    group = work[k.W_WEIGHTS_GROUP]
    if group >= 0:
        needed = step[p.WEIGHTS]
        spare = 0 if needed < 0 else max(0, work[k.W_WEIGHT_BYTES] - needed)
        if clock.left[group] > spare:
            return k.WEIGHTS_MISSING
    group = -1 if tiles.settings[k.T_STREAMS] else work[k.W_ROW_GROUP]
    while group >= 0 and scalars[k.S_ROW] < min(step[p.ROW] + 1, work[k.W_ROW_END]):
        if clock.left[group + scalars[k.S_ROW] - work[k.W_ROW_ORIGIN]] != 0:
            return k.SPIKES_MISSING
        scalars[k.S_ROW] += 1
    if scalars[k.S_STREAMED] > t:
        return k.SPIKES_MISSING
    return k.BUSY


@kernel
def sum_pixel(tiles, tile, work, row, column):
    """The sums of a pixel, of all words under its window: what the array has added up, whatever its order."""
    outs = work[k.W_OUTS]
    reach = work[k.W_REACH]
    accumulator = tiles.accumulator[tile]
    for tap in range(work[k.W_KERNEL_ROWS] * work[k.W_KERNEL_COLUMNS]):
        y = row * work[k.W_STRIDE_ROWS] - work[k.W_PADDING_ROWS]
        y += tap // work[k.W_KERNEL_COLUMNS] * work[k.W_DILATION_ROWS]
        x = column * work[k.W_STRIDE_COLUMNS] - work[k.W_PADDING_COLUMNS]
        x += tap % work[k.W_KERNEL_COLUMNS] * work[k.W_DILATION_COLUMNS]
        if not (0 <= y < work[k.W_HEIGHT] and 0 <= x < work[k.W_WIDTH]):
            continue
        for channel in range(work[k.W_FIRST_CHANNEL], work[k.W_LAST_CHANNEL]):
            value = tiles.words[work[k.W_WORDS] + (y * work[k.W_WIDTH] + x) * work[k.W_CHANNELS] + channel]
            if value == 0:
                continue
            first = 0
            if reach < outs:
                first = (channel - work[k.W_FIRST_CHANNEL]) // work[k.W_GROUP_CHANNELS] * reach
            weight = work[k.W_WEIGHT_OFFSET] + (tap * work[k.W_CHANNELS] + channel) * work[k.W_WEIGHT_STRIDE]
            for j in range(reach):
                factor = tiles.words[weight + j] if work[k.W_SECOND_OPERAND] else tiles.weights[weight + j]
                accumulator[first + j] += value * factor


@kernel
def hand_over(tiles, tile, work, count, t):
    """The sums of the next pixels of the pass leave the array."""
    scalars = tiles.scalars[tile]
    pixel = scalars[k.S_PIXEL]
    columns = work[k.W_OUT_COLUMNS]
    row = work[k.W_FIRST_ROW] + pixel // columns
    ready = t + 1 + tiles.settings[k.T_PIPELINE]
    push_result(tiles, tile, scalars[k.S_DETECTOR], row, pixel % columns, ready, count)
    if tiles.settings[k.T_VERIFY]:
        for index in range(pixel, pixel + count):
            place = work[k.W_FIRST_ROW] + index // columns
            sum_pixel(tiles, tile, work, place, index % columns)
            fire(tiles, tile, work, place, index % columns)
    scalars[k.S_PIXEL] = pixel + count
    book_pixels(tiles, work, count)


@kernel
def next_repetition(clock, tiles, memory, tile, work, step):
    """Move on behind the repetition that ended: to the next, the next step, or the next pass."""
    scalars = tiles.scalars[tile]
    scalars[k.S_ENDS] = k.FOREVER
    scalars[k.S_TURN] += 1
    if scalars[k.S_TURN] < step[p.REPEAT]:
        return
    scalars[k.S_TURN] = 0
    scalars[k.S_STEP] += 1
    if scalars[k.S_STEP] < work[k.W_STEPS] + work[k.W_STEP_COUNT]:
        return
    counts = tiles.counts[work[k.W_COUNTS]]
    for event in range(k.EVENTS):
        tiles.events[work[k.W_LAYER], event] += counts[event]
    scalars[k.S_DETECTOR] += 1
    scalars[k.S_OPEN] = 0
    count_down(clock, memory, work[k.W_DONE_GROUP], 1)


@kernel
def open_schedule(clock, tiles, memory, tile, work, t):
    """Begin the next pass once the first of its words has come. Returns whether it has."""
    scalars = tiles.scalars[tile]
    box = work[k.W_BOX]
    if box >= 0 and not clock.begun[box]:
        return False
    # What is streamed from memory has to be there whole: the layers before have stored it.
    if tiles.settings[k.T_STREAMS] and work[k.W_ROW_GROUP] >= 0 and clock.left[work[k.W_ROW_GROUP]] != 0:
        return False
    # A pass without any spike may take no cycle of the array, and yet has sums that leave.
    tiles.span[work[k.W_LAYER], 0] = min(tiles.span[work[k.W_LAYER], 0], t)
    scalars[k.S_OPEN] = 1
    scalars[k.S_STEP] = work[k.W_STEPS]
    scalars[k.S_TURN] = 0
    scalars[k.S_PIXEL] = 0
    scalars[k.S_ROW] = work[k.W_ROW_ORIGIN]
    scalars[k.S_ENDS] = k.FOREVER
    if not scalars[k.S_STREAM_ASKED]:
        scalars[k.S_STREAM_BEGUN] = t
        ask_stream(clock, tiles, memory, tile, tiles.steps[work[k.W_STEPS], p.STREAM], t)
    return True


@kernel
def play(clock, tiles, memory, tile, result_room, t):
    """One cycle of the array. Returns its state, when to look at it again, and the pass that the cycle is for."""
    scalars = tiles.scalars[tile]
    while scalars[k.S_DETECTOR] < scalars[k.S_SUBMITTED]:
        number = scalars[k.S_DETECTOR]
        work = tiles.passes[tile, number & k.PASS_MASK]
        if work[k.W_OP] != k.ARRAY:
            return k.SEQUENCING, t + 1, number
        if not scalars[k.S_OPEN] and not open_schedule(clock, tiles, memory, tile, work, t):
            return k.IDLE, k.FOREVER, number
        step = tiles.steps[scalars[k.S_STEP]]
        kind = k.FILL_DRAIN if step[p.KIND] == p.FILL_DRAIN else k.BUSY
        if scalars[k.S_ENDS] == k.FOREVER:
            waits = missing(clock, tiles, tile, work, step, t)
            if waits != k.BUSY:
                return waits, t + 1, number
            scalars[k.S_ENDS] = t + step[p.CYCLES]
            ask_next_stream(clock, tiles, memory, tile, work, step, t)
        if t < scalars[k.S_ENDS] - 1:
            return kind, scalars[k.S_ENDS] - 1, number
        works = t == scalars[k.S_ENDS] - 1
        if step[p.PIXELS] > 0:
            if result_room <= 0:
                return kind if works else k.OUTPUT_BLOCKED, t + 1, number
            hand_over(tiles, tile, work, step[p.PIXELS], t)
            result_room -= 1
        next_repetition(clock, tiles, memory, tile, work, step)
        if works:
            return kind, t + 1, number
    return k.SEQUENCING, k.FOREVER, scalars[k.S_DETECTOR]
