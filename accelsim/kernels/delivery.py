"""Between the units of a chip: what packets carry, or wires where there is no network, and what arrivals set off."""

from accelsim.jit import kernel, row, trailing_zeros
from accelsim.kernels import dram_state as d
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.dram import write
from accelsim.kernels.network import enqueue
from accelsim.kernels.sram import queue_flit, take_leaving
from accelsim.kernels.wires import return_credit


@kernel
def count_down(clock, memory, group, amount):
    """Take `amount` off a group; at zero wake its actor, start its transfer, count down the next group."""
    while group >= 0:
        clock.left[group] -= amount
        if clock.left[group] != 0:
            return
        if clock.watched[group]:
            clock.completed[clock.scalars[k.COMPLETED]] = group
            clock.scalars[k.COMPLETED] += 1
        transfer = clock.fires[group]
        if transfer >= 0:
            memory.transfer[transfer, k.D_ASKED] = clock.scalars[k.NOW]
            channel = memory.transfer[transfer, k.D_CHANNEL]
            state = memory.channel[channel]
            memory.queue[channel, state[k.C_QUEUED]] = transfer
            state[k.C_QUEUED] += 1
            state[k.C_QUEUED_PEAK] = max(state[k.C_QUEUED_PEAK], state[k.C_QUEUED])
            state[k.C_WAKE] = 0
        group = clock.chain[group]
        amount = 1


@kernel
def copies_of(network, target):
    """Nodes that a packet for a node, or for a multicast tree, reaches."""
    return 1 if target < n.TREES else network.tree_copies[target - n.TREES]


@kernel
def send(clock, network, node, target, flits, group, offset, amount, kind, payload, layer, created):
    """Queue a packet at a node's source; it may be injected from cycle `created` on.

    A packet for one node counts down the group `group + offset`. One for a multicast tree has in `group` the first of
    its rows in Memory.destination, and counts down at each node the group there plus `offset`. Returns its number.
    """
    scalars = clock.scalars
    copies = copies_of(network, target)
    network.scalars[n.FREE_PACKETS] -= 1
    packet = network.free[network.scalars[n.FREE_PACKETS]]
    entry = row(network.packet, packet)
    entry[n.P_SOURCE] = node
    entry[n.P_TARGET] = target
    entry[n.P_FLITS] = flits
    entry[n.P_CREATED] = created
    entry[n.P_COPIES] = copies
    cargo = row(network.cargo, packet)
    cargo[n.CARGO_GROUP] = group
    cargo[n.CARGO_OFFSET] = offset
    cargo[n.CARGO_AMOUNT] = amount
    cargo[n.CARGO_KIND] = kind
    cargo[n.CARGO_BYTES] = payload
    cargo[n.CARGO_LAYER] = layer
    enqueue(network, packet)
    scalars[k.SENT_PACKETS] += 1
    scalars[k.SENT_COPIES] += copies
    scalars[k.SENT_FLITS] += flits
    scalars[k.SENT_FLIT_COPIES] += flits * copies
    scalars[k.PEAK_PACKETS] = max(scalars[k.PEAK_PACKETS], network.packet.shape[0] - network.scalars[n.FREE_PACKETS])
    return packet


@kernel
def deliver(clock, network, tiles, memory, t):
    """Book the flits that sinks took in cycle t, and those that left the queue of a tile, and return their credits."""
    for word in range(tiles.sinking.shape[0]):
        bits = tiles.sinking[word]
        while bits:
            tile = word * 32 + trailing_zeros(bits)
            bits &= bits - 1
            flit = take_leaving(tiles, tile)
            if flit >= 0:
                put_flit(clock, network, tiles, memory, tile, flit, t)
    for index in range(network.scalars[n.EJECTED]):
        node = network.ejected[index, 0]
        flit = network.ejected[index, 1]
        take_flit(clock, network, tiles, memory, node, flit, t)


