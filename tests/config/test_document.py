from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.config import Document, load_yaml, override
from accelsim.config.document import MAX_FILE_BYTES
from accelsim.errors import InputError


def write(directory: Path, text: str | bytes) -> Path:
    path = directory / "arch.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaints(directory: Path, text: str | bytes) -> list[str]:
    path = write(directory, text)
    with pytest.raises(InputError) as caught:
        load_yaml(path)
    return [str(problem).replace(str(path), "arch.yaml") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("12.8", 12.8),
        ("-.inf", float("-inf")),
        ("010", 10),
        ("0o17", 15),
        ("0xff", 255),
        ("-3", -3),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2001-12-14", "2001-12-14"),
        ("64 KiB", "64 KiB"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("[1, [2]]", [1, [2]]),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
    ],
)
def test_scalars_follow_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    loaded = load_yaml(write(tmp_path, f"key: {text}\n")).data["key"]
    assert loaded == value
    assert type(loaded) is type(value)


def test_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert load_yaml(write(tmp_path, b"\xef\xbb\xbfa: 1\n")).data == {"a": 1}


def test_problems_carry_file_line_and_key(tmp_path: Path) -> None:
    document = load_yaml(write(tmp_path, "a: 1\npe_array:\n  rows: 2\nlayers:\n  - kernel: 3\n  - {kernel: 5}\n"))
    shown = [
        str(document.problem(path, "is wrong")).removeprefix(str(tmp_path))
        for path in [("pe_array", "rows"), ("layers", 1, "kernel"), ("pe_array", "columns"), ("b",), ()]
    ]
    assert shown == [
        "/arch.yaml:3: pe_array.rows: is wrong",
        "/arch.yaml:6: layers[1].kernel: is wrong",
        "/arch.yaml:2: pe_array.columns: is wrong",
        "/arch.yaml: b: is wrong",
        "/arch.yaml: is wrong",
    ]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[1]", ["arch.yaml: must hold a mapping of keys to values, not a list"]),
        ("word", ["arch.yaml: must hold a mapping of keys to values, not a single value"]),
        ("", ["arch.yaml: must hold a mapping of keys to values, not nothing"]),
        ("# only a comment\n", ["arch.yaml: must hold a mapping of keys to values, not nothing"]),
        ("a: 1\n---\nb: 1\n", ["arch.yaml:2: a second YAML document begins: give one a file"]),
        (
            "a: {b: 1,\n    b: 2}\nc: 1\na: 2\n",
            [
                "arch.yaml:2: a.b: key given twice, first in line 1",
                "arch.yaml:4: a: key given twice, first in line 1",
            ],
        ),
        (
            "a: &x [1]\nb: *x\n",
            ["arch.yaml:2: b: YAML aliases are not supported: write the value out (got '*x')"],
        ),
        (
            "a: {<<: {b: 1}}\n",
            ["arch.yaml:1: a: YAML merge keys (<<) are not supported: write the keys out"],
        ),
        (
            "a: !!python/object/apply:os.system [echo]\n",
            [
                "arch.yaml:1: a: YAML tags are not supported (got 'tag:yaml.org,2002:python/object/apply:os.system')",
            ],
        ),
        ("? [a]\n: 1\n", ["arch.yaml:1: a key must be plain text"]),
        ("a: {'': 1}\n", ["arch.yaml:1: a: a key must not be empty"]),
        ("[" * 100_000, ["arch.yaml:1: is nested more than 32 levels deep"]),
        (f"a: {'9' * 5000}", ["arch.yaml:1: a: a number may have 64 letters at most"]),
        (b"a: 1\nb: \xff\n", ["arch.yaml:2: is not UTF-8 text"]),
        (b"\x7fELF\x00", ["arch.yaml: is not valid YAML: unacceptable character"]),
        ("a: [1\n", ["arch.yaml:2: is not valid YAML: "]),
        ("\tb: 1\n", ["arch.yaml:1: is not valid YAML: found character"]),
    ],
)
def test_bad_text_is_told_with_its_line(tmp_path: Path, text: str | bytes, messages: list[str]) -> None:
    found = complaints(tmp_path, text)
    if "is not valid YAML" in messages[0]:
        # The rest of a syntax error is the YAML library's own wording.
        found = [message[: len(start)] for message, start in zip(found, messages, strict=True)]
    assert found == messages


