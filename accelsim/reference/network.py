"""A network of integer layers and its untimed run: the oracle for every word that a simulated chip produces."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference import operators
from accelsim.reference.accumulator import Accumulator
from accelsim.reference.neuron import Comparator, Form, fire, integrate
from accelsim.reference.spikes import LARGEST_WORD_BITS, unpack
from accelsim.reference.synapses import Method, Words
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer
from accelsim.workload.workload import Parameters


@dataclass(frozen=True)
class Network:
    """Layers in execution order and the integer parameters of those with weights or thresholds.

    The first layer consumes the image; every other names its producers. Raises `InputError` where a sum, a threshold
    or a word could outgrow the integers that hold it.
    """

    name: str
    layers: tuple[Layer, ...]
    parameters: Mapping[str, Parameters]
    timesteps: int
    comparator: Comparator = ">="

    def __post_init__(self) -> None:
        problems = []
        for layer in self.layers:
            if max(layer.word_bits, 0 if layer.signed else layer.out_word_bits) > LARGEST_WORD_BITS:
                problems.append(
                    Problem(
                        "words are too wide for the reference model",
                        key=f"{self.name}.{layer.name}",
                        value=max(layer.word_bits, layer.out_word_bits),
                        allowed=f"at most {LARGEST_WORD_BITS} bits",
                    )
                )
            elif layer.op in WEIGHTED_OPS:
                problems += _too_wide(self, layer)
        if problems:
            raise InputError(problems)


def _too_wide(network: Network, layer: Layer) -> list[Problem]:
    parameters = network.parameters[layer.name]
    largest = {
        "sums": operators.largest_accumulator(parameters, layer.word_bits),
        "thresholds": int(parameters.theta.max()) * ((1 << network.timesteps) - 1),
    }
    return [
        Problem(
            f"{what} may not fit an integer of 64 bits",
            key=f"{network.name}.{layer.name}",
            value=value,
            allowed="below 2^63",
        )
        for what, value in largest.items()
        if value >= 1 << 63
    ]


def run(
    network: Network,
    image: NDArray[np.integer[Any]],
    form: Form = "packed",
    *,
    method: Method = "auto",
    threads: int = 1,
    accumulator: Accumulator | None = None,
    keep: Collection[str] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """The words that every layer produces for one image [channels, rows, columns], by layer name, each `out_shape`.

    "packed" computes one sum of weight times word and the closed form of the neuron. "serial" sends a word's bit
    planes one after another, most significant first, doubles the membrane between them, and decodes spikes in T
    steps. Both give the same words; a layer that does not fire yields its accumulators U + bias.

    `method` and `threads` (which share the output pixels of a layer) change the time that it takes alone. With an
    `accumulator` sums run up in it, in one thread. Where the layers to `keep` are named, the words of others are let go
    as soon as no further layer needs them.
    """
    words: dict[str, NDArray[np.int64]] = {}
    last_use = {producer: layer.name for layer in network.layers for producer in layer.inputs}
    for layer in network.layers:
        operands = [words[producer].astype(np.int32) for producer in layer.inputs] or [image.astype(np.int32)]
        words[layer.name] = produce(
            network, layer, operands, form, method=method, threads=threads, accumulator=accumulator
        )
        if keep is not None:
            for name in [name for name in words if last_use.get(name, name) == layer.name and name not in keep]:
                del words[name]
    return words


def run_all(
    network: Network,
    images: Iterable[NDArray[np.integer[Any]]],
    form: Form = "packed",
    threads: int = 1,
    *,
    method: Method = "auto",
    accumulator: Accumulator | None = None,
    keep: Collection[str] | None = None,
) -> Iterator[dict[str, NDArray[np.int64]]]:
    """What `run` gives for each of the images, in their order; so many of them are worked on at a time."""
    one = partial(run, network, form=form, method=method, accumulator=accumulator, keep=keep)
    if threads == 1:
        yield from map(one, images)
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[dict[str, NDArray[np.int64]]]] = deque()
        for image in images:
            ahead.append(pool.submit(one, image))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def produce(
    network: Network,
    layer: Layer,
    operands: list[Words],
    form: Form = "packed",
    *,
    method: Method = "auto",
    threads: int = 1,
    accumulator: Accumulator | None = None,
) -> NDArray[np.int64]:
    """The words [out_shape] that one layer makes of its operands' words; see `run`."""
    if layer.op not in ARRAY_OPS:
        return operators.without_weights(layer, operands).astype(np.int64)
    if layer.op in ATTENTION_OPS:
        channels = layer.out_shape[0]
        bias, theta = np.zeros(channels, dtype=np.int64), np.ones(channels, dtype=np.int64)
        if layer.fires:
            bias, theta = network.parameters[layer.name].bias, network.parameters[layer.name].theta
        synapses = operators.attention(operands[1], layer)
    else:
        parameters = network.parameters[layer.name]
        bias, theta = parameters.bias, parameters.theta
        synapses = operators.synapses(layer, parameters)
    sums = partial(synapses.sums, method=method, threads=threads)
    if accumulator is not None:
        sums = partial(accumulator.sums, synapses)
    if form == "packed":
        membrane = sums(operands[0])
    else:
        planes = unpack(operands[0], layer.word_bits).astype(np.int32)
        membrane = integrate(np.stack([sums(plane) for plane in planes]))
    membrane += bias[:, None, None]
    if not layer.fires:
        return membrane
    return fire(membrane, theta, network.timesteps, network.comparator, form)


def accumulator_bits(network: Network) -> dict[str, int]:
    """Bits of a two's complement accumulator that suffice for every partial sum of the packed form, and for the bias.

    By layer with weights, for any words of the layer's width; an attention product, whose second operand is a word
    too, needs the width of two words and of how many it adds up.
    """
    needed = {}
    for layer in network.layers:
        if layer.op in WEIGHTED_OPS:
            largest = operators.largest_accumulator(network.parameters[layer.name], layer.word_bits)
            needed[layer.name] = largest.bit_length() + 1
        elif layer.op in ATTENTION_OPS:
            products = ((1 << layer.word_bits) - 1) * ((1 << layer.operand_bits(1)) - 1)
            bias = int(np.abs(network.parameters[layer.name].bias).max()) if layer.fires else 0
            needed[layer.name] = (layer.fan_in * products + bias).bit_length() + 1
    return needed


def classify(
    network: Network, images: NDArray[np.integer[Any]], form: Form = "packed", threads: int = 1
) -> NDArray[np.int64]:
    """Index of the largest accumulator of the last layer, for each of the images [n, channels, rows, columns]."""
    last = network.layers[-1].name
    return np.array(
        [int(np.argmax(words[last])) for words in run_all(network, images, form, threads, keep=(last,))], dtype=np.int64
    )
