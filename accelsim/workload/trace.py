"""Trace files: networks with the words that were recorded in them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.workload import spool
from accelsim.workload.archive import Archive, headers_of, open_archive, sha256, write_archive
from accelsim.workload.density import density_of, draw_words
from accelsim.workload.graph import Graph
from accelsim.workload.kept import Kept
from accelsim.workload.layer import ATTENTION_OPS, Layer
from accelsim.workload.spool import Spool, Spooled
from accelsim.workload.trace_arrays import PER_IMAGE, header_problems, normal_form, value_problems, value_range
from accelsim.workload.trace_meta import FORMAT, VERSION, Meta, check_meta, read_meta
from accelsim.workload.words import (
    Words,
    compute_words,
    draw_accumulators,
    drawing_note,
    generator,
    is_plain_max_pool,
    unpool,
)
from accelsim.workload.workload import Parameters

MAX_META_BYTES = 64 << 20


class Trace:
    """A `Workload` of recorded words.

    A layer's output words are its `out/` array, else what its consumer with one input recorded; those that follow from
    what the layer consumes are computed where neither stands in the file. All others are drawn from `seed`: where a
    recorded 2x2 max pool follows, so that pooling them gives what was recorded; else at the densities of the nearest
    recorded words downstream, or of the layer's own input.
    """

    def __init__(
        self, meta: Meta, graph: Graph, arrays: Mapping[str, Any], source: dict[str, Any], seed: int = 0
    ) -> None:
        self.name = meta.network
        self.dataset = meta.dataset
        self.encoding = meta.encoding
        self.layers = graph.layers
        self.timesteps = meta.timesteps
        self.images = meta.images
        self.source = source
        self.seed = seed
        self._arrays = arrays
        self._by_name = {layer.name: layer for layer in self.layers}
        self._consumers = {
            layer.name: [other for other in self.layers if layer.name in other.inputs] for layer in self.layers
        }
        self._derived = Kept()
        self.drawn = tuple(layer.name for layer in self.layers if not layer.computed and self._recorded(layer) is None)
        self.notes = (*graph.notes, *drawing_note(self.drawn))

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Class of each image, or None where the file does not say."""
        return self._arrays.get("labels")

    def input_words(self, layer: str, image: int, operand: int = 0) -> Words:
        """See `Workload`."""
        recorded = self._arrays.get(f"in/{layer}")
        if recorded is not None:
            words: Words = recorded[image % self.images]
            return words
        produced: Any = self.output_words(self._by_name[layer].inputs[operand], image)
        return cast("Words", produced)

    def output_words(self, layer: str, image: int) -> NDArray[np.integer[Any]]:
        """See `Workload`."""
        image %= self.images
        recorded = self._recorded(self._by_name[layer])
        if recorded is not None:
            words: NDArray[np.integer[Any]] = recorded[image]
            return words
        found = self._by_name[layer]
        derive = self._compute if found.computed else self._draw
        return self._derived.get((layer, image), partial(derive, found, image))

    def parameters(self, layer: str) -> Parameters | None:
        """See `Workload`."""
        found = self._by_name[layer]
        weights = self._arrays.get(f"weights/{layer}")
        if found.op in ATTENTION_OPS and (found.computed or f"theta/{layer}" in self._arrays):
            weights = np.zeros((found.out_shape[0], 0, 1, 1), dtype=np.int8)
        if weights is None:
            return None
        channels = len(weights)
        bias = self._arrays.get(f"bias/{layer}", np.zeros(channels, dtype=np.int64))
        theta = self._arrays.get(f"theta/{layer}", np.ones(channels, dtype=np.int64))
        return Parameters(weights, bias, theta)

    def _recorded(self, layer: Layer) -> NDArray[Any] | Spooled | None:
        """The words [image, ...] that a layer produces, where the file holds them."""
        words = self._arrays.get(f"out/{layer.name}")
        for consumer in self._consumers[layer.name] if words is None else ():
            if len(consumer.inputs) == 1 and f"in/{consumer.name}" in self._arrays:
                words = self._arrays[f"in/{consumer.name}"]
                break
        found: NDArray[Any] | Spooled | None = words
        return found

    def _compute(self, layer: Layer, image: int) -> Words:
        operands = [self.input_words(layer.name, image, operand) for operand in range(layer.operands)]
        return compute_words(layer, operands)

    def _draw(self, layer: Layer, image: int) -> NDArray[Any]:
        rng = generator(self.seed, f"out/{layer.name}", image)
        if layer.signed:
            return draw_accumulators(rng, layer)
        density = density_of(*self._model(layer, image), layer.out_word_bits)
        words = draw_words(rng, layer.out_shape, layer.out_word_bits, density)
        for consumer in self._consumers[layer.name]:
            pooled = self._recorded(consumer) if is_plain_max_pool(consumer) else None
            if pooled is not None:
                return unpool(rng, pooled[image].astype(words.dtype), words, consumer.kernel)
        return words

    def _model(self, layer: Layer, image: int) -> tuple[Words, int]:
        """Recorded words whose densities a drawn layer gets, and their width."""
        waiting = list(self._consumers[layer.name])
        while waiting:
            consumer = waiting.pop(0)
            recorded = self._recorded(consumer)
            if recorded is not None and not consumer.signed:
                return recorded[image], consumer.out_word_bits
            if consumer.computed:
                waiting += self._consumers[consumer.name]
        return self.input_words(layer.name, image), layer.word_bits


