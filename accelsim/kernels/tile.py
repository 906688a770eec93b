"""A tile: detector, FIFO, PE array, neuron unit and packet emitter, one cycle at a time.

Queues between the stages are judged by their fill at the beginning of the cycle, and what is written in cycle t is
seen in t + 1. docs/timing.md tells the cycle of each stage in words.
"""

from accelsim.jit import kernel, popcount
from accelsim.kernels.network import count_down, has_room, send
from accelsim.kernels.state import (
    ADD,
    ARRAY,
    BANK_CONFLICT,
    BIN_SHIFT,
    BUSY,
    CARRY_ADD,
    CARRY_DOUBLE,
    CARRY_FIRE,
    CARRY_STORE,
    E_ACCUMULATOR_READS,
    E_ACCUMULATOR_WRITES,
    E_CONFLICTS,
    E_LINE_WORDS,
    E_LINES,
    E_MACS,
    E_NEURON_OPS,
    E_PIXELS,
    E_SUMS,
    E_SYNOPS,
    E_VECTOR_OPS,
    E_WORDS,
    FILL_DRAIN,
    IDLE,
    LAST_MOVE,
    MAX_POOL,
    OUTPUT_BLOCKED,
    PASSES,
    R_CHANNELS,
    R_FIRST_ROW,
    R_GROUP,
    R_GROUP_STRIDE,
    R_KIND,
    R_LAST_ROW,
    R_NODE,
    S_ASSEMBLED,
    S_COLUMN,
    S_DETECTOR,
    S_DRAINED,
    S_EMIT_PASS,
    S_EMIT_PIXELS,
    S_EMIT_ROUTE,
    S_EMIT_ROW,
    S_EMITTING,
    S_FIFO,
    S_FIFO_PEAK,
    S_IDEAL,
    S_KERNEL_COLUMN,
    S_KERNEL_ROW,
    S_LAYER,
    S_LINE_CLOSES,
    S_LINE_COUNT,
    S_LINE_NEXT,
    S_LINE_VALID,
    S_OPEN,
    S_PIXEL_HEAD,
    S_PIXEL_OPEN,
    S_PIXELS,
    S_POSITION,
    S_READY,
    S_RESULT_HEAD,
    S_RESULTS,
    S_ROW,
    S_SERVED_AT,
    S_SERVING,
    S_SINCE,
    S_SLICE,
    S_STATE,
    S_SUBMITTED,
    S_WRITE_AT,
    S_WRITE_BANK,
    SEQUENCING,
    SPIKES_MISSING,
    T_BANKS,
    T_FIFO,
    T_FLIT_BITS,
    T_HEADER_BITS,
    T_LINE,
    T_PAYLOAD_BITS,
    T_PIPELINE,
    T_PIXELS,
    T_RESULTS,
    T_ROWS,
    T_SKIP,
    T_SPIKE_BANKS,
    T_SPIKE_LATENCY,
    T_VERIFY,
    TILE_CYCLES,
    W_ACCUMULATOR_READS,
    W_ACCUMULATOR_WRITES,
    W_BOX,
    W_BOX_B,
    W_CARRY,
    W_CHANNELS,
    W_DONE_GROUP,
    W_FIRST_CHANNEL,
    W_FIRST_OUT,
    W_FIRST_ROW,
    W_GRANT_GROUP,
    W_HEIGHT,
    W_KERNEL_COLUMNS,
    W_KERNEL_ROWS,
    W_LAST,
    W_LAST_CHANNEL,
    W_LAST_ROW,
    W_LAYER,
    W_LIMIT,
    W_NEURON_OPS,
    W_OP,
    W_OUT_BITS,
    W_OUT_CHANNELS,
    W_OUT_COLUMNS,
    W_OUTPUT_OFFSET,
    W_OUTS,
    W_PADDING_COLUMNS,
    W_PADDING_ROWS,
    W_PARAMETER_OFFSET,
    W_ROUTE_COUNT,
    W_ROUTES,
    W_ROW_GROUP,
    W_ROW_GROUP_B,
    W_ROW_ORIGIN,
    W_SERVICE,
    W_SHIFT,
    W_SLICE_BITS,
    W_SLICES,
    W_STRIDE_COLUMNS,
    W_STRIDE_ROWS,
    W_WEIGHT_OFFSET,
    W_WEIGHTS_GROUP,
    W_WIDTH,
    W_WORDS,
    W_WORDS_B,
    WEIGHTS_MISSING,
    X_CLOSED,
    X_COLUMN,
    X_PASS,
    X_PUSHED,
    X_ROW,
    X_WORDS,
    Y_COLUMN,
    Y_PASS,
    Y_READY,
    Y_ROW,
)

