"""Layout of the state of tiles and memory, and of the clock: flat integer arrays, and the names of their columns.

Every array is int64 unless noted. The engine builds these tuples once a run; the kernels mutate them in place.
"""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import NDArray

from accelsim.kernels.dram_state import Dram
from accelsim.kernels.network_state import FOREVER as FOREVER

# States of a tile in a cycle, in the order in which they count when several hold.
BUSY, FILL_DRAIN, WEIGHTS_MISSING, SPIKES_MISSING, BANK_CONFLICT, OUTPUT_BLOCKED, SEQUENCING, IDLE = range(8)
STATES = 8

# Scalars of the clock.
(
    NOW,
    LAST_MOVE,  # last cycle in which a tile or a memory moved anything
    LAST_WORK,  # last cycle in which a flit was delivered, a byte written or a pass ended
    COMPLETED,  # watched groups completed since the bridge last looked
    BIN_SHIFT,  # a timeline bin lasts 2^BIN_SHIFT cycles
    SENT_PACKETS,
    SENT_COPIES,  # destinations of these packets
    RECEIVED_COPIES,
    SENT_FLITS,
    SENT_FLIT_COPIES,  # flits times destinations
    RECEIVED_FLITS,
    TILE_CYCLES,  # tile cycles stepped, for benchmarks
    PEAK_PACKETS,
    CLOCK_SCALARS,
) = range(14)


class Clock(NamedTuple):
    """Time, the groups that transfers count down, and the ring of groups completed for actors."""

    scalars: NDArray  # [CLOCK_SCALARS]
    left: NDArray  # [groups] words, bytes or requests still to come; 0 = complete
    watched: NDArray  # [groups] an actor waits for it
    fires: NDArray  # [groups] transfer that starts at completion, or -1
    chain: NDArray  # [groups] group that is counted down by one at completion, or -1
    box: NDArray  # [groups] input box whose first word this may be, or -1
    bits: NDArray  # [groups] bits of a spike buffer that its words take from the first packet on; then 0
    place: NDArray  # [groups] word of its SRAM in which the next packet of the group begins
    begun: NDArray  # [boxes] some word of the box has arrived
    completed: NDArray  # [groups + 1] groups completed since the bridge last looked


# Kinds of packets: where the flits go at the destination.
CONTROL, SPIKES, WEIGHTS, STORE = range(4)

# Settings of the tiles, in Tiles.settings.
(
    T_ROWS,
    T_LINE,
    T_FIFO,
    T_BANKS,
    T_PIXELS,
    T_RESULTS,
    T_SPIKE_LATENCY,
    T_PIPELINE,
    T_SKIP,
    T_PAYLOAD_BITS,
    T_HEADER_BITS,
    T_FLIT_BITS,
    T_VERIFY,
    T_BANK_PERIOD,  # weight rows in Tiles.bank before they repeat
    T_PLANES,  # in Tiles.planes: bits of the widest word
    T_PAYLOAD,  # encoding of spike packets, of those in accelsim.kernels.payload
    T_AT_ONCE,  # the neuron unit passes pixels on in the cycle in which their sums come, however many they are
    T_SCHEDULED,  # the array plays the steps of a dataflow; else it takes what the detector finds
    T_STREAMS,  # the steps read the input map from memory, not from the spike buffer
    TILE_SETTINGS,
) = range(20)

BLOCK_SHIFT = 5
BLOCK_WORDS = 1 << BLOCK_SHIFT
"""Words whose bits of one plane lie together in Tiles.planes: those of two blocks fill an integer."""

BLOCK_MASK = (1 << BLOCK_WORDS) - 1

# SRAMs of a tile into which flits are written: the first index of Tiles.sram and of Tiles.use.
SPIKE_BUFFER, WEIGHT_BUFFER = range(2)

# Rules of an SRAM, in Tiles.sram.
(
    B_BANKS,
    B_WIDTH,  # bits of a word: what a bank reads or writes at once
    B_DEPTH,  # words of a bank
    B_PORTS,
    B_INTERLEAVING,
    B_ARBITRATION,
    B_FLIT,  # words that a flit is written to
    B_FREE,  # most bits of consecutive words that are always read in one cycle, where nothing is written
    B_FLIT_FREE,  # whether the words of a flit always lie in different banks
    SRAM_COLUMNS,
) = range(10)

