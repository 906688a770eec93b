"""Reports side by side: ratios by hand, the table letter by letter, directories and pictures."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from comparisons import a_report

from accelsim.errors import InputError
from accelsim.report.comparison import RATIOS, STATES, Contender, compare
from accelsim.report.comparison_files import COMPARISON, is_comparison, load_comparison, save_comparison
from accelsim.report.comparison_text import render_comparison, times
from accelsim.report.files import load
from accelsim.report.plot import plot_comparison

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def contenders() -> list[Contender]:
    return [
        Contender("slow", a_report("a", {"c1": 8000, "c2": 2000}, 2e-3, 4.0), 100, 100.0, 28),
        Contender("quick", a_report("b", {"c1": 1500, "c2": 2500}, 1e-3, 1.0), 400, 100.0, 28),
    ]


def message(problem: str) -> str:
    return f"^{re.escape(problem)}$"


def test_ratios_are_to_the_baseline(contenders: list[Contender]) -> None:
    slow, quick = compare(contenders)["chips"]
    assert (slow["speedup"], slow["efficiency"]) == (1, 1)
    assert slow["relative"] == dict.fromkeys(RATIOS, 1)
    assert (quick["speedup"], quick["efficiency"]) == (2.5, 2)
    assert quick["relative"] == pytest.approx(
        {
            "cycles": 0.4,
            "compute_cycles": 0.4,
            "time_s": 0.4,
            "energy_j": 0.5,
            "energy_per_synop_j": 0.5,
            "edp_js": 0.2,
            "dram_bytes": 0.4,
            "area_mm2": 0.25,
        }
    )
    assert quick["state_cycles"] == dict.fromkeys(STATES, 0) | {"computing": 3600, "weights_missing": 400}
    assert quick["equal"] is None
    other = compare(contenders, baseline="quick")
    assert [chip["speedup"] for chip in other["chips"]] == [0.4, 1]
    assert other["baseline"] == "quick"


def test_copies_make_chips_equal(contenders: list[Contender]) -> None:
    """Ten thousand cycles of 100 PEs against four thousand of 400: a quarter of the quick chip is as slow as that."""
    _, quick = compare(contenders, equal="pes")["chips"]
    assert quick["equal"] == pytest.approx(
        {
            "copies": 0.25,
            "time_s": 160e-6,
            "speedup": 0.625,
            "power_w": 1e-3 / 40e-6 / 4,
            "area_mm2": 0.25,
            "pes": 100,
            "dram_bytes_per_s": 44000 / 160e-6,
        }
    )
    _, quick = compare(contenders, equal="area")["chips"]
    assert quick["equal"]["copies"] == 4
    assert quick["equal"]["time_s"] == pytest.approx(10e-6)
    assert quick["equal"]["pes"] == 1600


def test_a_chip_without_area_cannot_be_made_equal(contenders: list[Contender]) -> None:
    contenders[1] = Contender("quick", a_report("b", {"c1": 1, "c2": 2}, 1e-3, 0), 400, 100.0, 28)
    _, quick = compare(contenders, equal="area")["chips"]
    assert quick["area_mm2"] is None
    assert set(quick["equal"].values()) == {None}
    assert re.search(r"^  quick( +-){7}$", render_comparison(compare(contenders, equal="area")), re.MULTILINE)


def test_the_whole_text(contenders: list[Contender]) -> None:
    comparison = compare(contenders, equal="pes", failures=[("big", "b.yaml:3: x: does not fit\ny: nor that")])
    assert render_comparison(comparison, layers=True) == (
        """\
2 chips running net, 1 image: 1.00 M synaptic operations
========================================================

  chip   PEs  cycles     time     x   energy   x  pJ/synop   util     DRAM  mm2  bound by
  -----  ---  ------  -------  ----  -------  --  --------  -----  -------  ---  --------
  slow   100  10,000   100 us    1x  2.00 mJ  1x     2e+03  50.0%   110 kB    4  pe_array
  quick  400   4,000  40.0 us  2.5x  1.00 mJ  2x     1e+03  50.0%  44.0 kB    1  pe_array
  x: how many times faster than slow, and with how many times less energy

Where the cycles go: each layer's bottleneck array, summed over layers
  chip   computing  weights  spikes  banks  output  sequencing  idle
  -----  ---------  -------  ------  -----  ------  ----------  ----
  slow       90.0%    10.0%    0.0%   0.0%    0.0%        0.0%  0.0%
  quick      90.0%    10.0%    0.0%   0.0%    0.0%        0.0%  0.0%

At equal processing elements, those of slow
  chip   copies  PEs   mm2  time an input       x   power   DRAM/s
  -----  ------  ---  ----  -------------  ------  ------  -------
  slow        1  100     4         100 us      1x  20.0 W  1.10 GB
  quick    0.25  100  0.25         160 us  0.625x  6.25 W   275 MB
  Copies of a chip beside each other, each with a memory and an input of its own: an input takes its time divided by the
  copies, and the energy of above.

Time of each layer, the shortest marked *
  layer        slow     quick
  -------  --------  --------
  c1       80.0 us   15.0 us*
  c2       20.0 us*  25.0 us
  fastest   1 of 2    1 of 2

Notes
  - output words drawn
  - slow: of a
  - quick: of b