# What a stage reports when it did nothing, besides the states of a tile.
MOVED, WAITS_FOR_TIME, SCANNING = 100, 101, 102


@kernel
def charge(clock, tiles, tile, state, layer, t):
    """From cycle t on the tile is in `state`, working on or waiting for `layer`; close the interval before."""
    scalars = tiles.scalars[tile]
    if scalars[S_STATE] == state and scalars[S_LAYER] == layer:
        return
    settle(clock, tiles, tile, t)
    scalars[S_STATE] = state
    scalars[S_LAYER] = layer
    if state != IDLE and tiles.span[layer, 0] > t:
        tiles.span[layer, 0] = t


@kernel
def settle(clock, tiles, tile, t):
    """Book the cycles that the tile has been in its present state, up to but not including cycle t."""
    scalars = tiles.scalars[tile]
    start = scalars[S_SINCE]
    if start >= t:
        return
    state = scalars[S_STATE]
    tiles.cycles[tile, scalars[S_LAYER], state] += t - start
    shift = clock.scalars[BIN_SHIFT]
    while start < t:
        time_bin = start >> shift
        end = min((time_bin + 1) << shift, t)
        tiles.bins[tile, time_bin, state] += end - start
        start = end
    scalars[S_SINCE] = t


@kernel
def emit(clock, network, tiles, memory, tile, t):
    """Queue the finished packet for its next destination: one copy a cycle, when granted and when there is room."""
    scalars = tiles.scalars[tile]
    work = tiles.passes[tile, scalars[S_EMIT_PASS] % PASSES]
    grant = work[W_GRANT_GROUP]
    if grant >= 0 and clock.left[grant] != 0:
        return OUTPUT_BLOCKED
    row = scalars[S_EMIT_ROW]
    count = work[W_ROUTE_COUNT]
    index = scalars[S_EMIT_ROUTE]
    moved = OUTPUT_BLOCKED
    while index < count:
        path = tiles.routes[work[W_ROUTES] + index]
        if path[R_FIRST_ROW] <= row < path[R_LAST_ROW]:
            if moved == MOVED:
                break
            words = scalars[S_EMIT_PIXELS] * path[R_CHANNELS]
            bits = words * work[W_OUT_BITS]
            settings = tiles.settings
            flits = (settings[T_HEADER_BITS] + bits + settings[T_FLIT_BITS] - 1) // settings[T_FLIT_BITS]
            node = tiles.node[tile]
            if not has_room(network, node, flits):
                scalars[S_EMIT_ROUTE] = index
                return WAITS_FOR_TIME
            group = path[R_GROUP] + path[R_GROUP_STRIDE] * (row - path[R_FIRST_ROW])
            layer = work[W_LAYER]
            send(
                clock,
                network,
                node,
                path[R_NODE],
                flits,
                group,
                words,
                path[R_KIND],
                (bits + 7) // 8,
                layer,
                t + 1,
            )
            tiles.span[layer, 1] = t + 1
            moved = MOVED
        index += 1
    scalars[S_EMIT_ROUTE] = index
    if index == count:
        scalars[S_EMITTING] = 0
    return MOVED


