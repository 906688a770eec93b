"""The parity certificate: what it counts, and that it notices a single wrong word, decision or layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from chips import ROOT

from accelsim.build import load_arch
from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.reference.held_out import HeldOut, read_held_out
from accelsim.reference.model import integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import classify
from accelsim.simulation import parity
from accelsim.simulation.parity import certify

CHIP = str(ROOT / "arch_configs" / "spikepack.yaml")
IMAGES = 3


@pytest.fixture(scope="module")
def digits():
    model = read_model(find_model("resnet18_digits"))
    return model, HeldOut(model.images[:IMAGES], model.labels[:IMAGES])


def test_all_forms_of_the_shipped_network_agree(digits) -> None:
    model, held_out = digits
    made = certify(load_arch(CHIP), model, held_out, timesteps=4)
    network = integer_network(model, 4)
    words = sum(int(np.prod(layer.out_shape)) for layer in network.layers)
    right = int((classify(network, held_out.images) == held_out.labels).sum())
    assert made.holds
    assert (made.images, made.decisions) == (IMAGES, IMAGES)
    assert made.right["packed"] == made.right["serial"] == made.right["chip"] == right
    by_form = {agreement.form: agreement for agreement in made.agreements}
    for form in ("serial", "chip"):
        assert (by_form[form].words, by_form[form].differing_words) == (IMAGES * words, 0)
        assert (by_form[form].images, by_form[form].differing_decisions) == (IMAGES, 0)
    assert by_form["ann"].words == 0
    assert by_form["ann"].decisions == IMAGES


@pytest.mark.parametrize("layer", ["conv1", "layer3.0.add", "fc"])
def test_one_wrong_word_breaks_it(digits, monkeypatch, layer) -> None:
    model, held_out = digits
    true_run = parity.run

    def wrong(network, image, form):
        words = true_run(network, image, form)
        words[layer][1, 0, 0] += 1
        return words

    monkeypatch.setattr(parity, "run", wrong)
    made = certify(load_arch(CHIP), model, HeldOut(held_out.images[:1], held_out.labels[:1]))
    size = int(np.prod({found.name: found for found in integer_network(model, 4).layers}[layer].out_shape))
    assert made.differences == [f"serial, image 0, {layer}: 1 of {size} words are not those of packed"]
    assert not made.holds
    assert {agreement.form: agreement.differing_words for agreement in made.agreements} == {
        "serial": 1,
        "chip": 0,
        "ann": 0,
    }


def test_a_wrong_decision_is_counted_and_breaks_nothing_in_real_numbers(digits, monkeypatch) -> None:
    model, held_out = digits
    true_forward = parity.forward

    def wrong(ann, images, names):
        return {name: -values for name, values in true_forward(ann, images, names).items()}

    monkeypatch.setattr(parity, "forward", wrong)
    made = certify(load_arch(CHIP), model, held_out)
    ann = next(agreement for agreement in made.agreements if agreement.form == "ann")
    assert (ann.images, ann.differing_decisions) == (0, IMAGES)
    assert made.holds
    assert made.right["ann"] == 0


def test_as_a_user_types_it(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["certify", CHIP, "resnet18_digits", "--first", "2", "-T", "2", "--json"]) == 0
    printed = capsys.readouterr()
    directory = Path("results/certificate__spikepack__resnet18_digits")
    stored = json.loads((directory / "certificate.json").read_text())
    assert stored == json.loads(printed.out)
    assert (stored["holds"], stored["images"], stored["timesteps"]) == (True, 2, 2)
    assert (directory / "certificate.txt").read_text() in printed.err
    assert printed.err.splitlines()[0] == "resnet18_digits on spikepack: 2 images, T = 2, 8-bit weights"
    assert "The certificate holds: whatever must be equal is." in printed.err


def test_a_chip_with_other_neurons_is_counted_not_refused(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    chip = str(ROOT / "arch_configs" / "firefly_v2.yaml")
    assert main(["certify", chip, "resnet18_digits", "--first", "1", "--json", "--quiet"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["arithmetic"] == "firefly_v2"
    by_form = {agreement["form"]: agreement for agreement in made["agreements"]}
    assert by_form["serial"]["differing_words"] == 0
    assert by_form["chip"]["differing_words"] > 0
    assert made["holds"]
    assert made["notes"]
    text = Path("results/certificate__firefly_v2__resnet18_digits/certificate.txt").read_text()
    assert "The chip's neurons are those of firefly_v2: its words may differ from the model's.\n  " in text
    assert all(note in text for note in made["notes"][:20])


def test_words_that_differ_end_with_exit_code_3(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    true_run = parity.run
    monkeypatch.setattr(
        parity, "run", lambda *arguments: {name: words + 1 for name, words in true_run(*arguments).items()}
    )
    assert main(["certify", CHIP, "resnet18_digits", "--first", "1", "--out", "out"]) == 3
    printed = capsys.readouterr()
    assert printed.err == "certify: words differ that must be equal: see out/certificate.txt\n"
    assert "and 10 more\nThe certificate does not hold: words differ that must be equal." in printed.out
    assert not json.loads(Path("out/certificate.json").read_text())["holds"]


def test_a_network_of_ones_own(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    golden = ROOT / "tests" / "golden" / "onnx"
    images = np.load(golden / "vgg.npz")["images"]
    np.save("images.npy", images)
    np.save("labels.npy", np.zeros(len(images), np.int64))
    line = ["certify", CHIP, str(golden / "vgg.torchscript.onnx"), "--images", "images.npy", "--labels", "labels.npy"]
    assert main([*line, "-T", "8", "--json", "--quiet"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["holds"], made["images"], made["decisions"]) == (True, len(images), len(images))
    assert set(made["right"]) == {"packed", "serial", "chip", "ann"}
    np.save("labels.npy", np.zeros(len(images) + 1, np.int64))
    assert main(line) == 2
    assert capsys.readouterr().err == (
        f"labels.npy: labels: wrong type or shape (got 'int64 [{len(images) + 1}]'); "
        f"allowed: integers [{len(images)}] or [{len(images)}, 32, 32]\n"
    )
    assert main(["certify", CHIP, "resnet18_digits", "--labels", "labels.npy"]) == 2
    assert capsys.readouterr().err == "--labels: needs --images (got 'labels.npy')\n"


@pytest.mark.parametrize(
    ("images", "arguments", "message"),
    [
        (np.uint8(3), [], "images: images of the wrong shape (got ()); allowed: [image, 1, 32, 32] or [image, 32, 32]"),
        (
            np.zeros((0, 1, 32, 32), np.uint8),
            [],
            "images: images of the wrong shape (got (0, 1, 32, 32)); allowed: [image, 1, 32, 32] or [image, 32, 32]",
        ),
        (np.full((2, 32, 32), 300), [], "images: pixels out of range (got '300 to 300'); allowed: 0 to 255"),
        (np.full((2, 32, 32), -1.0), [], "images: pixels out of range (got '-1 to -1'); allowed: 0 to 1"),
        (np.full((2, 32, 32), np.nan), [], "images: images hold numbers that are not finite"),
        (np.full((2, 32, 32), "a"), [], "images: images are no numbers (got '<U1')"),
        (np.zeros((2, 32, 32)), ["-T", "5000"], "timesteps: time steps out of range (got 5000); allowed: 1 to 31"),
        (
            np.zeros((2, 32, 32)),
            ["--weight-bits", "9"],
            "weight_bits: weight bits out of range (got 9); allowed: 1 to 8",
        ),
        (
            np.zeros((2, 32, 32)),
            ["--labels", "pixels.npy"],
            "labels: are not one for each decision of classifier (got [2, 32, 32]); allowed: one an image",
        ),
    ],
)
def test_images_and_numbers_that_do_not_fit(images, arguments, message, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", images)
    np.save("pixels.npy", np.zeros((2, 32, 32), np.int64))
    assert main(["certify", CHIP, "vgg_digits", "--images", "images.npy", *arguments]) == 2
    assert capsys.readouterr() == ("", f"{message}\n")


def test_a_class_an_image_is_no_truth_of_pixels() -> None:
    model = read_model(find_model("unet_scenes"))
    with pytest.raises(InputError) as caught:
        certify(load_arch(CHIP), model, HeldOut(model.images[:2], np.zeros(2, np.int64)))
    assert str(caught.value) == (
        f"labels: are not one for each decision of {model.answers[0]} (got [2]); allowed: [2, 64, 64]"
    )


@pytest.mark.parametrize(
    ("arrays", "rule"),
    [
        ({"images": np.zeros((2, 1, 32, 32))}, "images: wrong type or shape (got 'float64 [2, 1, 32, 32]')"),
        ({"labels": np.zeros(2, np.int64)}, "images: wrong type or shape (got 'float64 [0]')"),
        (
            {"images": np.zeros((2, 1, 32, 32), np.uint8), "labels": np.zeros((2, 3), np.int64)},
            "labels: wrong type or shape (got 'int64 [2, 3]')",
        ),
    ],
)
def test_a_broken_test_set_is_refused(tmp_path: Path, capsys, arrays, rule) -> None:
    weights = tmp_path / "weights.npz"
    weights.write_bytes(find_model("resnet18_digits").read_bytes())
    np.savez(tmp_path / "test.npz", **arrays)
    assert main(["certify", CHIP, str(weights), "--out", str(tmp_path / "out")]) == 2
    assert rule in capsys.readouterr().err


def test_held_out_masks_are_labels_of_pixels(tmp_path: Path) -> None:
    model = read_model(find_model("resnet18_digits"))
    masks = np.arange(2 * 32 * 32, dtype=np.uint8).reshape(2, 32, 32)
    np.savez(tmp_path / "test.npz", images=np.ones((2, 1, 32, 32), np.uint8), masks=masks)
    held_out = read_held_out(tmp_path / "weights.npz", model)
    assert held_out.labels is not None
    assert np.array_equal(held_out.labels, masks)
    assert len(held_out.images) == 2


def test_a_detector_sees_nothing_where_no_score_is_above_0() -> None:
    scores = np.array([[[3, -1], [0, 0]], [[1, -2], [-4, 5]]])
    assert parity._decisions(scores, detects=True).tolist() == [0, -1, -1, 1]
    assert parity._decisions(scores, detects=False).tolist() == [0, 0, 0, 1]