@kernel
def take_flit(clock, network, tiles, memory, node, flit, t):
    """A sink took a flit: in a tile it waits to be written, elsewhere its credit returns, unless a buffer is full."""
    packet = flit >> n.PACKET_SHIFT
    cargo = row(network.cargo, packet)
    scalars = clock.scalars
    scalars[k.RECEIVED_FLITS] += 1
    scalars[k.LAST_WORK] = max(scalars[k.LAST_WORK], t)
    if flit & n.TAIL:
        book_arrival(clock, network, tiles, node, flit, t)
    vc = (flit >> n.VC_SHIFT) & n.VC_MASK
    tile = tiles.tile_of[node]
    if tile >= 0:
        kind = cargo[n.CARGO_KIND]
        if kind == k.CONTROL:
            # A packet without data passes by when nothing waits, and nothing else returns its credit in this cycle.
            if tiles.interface[tile, k.I_FLITS] > 0 or not return_credit(network, node, vc, t):
                queue_flit(tiles, tile, flit, -1, 0, cargo[n.CARGO_LAYER])
            elif flit & n.TAIL:
                complete_packet(clock, network, tiles, memory, node, flit, t)
            return
        sram = k.SPIKE_BUFFER if kind == k.SPIKES else k.WEIGHT_BUFFER
        words = tiles.sram[sram, k.B_FLIT]
        if flit & n.HEAD:
            group = group_at(memory, cargo, row(network.packet, packet)[n.P_TARGET], node)
            if group >= 0:
                tiles.sink_place[tile, vc] = clock.place[group]
                clock.place[group] += row(network.packet, packet)[n.P_FLITS] * words
        queue_flit(tiles, tile, flit, sram, tiles.sink_place[tile, vc], cargo[n.CARGO_LAYER])
        tiles.sink_place[tile, vc] += words
        return
    channel = memory.channel_of[node]
    hold = cargo[n.CARGO_KIND] == k.STORE and memory.channel[channel, k.C_WRITES] > memory.settings[k.M_WRITE_BUFFER]
    if hold or not return_credit(network, node, vc, t):
        memory.held[channel, vc] += 1
        memory.channel[channel, k.C_WAKE] = 0
    if flit & n.TAIL:
        complete_packet(clock, network, tiles, memory, node, flit, t)


@kernel
def put_flit(clock, network, tiles, memory, tile, flit, t):
    """A flit has left the queue of a tile, written by the end of cycle t: its credit returns."""
    scalars = clock.scalars
    scalars[k.LAST_MOVE] = t
    scalars[k.LAST_WORK] = max(scalars[k.LAST_WORK], t)
    node = tiles.node[tile]
    packet = flit >> n.PACKET_SHIFT
    cargo = row(network.cargo, packet)
    if cargo[n.CARGO_KIND] == k.SPIKES:
        tiles.events[cargo[n.CARGO_LAYER], k.E_SPIKE_WRITE_FLITS] += 1
    elif cargo[n.CARGO_KIND] == k.WEIGHTS:
        tiles.events[cargo[n.CARGO_LAYER], k.E_WEIGHT_WRITE_FLITS] += 1
    return_credit(network, node, (flit >> n.VC_SHIFT) & n.VC_MASK, t)
    if flit & n.TAIL:
        complete_packet(clock, network, tiles, memory, node, flit, t)


@kernel
def group_at(memory, cargo, target, node):
    """The group that a packet counts down at a node."""
    if target < n.TREES:
        return cargo[n.CARGO_GROUP] + cargo[n.CARGO_OFFSET]
    member = cargo[n.CARGO_GROUP]
    while memory.destination[member, 0] != node:
        member += 1
    return memory.destination[member, 1] + cargo[n.CARGO_OFFSET]


@kernel
def book_arrival(clock, network, tiles, node, flit, t):
    """The tail of a packet, or of one of its copies, has reached a node: count it."""
    packet = flit >> n.PACKET_SHIFT
    entry = row(network.packet, packet)
    layer = row(network.cargo, packet)[n.CARGO_LAYER]
    flits = entry[n.P_FLITS]
    clock.scalars[k.RECEIVED_COPIES] += 1
    counts = network.layer_flits[layer]
    counts[n.FLITS_RECEIVED] += flits
    counts[n.UNICAST_HOPS] += flits * ((flit >> n.HOP_SHIFT) & n.HOP_MASK)
    tiles.events[layer, k.E_PACKETS] += 1
    latency = t - entry[n.P_CREATED]
    network.latency[latency if latency < n.LATENCY_BINS else n.LATENCY_BINS - 1] += 1