@kernel
def neuron_unit(clock, network, tiles, memory, tile, t):
    """Emit, finish the pixel in service, start the next one. Returns MOVED, WAITS_FOR_TIME or OUTPUT_BLOCKED."""
    scalars = tiles.scalars[tile]
    outcome = IDLE
    if scalars[S_EMITTING]:
        outcome = emit(clock, network, tiles, memory, tile, t)
    if scalars[S_SERVING]:
        if t < scalars[S_SERVED_AT]:
            return MOVED if outcome == MOVED else WAITS_FOR_TIME
        served = tiles.result[tile, scalars[S_RESULT_HEAD]]
        work = tiles.passes[tile, served[Y_PASS] % PASSES]
        if work[W_CARRY] & CARRY_FIRE:
            pixels = scalars[S_ASSEMBLED] + 1
            row_ends = served[Y_COLUMN] == work[W_OUT_COLUMNS] - 1
            full = (pixels + 1) * work[W_OUTS] * work[W_OUT_BITS] > tiles.settings[T_PAYLOAD_BITS]
            if row_ends or full:
                if scalars[S_EMITTING]:
                    return outcome
                scalars[S_EMITTING] = 1
                scalars[S_EMIT_PASS] = served[Y_PASS]
                scalars[S_EMIT_ROW] = served[Y_ROW]
                scalars[S_EMIT_PIXELS] = pixels
                scalars[S_EMIT_ROUTE] = 0
                pixels = 0
            scalars[S_ASSEMBLED] = pixels
        if served[Y_ROW] == work[W_LAST_ROW] - 1 and served[Y_COLUMN] == work[W_OUT_COLUMNS] - 1:
            scalars[S_DRAINED] += 1
            if tiles.span[work[W_LAYER], 1] < t + 1:
                tiles.span[work[W_LAYER], 1] = t + 1
        scalars[S_SERVING] = 0
        scalars[S_RESULT_HEAD] = (scalars[S_RESULT_HEAD] + 1) % tiles.settings[T_RESULTS]
        scalars[S_RESULTS] -= 1
        outcome = MOVED
    if scalars[S_RESULTS] > 0:
        waiting = tiles.result[tile, scalars[S_RESULT_HEAD]]
        if waiting[Y_READY] > t:
            return MOVED if outcome == MOVED else WAITS_FOR_TIME
        scalars[S_SERVING] = 1
        scalars[S_SERVED_AT] = t + tiles.passes[tile, waiting[Y_PASS] % PASSES, W_SERVICE]
        outcome = MOVED
    return outcome


@kernel
def push_result(tiles, tile, pass_number, row, column, ready):
    """Hand a finished pixel to the neuron unit."""
    scalars = tiles.scalars[tile]
    entry = tiles.result[tile, (scalars[S_RESULT_HEAD] + scalars[S_RESULTS]) % tiles.settings[T_RESULTS]]
    entry[Y_PASS] = pass_number
    entry[Y_ROW] = row
    entry[Y_COLUMN] = column
    entry[Y_READY] = ready
    scalars[S_RESULTS] += 1


