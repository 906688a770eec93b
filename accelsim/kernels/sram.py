"""Banks and ports of the SRAMs of a tile: which accesses of a cycle are taken, and which wait for the next.

Two masters meet at a buffer: the network interface writes the flit in front of its queue; the spike detector, the
neuron unit or the PE array reads. Whoever asks first gets what the ports of a bank allow, the other what is left.
Arrays are those of `accelsim.kernels.state.Tiles`; a place is the number of a word of an SRAM.
"""

from accelsim.jit import kernel
from accelsim.kernels import state as k

PATIENCE = 16
"""Cycles that a flit lets reads go first: after as many in which a bank was refused to it, it asks first itself."""


@kernel
def bank_at(rules, place):
    """Bank in which a word of an SRAM lies; of weight rows, as `accelsim.engine.layout.weight_banks` lays them out."""
    banks = rules[k.B_BANKS]
    if rules[k.B_INTERLEAVING] == k.DIAGONAL:
        return (place + place // banks) % banks
    if rules[k.B_INTERLEAVING] == k.BLOCK:
        return place // rules[k.B_DEPTH] % banks
    return place % banks


@kernel
def take(rules, use, bank, writes, t):
    """Let a bank take a read or a write in cycle t if its ports allow one more. Returns whether it did."""
    used = use[bank]
    if used >> 4 != t:
        used = t << 4
    reads = used & 3
    written = (used >> 2) & 3
    ports = rules[k.B_PORTS]
    if ports == k.ONE_R_ONE_W:
        room = 1 - (written if writes else reads)
    elif ports == k.TWO_RW:
        room = 2 - reads - written
    elif ports == k.UNLIMITED:
        return True
    else:
        room = 1 - reads - written
    if room <= 0:
        return False
    use[bank] = used + (4 if writes else 1)
    return True


@kernel
def take_run(rules, use, first, count, writes, t):
    """Access the words [first, first + count) in their order, up to the first that is refused. Returns how many."""
    done = 0
    while done < count and take(rules, use, bank_at(rules, first + done), writes, t):
        done += 1
    return done


@kernel
def reads_at(tiles, sram):
    """Reads that a bank takes in a cycle in which it is not written; without a limit, as many as there are lanes."""
    ports = tiles.sram[sram, k.B_PORTS]
    if ports == k.UNLIMITED:
        return tiles.settings[k.T_ROWS]
    return 2 if ports == k.TWO_RW else 1


@kernel
def is_written(tiles, tile, sram, t):
    """Whether a flit asks for banks of the SRAM in this cycle, before or after the reads, that reads ask for too."""
    return tiles.interface[tile, k.I_SPIKE_AT + sram] == t


@kernel
def refuse_read(tiles, tile, sram):
    """A read was refused while a flit asked too: where they take turns, the next conflict goes the other way."""
    tiles.interface[tile, k.I_SPIKE_READS_FIRST + sram] = 1


@kernel
def read_weights(tiles, tile, bank, t):
    """Whether a bank of the weight buffer gives a word in a cycle in which a flit asks for banks of it too."""
    if take(tiles.sram[k.WEIGHT_BUFFER], tiles.use[k.WEIGHT_BUFFER, tile], bank, False, t):
        return True
    refuse_read(tiles, tile, k.WEIGHT_BUFFER)
    return False


@kernel
def reads_freely(tiles, tile, bits, t):
    """Whether up to so many bits of the spike buffer can be read in this cycle, wherever they lie."""
    own = tiles.interface[tile]
    free = bits <= tiles.sram[k.SPIKE_BUFFER, k.B_FREE]
    return free and own[k.I_READ] == 0 and own[k.I_SPIKE_AT] != t


@kernel
def read_spikes(tiles, tile, first_bit, bits, t):
    """Read a line of bits of the spike buffer. Returns False while words of it are missing: it is asked for again."""
    rules = tiles.sram[k.SPIKE_BUFFER]
    own = tiles.interface[tile]
    width = rules[k.B_WIDTH]
    first = first_bit // width + own[k.I_READ]
    count = (first_bit + bits - 1) // width + 1 - first
    done = take_run(rules, tiles.use[k.SPIKE_BUFFER, tile], first, count, False, t)
    if done == count:
        own[k.I_READ] = 0
        return True
    own[k.I_READ] += done
    if is_written(tiles, tile, k.SPIKE_BUFFER, t):
        refuse_read(tiles, tile, k.SPIKE_BUFFER)
    return False


@kernel
def writes_first(tiles, tile, sram):
    """Whether the flit in front asks for its banks before the reads of the cycle."""
    own = tiles.interface[tile]
    arbitration = tiles.sram[sram, k.B_ARBITRATION]
    if arbitration == k.READS_FIRST:
        return own[k.I_LOST] >= PATIENCE
    return arbitration == k.WRITES_FIRST or own[k.I_SPIKE_READS_FIRST + sram] == 0


@kernel
def write_flit(tiles, tile, t):
    """Write as many words of the flit in front as its banks take; with the last it leaves the queue."""
    own = tiles.interface[tile]
    flit = tiles.sink[tile, own[k.I_HEAD]]
    sram = flit[k.F_SRAM]
    rules = tiles.sram[sram]
    count = rules[k.B_FLIT] - own[k.I_DONE]
    done = take_run(rules, tiles.use[sram, tile], flit[k.F_PLACE] + own[k.I_DONE], count, True, t)
    if done == count:
        own[k.I_LEAVES] = 1
        return
    own[k.I_DONE] += done
    own[k.I_LOST] += 1
    own[k.I_SPIKE_READS_FIRST + sram] = 0
    tiles.events[flit[k.F_LAYER], k.E_SPIKE_WRITE_CONFLICTS + sram] += 1


@kernel
def ask_to_write(tiles, tile, reading, t):
    """Before the reads of a cycle: the flit in front asks for its banks, or lets the reads go first.

    Returns whether it does, so that `write_flit` has to follow the reads. `reading`: something may be read at all.
    """
    own = tiles.interface[tile]
    sram = tiles.sink[tile, own[k.I_HEAD], k.F_SRAM]
    if sram < 0:
        own[k.I_LEAVES] = 1
        return False
    ports = tiles.sram[sram, k.B_PORTS]
    meets_reads = reading and ports != k.ONE_R_ONE_W and ports != k.UNLIMITED
    if not meets_reads and tiles.sram[sram, k.B_FLIT_FREE]:
        own[k.I_LEAVES] = 1
        return False
    if meets_reads:
        own[k.I_SPIKE_AT + sram] = t
    if not writes_first(tiles, tile, sram):
        return True
    write_flit(tiles, tile, t)
    return False


@kernel
def queue_flit(tiles, tile, flit, sram, place, layer):
    """A flit that the sink took waits behind the others; its credit is held until it leaves."""
    own = tiles.interface[tile]
    size = tiles.sink.shape[1]
    slot = own[k.I_HEAD] + own[k.I_FLITS]
    entry = tiles.sink[tile, slot - size if slot >= size else slot]
    entry[k.F_FLIT] = flit
    entry[k.F_SRAM] = sram
    entry[k.F_PLACE] = place
    entry[k.F_LAYER] = layer
    own[k.I_FLITS] += 1
    own[k.I_PEAK] = max(own[k.I_PEAK], own[k.I_FLITS])
    tiles.sinking[tile >> 5] |= 1 << (tile & 31)


@kernel
def take_leaving(tiles, tile):
    """The flit in front if it leaves the queue in this cycle, else -1."""
    own = tiles.interface[tile]
    if own[k.I_LEAVES] == 0:
        return -1
    flit = tiles.sink[tile, own[k.I_HEAD], k.F_FLIT]
    own[k.I_LEAVES] = 0
    own[k.I_DONE] = 0
    own[k.I_LOST] = 0
    own[k.I_HEAD] = own[k.I_HEAD] + 1 if own[k.I_HEAD] + 1 < tiles.sink.shape[1] else 0
    own[k.I_FLITS] -= 1
    if own[k.I_FLITS] == 0:
        tiles.sinking[tile >> 5] &= ~(1 << (tile & 31))
    return flit
