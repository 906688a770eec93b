"""The `meta` text of a trace file: what it says about the network, checked."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from accelsim.config import Count, Document, Settings, Share, broken, validate
from accelsim.errors import InputError, Problem
from accelsim.workload.graph import Graph, link
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Kind, Layer, Op
from accelsim.workload.settings import Bits, Name, Shape, Steps, WordBits, some_layers
from accelsim.workload.window import Window, describe_window

FORMAT = "accelsim-trace"
VERSION = 1
BIT_ORDER: Literal["first step = most significant bit"] = "first step = most significant bit"

WeightBits = Annotated[int, Field(ge=0, le=32)]
Text = Annotated[str, Field(max_length=10_000)]


class Encoding(Settings):
    """How words came about; the words themselves look the same in both forms."""

    form: Literal["packed", "serial"] = Field(default="packed", description="Whether neurons saw words or time steps.")
    neuron: Text = Field(default="", description="Neuron model: spikepack, if, lif, ...")
    tau: float | None = Field(default=None, description="Weight ratio of one time step to the next.")
    reset: Text = Field(default="", description="What a spike does to the membrane: subtract, zero.")
    comparator: Literal[">=", ">"] = Field(default=">=", description="How the membrane is compared with the threshold.")


class LayerMeta(Window):
    """A layer of the graph. Its words stand in arrays named after it."""

    name: Name
    op: Op
    inputs: tuple[Name, ...] = Field(default=(), description="Its producers; none: words come from memory.")
    in_shape: Shape
    out_shape: Shape
    weight_bits: WeightBits | None = Field(default=None, description="Default 8 where there are weights.")
    weight_density: Share = Field(
        default=1.0, description="Share of nonzero weights, where the file holds none; of conv2d and linear."
    )
    kind: Kind = "spikes"
    timesteps: Steps | None = Field(
        default=None, description="Of the words consumed: default the network's; 1 for integers."
    )
    bits_per_step: WordBits | None = Field(default=None, description="Of the words consumed; default 1.")
    word_bits: WordBits | None = Field(
        default=None, description="Of the words consumed; default timesteps x bits_per_step."
    )
    out_word_bits: Bits | None = Field(
        default=None, description="Of the words produced; default those that are consumed."
    )
    fires: bool = Field(default=True, description="Whether a neuron makes spikes of the sums.")

    @model_validator(mode="after")
    def _has_weights(self) -> LayerMeta:
        if self.op in WEIGHTED_OPS and self.weight_bits == 0:
            raise broken("weight_bits", f"{self.op} has weights", 0, "1 to 32")
        return self

    def layer(self, timesteps: int) -> Layer:
        """The layer in a network of that many time steps; widths that follow from other layers are left 0."""
        steps = self.timesteps or (timesteps if self.kind == "spikes" else 1)
        step_bits = self.bits_per_step or (1 if self.kind == "spikes" else self.word_bits or 8)
        return Layer(
            name=self.name,
            op=self.op,
            inputs=self.inputs,
            in_shape=self.in_shape,
            out_shape=self.out_shape,
            **self.window(self.op, self.in_shape),
            weight_bits=(8 if self.weight_bits is None else self.weight_bits) if self.op in WEIGHTED_OPS else 0,
            weight_density=self.weight_density if self.op in WEIGHTED_OPS else 1.0,
            kind=self.kind,
            timesteps=steps,
            bits_per_step=step_bits,
            word_bits=self.word_bits or 0,
            out_word_bits=self.out_word_bits or 0,
            fires=self.fires or self.op not in ARRAY_OPS,
        )


def describe_layer(layer: Layer) -> dict[str, Any]:
    """The object in `meta` that gives a linked layer again."""
    described = {
        "name": layer.name,
        "op": layer.op,
        "inputs": list(layer.inputs),
        "in_shape": list(layer.in_shape),
        "out_shape": list(layer.out_shape),
        **describe_window(layer),
        "weight_bits": layer.weight_bits,
        "kind": layer.kind,
        "timesteps": layer.timesteps,
        "bits_per_step": layer.bits_per_step,
        "word_bits": layer.word_bits,
        "out_word_bits": layer.out_word_bits,
        "fires": layer.fires,
    }
    if layer.op in ATTENTION_OPS:
        del described["weight_bits"]
    if layer.weight_density != 1:
        described["weight_density"] = layer.weight_density
    return described


class Meta(Settings):
    """The whole of `meta`."""

    format: Literal["accelsim-trace"]
    version: Literal[1]
    network: Text
    dataset: Text = ""
    images: Count
    timesteps: Steps
    encoding: Encoding = Encoding()
    bit_order: Literal["first step = most significant bit"] = BIT_ORDER
    note: Text = Field(default="", description="Origin and licence, for people.")
    layers: Annotated[tuple[LayerMeta, ...], AfterValidator(some_layers)]


def read_meta(text: str, file: str) -> tuple[Meta, Graph]:
    """Settings and graph that a meta text describes; InputError names its keys as `meta.layers[3].kernel`."""
    try:
        data = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"is not valid JSON: {error}", file, key="meta")) from None
    if not isinstance(data, dict):
        raise InputError(Problem("must hold a JSON object", file, key="meta"))
    return check_meta(data, file)


def check_meta(data: dict[str, Any], file: str) -> tuple[Meta, Graph]:
    """As `read_meta`, for the object that the text stands for."""
    document = Document(file, {"meta": data})
    meta = validate(Meta, document, ("meta",))

    def place(index: int, key: str, rule: str, value: object, allowed: str) -> Problem:
        return document.problem(("meta", "layers", index, key), rule, value, allowed)

    return meta, link([layer.layer(meta.timesteps) for layer in meta.layers], meta.timesteps, place)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"key {twice!r} given twice")
    return dict(pairs)