@kernel
def arrive(clock, tiles, memory, tile, group, amount):
    """Data of a group are where they belong, in the buffer of a tile or elsewhere (-1): wake the tile if that helps."""
    wake = False
    box = clock.box[group]
    if box >= 0 and not clock.begun[box]:
        clock.begun[box] = 1
        wake = True
    if tile >= 0:
        own = tiles.interface[tile]
        own[k.I_HELD] += clock.bits[group]
        clock.bits[group] = 0
        own[k.I_HELD_PEAK] = max(own[k.I_HELD_PEAK], own[k.I_HELD])
    count_down(clock, memory, group, amount)
    if tile >= 0 and (wake or clock.left[group] == 0):
        tiles.active[tile >> 5] |= 1 << (tile & 31)


@kernel
def put_in_write_buffer(tiles, memory, channel, address, size, layer, t):
    """Bytes that came in cycle t wait to be written; memory sees them in the next."""
    memory.channel[channel, k.C_WRITES] += size
    memory.channel[channel, k.C_WAKE] = 0
    moved = size
    if memory.settings[k.M_KIND] == k.BANKS:
        moved = write(memory.dram, channel, address, size, t + 1) * memory.dram.settings[d.BURST_BYTES]
    tiles.events[layer, k.E_BUS_WRITE] += moved
    tiles.events[layer, k.E_DRAM_WRITE] += size


@kernel
def store(clock, tiles, memory, channel, address, size, layer, t):
    """Put bytes into a write buffer without a network between, if they fit; an empty one takes any. Returns whether.

    Through a port without a limit they leave at once.
    """
    state = memory.channel[channel]
    if memory.settings[k.M_KIND] == k.PORTS and state[k.C_COST] == 0:
        memory.write_bins[channel, t >> clock.scalars[k.BIN_SHIFT]] += size
        tiles.events[layer, k.E_BUS_WRITE] += size
        tiles.events[layer, k.E_DRAM_WRITE] += size
        return True
    if state[k.C_WRITES] > 0 and state[k.C_WRITES] + size > memory.settings[k.M_WRITE_BUFFER]:
        return False
    put_in_write_buffer(tiles, memory, channel, address, size, layer, t)
    return True


@kernel
def put_bytes(clock, tiles, memory, number, size, t):
    """Bytes of a transfer are in the buffers of those that asked for it, without a network between."""
    transfer = memory.transfer[number]
    written = k.E_SPIKE_WRITE_FLITS if transfer[k.D_KIND] == k.SPIKES else k.E_WEIGHT_WRITE_FLITS
    for member in range(transfer[k.D_FIRST], transfer[k.D_FIRST] + transfer[k.D_COUNT]):
        tile = tiles.tile_of[memory.destination[member, 0]]
        tiles.events[transfer[k.D_LAYER], written] += size
        arrive(clock, tiles, memory, tile, memory.destination[member, 1], size)
    clock.scalars[k.LAST_MOVE] = t
    clock.scalars[k.LAST_WORK] = max(clock.scalars[k.LAST_WORK], t)


@kernel
def complete_packet(clock, network, tiles, memory, node, flit, t):
    """The tail of a packet, or of one of its copies, is where it belongs: its group is counted down."""
    packet = flit >> n.PACKET_SHIFT
    entry = row(network.packet, packet)
    cargo = row(network.cargo, packet)
    layer = cargo[n.CARGO_LAYER]
    kind = cargo[n.CARGO_KIND]
    flits = entry[n.P_FLITS]
    group = group_at(memory, cargo, entry[n.P_TARGET], node)
    if kind == k.STORE:
        channel = memory.channel_of[node]
        put_in_write_buffer(tiles, memory, channel, cargo[n.CARGO_ADDRESS], cargo[n.CARGO_BYTES], layer, t)
    if group >= 0:
        arrive(clock, tiles, memory, tiles.tile_of[node], group, cargo[n.CARGO_AMOUNT])
    entry[n.P_COPIES] -= 1
    if entry[n.P_COPIES] == 0:
        target = entry[n.P_TARGET]
        counts = network.layer_flits[layer]
        hops = (flit >> n.HOP_SHIFT) & n.HOP_MASK
        if target >= n.TREES:
            hops = network.tree_hops[target - n.TREES]
        counts[n.FLITS_SENT] += flits
        counts[n.FLIT_HOPS_DONE] += flits * hops
        network.free[network.scalars[n.FREE_PACKETS]] = packet
        network.scalars[n.FREE_PACKETS] += 1
