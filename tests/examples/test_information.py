"""What docs/information.md says of the shipped network, from two of its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.reference.lif import IF, LIF
from examples import load_example

DOCUMENT = Path(__file__).parents[2] / "docs" / "information.md"


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("information")


@pytest.fixture(scope="module")
def found(example: Any) -> dict[str, Any]:
    model = example.shipped(images=2)
    return {"LIF": example.same(model, LIF), "IF": example.same(model, IF)}


def test_packed_words_tell_all_and_leaky_trains_lose(found: dict[str, Any]) -> None:
    first, *others = found["LIF"]
    assert len(others) == 19
    assert abs(first.lost) < 0.2
    for leaky, plain in zip(others, found["IF"][1:], strict=True):
        assert leaky.packed.about_membrane == pytest.approx(leaky.packed.entropy)
        assert 0.2 < leaky.lost / leaky.packed.entropy < 0.65
        assert 0 < plain.lost < leaky.lost
        assert leaky.causal.entropy > leaky.packed.entropy
    assert found["IF"][0].lost < 0
    mean = sum(each.causal.about_membrane / each.packed.entropy for each in others) / len(others)
    assert 0.37 < 1 - mean < 0.49


def test_thresholds_of_the_causal_neurons_are_inside_of_what_was_tried(found: dict[str, Any]) -> None:
    for neuron in found.values():
        assert all(2**-5 < each.causal.scale < 2**4 for each in neuron)


def test_the_document_has_the_tables_of_the_example(example: Any, found: dict[str, Any]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    layers = [each.layer for each in found["LIF"]]
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.split(" ")[1] in layers]
    assert len(rows) == 2 * len(layers)
    heads = example.by_layer(found["LIF"], found["IF"]).splitlines()[:2]
    assert all(head in text.splitlines() for head in heads)