# Accesses that a bank takes in a cycle: one; one read and one write; any two; all.
ONE_RW, ONE_R_ONE_W, TWO_RW, UNLIMITED = range(4)

# How words lie in banks: in turn; each bank a range; in turn, and a bank further in each round.
LOW_ORDER, BLOCK, DIAGONAL = range(3)

# Who asks first in a cycle: the network interface; the array, its detector or the neuron unit; whoever lost last.
WRITES_FIRST, READS_FIRST, ROUND_ROBIN = range(3)

# Columns of the network interface of a tile: its queue of flits to be written.
(
    I_HEAD,
    I_FLITS,
    I_PEAK,
    I_DONE,  # words of the front flit that are written
    I_LOST,  # cycles in which a bank was refused to the front flit
    I_LEAVES,  # the front flit leaves at the end of this cycle
    I_SPIKE_AT,  # last cycle in which a flit asked for banks of the spike buffer, of the weight buffer
    I_WEIGHT_AT,
    I_SPIKE_READS_FIRST,  # round robin: reads of the spike buffer, of the weight buffer, ask first
    I_WEIGHT_READS_FIRST,
    I_READ,  # words of the line under way that are read
    I_HELD,  # bits of the spike buffer that hold words
    I_HELD_PEAK,
    INTERFACE_COLUMNS,
) = range(14)

# Columns of a flit in that queue: the flit, its SRAM or -1, the word of it that it begins in, and its layer.
F_FLIT, F_SRAM, F_PLACE, F_LAYER, FLIT_COLUMNS = range(5)

PASSES = 32
"""Passes of a tile that may be under way, from submission to the last output packet: a power of two."""

PASS_MASK = PASSES - 1

# Columns of a pass.
(
    W_LAYER,
    W_OP,
    W_WORDS,  # offset of the input image, in words of Tiles.planes and of Tiles.words
    W_WORDS_B,  # offset of the second operand of an addition
    W_HEIGHT,
    W_WIDTH,
    W_CHANNELS,
    W_KERNEL_ROWS,
    W_KERNEL_COLUMNS,
    W_STRIDE_ROWS,
    W_STRIDE_COLUMNS,
    W_PADDING_ROWS,
    W_PADDING_COLUMNS,
    W_DILATION_ROWS,
    W_DILATION_COLUMNS,
    W_FIRST_CHANNEL,  # input channels scanned: [first, last)
    W_LAST_CHANNEL,
    W_FIRST_ROW,  # output rows: [first, last)
    W_LAST_ROW,
    W_OUT_COLUMNS,
    W_FIRST_OUT,  # output channels: [first, first + outs)
    W_OUTS,
    W_REACH,  # output channels of the pass that a word reaches: those of its group
    W_GROUP_CHANNELS,  # input channels of a group
    W_SHIFT,  # first bit slice
    W_SLICE_BITS,
    W_SLICES,
    W_WEIGHTS_GROUP,
    W_ROW_GROUP,  # group of input row W_ROW_ORIGIN, or -1
    W_ROW_ORIGIN,
    W_ROW_GROUP_B,
    W_BOX,
    W_BOX_B,
    W_GRANT_GROUP,
    W_DONE_GROUP,
    W_SERVICE,  # cycles of the neuron unit a pixel, where it takes any
    W_CARRY,  # what becomes of the accumulators: CARRY_* below
    W_OUT_BITS,
    W_ROUTES,  # first row in Tiles.routes
    W_ROUTE_COUNT,
    W_WEIGHT_OFFSET,  # in Tiles.weights, of weight row 0 and the first output channel
    W_WEIGHT_STRIDE,  # from one weight row to the next
    W_SECOND_OPERAND,  # the weights are words, in Tiles.words
    W_PARAMETER_OFFSET,  # in Tiles.bias and Tiles.theta
    W_OUTPUT_OFFSET,  # in Tiles.outputs
    W_OUT_CHANNELS,  # of the whole layer
    W_LIMIT,  # largest word, 2^T - 1; 0: accumulators leave as they are
    W_LAST,  # no pass follows
    W_ACCUMULATOR_READS,  # accumulator words read and written a pixel and column
    W_ACCUMULATOR_WRITES,
    W_NEURON_OPS,  # a pixel and column
    W_PORT_CYCLES,  # cycles of W_SERVICE that more ports or banks of the accumulator buffer would save
    # Bit of the spike buffer in which a word lies: W_PLACE + row * W_ROW_BITS + slice * W_SLICE_STEP
    # + column * W_POSITION_BITS + channel * W_READ_BITS; W_PLACE_B is that of the second operand.
    W_PLACE,
    W_PLACE_B,
    W_ROW_BITS,
    W_SLICE_STEP,
    W_POSITION_BITS,
    W_READ_BITS,
    W_ROW_END,  # the input row after the last that is there for the pass
    W_STEPS,  # first row in Tiles.steps of the schedule of the pass, and how many
    W_STEP_COUNT,
    W_COUNTS,  # row in Tiles.counts
    W_WEIGHT_BYTES,  # of the block that W_WEIGHTS_GROUP counts down
    PASS_COLUMNS,
) = range(64)

