"""Pooling, addition, joining and repeating maps: work of the neuron unit on words of the spike buffer."""

from accelsim.jit import kernel
from accelsim.kernels import state as k
from accelsim.kernels.delivery import count_down
from accelsim.kernels.detector import next_pixel
from accelsim.kernels.neuron_unit import push_result
from accelsim.kernels.sram import read_spikes, reads_freely


@kernel
def vector(clock, tiles, memory, tile, result_room, t):
    """The neuron unit reads one line of one operand or window position a cycle.

    A joined map comes from passes over one of its operands each: pools of a 1x1 window.
    """
    scalars = tiles.scalars[tile]
    work = tiles.passes[tile, scalars[k.S_DETECTOR] & k.PASS_MASK]
    if t < scalars[k.S_READY]:
        return k.FILL_DRAIN
    operator = work[k.W_OP]
    group = work[k.W_ROW_GROUP]
    words = work[k.W_WORDS]
    place = work[k.W_PLACE]
    if operator == k.ADD:
        first_row, last_row, first_column, last_column = 0, 1, 0, 0
        row = scalars[k.S_ROW]
        column = scalars[k.S_COLUMN]
        if scalars[k.S_KERNEL_ROW] == 1:
            group = work[k.W_ROW_GROUP_B]
            words = work[k.W_WORDS_B]
            place = work[k.W_PLACE_B]
    elif operator == k.UPSAMPLE:
        first_row, last_row, first_column, last_column = 0, 0, 0, 0
        row = scalars[k.S_ROW] // work[k.W_STRIDE_ROWS]
        column = scalars[k.S_COLUMN] // work[k.W_STRIDE_COLUMNS]
    else:
        # Padding is never read: the window is what of it lies inside the image.
        row = scalars[k.S_ROW] * work[k.W_STRIDE_ROWS] - work[k.W_PADDING_ROWS]
        column = scalars[k.S_COLUMN] * work[k.W_STRIDE_COLUMNS] - work[k.W_PADDING_COLUMNS]
        first_row = max(0, -row)
        first_column = max(0, -column)
        last_row = min(work[k.W_KERNEL_ROWS], work[k.W_HEIGHT] - row) - 1
        last_column = min(work[k.W_KERNEL_COLUMNS], work[k.W_WIDTH] - column) - 1
        scalars[k.S_KERNEL_ROW] = max(scalars[k.S_KERNEL_ROW], first_row)
        scalars[k.S_KERNEL_COLUMN] = max(scalars[k.S_KERNEL_COLUMN], first_column)
        row += scalars[k.S_KERNEL_ROW]
        column += scalars[k.S_KERNEL_COLUMN]
    opens = scalars[k.S_KERNEL_ROW] == first_row and scalars[k.S_KERNEL_COLUMN] == first_column
    closes = scalars[k.S_KERNEL_ROW] == last_row and scalars[k.S_KERNEL_COLUMN] == last_column
    if group >= 0 and clock.left[group + row - work[k.W_ROW_ORIGIN]] != 0:
        return k.SPIKES_MISSING
    first = work[k.W_FIRST_CHANNEL]
    outs = work[k.W_OUTS]
    length = min(tiles.settings[k.T_LINE], outs - scalars[k.S_POSITION])
    if closes and scalars[k.S_POSITION] + length == outs and result_room <= 0:
        return k.OUTPUT_BLOCKED
    address = (row * work[k.W_WIDTH] + column) * work[k.W_CHANNELS] + first + scalars[k.S_POSITION]
    place += row * work[k.W_ROW_BITS] + column * work[k.W_POSITION_BITS]
    place += (first + scalars[k.S_POSITION]) * work[k.W_READ_BITS]
    bits = length * work[k.W_READ_BITS]
    if not reads_freely(tiles, tile, bits, t) and not read_spikes(tiles, tile, place, bits, t):
        tiles.events[work[k.W_LAYER], k.E_CONFLICTS] += 1
        return k.BANK_CONFLICT
    events = tiles.events[work[k.W_LAYER]]
    events[k.E_LINES] += 1
    events[k.E_LINE_WORDS] += length
    events[k.E_VECTOR_OPS] += length
    if tiles.settings[k.T_VERIFY]:
        position = (scalars[k.S_ROW] * work[k.W_OUT_COLUMNS] + scalars[k.S_COLUMN]) * work[k.W_OUT_CHANNELS]
        position += work[k.W_OUTPUT_OFFSET] + work[k.W_FIRST_OUT] + scalars[k.S_POSITION]
        for offset in range(length):
            value = tiles.words[words + address + offset]
            if not opens:
                before = tiles.outputs[position + offset]
                value = max(value, before) if operator == k.MAX_POOL else value + before
            tiles.outputs[position + offset] = value
    scalars[k.S_POSITION] += length
    if scalars[k.S_POSITION] < outs:
        return k.BUSY
    scalars[k.S_POSITION] = 0
    scalars[k.S_KERNEL_COLUMN] += 1
    if scalars[k.S_KERNEL_COLUMN] > last_column:
        scalars[k.S_KERNEL_COLUMN] = 0
        scalars[k.S_KERNEL_ROW] += 1
    if closes:
        push_result(tiles, tile, scalars[k.S_DETECTOR], scalars[k.S_ROW], scalars[k.S_COLUMN], t + 1, 1)
        events[k.E_PIXELS] += 1
        last = scalars[k.S_ROW] == work[k.W_LAST_ROW] - 1 and scalars[k.S_COLUMN] == work[k.W_OUT_COLUMNS] - 1
        next_pixel(tiles, tile, work)
        if last:
            count_down(clock, memory, work[k.W_DONE_GROUP], 1)
    return k.BUSY
