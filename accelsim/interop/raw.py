"""Raw spike arrays, one a layer, as hooks on a running network give them, into the parts of a trace file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from accelsim.config import Count, Document, Settings, Share, broken, load_yaml, validate
from accelsim.errors import InputError, Problem
from accelsim.workload.archive import Archive, Header, open_archive
from accelsim.workload.graph import MAX_WORD_BITS, Place, input_shape, link, output_shape
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer, Op
from accelsim.workload.settings import Bits, Name, WordBits, some_layers
from accelsim.workload.trace_meta import BIT_ORDER, FORMAT, VERSION, describe_layer
from accelsim.workload.window import Window
from accelsim.workload.words import smallest_unsigned

SEVERAL_OPERANDS = ("add", "concat", *ATTENTION_OPS)

INPUT_FORMS = "spikes; integers, N bit; direct-coded image, N bit"

_INTEGERS = re.compile(r"(?:direct-coded image|integers)\b(?:.*?\b(\d+)[ -]?bit)?", re.IGNORECASE)


def _input_form(text: str) -> str:
    if not text.lower().startswith("spikes") and not _INTEGERS.match(text):
        raise broken("", "says neither spikes nor integers", text[:60], INPUT_FORMS)
    return text


class RawLayer(Window):
    """A layer of layers.yaml."""

    name: Name = Field(description="Also the name of its array.")
    op: Op
    inputs: tuple[Name, ...] | None = Field(
        default=None,
        description="Its producers; without the key the layer before it. [] cuts the chain: words come from DRAM.",
    )
    input: Annotated[str, AfterValidator(_input_form)] = Field(
        default="spikes",
        description="What its array holds, a text that begins so: " + INPUT_FORMS + " (8 unless said).",
    )
    out_channels: Count | None = Field(default=None, description="Of conv2d.")
    out_features: Count | None = Field(default=None, description="Of linear.")
    weight_bits: Bits = Field(default=8, description="Bits of a weight.")
    weight_density: Share = Field(default=1.0, description="Share of nonzero weights; of conv2d and linear.")
    bits_per_step: WordBits | None = Field(
        default=None, description="Bits of an array's entry; default: those of the largest."
    )
    fires: bool | None = Field(
        default=None, description="Whether its sums become spikes; default: all layers but the last."
    )

    @model_validator(mode="after")
    def _complete(self) -> RawLayer:
        for op, key in (("conv2d", "out_channels"), ("linear", "out_features")):
            if self.op == op and getattr(self, key) is None:
                raise broken(key, f"is missing: {self.op} needs it")
        return self

    @property
    def integer_bits(self) -> int:
        """Width of the integers that the array holds; 0 if it holds spikes."""
        match = _INTEGERS.match(self.input)
        return int(match[1] or 8) if match else 0


class RawNetwork(Settings):
    """The whole of layers.yaml."""

    name: str | None = Field(default=None, description="Of the network; default: the file's.")
    dataset: str = ""
    note: str = Field(default="", description="Origin and licence of the arrays, for people.")
    layers: Annotated[tuple[RawLayer, ...], AfterValidator(some_layers)]


@dataclass(frozen=True, slots=True)
class _Record:
    """The packed words [image, ...] of one array, and how they came about."""

    words: NDArray[np.unsignedinteger[Any]]
    timesteps: int
    bits_per_step: int
    word_bits: int


def import_raw(
    npz_path: str | Path, layers_path: str | Path
) -> tuple[dict[str, Any], dict[str, NDArray[Any]], tuple[str, ...]]:
    """Read raw arrays and the YAML that describes their layers; returns meta and arrays for `write_trace`, and notes.

    An array holds what its layer consumed, one named out/<layer> what it produced: [time, channel, row, column] or
    [time, feature], first step first, or these with an image axis before them; whole numbers of at least 0. Words are
    packed first step most significant.
    Layers chain in order unless `inputs` says otherwise; max pools that are missing where maps halve are inferred,
    and the notes say so. Raises `InputError` with all problems of both files.
    """
    document = load_yaml(layers_path)
    network = validate(RawNetwork, document)
    with open_archive(npz_path) as archive:
        problems = _header_problems(archive, network)
        if problems:
            raise InputError(problems)
        records: dict[str, _Record] = {}
        for key, layer in _arrays(archive, network):
            try:
                records[key] = _record(archive.load(key), key, layer, archive.file)
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)
        notes = [f"{key}: array of no layer, left out" for key in archive.headers if key not in records]
    timesteps = max(record.timesteps for record in records.values())
    for name, record in records.items():
        if record.timesteps not in (1, timesteps):
            problems.append(
                Problem("has other time steps", archive.file, None, name, record.timesteps, f"1 or {timesteps}")
            )
    if problems:
        raise InputError(problems)
    graph = link(_layers(network, records, document), timesteps, _place(document))
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "network": network.name or Path(npz_path).name.removesuffix(".npz").removesuffix(".raw"),
        "dataset": network.dataset,
        "images": max(len(record.words) for record in records.values()),
        "timesteps": timesteps,
        "encoding": {"form": "serial"},
        "bit_order": BIT_ORDER,
        "note": network.note,
        "layers": [describe_layer(layer) for layer in graph.layers],
    }
    arrays = {name if name.startswith("out/") else f"in/{name}": record.words for name, record in records.items()}
    return meta, arrays, (*notes, *graph.notes)


def _arrays(archive: Archive, network: RawNetwork) -> Iterator[tuple[str, RawLayer]]:
    """Arrays that are there of what layers consumed, and of what they produced."""
    for layer in network.layers:
        for key in (layer.name, f"out/{layer.name}"):
            if key in archive.headers:
                yield key, layer


def _header_problems(archive: Archive, network: RawNetwork) -> list[Problem]:
    problems = []
    images: dict[int, str] = {}
    for layer in network.layers:
        if layer.op in WEIGHTED_OPS and layer.name not in archive.headers:
            rule = "is missing: what the layer consumed"
            problems.append(Problem(rule, archive.file, None, layer.name, None, ", ".join(archive.headers)))
        if layer.op in SEVERAL_OPERANDS and layer.name in archive.headers:
            rule = f"{layer.op} consumes what its inputs produce: no array"
            problems.append(Problem(rule, archive.file, key=layer.name))
    for key, _ in _arrays(archive, network):
        header = archive.headers[key]
        if header.dtype.kind not in "buif":
            problems.append(
                Problem("has the wrong type", archive.file, None, key, str(header.dtype), "numbers or booleans")
            )
        if len(header.shape) not in (2, 3, 4, 5) or 0 in header.shape:
            allowed = "[time, channel, row, column] or [time, feature], perhaps with an image axis before"
            shape = list(header.shape)
            problems.append(Problem("has the wrong shape", archive.file, None, key, shape, allowed))
        else:
            images.setdefault(_images(header), key)
    if len(images) > 1:
        value = ", ".join(f"{name}: {count}" for count, name in images.items())
        problems.append(Problem("arrays differ in the number of images", archive.file, value=value))
    return problems


def _images(header: Header) -> int:
    return header.shape[0] if len(header.shape) in (3, 5) else 1


def _record(array: NDArray[Any], key: str, layer: RawLayer, file: str) -> _Record:
    """Pack an array; InputError where it holds what are no small whole numbers."""

    def problem(rule: str, value: object = None, allowed: str = "") -> InputError:
        return InputError(Problem(rule, file, key=key, value=value, allowed=allowed))

    if array.dtype.kind == "f" and not (np.isfinite(array).all() and np.array_equal(array, np.floor(array))):
        raise problem("holds numbers that are not whole", allowed="spikes of 0 and 1, or small integers")
    low, high = int(array.min()), int(array.max())
    if low < 0:
        raise problem("holds negative numbers", low, "0 and above")
    planes = array if array.ndim in (3, 5) else array[None]
    integer_bits = 0 if key != layer.name else layer.integer_bits
    if integer_bits:
        if (planes != planes[:, :1]).any():
            allowed = "the same at every time step, or input: spikes"
            raise problem("holds integers that change with time", allowed=allowed)
        planes = planes[:, :1]
    timesteps = planes.shape[1]
    bits = integer_bits or (layer.bits_per_step if key == layer.name else 0) or max(1, high.bit_length())
    if high.bit_length() > bits:
        raise problem(f"holds numbers of more than {bits} bits", high)
    if timesteps * bits > MAX_WORD_BITS:
        value = f"{timesteps} time steps of {bits} bits"
        raise problem("makes words that are too wide", value, f"{MAX_WORD_BITS} bits together")
    words = np.zeros((len(planes), *planes.shape[2:]), dtype=smallest_unsigned(timesteps * bits))
    for step in range(timesteps):
        words = (words << bits) | planes[:, step].astype(words.dtype)
    return _Record(words, timesteps, bits, timesteps * bits)


def _layers(network: RawNetwork, records: Mapping[str, _Record], document: Document) -> list[Layer]:
    """The layers as described, before they are linked; shapes that no array shows are those of the producers."""
    place = _place(document)
    layers: list[Layer] = []
    shapes: dict[str, tuple[int, int, int]] = {}
    for index, raw in enumerate(network.layers):
        inputs = raw.inputs if raw.inputs is not None else tuple(layer.name for layer in layers[-1:])
        record = records.get(raw.name)
        if record is not None:
            size = record.words.shape[1:]
            in_shape = (size[0], 1, 1) if len(size) == 1 else (size[0], size[1], size[2])
        elif inputs and shapes.keys() >= set(inputs):
            in_shape = input_shape(raw.op, [shapes[name] for name in inputs])
        else:
            raise InputError(place(index, "inputs", "names no layer before this one", None, ", ".join(shapes)))
        channels = raw.out_channels or raw.out_features or 0
        if raw.op == "attention_values" and len(inputs) > 1:
            channels = shapes[inputs[1]][0]
        made = records.get(f"out/{raw.name}")
        weighted = raw.op in ARRAY_OPS
        last = index == len(network.layers) - 1
        layer = Layer(
            name=raw.name,
            op=raw.op,
            inputs=inputs,
            in_shape=in_shape,
            out_shape=(channels, 1, 1),
            **raw.window(raw.op, in_shape),
            weight_bits=raw.weight_bits if raw.op in WEIGHTED_OPS else 0,
            weight_density=raw.weight_density if raw.op in WEIGHTED_OPS else 1.0,
            kind="integers" if raw.integer_bits else "spikes",
            timesteps=record.timesteps if record else max(other.timesteps for other in records.values()),
            bits_per_step=record.bits_per_step if record else 1,
            word_bits=record.word_bits if record else 0,
            out_word_bits=made.word_bits if made else 0,
            fires=not weighted or (not last if raw.fires is None else raw.fires),
        )
        layer = replace(layer, out_shape=output_shape(layer))
        shapes[raw.name] = layer.out_shape
        layers.append(layer)
    return layers


def _place(document: Document) -> Place:
    def place(index: int, key: str, rule: str, value: object, allowed: str) -> Problem:
        return document.problem(("layers", index, key), rule, value, allowed)

    return place