# Operators of a pass.
ARRAY, MAX_POOL, SUM_POOL, ADD, UPSAMPLE = range(5)

# Bits of W_CARRY: add the stored sums; double them first; store the result; fire.
CARRY_ADD, CARRY_DOUBLE, CARRY_STORE, CARRY_FIRE = 1, 2, 4, 8

# Columns of a route: output rows [first, last) of a pass go to a target, counting down group + stride * (row - first).
(
    R_TARGET,  # a node, or a multicast tree; then R_GROUP is the first of its rows in Memory.destination
    R_FIRST_ROW,
    R_LAST_ROW,
    R_GROUP,
    R_GROUP_STRIDE,
    R_CHANNELS,
    R_KIND,
    R_WORDS,  # word of Tiles.planes: the first channel, at row 0 and column 0; of a store the bit address of its row
    R_SKIP,  # rows left out after each that goes
    ROUTE_COLUMNS,
) = range(10)

# Scalars of a tile.
(
    S_SUBMITTED,  # passes submitted, and how far detector, array and neuron unit have come
    S_DETECTOR,
    S_DRAINED,
    S_OPEN,  # the detector has opened its pass
    S_READY,  # first cycle in which its first line may be read
    S_ROW,  # cursor of the next line: output row and column, slice, kernel row, kernel column, position
    S_COLUMN,
    S_SLICE,
    S_KERNEL_ROW,
    S_KERNEL_COLUMN,
    S_POSITION,
    S_PIXEL_OPEN,
    S_LINE_VALID,
    S_LINE_COUNT,  # words of the line that count, and those of them that were passed on
    S_LINE_NEXT,
    S_LINE_BLOCK,  # the first of its blocks of words that has some left
    S_LINE_BANK,  # place of the line's first weight row in Tiles.bank, and of the next line's of the same run
    S_NEXT_BANK,
    S_RUN,  # words of the run that the cursor is in, its input row and column, its first word and weight row
    S_RUN_ROW,
    S_RUN_COLUMN,
    S_RUN_ADDRESS,
    S_RUN_WEIGHT,
    S_LINE_CLOSES,  # the line is the last of its pixel
    S_FIFO,  # words in the FIFO
    S_PIXEL_HEAD,
    S_PIXELS,
    S_IDEAL,  # words that a conflict-free array would have taken of the front pixel
    S_RESULT_HEAD,
    S_RESULTS,
    S_SERVING,
    S_SERVED_AT,
    S_ASSEMBLED,  # pixels in the packet being assembled
    S_EMITTING,
    S_EMIT_ROW,
    S_EMIT_PIXELS,
    S_EMIT_ROUTE,
    S_STATE,  # state since cycle S_SINCE, charged to layer S_LAYER
    S_SINCE,
    S_LAYER,
    S_FIFO_PEAK,
    S_PIXELS_PEAK,
    S_RESULTS_PEAK,
    S_PASSES_PEAK,
    S_EMIT_COLUMN,  # first column of the packet being sent
    S_EMIT_NONZERO,  # nonzero words in its next copy, or -1 while they are not counted
    S_STEP,  # of a schedule: the step that is played, and its repetition
    S_TURN,
    S_ENDS,  # the cycle after that repetition, or k.FOREVER before it begins
    S_PIXEL,  # pixels of the pass that have left the array
    S_STREAM_ASKED,  # the spikes of the next repetition have been asked for
    S_STREAMED,  # the first cycle in which they are there
    S_STREAM_BEGUN,  # the cycle in which the first spikes of a run of passes were asked for
    S_PORT,  # time at which the spike port is free, in 1/C_RATE cycles
    TILE_SCALARS,
) = range(55)

