"""Spike detector: reads the lines of receptive fields, and passes the words that count to the FIFO."""

from accelsim.jit import cell, kernel, popcount, trailing_zeros
from accelsim.kernels import state as k
from accelsim.kernels.outcomes import MOVED, SCANNING, WAITS_FOR_TIME
from accelsim.kernels.planes import mask_of, nonzero_words, window_at
from accelsim.kernels.rings import ring
from accelsim.kernels.sram import read_spikes, reads_freely


@kernel
def is_run(work):
    """Whether the words of a kernel row lie side by side."""
    whole = work[k.W_LAST_CHANNEL] - work[k.W_FIRST_CHANNEL] == work[k.W_CHANNELS]
    return whole and work[k.W_DILATION_COLUMNS] == 1


@kernel
def settle_cursor(tiles, tile, work):
    """Move the cursor to the next place inside the image; padding is never read. Returns whether the pixel goes on.

    The receptive field is scanned once per bit slice, in the order kernel row, kernel column, channel. A kernel row
    is one run of words when all channels are scanned and no column is left out, else each kernel column is one.
    """
    scalars = tiles.scalars[tile]
    height = work[k.W_HEIGHT]
    width = work[k.W_WIDTH]
    top = scalars[k.S_ROW] * work[k.W_STRIDE_ROWS] - work[k.W_PADDING_ROWS]
    left = scalars[k.S_COLUMN] * work[k.W_STRIDE_COLUMNS] - work[k.W_PADDING_COLUMNS]
    whole = is_run(work)
    while scalars[k.S_SLICE] < work[k.W_SLICES]:
        while scalars[k.S_KERNEL_ROW] < work[k.W_KERNEL_ROWS]:
            row = top + scalars[k.S_KERNEL_ROW] * work[k.W_DILATION_ROWS]
            if 0 <= row < height:
                while scalars[k.S_KERNEL_COLUMN] < work[k.W_KERNEL_COLUMNS]:
                    column = left + scalars[k.S_KERNEL_COLUMN] * work[k.W_DILATION_COLUMNS]
                    if 0 <= column < width:
                        run = work[k.W_LAST_CHANNEL] - work[k.W_FIRST_CHANNEL]
                        if whole:
                            run *= min(left + work[k.W_KERNEL_COLUMNS], width) - column
                        if scalars[k.S_POSITION] < run:
                            open_run(tiles, tile, work, row, column, run)
                            return True
                        scalars[k.S_POSITION] = 0
                        if whole:
                            break
                    scalars[k.S_KERNEL_COLUMN] += 1
            scalars[k.S_KERNEL_ROW] += 1
            scalars[k.S_KERNEL_COLUMN] = 0
            scalars[k.S_POSITION] = 0
        scalars[k.S_SLICE] += 1
        scalars[k.S_KERNEL_ROW] = 0
    return False


@kernel
def open_run(tiles, tile, work, row, column, run):
    """Where the run of words begins that the cursor has come to, and how long it is: the same for all its lines."""
    scalars = tiles.scalars[tile]
    tap = scalars[k.S_KERNEL_ROW] * work[k.W_KERNEL_COLUMNS] + scalars[k.S_KERNEL_COLUMN]
    weight = tap * work[k.W_CHANNELS] + work[k.W_FIRST_CHANNEL]
    position = (row * work[k.W_WIDTH] + column) * work[k.W_CHANNELS] + work[k.W_FIRST_CHANNEL]
    scalars[k.S_RUN] = run
    scalars[k.S_RUN_ROW] = row
    scalars[k.S_RUN_COLUMN] = column
    scalars[k.S_RUN_ADDRESS] = work[k.W_WORDS] + position
    scalars[k.S_RUN_WEIGHT] = weight
    scalars[k.S_NEXT_BANK] = weight % tiles.settings[k.T_BANK_PERIOD]


@kernel
def open_pass(clock, tiles, tile, work, t):
    """Start the detector's next pass once its first words and all its weights are there."""
    scalars = tiles.scalars[tile]
    box = work[k.W_BOX]
    begun = box < 0 or clock.begun[box]
    box = work[k.W_BOX_B]
    if not (begun or (box >= 0 and clock.begun[box])):
        return k.IDLE
    group = work[k.W_WEIGHTS_GROUP]
    if group >= 0 and clock.left[group] != 0:
        return k.WEIGHTS_MISSING
    if work[k.W_OP] != k.ARRAY and scalars[k.S_PIXELS] > 0:
        return SCANNING
    scalars[k.S_OPEN] = 1
    scalars[k.S_READY] = t + tiles.settings[k.T_SPIKE_LATENCY]
    scalars[k.S_ROW] = work[k.W_FIRST_ROW]
    scalars[k.S_COLUMN] = 0
    scalars[k.S_SLICE] = 0
    scalars[k.S_KERNEL_ROW] = 0
    scalars[k.S_KERNEL_COLUMN] = 0
    scalars[k.S_POSITION] = 0
    scalars[k.S_PIXEL_OPEN] = 0
    return MOVED


