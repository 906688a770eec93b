"""The inner loop of dense sums as an instruction: a tile of outputs held in registers while a fan-in goes by.

What Numba makes of nested loops in Python ends at 8 products an instruction, since LLVM widens the operands to the
sums' 32 bits first. Here the products are those of the machine's dot-product instructions, 64 of bytes or 32 of
halves, where it has them (AVX-512 VNNI), and the same vectors multiplied and added by plain operations elsewhere.
"""

from __future__ import annotations

from accelsim.jit import Kernel

ROWS = 7
"""Output pixels of a tile: a divisor of the sides 56, 28, 14 and 7 of the usual networks."""

LANES = 16
"""Sums in a vector of 512 bits."""

VECTORS = 2
"""Vectors of sums of a row, which make 14 independent sums: more than the latency of a multiply-add."""

PANEL = LANES * VECTORS
"""Output channels of a tile."""

UNIT_BYTES = 4
"""Bytes of a pixel's operands that one lane multiplies at once: four bytes or two halves."""

_INSTRUCTION = {8: "llvm.x86.avx512.vpdpbusd.512", 16: "llvm.x86.avx512.vpdpwssd.512"}


class Tile(Kernel):
    """A function that is emitted as vector instructions, and called as plain Python where Numba is off."""

    def __call__(self, *args):
        return self.function(*args)

    def compile_into(self, numba):
        if numba.config.DISABLE_JIT:
            return self.function
        types = numba.types

        def tile(typing_context, patches, row, weights, panel, sums, column):
            def generate(context, builder, signature, args):
                _emit(numba.core.cgutils, context, builder, (patches, weights, sums), args)
                return context.get_dummy_value()

            return types.void(patches, types.intp, weights, types.intp, sums, types.intp), generate

        return numba.extending.intrinsic(tile)


def _tile(patches, row, weights, panel, sums, column):
    length = patches.shape[1]
    unit = UNIT_BYTES // patches.itemsize
    by_input = weights[panel].reshape(length // unit, PANEL, unit).transpose(0, 2, 1).reshape(length, PANEL)
    words = patches[row : row + ROWS].astype(sums.dtype)
    sums[row : row + ROWS, column : column + PANEL] = words @ by_input.astype(sums.dtype)


tile = Tile(_tile)
"""Overwrite sums[row : row + ROWS, column : column + PANEL] with the products of ROWS patches and a panel of weights.

patches: uint8 or int16 [pixels, length], length a multiple of UNIT_BYTES. weights: int8 or int16 [panels, length x
PANEL], within a panel by [length / unit, PANEL, unit], unit being 4 bytes or 2 halves. sums: int32 [pixels, channels].
All C-contiguous, indices unchecked; sums must fit 32 bits.
"""


def _emit(cgutils, context, builder, kinds, args):
    ir = cgutils.ir
    byte, int32, int64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
    vector = ir.VectorType(int32, LANES)
    operand = ir.IntType(kinds[0].dtype.bitwidth)
    unit = 32 // operand.width
    signed = kinds[0].dtype.signed
    row, panel, column = args[1], args[3], args[5]
    patches, weights, sums = (
        context.make_array(kind)(context, builder, value) for kind, value in zip(kinds, args[::2], strict=True)
    )

    def stride(array):
        return cgutils.unpack_tuple(builder, array.strides)[0]

    def start(array, index):
        return builder.gep(builder.bitcast(array.data, byte.as_pointer()), [builder.mul(index, stride(array))])

    def load(pointer, kind):
        return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=1)

    def in_all_lanes(scalar):
        undefined = ir.Constant(vector, ir.Undefined)
        single = builder.insert_element(undefined, scalar, int32(0))
        return builder.shuffle_vector(single, undefined, ir.Constant(vector, None))

    def part_of(units, number):
        """Operand `number` of the unit of each lane, as 32 bits."""
        places = ir.Constant(vector, [unit * lane + number for lane in range(LANES)])
        return builder.sext(builder.shuffle_vector(units, ir.Constant(units.type, ir.Undefined), places), vector)

    def products_by_instruction(word_at, weights_at, held):
        name = _INSTRUCTION[operand.width]
        multiply_add = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
        panel_weights = [load(pointer, vector) for pointer in weights_at]
        for pointer, sums_of_row in zip(word_at, held, strict=True):
            word = in_all_lanes(load(pointer, int32))
            for sums, of_panel in zip(sums_of_row, panel_weights, strict=True):
                builder.store(builder.call(multiply_add, [builder.load(sums), word, of_panel]), sums)

    def products_by_operations(word_at, weights_at, held):
        panel_weights = [load(pointer, ir.VectorType(operand, LANES * unit)) for pointer in weights_at]
        parts = [[part_of(units, number) for units in panel_weights] for number in range(unit)]
        for pointer, sums_of_row in zip(word_at, held, strict=True):
            for number in range(unit):
                narrow = load(builder.gep(pointer, [int64(number * operand.width // 8)]), operand)
                word = in_all_lanes(builder.sext(narrow, int32) if signed else builder.zext(narrow, int32))
                for sums, of_panel in zip(sums_of_row, parts[number], strict=True):
                    builder.store(builder.add(builder.load(sums), builder.mul(word, of_panel)), sums)

    features = context.codegen().magic_tuple()[2].split(",")
    products = products_by_instruction if "+avx512vnni" in features else products_by_operations
    patch_bytes, sum_bytes = stride(patches), stride(sums)
    patch, first_weight = start(patches, row), start(weights, panel)
    result = builder.gep(start(sums, row), [builder.mul(column, int64(4))])
    zeros = ir.Constant(vector, None)
    held = [[cgutils.alloca_once_value(builder, zeros) for _ in range(VECTORS)] for _ in range(ROWS)]
    with cgutils.for_range(builder, builder.udiv(patch_bytes, int64(UNIT_BYTES)), intp=int64) as loop:
        place = builder.mul(loop.index, int64(UNIT_BYTES))
        weight = builder.gep(first_weight, [builder.mul(place, int64(PANEL))])
        words_at = [
            builder.gep(patch, [builder.add(builder.mul(patch_bytes, int64(number)), place)]) for number in range(ROWS)
        ]
        weights_at = [builder.gep(weight, [int64(UNIT_BYTES * LANES * number)]) for number in range(VECTORS)]
        products(words_at, weights_at, held)
    for number, sums_of_row in enumerate(held):
        for index, total in enumerate(sums_of_row):
            offset = builder.add(builder.mul(sum_bytes, int64(number)), int64(4 * LANES * index))
            target = builder.bitcast(builder.gep(result, [offset]), vector.as_pointer())
            builder.store(builder.load(total), target, align=1)