# Columns of a pixel in the FIFO, and of a result: Y_COUNT pixels from a row and column on, row by row.
X_PASS, X_ROW, X_COLUMN, X_CLOSED, X_WORDS, X_PUSHED, PIXEL_COLUMNS = range(7)
Y_PASS, Y_ROW, Y_COLUMN, Y_READY, Y_COUNT, RESULT_COLUMNS = range(6)

# Event counters of a layer.
(
    E_WORDS,  # words taken by the arrays
    E_MACS,  # word times column products
    E_SUMS,  # sums added to a column's accumulator; of several groups at most as many as there are products
    E_WEIGHT_READS,  # weights read from the weight buffers
    E_SYNOPS,  # ones times the columns that their word reaches
    E_LINES,  # spike-buffer lines read
    E_LINE_WORDS,  # words in them
    E_CONFLICTS,  # spike-buffer reads that lost their bank
    E_WEIGHT_CONFLICTS,  # cycles in which words were taken that had waited for a bank of the weight buffer
    E_ACCUMULATOR_READS,
    E_ACCUMULATOR_WRITES,
    E_NEURON_OPS,
    E_VECTOR_OPS,
    E_SPIKE_WRITE_FLITS,
    E_WEIGHT_WRITE_FLITS,
    E_DRAM_READ,  # bytes
    E_DRAM_WRITE,
    E_BUS_READ,  # bytes of the bursts that were asked for, also those that nobody needs
    E_BUS_WRITE,
    E_PACKETS,  # that arrived, each copy
    E_MEMORY_FLITS,  # that memory controllers sent
    E_PIXELS,
    E_SPIKE_PACKETS,  # packets of spikes sent from tile to tile, each copy; the words in them, and those not zero
    E_SENT_WORDS,
    E_SENT_NONZERO,
    E_SPIKE_WRITE_CONFLICTS,  # cycles in which a flit waited for a bank of the spike buffer, of the weight buffer
    E_WEIGHT_WRITE_CONFLICTS,
    E_ACCUMULATOR_CONFLICTS,  # cycles in which a pixel's sums waited for a port of the accumulator buffer
    EVENTS,
) = range(29)

# What the spike packets of a layer would have cost in one encoding: bits of payload, flits with their headers, and
# the packets of which it is the shortest.
Q_BITS, Q_FLITS, Q_SHORTEST, PAYLOAD_COLUMNS = range(4)


class Tiles(NamedTuple):
    """Tiles: passes, detector, array, neuron unit and the emitter of output packets."""

    settings: NDArray  # [TILE_SETTINGS]
    node: NDArray  # [tiles] node of the network
    tile_of: NDArray  # [nodes] tile, or -1
    active: NDArray  # [words of 32 tiles]
    scalars: NDArray  # [tiles, TILE_SCALARS]
    sram: NDArray  # [2, SRAM_COLUMNS] rules of the spike buffers and of the weight buffers
    use: NDArray  # [2, tiles, banks] cycle << 4 | writes << 2 | reads: what a bank took last
    interface: NDArray  # [tiles, INTERFACE_COLUMNS]
    sink: NDArray  # [tiles, flits, FLIT_COLUMNS] ring of flits that wait to be written
    sink_place: NDArray  # [tiles, VCs] word in which the next flit of the VC's packet begins
    sinking: NDArray  # [words of 32 tiles] tiles with flits that wait
    passes: NDArray  # [tiles, PASSES, PASS_COLUMNS]
    wake: NDArray  # [tiles] the cycle in which a tile that sleeps has to be looked at, or FOREVER
    steps: NDArray  # [steps, STEP_COLUMNS] of all schedules; see accelsim.kernels.steps
    counts: NDArray  # [passes, EVENTS] what each scheduled pass adds to the events of its layer
    emitting: NDArray  # [tiles, PASS_COLUMNS] the pass whose packet is being queued
    routes: NDArray  # [routes, ROUTE_COLUMNS]
    bank: NDArray  # [periods of weight rows and a line] bank of a row of weights
    line: NDArray  # [tiles, blocks] words of the detector's line that count and are still to be passed on, a bit each
    line_entry: NDArray  # [tiles, line words]: weight row << 32 | value, used to verify
    bank_fifo: NDArray  # [tiles, banks, fifo words] entries of lines, used to verify
    bank_head: NDArray  # [tiles, banks]
    bank_tail: NDArray  # [tiles, banks]
    bank_words: NDArray  # [tiles, pixels, banks] words of a pixel waiting for a bank
    pixel: NDArray  # [tiles, pixels, PIXEL_COLUMNS]
    result: NDArray  # [tiles, results, RESULT_COLUMNS]
    accumulator: NDArray  # [tiles, output channels of a pass], used to verify
    membrane: NDArray  # [tiles, pixels of a strip, output channels of a pass], used to verify
    planes: NDArray  # [blocks of words x planes] input words, (row, column, channel); see engine/layout.py
    words: NDArray  # the same words, used to verify
    weights: NDArray  # int8, (weight row, output channel), used to verify
    bias: NDArray  # used to verify
    theta: NDArray  # used to verify
    outputs: NDArray  # computed words or accumulators, (row, column, channel), used to verify
    cycles: NDArray  # [tiles, layers + 1, STATES]
    span: NDArray  # [layers, 2] first cycle of any tile's work or wait, and the cycle after its last output
    bins: NDArray  # [tiles, bins, STATES]
    events: NDArray  # [layers + 1, EVENTS]
    payload: NDArray  # [layers + 1, encodings, PAYLOAD_COLUMNS]