@kernel
def next_pixel(tiles, tile, work):
    """Move the cursor to the next output pixel, and to the next pass after the last."""
    scalars = tiles.scalars[tile]
    scalars[k.S_SLICE] = 0
    scalars[k.S_KERNEL_ROW] = 0
    scalars[k.S_KERNEL_COLUMN] = 0
    scalars[k.S_POSITION] = 0
    scalars[k.S_PIXEL_OPEN] = 0
    scalars[k.S_COLUMN] += 1
    if scalars[k.S_COLUMN] == work[k.W_OUT_COLUMNS]:
        scalars[k.S_COLUMN] = 0
        scalars[k.S_ROW] += 1
        if scalars[k.S_ROW] == work[k.W_LAST_ROW]:
            scalars[k.S_DETECTOR] += 1
            scalars[k.S_OPEN] = 0


@kernel
def pass_words(tiles, tile, fifo_room):
    """The detector passes nonzero words of its line to the FIFO, at most one a lane of the array."""
    scalars = tiles.scalars[tile]
    settings = tiles.settings
    count = min(min(settings[k.T_ROWS], scalars[k.S_LINE_COUNT] - scalars[k.S_LINE_NEXT]), fifo_room)
    if count <= 0:
        return 0
    slot = ring(scalars[k.S_PIXEL_HEAD] + scalars[k.S_PIXELS] - 1, settings[k.T_PIXELS])
    if settings[k.T_VERIFY]:
        queue_entries(tiles, tile, count)
    waiting = tiles.bank_words[tile, slot]
    bank = tiles.bank
    line = tiles.line[tile]
    block = scalars[k.S_LINE_BLOCK]
    left = count
    while left > 0:
        words = line[block]
        first = scalars[k.S_LINE_BANK] + block * k.BLOCK_WORDS
        here = popcount(words)
        if here <= left:
            left -= here
            while words != 0:
                cell(waiting, cell(bank, first + trailing_zeros(words))[0])[0] += 1
                words &= words - 1
            block += 1
        else:
            while left > 0:
                cell(waiting, cell(bank, first + trailing_zeros(words))[0])[0] += 1
                words &= words - 1
                left -= 1
            line[block] = words
    scalars[k.S_LINE_BLOCK] = block
    scalars[k.S_LINE_NEXT] += count
    scalars[k.S_FIFO] += count
    scalars[k.S_FIFO_PEAK] = max(scalars[k.S_FIFO_PEAK], scalars[k.S_FIFO])
    pixel = tiles.pixel[tile, slot]
    pixel[k.X_WORDS] += count
    pixel[k.X_PUSHED] += count
    return count


@kernel
def queue_entries(tiles, tile, count):
    """Put the next words of the line, with their weight rows, into the queues of their banks."""
    next_entry = tiles.scalars[tile, k.S_LINE_NEXT]
    depth = tiles.settings[k.T_FIFO]
    period = tiles.settings[k.T_BANK_PERIOD]
    for index in range(next_entry, next_entry + count):
        entry = tiles.line_entry[tile, index]
        bank = tiles.bank[(entry >> 32) % period]
        position = tiles.bank_tail[tile, bank]
        tiles.bank_fifo[tile, bank, position] = entry
        tiles.bank_tail[tile, bank] = ring(position + 1, depth)


@kernel
def line_bits(tiles, tile, work):
    """First bit in the spike buffer of the line at the cursor, and its bits."""
    scalars = tiles.scalars[tile]
    words = min(tiles.settings[k.T_LINE], scalars[k.S_RUN] - scalars[k.S_POSITION])
    first = work[k.W_PLACE] + scalars[k.S_RUN_ROW] * work[k.W_ROW_BITS] + scalars[k.S_SLICE] * work[k.W_SLICE_STEP]
    first += scalars[k.S_RUN_COLUMN] * work[k.W_POSITION_BITS]
    first += (work[k.W_FIRST_CHANNEL] + scalars[k.S_POSITION]) * work[k.W_READ_BITS]
    return first, words * work[k.W_READ_BITS]


@kernel
def read_line(tiles, tile, work):
    """Read up to a line of words at the cursor into the detector, and move the cursor behind them."""
    scalars = tiles.scalars[tile]
    settings = tiles.settings
    start = scalars[k.S_POSITION]
    length = min(settings[k.T_LINE], scalars[k.S_RUN] - start)
    address = scalars[k.S_RUN_ADDRESS] + start
    first = work[k.W_SHIFT] + scalars[k.S_SLICE] * work[k.W_SLICE_BITS]
    line = tiles.line[tile]
    all_pass = settings[k.T_SKIP] == 0
    count = 0
    ones = 0
    begin = 0
    while begin < length:
        window = min(window_at(address + begin), length - begin)
        words, bits = nonzero_words(tiles, address + begin, window, first, first + work[k.W_SLICE_BITS])
        if all_pass:
            words = mask_of(window)
        block = begin >> k.BLOCK_SHIFT
        line[block] = words & k.BLOCK_MASK
        line[block + 1] = (words >> k.BLOCK_WORDS) & k.BLOCK_MASK
        count += popcount(words)
        ones += bits
        begin += window
    if settings[k.T_VERIFY]:
        note_entries(tiles, tile, work, address, scalars[k.S_RUN_WEIGHT] + start, length, first)
    scalars[k.S_LINE_VALID] = 1
    scalars[k.S_LINE_COUNT] = count
    scalars[k.S_LINE_NEXT] = 0
    scalars[k.S_LINE_BLOCK] = 0
    scalars[k.S_LINE_BANK] = scalars[k.S_NEXT_BANK]
    scalars[k.S_NEXT_BANK] = ring(scalars[k.S_NEXT_BANK] + length, settings[k.T_BANK_PERIOD])
    scalars[k.S_POSITION] = start + length
    events = tiles.events[work[k.W_LAYER]]
    events[k.E_LINES] += 1
    events[k.E_LINE_WORDS] += length
    events[k.E_SYNOPS] += ones * work[k.W_REACH]


