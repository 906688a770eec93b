"""PE array: waiting words of the front pixel times the weights of all columns."""

from accelsim.jit import kernel
from accelsim.kernels import state as k
from accelsim.kernels.delivery import count_down
from accelsim.kernels.neuron_unit import push_result
from accelsim.kernels.outcomes import SCANNING
from accelsim.kernels.rings import ring
from accelsim.kernels.sram import is_written, read_weights, reads_at


@kernel
def fire(tiles, tile, work, row, column):
    """Carry the accumulators of a finished pixel on, and write the words that they become."""
    carry = work[k.W_CARRY]
    accumulator = tiles.accumulator[tile]
    stored = tiles.membrane[tile, (row * work[k.W_OUT_COLUMNS] + column) % tiles.membrane.shape[1]]
    for j in range(work[k.W_OUTS]):
        total = accumulator[j]
        accumulator[j] = 0
        if carry & k.CARRY_ADD:
            total += 2 * stored[j] if carry & k.CARRY_DOUBLE else stored[j]
        if carry & k.CARRY_STORE:
            stored[j] = total
        if carry & k.CARRY_FIRE:
            channel = work[k.W_FIRST_OUT] + j
            total += tiles.bias[work[k.W_PARAMETER_OFFSET] + channel]
            limit = work[k.W_LIMIT]
            if limit:
                total = min(max(total // tiles.theta[work[k.W_PARAMETER_OFFSET] + channel], 0), limit)
            position = (row * work[k.W_OUT_COLUMNS] + column) * work[k.W_OUT_CHANNELS] + channel
            tiles.outputs[work[k.W_OUTPUT_OFFSET] + position] = total


@kernel
def take_words(tiles, tile, front):
    """Take a waiting word of every bank, of the first banks where there are fewer lanes. Returns how many."""
    waiting = tiles.bank_words[tile, front]
    banks = tiles.settings[k.T_BANKS]
    lanes = tiles.settings[k.T_ROWS]
    taken = 0
    if banks <= lanes:
        for bank in range(banks):
            word = 1 if waiting[bank] > 0 else 0
            waiting[bank] -= word
            taken += word
        return taken
    for bank in range(banks):
        if waiting[bank] > 0:
            waiting[bank] -= 1
            taken += 1
            if taken == lanes:
                break
    return taken


@kernel
def multiply(tiles, tile, front, work):
    """Add the products of the words that this cycle takes to the accumulators."""
    lanes = tiles.settings[k.T_ROWS]
    taken = 0
    for bank in range(tiles.settings[k.T_BANKS]):
        if taken < lanes and tiles.bank_words[tile, front, bank] > 0:
            taken += 1
            multiply_word(tiles, tile, bank, work)


@kernel
def multiply_word(tiles, tile, bank, work):
    """Add the products of the next word of a bank to the accumulators of the columns that it reaches: of its group."""
    position = tiles.bank_head[tile, bank]
    entry = tiles.bank_fifo[tile, bank, position]
    tiles.bank_head[tile, bank] = ring(position + 1, tiles.settings[k.T_FIFO])
    reach = work[k.W_REACH]
    row = entry >> 32
    first = 0
    if reach < work[k.W_OUTS]:
        first = (row % work[k.W_CHANNELS] - work[k.W_FIRST_CHANNEL]) // work[k.W_GROUP_CHANNELS] * reach
    value = entry & 0xFFFFFFFF
    weight = work[k.W_WEIGHT_OFFSET] + row * work[k.W_WEIGHT_STRIDE]
    if work[k.W_SECOND_OPERAND]:
        for j in range(reach):
            tiles.accumulator[tile, first + j] += value * tiles.words[weight + j]
    else:
        for j in range(reach):
            tiles.accumulator[tile, first + j] += value * tiles.weights[weight + j]


@kernel
def take_granted(tiles, tile, front, work, t):
    """Take the words whose banks allow it, where a flit asks for banks too, or where a bank gives several a cycle.

    Second words follow when every bank has given its first. Returns how many were taken, and how many refused.
    """
    contended = is_written(tiles, tile, k.WEIGHT_BUFFER, t)
    waiting = tiles.bank_words[tile, front]
    banks = tiles.settings[k.T_BANKS]
    taken = 0
    refused = 0
    for _ in range(reads_at(tiles, k.WEIGHT_BUFFER)):
        before = taken + refused
        for bank in range(banks):
            if waiting[bank] > 0 and taken < tiles.settings[k.T_ROWS]:
                if contended and not read_weights(tiles, tile, bank, t):
                    refused += 1
                    continue
                waiting[bank] -= 1
                taken += 1
                if tiles.settings[k.T_VERIFY]:
                    multiply_word(tiles, tile, bank, work)
        if taken + refused == before:
            break
    return taken, refused


@kernel
def array(clock, tiles, memory, tile, result_room, t):
    """The PE array takes at most one waiting word a bank of the front pixel, each times the columns that it reaches.

    Returns its state, or SCANNING when no word is there. A cycle counts as a bank conflict when an array without
    conflicts would already have taken every word that is there.
    """
    scalars = tiles.scalars[tile]
    if scalars[k.S_PIXELS] == 0:
        return SCANNING
    front = scalars[k.S_PIXEL_HEAD]
    pixel = tiles.pixel[tile, front]
    work = tiles.passes[tile, pixel[k.X_PASS] & k.PASS_MASK]
    settings = tiles.settings
    taken = 0
    ideal = 0
    refused = 0
    if pixel[k.X_WORDS] > 0:
        if is_written(tiles, tile, k.WEIGHT_BUFFER, t) or reads_at(tiles, k.WEIGHT_BUFFER) > 1:
            taken, refused = take_granted(tiles, tile, front, work, t)
        else:
            if settings[k.T_VERIFY]:
                multiply(tiles, tile, front, work)
            taken = take_words(tiles, tile, front)
        pixel[k.X_WORDS] -= taken
        scalars[k.S_FIFO] -= taken
        ideal = min(settings[k.T_ROWS], pixel[k.X_PUSHED] - scalars[k.S_IDEAL])
        # Where every word was refused the array without conflicts waits too, so that the cycle is charged once.
        scalars[k.S_IDEAL] += ideal if taken > 0 else 0
        reach = work[k.W_REACH]
        events = tiles.events[work[k.W_LAYER]]
        events[k.E_WORDS] += taken
        events[k.E_MACS] += taken * reach
        events[k.E_WEIGHT_READS] += taken * reach
        events[k.E_SUMS] += min(taken * reach, work[k.W_OUTS])
    if pixel[k.X_CLOSED] and pixel[k.X_WORDS] == 0:
        if result_room <= 0:
            if taken == 0:
                return k.OUTPUT_BLOCKED
        else:
            finish_pixel(clock, tiles, memory, tile, pixel, work, t)
            if taken == 0:
                return k.BUSY
    if taken == 0 and refused == 0:
        return SCANNING
    if taken > 0 and ideal > 0:
        return k.BUSY
    tiles.events[work[k.W_LAYER], k.E_WEIGHT_CONFLICTS] += 1
    return k.BANK_CONFLICT


@kernel
def book_pixels(tiles, work, count):
    """Count pixels whose sums leave the array, and what the accumulator buffer and the neuron unit do with them."""
    sums = work[k.W_OUTS] * count
    events = tiles.events[work[k.W_LAYER]]
    events[k.E_PIXELS] += count
    events[k.E_ACCUMULATOR_READS] += sums * work[k.W_ACCUMULATOR_READS]
    events[k.E_ACCUMULATOR_WRITES] += sums * work[k.W_ACCUMULATOR_WRITES]
    events[k.E_NEURON_OPS] += sums * work[k.W_NEURON_OPS]
    events[k.E_ACCUMULATOR_CONFLICTS] += count * work[k.W_PORT_CYCLES]


@kernel
def finish_pixel(clock, tiles, memory, tile, pixel, work, t):
    """The front pixel is complete: its sums leave the array."""
    scalars = tiles.scalars[tile]
    row = pixel[k.X_ROW]
    column = pixel[k.X_COLUMN]
    push_result(tiles, tile, pixel[k.X_PASS], row, column, t + 1 + tiles.settings[k.T_PIPELINE], 1)
    if tiles.settings[k.T_VERIFY]:
        fire(tiles, tile, work, row, column)
    scalars[k.S_PIXEL_HEAD] = ring(scalars[k.S_PIXEL_HEAD] + 1, tiles.settings[k.T_PIXELS])
    scalars[k.S_PIXELS] -= 1
    scalars[k.S_IDEAL] = 0
    book_pixels(tiles, work, 1)
    if row == work[k.W_LAST_ROW] - 1 and column == work[k.W_OUT_COLUMNS] - 1:
        count_down(clock, memory, work[k.W_DONE_GROUP], 1)