@kernel
def fire(tiles, tile, work, row, column):
    """Carry the accumulators of a finished pixel on, and write the words that they become."""
    carry = work[W_CARRY]
    accumulator = tiles.accumulator[tile]
    stored = tiles.membrane[tile, (row * work[W_OUT_COLUMNS] + column) % tiles.membrane.shape[1]]
    for j in range(work[W_OUTS]):
        total = accumulator[j]
        accumulator[j] = 0
        if carry & CARRY_ADD:
            total += 2 * stored[j] if carry & CARRY_DOUBLE else stored[j]
        if carry & CARRY_STORE:
            stored[j] = total
        if carry & CARRY_FIRE:
            channel = work[W_FIRST_OUT] + j
            total += tiles.bias[work[W_PARAMETER_OFFSET] + channel]
            limit = work[W_LIMIT]
            if limit:
                total = min(max(total // tiles.theta[work[W_PARAMETER_OFFSET] + channel], 0), limit)
            position = (row * work[W_OUT_COLUMNS] + column) * work[W_OUT_CHANNELS] + channel
            tiles.outputs[work[W_OUTPUT_OFFSET] + position] = total


@kernel
def array(clock, tiles, memory, tile, result_room, t):
    """The PE array takes at most one waiting word a bank of the front pixel, all times all columns.

    Returns its state, or SCANNING when no word is there. A cycle counts as a bank conflict when an array without
    conflicts would already have taken every word that is there.
    """
    scalars = tiles.scalars[tile]
    if scalars[S_PIXELS] == 0:
        return SCANNING
    front = scalars[S_PIXEL_HEAD]
    pixel = tiles.pixel[tile, front]
    work = tiles.passes[tile, pixel[X_PASS] % PASSES]
    settings = tiles.settings
    taken = 0
    ideal = 0
    if pixel[X_WORDS] > 0:
        banks = settings[T_BANKS]
        lanes = settings[T_ROWS]
        depth = settings[T_FIFO]
        ones = 0
        outs = work[W_OUTS]
        for bank in range(banks):
            if tiles.bank_words[tile, front, bank] > 0:
                tiles.bank_words[tile, front, bank] -= 1
                position = tiles.bank_head[tile, bank]
                entry = tiles.bank_fifo[tile, bank, position]
                tiles.bank_head[tile, bank] = position + 1 if position + 1 < depth else 0
                value = entry & 65535
                ones += popcount(value)
                taken += 1
                if settings[T_VERIFY]:
                    weight = work[W_WEIGHT_OFFSET] + (entry >> 16) * work[W_OUT_CHANNELS] + work[W_FIRST_OUT]
                    for j in range(outs):
                        tiles.accumulator[tile, j] += value * tiles.weights[weight + j]
                if taken == lanes:
                    break
        pixel[X_WORDS] -= taken
        scalars[S_FIFO] -= taken
        ideal = min(lanes, pixel[X_PUSHED] - scalars[S_IDEAL])
        scalars[S_IDEAL] += ideal
        events = tiles.events[work[W_LAYER]]
        events[E_WORDS] += taken
        events[E_MACS] += taken * outs
        events[E_SUMS] += outs
        events[E_SYNOPS] += ones * outs
    if pixel[X_CLOSED] and pixel[X_WORDS] == 0:
        if result_room <= 0:
            if taken == 0:
                return OUTPUT_BLOCKED
        else:
            finish_pixel(clock, tiles, memory, tile, pixel, work, t)
            if taken == 0:
                return BUSY
    if taken == 0:
        return SCANNING
    return BUSY if ideal > 0 else BANK_CONFLICT


@kernel
def finish_pixel(clock, tiles, memory, tile, pixel, work, t):
    """The front pixel is complete: its sums leave the array."""
    scalars = tiles.scalars[tile]
    row = pixel[X_ROW]
    column = pixel[X_COLUMN]
    push_result(tiles, tile, pixel[X_PASS], row, column, t + 1 + tiles.settings[T_PIPELINE])
    if tiles.settings[T_VERIFY]:
        fire(tiles, tile, work, row, column)
    scalars[S_PIXEL_HEAD] = (scalars[S_PIXEL_HEAD] + 1) % tiles.settings[T_PIXELS]
    scalars[S_PIXELS] -= 1
    scalars[S_IDEAL] = 0
    outs = work[W_OUTS]
    events = tiles.events[work[W_LAYER]]
    events[E_PIXELS] += 1
    events[E_ACCUMULATOR_READS] += outs * work[W_ACCUMULATOR_READS]
    events[E_ACCUMULATOR_WRITES] += outs * work[W_ACCUMULATOR_WRITES]
    events[E_NEURON_OPS] += outs * work[W_NEURON_OPS]
    if row == work[W_LAST_ROW] - 1 and column == work[W_OUT_COLUMNS] - 1:
        count_down(clock, memory, work[W_DONE_GROUP], 1)


@kernel
def settle_cursor(tiles, tile, work):
    """Move the cursor to the next place inside the image; padding is never read. Returns whether the pixel goes on.

    The receptive field is scanned once per bit slice, in the order kernel row, kernel column, channel. A kernel row
    is one run of words when all channels are scanned, else each kernel column is one.
    """
    scalars = tiles.scalars[tile]
    height = work[W_HEIGHT]
    width = work[W_WIDTH]
    top = scalars[S_ROW] * work[W_STRIDE_ROWS] - work[W_PADDING_ROWS]
    left = scalars[S_COLUMN] * work[W_STRIDE_COLUMNS] - work[W_PADDING_COLUMNS]
    whole = work[W_LAST_CHANNEL] - work[W_FIRST_CHANNEL] == work[W_CHANNELS]
    while scalars[S_SLICE] < work[W_SLICES]:
        while scalars[S_KERNEL_ROW] < work[W_KERNEL_ROWS]:
            row = top + scalars[S_KERNEL_ROW]
            if 0 <= row < height:
                while scalars[S_KERNEL_COLUMN] < work[W_KERNEL_COLUMNS]:
                    column = left + scalars[S_KERNEL_COLUMN]
                    if 0 <= column < width:
                        run = work[W_LAST_CHANNEL] - work[W_FIRST_CHANNEL]
                        if whole:
                            run *= min(left + work[W_KERNEL_COLUMNS], width) - column
                        if scalars[S_POSITION] < run:
                            return True
                        scalars[S_POSITION] = 0
                        if whole:
                            break
                    scalars[S_KERNEL_COLUMN] += 1
            scalars[S_KERNEL_ROW] += 1
            scalars[S_KERNEL_COLUMN] = 0
            scalars[S_POSITION] = 0
        scalars[S_SLICE] += 1
        scalars[S_KERNEL_ROW] = 0
    return False


@kernel
def open_pass(clock, tiles, tile, work, t):
    """Start the detector's next pass once its first words and all its weights are there."""
    scalars = tiles.scalars[tile]
    box = work[W_BOX]
    begun = box < 0 or clock.begun[box]
    box = work[W_BOX_B]
    if not (begun or (box >= 0 and clock.begun[box])):
        return IDLE
    group = work[W_WEIGHTS_GROUP]
    if group >= 0 and clock.left[group] != 0:
        return WEIGHTS_MISSING
    if work[W_OP] != ARRAY and scalars[S_PIXELS] > 0:
        return SCANNING
    scalars[S_OPEN] = 1
    scalars[S_READY] = t + tiles.settings[T_SPIKE_LATENCY]
    scalars[S_ROW] = work[W_FIRST_ROW]
    scalars[S_COLUMN] = 0
    scalars[S_SLICE] = 0
    scalars[S_KERNEL_ROW] = 0
    scalars[S_KERNEL_COLUMN] = 0
    scalars[S_POSITION] = 0
    scalars[S_PIXEL_OPEN] = 0
    return MOVED


@kernel
def next_pixel(tiles, tile, work):
    """Move the cursor to the next output pixel, and to the next pass after the last."""
    scalars = tiles.scalars[tile]
    scalars[S_SLICE] = 0
    scalars[S_KERNEL_ROW] = 0
    scalars[S_KERNEL_COLUMN] = 0
    scalars[S_POSITION] = 0
    scalars[S_PIXEL_OPEN] = 0
    scalars[S_COLUMN] += 1
    if scalars[S_COLUMN] == work[W_OUT_COLUMNS]:
        scalars[S_COLUMN] = 0
        scalars[S_ROW] += 1
        if scalars[S_ROW] == work[W_LAST_ROW]:
            scalars[S_DETECTOR] += 1
            scalars[S_OPEN] = 0


@kernel
def bank_of(row, banks):
    """Bank of a weight row (kernel row, kernel column, channel): diagonal, one further on in each round of the banks.

    A channel that is active at one kernel position is likely active at its neighbours. Plain interleaving would put
    all of them into one bank; the diagonal spreads them.
    """
    return (row + row // banks) % banks


@kernel
def pass_words(tiles, tile, fifo_room):
    """The detector passes nonzero words of its line to the FIFO, at most one a lane of the array."""
    scalars = tiles.scalars[tile]
    settings = tiles.settings
    count = min(min(settings[T_ROWS], scalars[S_LINE_COUNT] - scalars[S_LINE_NEXT]), fifo_room)
    if count <= 0:
        return 0
    slot = (scalars[S_PIXEL_HEAD] + scalars[S_PIXELS] - 1) % settings[T_PIXELS]
    banks = settings[T_BANKS]
    depth = settings[T_FIFO]
    for k in range(count):
        entry = tiles.line[tile, scalars[S_LINE_NEXT] + k]
        bank = bank_of(entry >> 16, banks)
        position = tiles.bank_tail[tile, bank]
        tiles.bank_fifo[tile, bank, position] = entry
        tiles.bank_tail[tile, bank] = position + 1 if position + 1 < depth else 0
        tiles.bank_words[tile, slot, bank] += 1
    scalars[S_LINE_NEXT] += count
    scalars[S_FIFO] += count
    scalars[S_FIFO_PEAK] = max(scalars[S_FIFO_PEAK], scalars[S_FIFO])
    pixel = tiles.pixel[tile, slot]
    pixel[X_WORDS] += count
    pixel[X_PUSHED] += count
    return count


@kernel
def read_line(tiles, tile, work):
    """Read up to a line of words at the cursor into the detector, and move the cursor behind them."""
    scalars = tiles.scalars[tile]
    settings = tiles.settings
    width = work[W_WIDTH]
    channels = work[W_CHANNELS]
    kernel_row = scalars[S_KERNEL_ROW]
    kernel_column = scalars[S_KERNEL_COLUMN]
    row = scalars[S_ROW] * work[W_STRIDE_ROWS] - work[W_PADDING_ROWS] + kernel_row
    left = scalars[S_COLUMN] * work[W_STRIDE_COLUMNS] - work[W_PADDING_COLUMNS]
    column = left + kernel_column
    run = work[W_LAST_CHANNEL] - work[W_FIRST_CHANNEL]
    if run == channels:
        run *= min(left + work[W_KERNEL_COLUMNS], width) - column
    start = scalars[S_POSITION]
    length = min(settings[T_LINE], run - start)
    address = work[W_WORDS] + (row * width + column) * channels + work[W_FIRST_CHANNEL] + start
    weight = (kernel_row * work[W_KERNEL_COLUMNS] + kernel_column) * channels + work[W_FIRST_CHANNEL] + start
    shift = work[W_SHIFT] + scalars[S_SLICE] * work[W_SLICE_BITS]
    keep = (1 << work[W_SLICE_BITS]) - 1
    # A serial pass (membrane doubled per plane) weighs each plane 1; slices of a packed word keep their weight.
    scale = shift if work[W_SLICES] > 1 else 0
    count = 0
    all_pass = settings[T_SKIP] == 0
    for k in range(length):
        value = (tiles.words[address + k] >> shift) & keep
        if value != 0 or all_pass:
            tiles.line[tile, count] = (weight + k) << 16 | value << scale
            count += 1
    scalars[S_LINE_VALID] = 1
    scalars[S_LINE_COUNT] = count
    scalars[S_LINE_NEXT] = 0
    scalars[S_POSITION] = start + length
    events = tiles.events[work[W_LAYER]]
    events[E_LINES] += 1
    events[E_LINE_WORDS] += length


@kernel
def loses_bank(tiles, tile, address, t):
    """Whether the network interface writes, in this cycle, the bank that a line at this address begins in."""
    scalars = tiles.scalars[tile]
    if scalars[S_WRITE_AT] != t:
        return False
    return address // tiles.settings[T_LINE] % tiles.settings[T_SPIKE_BANKS] == scalars[S_WRITE_BANK]


@kernel
def detector(clock, tiles, tile, fifo_room, pixel_room, t):
    """Pass words of the line on, then read the next line. Returns MOVED, or what it waits for."""
    scalars = tiles.scalars[tile]
    outcome = SCANNING
    if scalars[S_LINE_VALID]:
        if pass_words(tiles, tile, fifo_room) > 0:
            outcome = MOVED
        if scalars[S_LINE_NEXT] < scalars[S_LINE_COUNT]:
            return outcome
        scalars[S_LINE_VALID] = 0
        if scalars[S_LINE_CLOSES]:
            last = (scalars[S_PIXEL_HEAD] + scalars[S_PIXELS] - 1) % tiles.settings[T_PIXELS]
            tiles.pixel[tile, last, X_CLOSED] = 1
        outcome = MOVED
    if scalars[S_DETECTOR] == scalars[S_SUBMITTED]:
        return outcome if outcome == MOVED else SEQUENCING
    work = tiles.passes[tile, scalars[S_DETECTOR] % PASSES]
    if not scalars[S_OPEN]:
        opened = open_pass(clock, tiles, tile, work, t)
        if opened != MOVED:
            return outcome if outcome == MOVED else opened
        outcome = MOVED
    if t < scalars[S_READY]:
        return outcome if outcome == MOVED else WAITS_FOR_TIME
    if work[W_OP] != ARRAY:
        return outcome
    if not scalars[S_PIXEL_OPEN] and pixel_room <= 0:
        return outcome
    goes_on = settle_cursor(tiles, tile, work)
    if goes_on:
        row = scalars[S_ROW] * work[W_STRIDE_ROWS] - work[W_PADDING_ROWS] + scalars[S_KERNEL_ROW]
        group = work[W_ROW_GROUP]
        if group >= 0 and clock.left[group + row - work[W_ROW_ORIGIN]] != 0:
            return outcome if outcome == MOVED else SPIKES_MISSING
        column = scalars[S_COLUMN] * work[W_STRIDE_COLUMNS] - work[W_PADDING_COLUMNS] + scalars[S_KERNEL_COLUMN]
        address = (row * work[W_WIDTH] + column) * work[W_CHANNELS] + work[W_FIRST_CHANNEL] + scalars[S_POSITION]
        if loses_bank(tiles, tile, address, t):
            tiles.events[work[W_LAYER], E_CONFLICTS] += 1
            return outcome if outcome == MOVED else BANK_CONFLICT
    if not scalars[S_PIXEL_OPEN]:
        slot = (scalars[S_PIXEL_HEAD] + scalars[S_PIXELS]) % tiles.settings[T_PIXELS]
        pixel = tiles.pixel[tile, slot]
        pixel[X_PASS] = scalars[S_DETECTOR]
        pixel[X_ROW] = scalars[S_ROW]
        pixel[X_COLUMN] = scalars[S_COLUMN]
        pixel[X_CLOSED] = 0 if goes_on else 1
        pixel[X_WORDS] = 0
        pixel[X_PUSHED] = 0
        scalars[S_PIXELS] += 1
        scalars[S_PIXEL_OPEN] = 1
    if goes_on:
        read_line(tiles, tile, work)
        goes_on = settle_cursor(tiles, tile, work)
        scalars[S_LINE_CLOSES] = 0 if goes_on else 1
    if not goes_on:
        next_pixel(tiles, tile, work)
    return MOVED


@kernel
def vector(clock, tiles, memory, tile, result_room, t):
    """Pooling and addition: the neuron unit reads one line of one operand or window position a cycle."""
    scalars = tiles.scalars[tile]
    work = tiles.passes[tile, scalars[S_DETECTOR] % PASSES]
    if t < scalars[S_READY]:
        return FILL_DRAIN
    operator = work[W_OP]
    row = scalars[S_ROW] * work[W_STRIDE_ROWS] + scalars[S_KERNEL_ROW]
    column = scalars[S_COLUMN] * work[W_STRIDE_COLUMNS] + scalars[S_KERNEL_COLUMN]
    group = work[W_ROW_GROUP]
    words = work[W_WORDS]
    if operator == ADD:
        row = scalars[S_ROW]
        column = scalars[S_COLUMN]
        if scalars[S_KERNEL_ROW] == 1:
            group = work[W_ROW_GROUP_B]
            words = work[W_WORDS_B]
    if group >= 0 and clock.left[group + row - work[W_ROW_ORIGIN]] != 0:
        return SPIKES_MISSING
    first = work[W_FIRST_CHANNEL]
    outs = work[W_OUTS]
    length = min(tiles.settings[T_LINE], outs - scalars[S_POSITION])
    taps = 2 if operator == ADD else work[W_KERNEL_ROWS] * work[W_KERNEL_COLUMNS]
    tap = scalars[S_KERNEL_ROW] * work[W_KERNEL_COLUMNS] + scalars[S_KERNEL_COLUMN]
    final = tap == taps - 1 and scalars[S_POSITION] + length == outs
    if final and result_room <= 0:
        return OUTPUT_BLOCKED
    address = (row * work[W_WIDTH] + column) * work[W_CHANNELS] + first + scalars[S_POSITION]
    if loses_bank(tiles, tile, address, t):
        tiles.events[work[W_LAYER], E_CONFLICTS] += 1
        return BANK_CONFLICT
    events = tiles.events[work[W_LAYER]]
    events[E_LINES] += 1
    events[E_LINE_WORDS] += length
    events[E_VECTOR_OPS] += length
    if tiles.settings[T_VERIFY]:
        position = (scalars[S_ROW] * work[W_OUT_COLUMNS] + scalars[S_COLUMN]) * work[W_OUT_CHANNELS]
        position += work[W_OUTPUT_OFFSET] + work[W_FIRST_OUT] + scalars[S_POSITION]
        for k in range(length):
            value = tiles.words[words + address + k]
            if tap > 0:
                before = tiles.outputs[position + k]
                value = max(value, before) if operator == MAX_POOL else value + before
            tiles.outputs[position + k] = value
    scalars[S_POSITION] += length
    if scalars[S_POSITION] < outs:
        return BUSY
    scalars[S_POSITION] = 0
    scalars[S_KERNEL_COLUMN] += 1
    if scalars[S_KERNEL_COLUMN] == work[W_KERNEL_COLUMNS]:
        scalars[S_KERNEL_COLUMN] = 0
        scalars[S_KERNEL_ROW] += 1
    if tap == taps - 1:
        push_result(tiles, tile, scalars[S_DETECTOR], scalars[S_ROW], scalars[S_COLUMN], t + 1)
        events[E_PIXELS] += 1
        last = scalars[S_ROW] == work[W_LAST_ROW] - 1 and scalars[S_COLUMN] == work[W_OUT_COLUMNS] - 1
        next_pixel(tiles, tile, work)
        if last:
            count_down(clock, memory, work[W_DONE_GROUP], 1)
    return BUSY


@kernel
def tile_cycle(clock, network, tiles, memory, tile, t):
    """One cycle of a tile. Returns whether it has to be looked at in the next cycle."""
    scalars = tiles.scalars[tile]
    settings = tiles.settings
    fifo_room = settings[T_FIFO] - scalars[S_FIFO]
    pixel_room = settings[T_PIXELS] - scalars[S_PIXELS]
    result_room = settings[T_RESULTS] - scalars[S_RESULTS]
    clock.scalars[TILE_CYCLES] += 1
    pass_number = scalars[S_DETECTOR]
    if scalars[S_PIXELS] > 0:
        pass_number = tiles.pixel[tile, scalars[S_PIXEL_HEAD], X_PASS]
    first_pixel = scalars[S_PIXELS] == 0 or tiles.pixel[tile, scalars[S_PIXEL_HEAD], X_PUSHED] == 0

    drained = neuron_unit(clock, network, tiles, memory, tile, t)
    state = array(clock, tiles, memory, tile, result_room, t)
    awake = drained == MOVED or drained == WAITS_FOR_TIME or state != SCANNING
    found = detector(clock, tiles, tile, fifo_room, pixel_room, t)
    vector_open = (
        scalars[S_OPEN]
        and scalars[S_DETECTOR] < scalars[S_SUBMITTED]
        and tiles.passes[tile, scalars[S_DETECTOR] % PASSES, W_OP] != ARRAY
    )
    if state == SCANNING and vector_open:
        state = vector(clock, tiles, memory, tile, result_room, t)
        awake = awake or state != SPIKES_MISSING
        if state == OUTPUT_BLOCKED:
            awake = drained == MOVED or drained == WAITS_FOR_TIME
    elif state == SCANNING:
        awake = awake or found == MOVED or found == WAITS_FOR_TIME or found == BANK_CONFLICT
        if found == MOVED or found == WAITS_FOR_TIME or found == SCANNING:
            state = FILL_DRAIN if first_pixel and opening(tiles, tile, pass_number) else BUSY
        else:
            state = found
    elif state == OUTPUT_BLOCKED:
        awake = drained == MOVED or drained == WAITS_FOR_TIME or found == MOVED

    layer = tiles.cycles.shape[1] - 1
    if state == SEQUENCING and (pass_number == 0 or tiles.passes[tile, (pass_number - 1) % PASSES, W_LAST]):
        state = IDLE
    if state == SEQUENCING:
        layer = tiles.passes[tile, (pass_number - 1) % PASSES, W_LAYER]
    elif state != IDLE:
        layer = tiles.passes[tile, pass_number % PASSES, W_LAYER]
    charge(clock, tiles, tile, state, layer, t)
    if state == BUSY or drained == MOVED or found == MOVED:
        clock.scalars[LAST_MOVE] = t
    return awake


@kernel
def opening(tiles, tile, pass_number):
    """Whether the array still waits for the first word of the first pixel of a pass."""
    scalars = tiles.scalars[tile]
    work = tiles.passes[tile, pass_number % PASSES]
    if scalars[S_PIXELS] > 0:
        pixel = tiles.pixel[tile, scalars[S_PIXEL_HEAD]]
        return pixel[X_ROW] == work[W_FIRST_ROW] and pixel[X_COLUMN] == 0
    return scalars[S_ROW] == work[W_FIRST_ROW] and scalars[S_COLUMN] == 0
