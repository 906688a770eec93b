"""What a network's recorded words say about it before any machine runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from accelsim.stats import synaptic
from accelsim.stats.sparsity import WordHistogram, histogram, ones
from accelsim.units import ceil_div
from accelsim.workload.graph import ACCUMULATOR_BITS
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer
from accelsim.workload.words import attention_product
from accelsim.workload.workload import Workload


@dataclass(frozen=True)
class LayerStatistics:
    """Counts of one layer, summed over the images asked for; work is 0 where the PE array does not run the operator.

    Definitions: `synops` = sum over input words of their ones times the fan-out that is reached, padding excluded.
    `word_macs` = the same with 1 for each nonzero word: what a word-parallel array that skips silent words does.
    `effective_macs` and `effective_acs` follow NeuroBench (Yik et al., Nature Communications 2025): operations of
    nonzero input and nonzero weight (all weights count as nonzero where none are known); a one-bit word accumulates,
    a wider one multiplies. `dense_macs` = those of a dense pass, padding included. `bit_budget` = BB = T b_w b_s
    with T b_s = word_bits, so that sums of words count at their width; `s_ace` and `ns_ace` are built on it. Bytes
    are those of one image: `weight_bytes` at `weight_bits` a weight, `input_bytes` and `output_bytes` of dense words
    at their widths, `footprint_bytes` = weights, bias and threshold of each channel and membrane of each neuron, the
    last three at the accumulator's 32 bits: NeuroBench's footprint. The second operand of an attention product counts
    as its weights: what is said of words consumed, synaptic operations among it, is of the first; its bytes are input.
    """

    layer: Layer
    images: int
    inputs: WordHistogram
    synops: int
    word_macs: int
    effective_macs: int
    effective_acs: int
    dense_macs: int
    bit_budget: int
    s_ace: int
    ns_ace: float
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    footprint_bytes: int

    @property
    def words(self) -> int:
        """Words consumed."""
        return self.inputs.words

    @property
    def nonzero_words(self) -> int:
        """Words consumed that are not zero."""
        return self.inputs.nonzero_words

    @property
    def ones(self) -> int:
        """Set bits of the words consumed."""
        return self.inputs.ones

    @property
    def bits(self) -> int:
        """Bits of the words consumed."""
        return self.inputs.bits

    @property
    def ones_by_plane(self) -> tuple[int, ...]:
        """Set bits by bit plane, first time step first."""
        return self.inputs.ones_by_plane

    @property
    def entropy_bits(self) -> float:
        """Entropy of a consumed word, in bits."""
        return self.inputs.entropy_bits


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is counted in the words of a layer; counts of several images add up."""

    inputs: WordHistogram
    synops: int = 0
    word_macs: int = 0
    effective: int = 0

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(
            self.inputs + other.inputs,
            self.synops + other.synops,
            self.word_macs + other.word_macs,
            self.effective + other.effective,
        )


def _count(workload: Workload, layer: Layer, image: int) -> _Counts:
    """The counts of an image."""
    operands = [workload.input_words(layer.name, image, operand) for operand in range(layer.operands)]
    attends = layer.op in ATTENTION_OPS
    inputs = reduce(add, [histogram(words, layer.word_bits) for words in (operands[:1] if attends else operands)])
    if layer.op not in ARRAY_OPS:
        return _Counts(inputs)
    parameters = workload.parameters(layer.name) if layer.op in WEIGHTED_OPS else None
    window = (layer.out_shape, layer.kernel, layer.stride, layer.padding, layer.groups, layer.dilation)
    nonzero = operands[0] != 0
    reached = effective = synaptic.reached_sum(nonzero, *window)
    if attends:
        effective = int(attention_product(layer, nonzero, operands[1] != 0).sum())
    elif parameters is not None:
        effective = synaptic.weighted_sum(nonzero, parameters.weights, layer.out_shape, *window[2:])
    return _Counts(inputs, synaptic.reached_sum(ones(operands[0]), *window), reached, effective)


def layer_statistics(workload: Workload, name: str, images: int = 1) -> LayerStatistics:
    """Statistics of a layer over the first `images` images; those beyond the recorded ones repeat them."""
    layer = next(layer for layer in workload.layers if layer.name == name)
    return network_statistics(workload, images, [layer])[0]


def network_statistics(
    workload: Workload, images: int = 1, layers: Sequence[Layer] | None = None
) -> tuple[LayerStatistics, ...]:
    """Statistics of some layers, of all where None, in their order; words are read image by image."""
    chosen = workload.layers if layers is None else layers
    counts = [_count(workload, layer, 0) for layer in chosen]
    for image in range(1, images):
        counts = [count + _count(workload, layer, image) for layer, count in zip(chosen, counts, strict=True)]
    return tuple(_statistics(layer, images, count) for layer, count in zip(chosen, counts, strict=True))


def _statistics(layer: Layer, images: int, counts: _Counts) -> LayerStatistics:
    inputs = counts.inputs
    on_array = layer.op in ARRAY_OPS
    budget = synaptic.bit_budget(1, layer.weight_bits, layer.word_bits)
    dense = layer.dense_macs * images
    weight_bits = layer.fan_in * layer.out_shape[0] * layer.weight_bits if layer.op in WEIGHTED_OPS else 0
    neurons = layer.out_shape[0] * layer.out_shape[1] * layer.out_shape[2]
    membrane_bits = ACCUMULATOR_BITS * (neurons + layer.out_shape[0] * (2 if layer.fires else 1)) if on_array else 0
    return LayerStatistics(
        layer=layer,
        images=images,
        inputs=inputs,
        synops=counts.synops,
        word_macs=counts.word_macs,
        effective_macs=counts.effective if layer.word_bits > 1 else 0,
        effective_acs=counts.effective if layer.word_bits == 1 else 0,
        dense_macs=dense,
        bit_budget=budget,
        s_ace=synaptic.s_ace(dense, budget),
        ns_ace=float(synaptic.ns_ace(dense, budget, inputs.ones, inputs.bits)),
        weight_bytes=ceil_div(weight_bits, 8),
        input_bytes=sum(_bytes(layer.operand_shape(n), layer.operand_bits(n)) for n in range(layer.operands)),
        output_bytes=_bytes(layer.out_shape, layer.out_word_bits),
        footprint_bytes=ceil_div(weight_bits + membrane_bits, 8),
    )


def _bytes(shape: tuple[int, int, int], bits: int) -> int:
    return ceil_div(shape[0] * shape[1] * shape[2] * bits, 8)
