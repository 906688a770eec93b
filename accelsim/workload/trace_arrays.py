"""The arrays of a trace file: which ones there may be, their shapes, types and ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import Problem
from accelsim.workload.archive import Header
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer
from accelsim.workload.words import smallest_unsigned

GROUPS = ("in", "out", "weights", "bias", "theta")
PER_IMAGE = ("in", "out")
"""Groups whose arrays have an entry for every image."""

ALLOWED = "meta, labels, " + ", ".join(f"{group}/<layer>" for group in GROUPS)


def header_problems(headers: Mapping[str, Header], layers: Sequence[Layer], images: int, file: str) -> list[Problem]:
    """What is wrong with names, types and shapes of the arrays of these linked layers."""
    by_name = {layer.name: layer for layer in layers}
    problems: list[Problem] = []
    for key, header in headers.items():
        group, _, name = key.partition("/")
        if key == "meta":
            continue
        if key == "labels":
            problems += _fits(header, [(images,)], "iu", key, file)
        elif group not in GROUPS or not name:
            problems.append(Problem("is no array of a trace", file, key=key, allowed=ALLOWED))
        elif name not in by_name:
            problems.append(Problem(f"names no layer {name}", file, key=key, allowed=_some(list(by_name))))
        else:
            problems += _layer_problems(group, header, by_name[name], images, key, file)
    for layer, key in _without_words(layers, headers):
        problems.append(Problem(f"is missing: the words that {layer.name} consumes", file, key=key))
    for layer in layers:
        weighted = layer.op in WEIGHTED_OPS and f"weights/{layer.name}" in headers
        if weighted and layer.fires and f"theta/{layer.name}" not in headers:
            rule = f"is missing: {layer.name} has weights and fires, so it needs thresholds"
            problems.append(Problem(rule, file, key=f"theta/{layer.name}"))
    return problems


def _without_words(layers: Sequence[Layer], headers: Mapping[str, Header]) -> Iterator[tuple[Layer, str]]:
    """Layers for which no words are recorded to consume, nor follow from recorded ones, and the array to record.

    A pool or add whose producer was not recorded is none of them: its producer's words will be drawn.
    """
    known = {layer.name for layer in layers if f"out/{layer.name}" in headers}
    known |= {other.inputs[0] for other in layers if len(other.inputs) == 1 and f"in/{other.name}" in headers}
    for layer in layers:
        if layer.computed and layer.inputs and known.issuperset(layer.inputs):
            known.add(layer.name)
        unknown = [name for name in layer.inputs if name not in known]
        if layer.op in ATTENTION_OPS:
            yield from ((layer, f"out/{name}") for name in unknown)
        elif f"in/{layer.name}" not in headers and (not layer.inputs or (unknown and layer.op in WEIGHTED_OPS)):
            yield layer, f"in/{layer.name}"


def _layer_problems(group: str, header: Header, layer: Layer, images: int, key: str, file: str) -> Iterator[Problem]:
    if group == "in":
        if len(layer.inputs) > 1:
            rule = f"{layer.op} consumes what its {len(layer.inputs)} inputs produce: give their out/ arrays"
            yield Problem(rule, file, key=key)
            return
        yield from _fits(header, _flat_or_map(images, layer.in_shape), "u", key, file)
    elif group == "out":
        kinds = "i" if layer.signed else "u"
        yield from _fits(header, _flat_or_map(images, layer.out_shape), kinds, key, file)
    elif layer.op not in (WEIGHTED_OPS if group == "weights" else ARRAY_OPS):
        yield Problem(f"{layer.op} has no {group}", file, key=key)
    elif group == "weights":
        if header.dtype != np.int8:
            yield Problem("has the wrong type", file, key=key, value=str(header.dtype), allowed="int8")
        shape = (layer.out_shape[0], layer.group_inputs, *layer.kernel)
        yield from _fits(header, [shape, (shape[0], layer.fan_in)] if layer.op == "linear" else [shape], "i", key, file)
    else:
        yield from _fits(header, [layer.out_shape[:1]], "i", key, file)


def _flat_or_map(images: int, shape: tuple[int, int, int]) -> list[tuple[int, ...]]:
    features = shape[0] * shape[1] * shape[2]
    return [(images, *shape), (images, features)]


_KINDS = {"u": "unsigned integers", "i": "signed integers", "iu": "integers"}


def _fits(header: Header, shapes: list[tuple[int, ...]], kinds: str, key: str, file: str) -> Iterator[Problem]:
    if header.dtype.kind not in kinds:
        yield Problem("has the wrong type", file, key=key, value=str(header.dtype), allowed=_KINDS[kinds])
    if header.shape not in shapes:
        allowed = " or ".join(dict.fromkeys(str(list(shape)) for shape in shapes))
        yield Problem("has the wrong shape", file, key=key, value=list(header.shape), allowed=allowed)


def normal_form(key: str, array: NDArray[Any], by_name: Mapping[str, Layer]) -> NDArray[Any]:
    """The array in the shape and type in which the simulator holds it; its header and its values were checked."""
    group, _, name = key.partition("/")
    if group not in GROUPS:
        return array.astype(np.int64)
    layer = by_name[name]
    if group == "in":
        return _contiguous(array, smallest_unsigned(layer.word_bits), (-1, *layer.in_shape))
    if group == "out":
        dtype = np.int64 if layer.signed else smallest_unsigned(layer.out_word_bits)
        return _contiguous(array, dtype, (-1, *layer.out_shape))
    if group == "weights":
        return _contiguous(array, np.int8, (layer.out_shape[0], layer.group_inputs, *layer.kernel))
    return array.astype(np.int64)


def _contiguous(array: NDArray[Any], dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=dtype).reshape(shape)


def value_range(array: NDArray[Any]) -> tuple[int, int]:
    """Smallest and largest number of an array; those of no numbers are 0."""
    return (int(array.min()), int(array.max())) if array.size and array.dtype.kind in "iu" else (0, 0)


def value_problems(key: str, low: int, high: int, by_name: Mapping[str, Layer], file: str) -> Iterator[Problem]:
    """What is wrong with the numbers, from `low` to `high`, in an array whose header is right."""
    group, _, name = key.partition("/")
    if group not in GROUPS:
        return
    layer = by_name[name]
    if group == "in" and high >> layer.word_bits:
        yield Problem(f"holds words wider than word_bits = {layer.word_bits}", file, key=key, value=high)
    elif group == "out" and not layer.signed and high >> layer.out_word_bits:
        yield Problem(f"holds words wider than out_word_bits = {layer.out_word_bits}", file, key=key, value=high)
    elif group == "weights" and layer.weight_bits and not _fit_weights(low, high, layer.weight_bits):
        worst = high if high > ~low else low
        yield Problem(f"holds weights wider than weight_bits = {layer.weight_bits}", file, key=key, value=worst)
    elif group == "theta" and low < 1:
        yield Problem("holds a threshold that is not positive", file, key=key, value=low)


def _fit_weights(low: int, high: int, bits: int) -> bool:
    """Whether numbers fit signed weights of so many bits; a single bit tells +1 from -1."""
    return (low >= -1 and high <= 1) if bits == 1 else not max(high, ~low) >> (bits - 1)


def _some(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
