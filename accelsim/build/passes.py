"""The columns of a pass that follow from its layer, the chip and the plan alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.build.schema import ArchSettings
from accelsim.kernels import state as k
from accelsim.mapping.plan import Range, Strip, TileCapacity
from accelsim.workload.layer import ARRAY_OPS, Layer

Pass = NDArray[np.int64]
"""[PASS_COLUMNS], see `accelsim.kernels.state`."""

VECTOR_OPERATORS = {
    "maxpool2d": k.MAX_POOL,
    "avgpool2d": k.SUM_POOL,
    "add": k.ADD,
    "concat": k.MAX_POOL,  # of a 1x1 window in one operand
    "upsample": k.UPSAMPLE,
}


def fill_shape(work: Pass, layer: Layer, capacity: TileCapacity, rows: Range, group: Range, plane: int) -> None:
    """What the operator is, and the rows and channels of its output that the pass computes."""
    work[k.W_CHANNELS], work[k.W_HEIGHT], work[k.W_WIDTH] = layer.in_shape
    work[k.W_KERNEL_ROWS], work[k.W_KERNEL_COLUMNS] = layer.kernel
    work[k.W_STRIDE_ROWS], work[k.W_STRIDE_COLUMNS] = layer.stride
    work[k.W_PADDING_ROWS], work[k.W_PADDING_COLUMNS] = layer.padding
    work[k.W_DILATION_ROWS], work[k.W_DILATION_COLUMNS] = layer.dilation
    work[k.W_FIRST_CHANNEL], work[k.W_LAST_CHANNEL] = group
    work[k.W_FIRST_ROW], work[k.W_LAST_ROW] = rows
    work[k.W_OUT_COLUMNS] = layer.out_shape[2]
    work[k.W_FIRST_OUT], work[k.W_OUTS] = group[0], group[1] - group[0]
    work[k.W_OUT_CHANNELS] = layer.out_shape[0]
    work[k.W_OUT_BITS] = layer.out_word_bits if layer.signed else capacity.stored_bits(layer.out_word_bits)
    work[k.W_OP] = k.ARRAY
    work[k.W_SHIFT] = plane
    work[k.W_SLICE_BITS] = capacity.lane_bits
    work[k.W_SLICES] = 1 if capacity.bit_serial else capacity.scans(layer.word_bits)
    if layer.op not in ARRAY_OPS:
        work[k.W_OP] = VECTOR_OPERATORS[layer.op]
        if layer.op == "add":
            work[k.W_KERNEL_ROWS], work[k.W_KERNEL_COLUMNS] = 2, 1
        if layer.op == "upsample":
            work[k.W_STRIDE_ROWS], work[k.W_STRIDE_COLUMNS] = layer.factor


def fill_places(work: Pass, layer: Layer, capacity: TileCapacity, strip: Strip, first: int, image: int) -> None:
    """Where the words of an image lie in the spike buffer: rows, in them slices, in these positions, one by one.

    `first` is the operand that is read, or the first of two.
    """
    box = strip.boxes[first]
    word_bits = capacity.stored_bits(layer.word_bits)
    channels = box.channels[1] - box.channels[0]
    words = layer.in_shape[2] * channels
    read_bits = min(capacity.lane_bits, word_bits) if layer.op in ARRAY_OPS else word_bits
    work[k.W_READ_BITS] = read_bits
    work[k.W_POSITION_BITS] = channels * read_bits
    work[k.W_SLICE_STEP] = words * read_bits
    work[k.W_ROW_BITS] = words * word_bits
    first_slice = int(work[k.W_SHIFT]) // read_bits * words * read_bits
    for column, operand in zip((k.W_PLACE, k.W_PLACE_B), strip.boxes[first:], strict=False):
        work[column] = operand.offset_of(image) * 8 - operand.rows[0] * words * word_bits + first_slice
        work[column] -= operand.channels[0] * read_bits


def fill_neuron(work: Pass, layer: Layer, settings: ArchSettings, carry: int, outs: int) -> None:
    """What becomes of the sums, and the cycles and accesses that this takes."""
    serial = settings.neurons.decoding == "serial"
    buffer = settings.accumulator_buffer
    pixel_bits = max(outs, settings.pe_array.pe_shape[1]) * settings.pe_array.accumulator_bits
    work[k.W_CARRY] = carry
    work[k.W_LIMIT] = (1 << layer.out_word_bits) - 1 if layer.fires else 0
    if layer.op not in ARRAY_OPS:
        work[k.W_CARRY] = k.CARRY_FIRE
        work[k.W_SERVICE] = 1
        return
    reads = 1 if carry & k.CARRY_ADD else 0
    writes = 1 if carry & k.CARRY_STORE else 0
    service = buffer.access_cycles(pixel_bits, reads, writes, alternate=False)
    unhindered = max(reads, writes)
    if carry & k.CARRY_FIRE:
        steps = layer.out_word_bits if layer.fires else 1
        update = buffer.access_cycles(pixel_bits, 1, 1, alternate=True)
        service += settings.neurons.service_cycles(outs, steps, update)
        unhindered += settings.neurons.service_cycles(outs, steps, 1)
        work[k.W_NEURON_OPS] = steps if serial else 1
        if serial:
            reads += steps
            writes += steps
    if settings.neuron_unit != "ideal":
        work[k.W_SERVICE] = service
        work[k.W_PORT_CYCLES] = service - unhindered
    work[k.W_ACCUMULATOR_READS] = reads
    work[k.W_ACCUMULATOR_WRITES] = writes