def read_trace(path: str | Path, seed: int = 0) -> Trace:
    """Read a trace file; names, types, shapes, sizes and ranges are checked, all before the simulator sees a word.

    `seed` draws the words that were not recorded. Raises `InputError` with every problem, which name the file and
    the array ("in/conv1") or the key of meta ("meta.layers[3].kernel").
    """
    file = str(path)
    with open_archive(path) as archive:
        header = archive.headers.get("meta")
        if header is None or header.dtype.kind != "U" or header.shape != () or header.bytes > MAX_META_BYTES:
            allowed = "one text, as numpy.array(json.dumps(meta)) gives it"
            rule = "holds no description" if header else "is missing"
            raise InputError(Problem(rule, file, key="meta", allowed=allowed))
        meta, graph = read_meta(str(archive.load("meta")), file)
        problems = header_problems(archive.headers, graph.layers, meta.images, file)
        if problems:
            raise InputError(problems)
        by_name = {layer.name: layer for layer in graph.layers}
        recorded = [key for key in archive.headers if key.partition("/")[0] in PER_IMAGE]
        much = sum(archive.headers[key].bytes for key in recorded) > spool.HELD_BYTES
        held = Spool() if much else None
        arrays: dict[str, Any] = {}
        values: list[Problem] = []
        for key in archive.headers:
            if key != "meta":
                try:
                    arrays[key], low, high = _read_array(archive, key, by_name, held if key in recorded else None)
                    values += value_problems(key, low, high, by_name, file)
                except InputError as error:
                    problems += error.problems
    problems += values
    if problems:
        raise InputError(problems)
    source = {
        "path": file,
        "sha256": sha256(path),
        "format": f"{FORMAT} {VERSION}",
        "dataset": meta.dataset,
        "note": meta.note,
        "inferred": list(graph.notes),
    }
    return Trace(meta, graph, arrays, source, seed)


def _read_array(
    archive: Archive, key: str, by_name: Mapping[str, Layer], held: Spool | None
) -> tuple[NDArray[Any] | Spooled, int, int]:
    """An array as the simulator holds it, in a spool where there is one, and its smallest and largest number."""
    if held is None:
        array = archive.load(key)
        return normal_form(key, array, by_name), *value_range(array)
    ranges = []

    def pieces() -> Iterator[NDArray[Any]]:
        for piece in archive.load_pieces(key):
            ranges.append(value_range(piece))
            yield normal_form(key, piece, by_name)

    try:
        spooled = held.add(pieces())
    except OSError as error:
        rule = f"does not fit the temporary directory {tempfile.gettempdir()}: {error.strerror}"
        raise InputError(Problem(rule, archive.file, key=key)) from None
    return spooled, min(low for low, _ in ranges), max(high for _, high in ranges)


def trace_of(meta: dict[str, Any], arrays: Mapping[str, NDArray[Any]], seed: int = 0) -> Trace:
    """The trace that `write_trace` would put into a file. Raises `InputError` where it is none."""
    checked, graph = _check(meta, arrays, meta.get("network", ""))
    by_name = {layer.name: layer for layer in graph.layers}
    held = {key: normal_form(key, array, by_name) for key, array in arrays.items()}
    return Trace(checked, graph, held, {"path": checked.network, "format": f"{FORMAT} {VERSION}"}, seed)


def write_trace(path: str | Path, meta: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a trace file whole or not at all; the same meta and arrays give the same arrays in the file.

    Raises `InputError` where the file could not be read back.
    """
    _check(meta, arrays, str(path))
    write_archive(path, {"meta": np.array(json.dumps(meta)), **arrays})


def _check(meta: dict[str, Any], arrays: Mapping[str, NDArray[Any]], file: str) -> tuple[Meta, Graph]:
    checked, graph = check_meta(meta, file)
    problems = header_problems(headers_of(arrays), graph.layers, checked.images, file)
    if not problems:
        by_name = {layer.name: layer for layer in graph.layers}
        problems = [
            problem
            for key, array in arrays.items()
            for problem in value_problems(key, *value_range(array), by_name, file)
        ]
    if problems:
        raise InputError(problems)
    return checked, graph