# Columns of a transfer from DRAM.
# D_TREE is the multicast tree that its packets take, as a target, or 0: then each destination gets its own.
(
    D_CHANNEL,
    D_BYTES,  # not yet read; D_ADDRESS goes up as they are
    D_LAYER,
    D_KIND,
    D_FIRST,
    D_COUNT,
    D_TREE,
    D_ADDRESS,
    D_ASKED,  # cycle in which it was asked for
    TRANSFER_COLUMNS,
) = range(10)

# Scalars of a memory controller.
(
    C_NODE,
    C_RATE,  # of a pipe or a port a byte takes C_COST / C_RATE cycles, of channels of banks a clock
    C_COST,
    C_FREE,  # time at which the data bus is free, in 1/C_RATE cycles
    C_STREAMS,  # of a port: bytes have been crossing it since the last cycle
    C_SEEN,  # of a port: bytes waiting to be written that it has seen
    C_QUEUED_PEAK,
    C_QUEUED,  # transfers waiting, and the one being read, or -1
    C_CURRENT,
    C_READY_HEAD,
    C_READY,
    C_COPY,  # destination of the front chunk that is served next
    C_WRITES,  # bytes waiting to be written
    C_WRITE_PEAK,
    C_BUSY,  # bus occupancy, in 1/C_RATE cycles; of several channels that of the busiest
    C_WAKE,  # the next cycle in which the controller has to be looked at
    C_CUT,  # bursts of the newest chunk have still to be asked for
    C_NEXT,  # address of the first byte of the transfer being read that no burst was asked for
    CHANNEL_SCALARS,
) = range(19)

# Columns of a chunk on its way from DRAM to the network: the first cycle in which it may leave, once R_PARTS is 0.
R_CYCLE, R_TRANSFER, R_BYTES, R_PARTS, READY_COLUMNS = range(5)

# Settings of the memory.
M_KIND, M_LATENCY, M_CHUNK, M_WRITE_BUFFER, M_AHEAD, MEMORY_SETTINGS = range(6)

# Kinds of memory: pipes; channels of banks; ports of a tile that no network lies between.
PIPE, BANKS, PORTS = range(3)

WEIGHT_PORT, SPIKE_PORT, STORE_PORT = range(3)
"""Channels of a memory that has a port for each kind of traffic."""


class Memory(NamedTuple):
    """Memory controllers, each with a pipe or with channels of banks; or the ports of a tile, each with its traffic."""

    settings: NDArray  # [MEMORY_SETTINGS]
    channel_of: NDArray  # [nodes] controller, or -1
    channel: NDArray  # [controllers, CHANNEL_SCALARS]
    transfer: NDArray  # [transfers, TRANSFER_COLUMNS]
    destination: NDArray  # [destinations, 2] node, group: of a transfer or of a multicast packet
    queue: NDArray  # [controllers, transfers] transfers asked for, in any order
    ready: NDArray  # [controllers, chunks, READY_COLUMNS] chunks asked for and not yet sent
    held: NDArray  # [controllers, VCs] credits held back while the write buffer is full
    read_bins: NDArray  # [controllers, bins] bytes
    write_bins: NDArray  # [controllers, bins] bytes
    dram: Dram