def test_bad_files_are_told(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    cases = {
        tmp_path / "none.yaml": "no such file",
        tmp_path: "is not a file",
        fifo: "is not a file",
        Path("a\0b"): "no such file",
        write(tmp_path, b"#" * (MAX_FILE_BYTES + 1)): "is larger than 4 MiB",
    }
    for path, rule in cases.items():
        with pytest.raises(InputError) as caught:
            load_yaml(path)
        assert str(caught.value) == f"{path}: {rule}"


def test_an_alias_bomb_is_refused_unexpanded(tmp_path: Path) -> None:
    levels = "\n".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 9)}]" for i in range(1, 20))
    assert "YAML aliases are not supported" in complaints(tmp_path, f"k0: &k0 [1]\n{levels}\n")[0]


DOCUMENT = Document("a.yaml", {"clock_mhz": 500, "dram": {"channels": 1}, "noc": "none", "layers": [{"n": 1}]}, "text")


def test_override_replaces_creates_and_leaves_the_original_alone() -> None:
    changed = override(
        DOCUMENT,
        ["clock_mhz=1e-3", "dram=ideal", "layers[0].n=[1, 2]", "a.b.c=on", "noc={topology: mesh}", "noc.columns=4"],
    )
    assert changed.data == {
        "clock_mhz": 1e-3,
        "dram": "ideal",
        "noc": {"topology": "mesh", "columns": 4},
        "layers": [{"n": [1, 2]}],
        "a": {"b": {"c": "on"}},
    }
    assert DOCUMENT.data["dram"] == {"channels": 1}
    assert str(changed.problem(("dram", "channels"), "is bad", 3)) == "--set: dram.channels: is bad (got 3)"
    assert str(changed.problem(("layers", 0, "m"), "is bad")) == "a.yaml: layers[0].m: is bad"


def test_bad_assignments_are_gathered() -> None:
    with pytest.raises(InputError) as caught:
        override(
            DOCUMENT,
            [
                "clock",
                "=3",
                "a..b=1",
                "x]=1",
                "noc.columns=4",
                "layers[1].n=1",
                "layers.n=1",
                "dram[0]=1",
                "c={a: 1, a: 2}",
                "d=\udcff",
            ],
        )
    assert str(caught.value).splitlines() == [
        "--set: must have the form KEY=VALUE (got 'clock')",
        "--set: must have the form KEY=VALUE (got '=3')",
        "--set: must have the form KEY=VALUE (got 'a..b=1')",
        "--set: must have the form KEY=VALUE (got 'x]=1')",
        "--set: noc: is a single value and holds no keys (got 'none'); "
        "allowed: the whole of it, as in noc={columns: ...}",
        "--set: layers: has no entry 1: it holds 1",
        "--set: layers: is a list and holds no keys; allowed: the whole of it, as in layers={n: ...}",
        "--set: dram: is a mapping, not a list",
        "--set: c: key given twice, first in line 1 (got '{a: 1, a: 2}')",
        "--set: is not UTF-8 text (got 'd=\\udcff')",
    ]


def test_dump_keeps_comments_unless_overridden(tmp_path: Path) -> None:
    text = "# why\nclock_mhz: 500\ndram: {channels: 1}\n"
    document = load_yaml(write(tmp_path, text))
    assert document.dump() == text
    assert override(document, ["dram.channels=2"]).dump() == "clock_mhz: 500\ndram: {channels: 2}\n"


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8) | st.sampled_from(
    ["on", "no", "1e-3", "0o7", "0x1", "null", "~", "true", "12:30", ".inf", "1_0", "<<", "=", "010", "*a", "&a", "!x"]
)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts
keys = texts.filter(lambda text: text not in ("", "<<"))
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3), max_leaves=8
)


@given(st.dictionaries(keys, values, max_size=4))
def test_what_is_dumped_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, data: dict[str, object]) -> None:
    path = tmp_path_factory.getbasetemp() / "dumped.yaml"
    path.write_text(Document("x", data).dump(), encoding="utf-8", newline="\n")
    assert repr(load_yaml(path).data) == repr(data)


@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*"[]{}:,-?&*!|>'\"%#\n\t ~", "a", "1", "- ", "? "])).map("".join)
)
def test_any_text_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        document = load_yaml(path)
    except InputError as error:
        assert all(problem.rule and problem.file == str(path) for problem in error.problems)
    else:
        path.write_text(Document("x", document.data).dump(), encoding="utf-8", newline="\n")
        assert repr(load_yaml(path).data) == repr(document.data)


@given(st.lists(st.text(max_size=20) | st.builds("{}={}".format, st.text(".[]01ab", max_size=6), texts), max_size=3))
def test_any_assignments_are_applied_or_told(assignments: list[str]) -> None:
    try:
        document = override(DOCUMENT, assignments)
    except InputError as error:
        assert all(problem.rule and problem.file == "--set" for problem in error.problems)
    else:
        assert len(document.changed) <= len(assignments)
