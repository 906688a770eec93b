from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.config import Document, override
from accelsim.errors import InputError
from accelsim.sweep.spec import assignment, load_sweep


def write(directory: Path, text: str) -> Path:
    (directory / "chips").mkdir(exist_ok=True)
    (directory / "chips" / "a.yaml").touch()
    (directory / "t.npz").touch()
    path = directory / "spec.yaml"
    path.write_text(text)
    return path


HEAD = "arch: chips/a.yaml\ninput: t.npz\n"


def test_points_are_all_combinations_the_last_key_fastest(tmp_path: Path) -> None:
    sweep = load_sweep(
        write(tmp_path, HEAD + "images: 2\nseed: 5\nvary: {noc.flit_bits: [64, 128], dram: [ideal, {n: 1}]}\n")
    )
    assert sweep.name == "spec"
    points = sweep.points()
    assert [point.values for point in points] == [(64, "ideal"), (64, {"n": 1}), (128, "ideal"), (128, {"n": 1})]
    assert points[1].overrides == ("noc.flit_bits=64", 'dram={"n": 1}')
    assert {(point.arch, point.input, point.images, point.seed) for point in points} == {
        (str(tmp_path / "chips" / "a.yaml"), str(tmp_path / "t.npz"), 2, 5)
    }


@pytest.mark.parametrize(
    "value", [1, 1e-7, True, None, "ideal", "on", "1e-3", "é '\"\n", [1, {"a": "b"}], {"a": [None]}]
)
def test_an_assignment_sets_the_very_value(value: object) -> None:
    document = override(Document("a.yaml", {}), [assignment("a.b", value)])
    assert repr(document.data) == repr({"a": {"b": value}})


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "arch: chips/a.yaml\nvari: {}\n",
            [
                "spec.yaml: input: is missing",
                "spec.yaml: vary: is missing",
                "spec.yaml:2: vari: unknown key; did you mean vary?; "
                "allowed: arch, images, input, metrics, name, seed, vary",
            ],
        ),
        (HEAD + "vary: {}\n", ["spec.yaml:3: vary: must have at least 1 entries"]),
        (HEAD + "vary: {a: []}\n", ["spec.yaml:3: vary.a: must have at least 1 entries"]),
        (HEAD + "vary: {a: 3}\n", ["spec.yaml:3: vary.a: must be a list (got 3)"]),
        (HEAD + "vary: {a..b: [1]}\n", ["spec.yaml:3: vary.a..b: is no dotted key of a chip (got 'a..b')"]),
        (
            "arch: chips/b.yaml\ninput: u.npz\nvary: {a: [1, 2, 3], b: [1, 2]}\n",
            [
                "spec.yaml:1: arch: no such file (got 'chips/b.yaml')",
                "spec.yaml:2: input: no such file (got 'u.npz')",
                "spec.yaml:3: vary: makes 6 points, more than 5: confirm with --yes",
            ],
        ),
    ],
)
def test_a_bad_specification(tmp_path: Path, text: str, messages: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_sweep(path, limit=5)
    assert [str(problem).replace(str(path), "spec.yaml") for problem in caught.value.problems] == messages
