"""Layers into a checked graph: shapes of operators, producers before consumers, pools that were left out, widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from accelsim.errors import InputError, Problem
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, POOL_OPS, WEIGHTED_OPS, Layer, Shape

Place = Callable[[int, str, str, object, str], Problem]
"""Makes the problem with a key of the layer of that index: (index, key, rule, value, allowed)."""

MAX_WORD_BITS = 32
"""Width of the widest word that a layer may consume: traces hold them in 32 bits."""

ACCUMULATOR_BITS = 32
"""Width of the sums that leave a layer without neurons."""


MAX_MAP_WORDS = 1 << 28
"""Words of the largest map that a layer may consume or produce, so that one image fits into memory."""


TWO_OPERANDS: Mapping[str, str] = {
    "add": "sums the words of",
    "attention_scores": "multiplies the words of",
    "attention_values": "multiplies the words of",
}


@dataclass(frozen=True, slots=True)
class Graph:
    """Layers in execution order, and what was inferred about them, in sentences for people."""

    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()


def input_shape(op: str, operands: Sequence[Shape]) -> Shape:
    """`in_shape` of a layer over the maps that its operands are: of one that joins them, of the joined map."""
    channels = sum(shape[0] for shape in operands) if op == "concat" else operands[0][0]
    return (channels, *operands[0][1:])


def output_shape(layer: Layer) -> Shape:
    """Shape that a layer makes of its input, whatever its `out_shape` says.

    Only of conv2d, linear and attention_values does it tell the channels. A kernel that does not fit gives rows or
    columns below 1.
    """
    channels, rows, columns = layer.in_shape
    if layer.op in ("add", "concat"):
        return layer.in_shape
    if layer.op == "linear":
        return (layer.out_shape[0], 1, 1)
    if layer.op == "upsample":
        return (channels, rows * layer.factor[0], columns * layer.factor[1])
    if layer.op == "attention_scores":
        return (layer.groups * rows * columns, rows, columns)
    rows, columns = (
        (size + 2 * margin - taps) // step + 1
        for size, margin, taps, step in zip((rows, columns), layer.padding, layer.span, layer.stride, strict=True)
    )
    return (channels if layer.op in POOL_OPS else layer.out_shape[0], rows, columns)


def link(layers: Sequence[Layer], timesteps: int, place: Place) -> Graph:
    """Check layers against each other, insert 2x2 max pools where maps halve, and fill in widths given as 0.

    A `linear` layer that consumes a map gets the kernel that covers it. Widths: a consumed word is as wide as its
    producer makes it, else timesteps times bits a step of its layer; a produced word is as wide as its widest
    consumer says, else as the operator needs, spikes having one bit for each of the network's `timesteps`. Raises
    `InputError` with all problems.
    """
    problems = _name_problems(layers, place)
    if not problems:
        problems = [problem for index, layer in enumerate(layers) for problem in _shape_problems(index, layer, place)]
    if problems:
        raise InputError(problems)
    index = {layer.name: number for number, layer in enumerate(layers)}
    listed = set(index)
    linked: dict[str, Layer] = {}
    notes: list[str] = []
    for number, layer in enumerate(layers):
        pools = _missing_pools(linked[layer.inputs[0]], layer) if len(layer.inputs) == 1 else []
        for pool in pools:
            if pool.name in listed:
                rule = "is the name that the pool missing behind its producer would get"
                problems.append(place(index[pool.name], "name", rule, pool.name, ""))
            elif pool.name not in linked:
                linked[pool.name] = pool
                index[pool.name] = number
                notes.append(_pool_note(pool, layer))
        producers = [pools[-1]] if pools else [linked[name] for name in layer.inputs]
        linked[layer.name] = _fit(layer, producers)
        problems += _edge_problems(number, linked[layer.name], producers, place)
        problems += _group_problems(number, linked[layer.name], place)
    if problems:
        raise InputError(problems)
    filled = _fill_widths(linked, timesteps)
    for name, layer in filled.items():
        problems += _width_problems(index[name], layer, filled, place)
    if problems:
        raise InputError(problems)
    return Graph(tuple(filled.values()), tuple(notes))


def _name_problems(layers: Sequence[Layer], place: Place) -> list[Problem]:
    problems = []
    first: dict[str, int] = {}
    for number, layer in enumerate(layers):
        if layer.name in first:
            problems.append(place(number, "name", f"names layer {first[layer.name]} too", layer.name, ""))
        first.setdefault(layer.name, number)
    for number, layer in enumerate(layers):
        problems += _count_problems(number, layer, place)
        for producer in layer.inputs:
            if producer not in first:
                problems.append(place(number, "inputs", "names no layer", producer, ", ".join(first)))
            elif first[producer] >= number:
                cycle = _cycle(layers, number, producer)
                rule = f"form a cycle: {cycle}" if cycle else "are listed later: producers come first"
                problems.append(place(number, "inputs", rule, producer, ""))
    return problems


def _count_problems(number: int, layer: Layer, place: Place) -> Iterator[Problem]:
    count = len(layer.inputs)
    if layer.op == "concat":
        if count < 2:
            yield place(number, "inputs", "concat joins the channels of several layers", count, "two names or more")
    elif layer.op in TWO_OPERANDS:
        if count != 2:
            yield place(number, "inputs", f"{layer.op} {TWO_OPERANDS[layer.op]} two layers", count, "two names")
    elif count > 1:
        yield place(number, "inputs", f"{layer.op} has one input", count, "one name or none")


def _cycle(layers: Sequence[Layer], number: int, producer: str) -> str:
    """The way from a layer over this producer of it back to itself, or "" where there is none."""
    inputs = {layer.name: layer.inputs for layer in layers}
    start = layers[number].name
    paths, seen = [[start, producer]], {producer}
    while paths:
        path = paths.pop()
        if path[-1] == start:
            return " -> ".join(reversed(path))
        for name in inputs.get(path[-1], ()):
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return ""


def _shape_problems(number: int, layer: Layer, place: Place) -> list[Problem]:
    for key, shape in (("in_shape", layer.in_shape), ("out_shape", layer.out_shape)):
        if shape[0] * shape[1] * shape[2] > MAX_MAP_WORDS:
            return [place(number, key, f"has too many words: {_text(shape)}", None, f"at most {MAX_MAP_WORDS}")]
    problems = list(_group_problems(number, layer, place))
    if layer.op == "linear" and layer.out_shape[1:] != (1, 1):
        problems.append(place(number, "out_shape", "linear has no rows and columns", layer.out_shape, ""))
    shape = output_shape(layer)
    if problems:
        return problems
    if min(shape) < 1:
        return [place(number, "kernel", f"does not fit into the map {_text(layer.in_shape)}", layer.kernel, "")]
    if shape != layer.out_shape:
        rule = f"{layer.op} makes another shape of {_text(layer.in_shape)}"
        return [place(number, "out_shape", rule, list(layer.out_shape), _text(shape))]
    wide = any(2 * margin > tap for margin, tap in zip(layer.padding, layer.kernel, strict=True))
    if layer.op in POOL_OPS and wide:
        return [place(number, "padding", "is more than half of the pool's window", layer.padding, "")]
    return []


def _group_problems(number: int, layer: Layer, place: Place) -> Iterator[Problem]:
    """Channels that do not divide into groups, or into heads."""
    key = "heads" if layer.op in ATTENTION_OPS else "groups"
    ends = [("in", layer.in_shape[0]), ("out", layer.out_shape[0])]
    if layer.op == "attention_values":
        tokens = layer.in_shape[1] * layer.in_shape[2]
        if layer.in_shape[0] != layer.groups * tokens:
            rule = f"has not a channel for each of {tokens} tokens of a head: {_text(layer.in_shape)}"
            yield place(number, key, rule, layer.groups, "")
            return
    if layer.op == "attention_scores":
        ends = ends[:1]
    for end, channels in ends:
        if channels % layer.groups:
            yield place(number, key, f"does not divide the {channels} channels that go {end}", layer.groups, "")


def _missing_pools(producer: Layer, consumer: Layer) -> list[Layer]:
    """The 2x2 max pools that make the producer's map the consumer's, or none where they would not."""
    shape, target = producer.out_shape, consumer.in_shape
    flat = consumer.op == "linear" and target[1:] == (1, 1)
    pools: list[Layer] = []
    name = producer.name
    while shape != target and not (flat and shape[0] * shape[1] * shape[2] == target[0]):
        halves = min(shape[1:]) >= 2 and shape[1] >= 2 * target[1] and shape[2] >= 2 * target[2]
        if not halves or (shape[1] % 2 or shape[2] % 2 if flat else shape[0] != target[0]):
            return []
        halved = (shape[0], shape[1] // 2, shape[2] // 2)
        pool = replace(
            consumer,
            name=f"{name}_pool",
            op="maxpool2d",
            inputs=(name,),
            in_shape=shape,
            out_shape=halved,
            kernel=(2, 2),
            stride=(2, 2),
            padding=(0, 0),
            weight_bits=0,
            out_word_bits=consumer.word_bits,
            fires=True,
        )
        pools.append(pool)
        name, shape = pool.name, halved
    return pools


def _fit(layer: Layer, producers: Sequence[Layer]) -> Layer:
    """The layer as consumer of these producers: flattening is the kernel's affair."""
    layer = replace(layer, inputs=tuple(producer.name for producer in producers))
    if layer.op == "concat":
        return replace(layer, operand_channels=tuple(producer.out_shape[0] for producer in producers))
    if layer.op == "linear" and producers:
        channels, rows, columns = producers[0].out_shape
        if layer.in_shape == (channels * rows * columns, 1, 1):
            return replace(layer, in_shape=producers[0].out_shape, kernel=(rows, columns))
    return layer