@kernel
def note_entries(tiles, tile, work, address, weight, length, first):
    """Keep the words of a line that count, and their weight rows."""
    keep = (1 << work[k.W_SLICE_BITS]) - 1
    # A serial pass (membrane doubled per plane) weighs each plane 1; slices of a packed word keep their weight.
    scale = first if work[k.W_SLICES] > 1 else 0
    count = 0
    for offset in range(length):
        if (tiles.line[tile, offset >> k.BLOCK_SHIFT] >> (offset & (k.BLOCK_WORDS - 1))) & 1:
            value = (tiles.words[address + offset] >> first) & keep
            tiles.line_entry[tile, count] = (weight + offset) << 32 | value << scale
            count += 1


@kernel
def detector(clock, tiles, tile, fifo_room, pixel_room, t):
    """Pass words of the line on, then read the next line. Returns MOVED, or what it waits for."""
    scalars = tiles.scalars[tile]
    outcome = SCANNING
    if scalars[k.S_LINE_VALID]:
        if pass_words(tiles, tile, fifo_room) > 0:
            outcome = MOVED
        if scalars[k.S_LINE_NEXT] < scalars[k.S_LINE_COUNT]:
            return outcome
        scalars[k.S_LINE_VALID] = 0
        if scalars[k.S_LINE_CLOSES]:
            last = ring(scalars[k.S_PIXEL_HEAD] + scalars[k.S_PIXELS] - 1, tiles.settings[k.T_PIXELS])
            tiles.pixel[tile, last, k.X_CLOSED] = 1
        outcome = MOVED
    if scalars[k.S_DETECTOR] == scalars[k.S_SUBMITTED]:
        return outcome if outcome == MOVED else k.SEQUENCING
    work = tiles.passes[tile, scalars[k.S_DETECTOR] & k.PASS_MASK]
    if not scalars[k.S_OPEN]:
        opened = open_pass(clock, tiles, tile, work, t)
        if opened != MOVED:
            return outcome if outcome == MOVED else opened
        outcome = MOVED
    if t < scalars[k.S_READY]:
        return outcome if outcome == MOVED else WAITS_FOR_TIME
    if work[k.W_OP] != k.ARRAY:
        return outcome
    if not scalars[k.S_PIXEL_OPEN] and pixel_room <= 0:
        return outcome
    # Within a pixel the cursor was settled when the line before was read.
    goes_on = scalars[k.S_PIXEL_OPEN] != 0 or settle_cursor(tiles, tile, work)
    if goes_on:
        group = work[k.W_ROW_GROUP]
        if group >= 0 and clock.left[group + scalars[k.S_RUN_ROW] - work[k.W_ROW_ORIGIN]] != 0:
            return outcome if outcome == MOVED else k.SPIKES_MISSING
        if not reads_freely(tiles, tile, tiles.settings[k.T_LINE] * work[k.W_READ_BITS], t) and not read_spikes(
            tiles, tile, *line_bits(tiles, tile, work), t
        ):
            tiles.events[work[k.W_LAYER], k.E_CONFLICTS] += 1
            return outcome if outcome == MOVED else k.BANK_CONFLICT
    if not scalars[k.S_PIXEL_OPEN]:
        slot = ring(scalars[k.S_PIXEL_HEAD] + scalars[k.S_PIXELS], tiles.settings[k.T_PIXELS])
        pixel = tiles.pixel[tile, slot]
        pixel[k.X_PASS] = scalars[k.S_DETECTOR]
        pixel[k.X_ROW] = scalars[k.S_ROW]
        pixel[k.X_COLUMN] = scalars[k.S_COLUMN]
        pixel[k.X_CLOSED] = 0 if goes_on else 1
        pixel[k.X_WORDS] = 0
        pixel[k.X_PUSHED] = 0
        scalars[k.S_PIXELS] += 1
        scalars[k.S_PIXELS_PEAK] = max(scalars[k.S_PIXELS_PEAK], scalars[k.S_PIXELS])
        scalars[k.S_PIXEL_OPEN] = 1
    if goes_on:
        read_line(tiles, tile, work)
        goes_on = scalars[k.S_POSITION] < scalars[k.S_RUN] or settle_cursor(tiles, tile, work)
        scalars[k.S_LINE_CLOSES] = 0 if goes_on else 1
    if not goes_on:
        next_pixel(tiles, tile, work)
    return MOVED
