"""Neuron unit and packet emitter: finished sums become packed words, words become packets."""

from accelsim.jit import kernel
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.delivery import arrive, copies_of, send, store
from accelsim.kernels.network import has_room, is_direct
from accelsim.kernels.outcomes import MOVED, WAITS_FOR_TIME
from accelsim.kernels.payload import book_payload, count_nonzero, flits_of, payload_bits
from accelsim.kernels.rings import ring


@kernel
def store_address(scalars, work, path, place):
    """First byte in DRAM of the packet being sent: a row of a group of channels is one run of bits."""
    row_bytes = (work[k.W_OUT_CHANNELS] * work[k.W_OUT_COLUMNS] * work[k.W_OUT_BITS] + 7) // 8
    first_column = scalars[k.S_EMIT_COLUMN]
    bit = path[k.R_WORDS] + 8 * row_bytes * (place // (path[k.R_SKIP] + 1))
    return (bit + first_column * path[k.R_CHANNELS] * work[k.W_OUT_BITS]) // 8


@kernel
def emit(clock, network, tiles, memory, tile, t):
    """Queue the finished packet for its next target: one packet a cycle, when granted and when there is room."""
    scalars = tiles.scalars[tile]
    work = tiles.emitting[tile]
    grant = work[k.W_GRANT_GROUP]
    if grant >= 0 and clock.left[grant] != 0:
        return k.OUTPUT_BLOCKED
    row = scalars[k.S_EMIT_ROW]
    count = work[k.W_ROUTE_COUNT]
    index = scalars[k.S_EMIT_ROUTE]
    moved = k.OUTPUT_BLOCKED
    while index < count:
        path = tiles.routes[work[k.W_ROUTES] + index]
        place = row - path[k.R_FIRST_ROW]
        if place >= 0 and row < path[k.R_LAST_ROW] and place % (path[k.R_SKIP] + 1) == 0:
            if moved == MOVED:
                break
            if is_direct(network):
                sent = hand_over(clock, tiles, memory, tile, path, place, t)
            else:
                sent = send_packet(clock, network, tiles, tile, path, place, t)
            if not sent:
                scalars[k.S_EMIT_ROUTE] = index
                return WAITS_FOR_TIME
            tiles.span[work[k.W_LAYER], 1] = t + 1
            moved = MOVED
        index += 1
    scalars[k.S_EMIT_ROUTE] = index
    if index == count:
        scalars[k.S_EMITTING] = 0
    return MOVED


@kernel
def send_packet(clock, network, tiles, tile, path, place, t):
    """Queue the packet for the target of a route. Returns False while the source queue has no room."""
    scalars = tiles.scalars[tile]
    work = tiles.emitting[tile]
    words = scalars[k.S_EMIT_PIXELS] * path[k.R_CHANNELS]
    bits = words * work[k.W_OUT_BITS]
    spikes = path[k.R_KIND] == k.SPIKES
    if spikes:
        if scalars[k.S_EMIT_NONZERO] < 0:
            scalars[k.S_EMIT_NONZERO] = count_nonzero(tiles, tile, work, path)
        nonzero = scalars[k.S_EMIT_NONZERO]
        bits = payload_bits(tiles.settings[k.T_PAYLOAD], words, nonzero, work[k.W_OUT_BITS])
    flits = flits_of(tiles, bits)
    node = tiles.node[tile]
    if not has_room(network, node, flits):
        return False
    layer = work[k.W_LAYER]
    target = path[k.R_TARGET]
    if spikes:
        book_payload(tiles, layer, words, scalars[k.S_EMIT_NONZERO], work[k.W_OUT_BITS], copies_of(network, target))
        scalars[k.S_EMIT_NONZERO] = -1
    packet = send(
        clock,
        network,
        node,
        target,
        flits,
        path[k.R_GROUP],
        path[k.R_GROUP_STRIDE] * place,
        words,
        path[k.R_KIND],
        (bits + 7) // 8,
        layer,
        t + 1,
    )
    network.cargo[packet, n.CARGO_ADDRESS] = store_address(scalars, work, path, place)
    return True


@kernel
def hand_over(clock, tiles, memory, tile, path, place, t):
    """Without a network the words are where a route leads at once: in the own spike buffer, or in the write buffer.

    Returns False while the write buffer has no room.
    """
    scalars = tiles.scalars[tile]
    work = tiles.emitting[tile]
    words = scalars[k.S_EMIT_PIXELS] * path[k.R_CHANNELS]
    size = (words * work[k.W_OUT_BITS] + 7) // 8
    group = path[k.R_GROUP] + path[k.R_GROUP_STRIDE] * place
    if path[k.R_KIND] == k.SPIKES:
        tiles.events[work[k.W_LAYER], k.E_SPIKE_WRITE_FLITS] += size
        arrive(clock, tiles, memory, tile, group, words)
    else:
        channel = memory.channel_of[path[k.R_TARGET]]
        address = store_address(scalars, work, path, place)
        if not store(clock, tiles, memory, channel, address, size, work[k.W_LAYER], t):
            return False
        arrive(clock, tiles, memory, -1, group, words)
    clock.scalars[k.LAST_WORK] = max(clock.scalars[k.LAST_WORK], t)
    return True


@kernel
def finish_service(clock, tiles, tile, t):
    """The front pixel is served: its words join the packet. Returns False, with nothing done, while one must go first.

    A packet ends with its image row, or where another pixel would not fit.
    """
    scalars = tiles.scalars[tile]
    served = tiles.result[tile, scalars[k.S_RESULT_HEAD]]
    work = tiles.passes[tile, served[k.Y_PASS] & k.PASS_MASK]
    if work[k.W_CARRY] & k.CARRY_FIRE:
        pixels = scalars[k.S_ASSEMBLED] + 1
        row_ends = served[k.Y_COLUMN] == work[k.W_OUT_COLUMNS] - 1
        full = (pixels + 1) * work[k.W_OUTS] * work[k.W_OUT_BITS] > tiles.settings[k.T_PAYLOAD_BITS]
        if row_ends or full:
            if scalars[k.S_EMITTING]:
                return False
            scalars[k.S_EMITTING] = 1
            # Passes without outputs of their own may use the ring up while the packet waits for its grant.
            tiles.emitting[tile] = work
            scalars[k.S_EMIT_ROW] = served[k.Y_ROW]
            scalars[k.S_EMIT_COLUMN] = served[k.Y_COLUMN] + 1 - pixels
            scalars[k.S_EMIT_PIXELS] = pixels
            scalars[k.S_EMIT_ROUTE] = 0
            scalars[k.S_EMIT_NONZERO] = -1
            pixels = 0
        scalars[k.S_ASSEMBLED] = pixels
    if served[k.Y_ROW] == work[k.W_LAST_ROW] - 1 and served[k.Y_COLUMN] == work[k.W_OUT_COLUMNS] - 1:
        scalars[k.S_DRAINED] += 1
        # A run also lasts for what nobody reads: rows that a stride leaves out are computed and sent nowhere.
        clock.scalars[k.LAST_WORK] = max(clock.scalars[k.LAST_WORK], t)
        if tiles.span[work[k.W_LAYER], 1] < t + 1:
            tiles.span[work[k.W_LAYER], 1] = t + 1
    next_of_result(tiles, tile, served, work)
    return True


@kernel
def neuron_unit(clock, network, tiles, memory, tile, t):
    """Emit, finish the pixel in service, start the next one. Returns MOVED, WAITS_FOR_TIME or k.OUTPUT_BLOCKED."""
    scalars = tiles.scalars[tile]
    at_once = tiles.settings[k.T_AT_ONCE]
    outcome = k.IDLE
    if scalars[k.S_EMITTING]:
        outcome = emit(clock, network, tiles, memory, tile, t)
    if scalars[k.S_SERVING]:
        if t < scalars[k.S_SERVED_AT]:
            return MOVED if outcome == MOVED else WAITS_FOR_TIME
        if not finish_service(clock, tiles, tile, t):
            return outcome
        scalars[k.S_SERVING] = 0
        outcome = MOVED
    if scalars[k.S_RESULTS] > 0:
        waiting = tiles.result[tile, scalars[k.S_RESULT_HEAD]]
        if waiting[k.Y_READY] > t + at_once:
            return MOVED if outcome == MOVED else WAITS_FOR_TIME
        scalars[k.S_SERVING] = 1
        service = tiles.passes[tile, waiting[k.Y_PASS] & k.PASS_MASK, k.W_SERVICE]
        scalars[k.S_SERVED_AT] = t + (0 if at_once else service)
        outcome = MOVED
    return outcome


@kernel
def drain(clock, network, tiles, memory, tile, t):
    """The neuron unit's cycle, after the array's, so that what it hands over in t the array sees in t + 1.

    A unit that takes no time goes on until nothing moves: sums that are there by the end of cycle t leave it in t.
    Returns what `neuron_unit` does.
    """
    scalars = tiles.scalars[tile]
    outcome = k.IDLE
    again = True
    while again:
        found = neuron_unit(clock, network, tiles, memory, tile, t)
        again = found == MOVED and tiles.settings[k.T_AT_ONCE] == 1
        if found == MOVED or outcome != MOVED:
            outcome = found
    scalars[k.S_RESULTS_PEAK] = max(scalars[k.S_RESULTS_PEAK], scalars[k.S_RESULTS])
    return outcome


@kernel
def next_of_result(tiles, tile, result, work):
    """The front pixel of the front result is done: the result's next pixel is in front, or the next result."""
    scalars = tiles.scalars[tile]
    result[k.Y_COUNT] -= 1
    if result[k.Y_COUNT] == 0:
        scalars[k.S_RESULT_HEAD] = ring(scalars[k.S_RESULT_HEAD] + 1, tiles.settings[k.T_RESULTS])
        scalars[k.S_RESULTS] -= 1
        return
    result[k.Y_COLUMN] += 1
    if result[k.Y_COLUMN] == work[k.W_OUT_COLUMNS]:
        result[k.Y_COLUMN] = 0
        result[k.Y_ROW] += 1


@kernel
def push_result(tiles, tile, pass_number, row, column, ready, count):
    """Hand finished pixels to the neuron unit: `count` of the pass, row by row from (row, column) on.

    They take one place in its queue together, whose room the caller has asked for, and are served one after another.
    """
    scalars = tiles.scalars[tile]
    entry = tiles.result[tile, ring(scalars[k.S_RESULT_HEAD] + scalars[k.S_RESULTS], tiles.settings[k.T_RESULTS])]
    entry[k.Y_PASS] = pass_number
    entry[k.Y_ROW] = row
    entry[k.Y_COLUMN] = column
    entry[k.Y_READY] = ready
    entry[k.Y_COUNT] = count
    scalars[k.S_RESULTS] += 1