def _edge_problems(number: int, layer: Layer, producers: Sequence[Layer], place: Place) -> list[Problem]:
    allowed = "the shape that it consumes"
    if len(producers) == 1:
        allowed += ", or one whose maps 2x2 pooling makes so"
    problems = []
    for operand, producer in enumerate(producers):
        shape = layer.operand_shape(operand)
        if producer.out_shape != shape:
            rule = f"{producer.name} makes {_text(producer.out_shape)}, but {layer.name} consumes {_text(shape)}"
            problems.append(place(number, "inputs", rule, None, allowed))
    joined = sum(layer.operand_channels)
    if layer.operand_channels and joined != layer.in_shape[0]:
        rule = f"have {joined} channels together, but {layer.name} consumes {_text(layer.in_shape)}"
        problems.append(place(number, "inputs", rule, None, ""))
    return problems


def _fill_widths(linked: Mapping[str, Layer], timesteps: int) -> dict[str, Layer]:
    consumers: dict[str, list[Layer]] = {name: [] for name in linked}
    for layer in linked.values():
        for name in layer.inputs:
            consumers[name].append(layer)
    filled: dict[str, Layer] = {}
    largest: dict[str, int] = {}
    for layer in linked.values():
        if not layer.word_bits:
            made = [filled[name].out_word_bits for name in _scanned(layer)]
            layer = replace(layer, word_bits=max(made, default=layer.timesteps * layer.bits_per_step))
        if layer.op in ATTENTION_OPS:
            layer = replace(layer, weight_bits=filled[layer.inputs[1]].out_word_bits)
        if not layer.out_word_bits:
            following = [other for other in consumers[layer.name] if layer.name in _scanned(other)]
            wanted = max((other.word_bits for other in following), default=0)
            if layer.op in ARRAY_OPS and layer.fires:
                following = consumers[layer.name]
                wanted = wanted or max((other.timesteps * other.bits_per_step for other in following), default=0)
            produced = _largest_word(layer, largest).bit_length() if layer.computed else _drawn_bits(layer, timesteps)
            layer = replace(layer, out_word_bits=wanted or produced)
        filled[layer.name] = layer
        bound = (1 << layer.out_word_bits) - 1
        largest[layer.name] = min(bound, _largest_word(layer, largest)) if layer.computed else bound
    return filled