failed: big
  b.yaml:3: x: does not fit
  y: nor that
"""
    )


def test_flit_hops_stand_there_where_a_chip_has_a_network(contenders: list[Contender]) -> None:
    contenders[1] = Contender("quick", a_report("b", {"c1": 1, "c2": 2}, 1e-3, 1, hops=20_000), 400, 100.0, 28)
    lines = render_comparison(compare(contenders)).splitlines()
    assert "DRAM  flit-hops  mm2" in lines[3]
    assert re.search(r"33\.0 B +40\.0k +1  pe_array$", lines[6])


def test_other_technologies_are_told(contenders: list[Contender]) -> None:
    contenders[1] = Contender("quick", contenders[1].report, 400, 100.0, 45)
    assert (
        "  - energy and area are priced in each chip's own technology: slow 28 nm, quick 45 nm\n"
        in render_comparison(compare(contenders))
    )


def test_many_chips_take_several_tables_of_layers(contenders: list[Contender]) -> None:
    many = [Contender(f"chip_of_long_name_{index}", contenders[0].report, 1, 100.0, 28) for index in range(9)]
    text = render_comparison(compare(many), layers=True)
    assert text.count("Time of each layer") == 2
    assert max(map(len, text.splitlines())) <= 120
    assert all(f"name_{index}" in text for index in range(9))


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(None, "-"), (1, "1x"), (2.345, "2.35x"), (123.4, "123x"), (12345, "1.2e+04x"), (0.00123, "1.2e-03x"), (0, "0x")],
)
def test_times(ratio: float | None, text: str) -> None:
    assert times(ratio) == text


@dataclass
class Result:
    report: dict[str, Any]
    timeline: dict[str, Any]
    arch_text: str = "clock_mhz: 500\n"


@pytest.fixture
def result(report: dict[str, Any], timeline: dict[str, Any]) -> Result:
    return Result(report, timeline)


def test_what_is_saved_is_loaded(contenders: list[Contender], result: Result, tmp_path: Path) -> None:
    comparison = compare(contenders, equal="area")
    target = save_comparison(comparison, "text\n", {"slow": result, "quick": result}, tmp_path / "c")
    assert sorted(path.name for path in target.iterdir()) == ["comparison.json", "comparison.txt", "quick", "slow"]
    assert is_comparison(target)
    assert not is_comparison(target / "slow")
    assert load_comparison(target) == json.loads(json.dumps(comparison))
    assert load(target / "quick")[0] == result.report
    # A second comparison takes the place of the first, pictures and chips and all.
    (target / "comparison.png").write_bytes(b"old")
    (target / "slow" / "timeline.png").write_bytes(b"old")
    save_comparison(comparison, "new\n", {"slow": result}, target)
    assert sorted(path.name for path in target.iterdir()) == ["comparison.json", "comparison.txt", "slow"]
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_foreign_files_are_never_replaced(contenders: list[Contender], result: Result, tmp_path: Path) -> None:
    comparison = compare(contenders)
    target = save_comparison(comparison, "text\n", {"slow": result}, tmp_path / "c")
    assert COMPARISON.found_in(target)
    (target / "slow" / "letter.txt").write_text("dear")
    assert not COMPARISON.found_in(target)
    problem = f"{target}: holds files that are no result, so it is not replaced: slow"
    with pytest.raises(InputError, match=message(problem)):
        save_comparison(comparison, "text\n", {"slow": result}, target)
    assert (target / "slow" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("{", "cannot be read: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "not a comparison of accelsim"),
        ('{"schema": 1}', "not a comparison of accelsim"),
    ],
)
def test_a_damaged_comparison_is_told(tmp_path: Path, content: str, rule: str) -> None:
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(InputError, match=message(f"{tmp_path}/comparison.json: {rule}")):
        load_comparison(tmp_path)


@pytest.mark.parametrize(("chips", "spread"), [(1, 1), (3, 2), (19, 3)])
def test_pictures_of_any_number_of_chips(
    report_of: Callable[..., dict[str, Any]], chips: int, spread: int, tmp_path: Path
) -> None:
    many = []
    for index in range(chips):
        report = copy.deepcopy(report_of())
        report["total"]["time_s"] *= spread**index
        many.append(Contender(f"chip{index}", report, 4, 500.0, 28))
    plot_comparison(compare(many), tmp_path / "c.png", dpi=40)
    assert (tmp_path / "c.png").read_bytes().startswith(PNG)


def test_a_picture_is_drawn_of_what_was_read_back(contenders: list[Contender], result: Result, tmp_path: Path) -> None:
    target = save_comparison(compare(contenders), "", {"slow": result}, tmp_path / "c")
    plot_comparison(load_comparison(target), target / "comparison.png", dpi=40)
    assert (target / "comparison.png").read_bytes().startswith(PNG)
    assert COMPARISON.found_in(target)


def test_the_document_names_every_key(contenders: list[Contender]) -> None:
    document = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:chips\[\]\.)?(\w+)(?:\[\]|\{\})?`", document))
    comparison = compare(contenders, equal="pes", failures=[("c", "no")])
    chip = comparison["chips"][0]
    inner = (chip["relative"], chip["equal"], chip["state_cycles"], chip["layers"][0], comparison["failures"][0])
    assert {key for keys in (comparison, chip, *inner) for key in keys} <= named
