"""Networks of equal Bit Budget: what they are made of, and the files that training them wrote."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from accelsim.reference.spikes import unpack

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

WORKLOADS = Path(__file__).resolve().parents[2] / "workloads"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(WORKLOADS / "training")
        yield importlib.import_module("equal_budgets")


def names(script: ModuleType) -> set[str]:
    return {f"{task}/{division}" for task, divisions in script.DIVISIONS.items() for division in divisions}


def test_budgets_are_equal(script: ModuleType) -> None:
    for budget, divisions in ((32, script.BUDGET_32), (128, script.BUDGET_128)):
        for division in divisions:
            assert np.prod(script.division_of(division)) == budget


@pytest.mark.parametrize(("division", "largest"), [("1/4/8", 1), ("2/2/8", 1), ("4/8/1", 7), ("8/1/4", 127)])
def test_all_weights_have_the_bits_of_the_division(script: ModuleType, division: str, largest: int) -> None:
    """Integers up to `largest` times a scale of the channel; those of one bit have no 0."""
    torch.manual_seed(0)
    net = script.BitSpikeNet(2, *script.division_of(division))
    for module in (*net.convolutions, net.linear):
        channels = module.weight.detach().flatten(1)
        units = channels / channels.abs().amax(dim=1, keepdim=True) * largest
        assert (units - units.round()).abs().max() < 1e-4
        if division.startswith("1/"):
            assert units.round().abs().min() == 1
        else:
            assert {-largest, 0, largest} <= set(units.round().unique().tolist())


@pytest.mark.parametrize("division", ["8/1/4", "4/2/4", "8/4/1", "1/4/8"])
@pytest.mark.parametrize("task", ["still", "events"])
def test_words_hold_the_spikes_of_all_steps(script: ModuleType, task: str, division: str) -> None:
    torch.manual_seed(0)
    _, bits, timesteps = script.division_of(division)
    digits = np.random.default_rng(0).integers(0, 17, (3, 8, 8))
    inputs = script.seen_by_network(task, division, script.MAKERS[task](digits, 1))
    net = script.BitSpikeNet(inputs.shape[2], *script.division_of(division)).eval()
    words = script.recorded_words(net, task, division, inputs)
    with torch.no_grad():
        trains = net.spikes(inputs.transpose(0, 1))
    for layer, spikes in zip(script.LAYERS, trains, strict=True):
        if (task, layer) == ("still", "conv1"):
            assert np.array_equal(words[layer], script.still(digits, 1))
        else:
            assert spikes.shape[0] == timesteps
            assert spikes.max() <= 2**bits - 1
            assert np.array_equal(unpack(words[layer].astype(np.int64), timesteps, bits), spikes.numpy())


def test_every_digit_is_judged_by_a_network_that_has_not_seen_it(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown labels that cannot be learnt, a network is right by chance alone on what it has not seen."""
    monkeypatch.setattr(script, "EPOCHS", 6)
    generator = np.random.default_rng(2)
    digits, labels = generator.integers(0, 17, (120, 8, 8)), np.repeat(np.arange(10), 12)
    recordings = [script.still(digits, seed) for seed in range(1 + script.VARIANTS)]
    right, words = script.cross_validate("still", "8/4/1", recordings, generator.permutation(labels))
    assert len(right) == 120
    assert right.count("1") < 30
    assert [len(array) for array in words.values()] == [10] * 4


def test_eight_bits_are_more_than_the_events_need(script: ModuleType) -> None:
    """What docs/bit_budget.md says of the counts of whole and of half recordings."""
    judged = script.record(script.load_digits().images.astype(np.int64), script.SEED)
    assert script.frames(judged, 1, 8).max() == 31
    half = script.frames(judged, 2, 8)
    assert 15 < half.max() < 31
    assert (half > 15).mean() < 1e-4


def test_the_committed_files_hold_every_division(script: ModuleType) -> None:
    answers = json.loads((WORKLOADS / "bit_budget" / "accuracy.json").read_text(encoding="utf-8"))
    assert set(answers) == names(script)
    assert {len(right) for right in answers.values()} == {1797}
    assert {digit for right in answers.values() for digit in right} == {"0", "1"}
    with np.load(WORKLOADS / "bit_budget" / "words.npz", allow_pickle=False) as words:
        assert set(words.files) == {f"{name}/{layer}" for name in answers for layer in script.LAYERS}
        for name in answers:
            _, bits, timesteps = script.division_of(name.split("/", 1)[1])
            for layer in script.LAYERS[1:]:
                assert len(words[f"{name}/{layer}"]) == 10
                assert int(words[f"{name}/{layer}"].max()).bit_length() <= bits * timesteps