def _scanned(layer: Layer) -> tuple[str, ...]:
    """Producers of the words whose width is `word_bits`."""
    return layer.inputs[:1] if layer.op in ATTENTION_OPS else layer.inputs


def _largest_word(layer: Layer, largest: Mapping[str, int]) -> int:
    """The largest word that a `computed` layer can make, given those of its producers.

    Sums grow by what is really added: n maps of words up to 15 sum to 15 n, however they are added up.
    """
    bound = (1 << layer.word_bits) - 1
    consumed = [min(largest[name], bound) for name in _scanned(layer)] or [bound]
    if layer.op == "add":
        return sum(consumed)
    if layer.op == "avgpool2d":
        return consumed[0] * layer.kernel[0] * layer.kernel[1]
    if layer.op in ATTENTION_OPS:
        return consumed[0] * largest[layer.inputs[1]] * layer.fan_in
    return max(consumed)


def _drawn_bits(layer: Layer, timesteps: int) -> int:
    """Width of what a layer with neurons, or with sums that nothing consumes, makes where no consumer says it."""
    return timesteps if layer.fires else ACCUMULATOR_BITS


def _width_problems(number: int, layer: Layer, made: Mapping[str, Layer], place: Place) -> list[Problem]:
    problems = []
    if layer.word_bits > MAX_WORD_BITS:
        problems.append(place(number, "word_bits", "is too wide", layer.word_bits, f"at most {MAX_WORD_BITS}"))
    if layer.op not in WEIGHTED_OPS and layer.out_word_bits > MAX_WORD_BITS:
        allowed = f"at most {MAX_WORD_BITS}"
        problems.append(place(number, "out_word_bits", "is too wide", layer.out_word_bits, allowed))
    for name in _scanned(layer):
        width = made[name].out_word_bits
        if not made[name].signed and width > layer.word_bits:
            rule = f"is narrower than the words of {name}"
            problems.append(place(number, "word_bits", rule, layer.word_bits, f"at least {width}"))
    return problems


def _pool_note(pool: Layer, consumer: Layer) -> str:
    return (
        f"{pool.name}: 2x2 max pool inferred, as {pool.inputs[0]} makes {_text(pool.in_shape)} "
        f"and {consumer.name} consumes {_text(consumer.in_shape)}"
    )


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))
