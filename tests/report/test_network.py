"""The report of a network alone: its text, its directory, its pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from accelsim.build import load_network
from accelsim.errors import InputError
from accelsim.report.network_files import NETWORK, save_network
from accelsim.report.network_text import render_network
from accelsim.report.plot import plot_latency, plot_links
from accelsim.report.table import WIDTH
from accelsim.simulation.network import run_traffic

ARCH = Path(__file__).parents[2] / "arch_configs" / "mesh_booksim.yaml"
PNG = b"\x89PNG\r\n\x1a\n"


def latency(mean: float) -> dict[str, Any]:
    return {"mean": mean, "p50": 20, "p95": 1234, "p99": 5678, "max": 123_456}


def point(rate: float, mean: float | None) -> dict[str, Any]:
    return {
        "rate": rate,
        "offered_rate": rate,
        "accepted_rate": min(rate, 0.35),
        "stable": mean is not None,
        "packets": 1000,
        "latency_cycles": None if mean is None else latency(mean),
        "network_latency_cycles": None if mean is None else latency(19),
        "hops": None if mean is None else 3.5,
        "link_utilisation": {"mean": 0.1, "max": 0.9876},
        "dispersion": 0.95,
    }


@pytest.fixture
def curve() -> dict[str, Any]:
    """What `noc` reports of a 2 x 1 mesh."""
    return {
        "schema": 1,
        "arch": "mesh_booksim",
        "clock_mhz": 1000.0,
        "noc": load_network(ARCH, ["noc.columns=2", "noc.rows=1"]).noc.model_dump(),
        "traffic": {"pattern": "uniform", "packet_flits": 5, "warmup_cycles": 10, "cycles": 20},
        "zero_load_latency_cycles": 19.5,
        "points": [point(0.2, 20.125), point(0.4, 4321.0), point(0.6, None)],
        "saturation": {
            "rate": 0.2,
            "reached": True,
            "latency_factor": 3,
            "last_stable_rate": 0.4,
            "max_accepted_rate": 0.35,
            "max_accepted_gb_per_s": 5.6,
        },
        "links": {
            "rate": 0.2,
            "outputs": ["+x", "-x", "+y", "-y", "local"],
            "utilisation": [[0.1, 0, 0, 0, 0.3], [0, 0.9, 0, 0, 0.5]],
        },
        "provenance": {},
    }


def test_the_text_of_a_curve(curve: dict[str, Any]) -> None:
    assert render_network(curve) == (
        """\
mesh_booksim: 2x1 mesh, xy, 4 VCs of 8 flits, uniform traffic, packets of 5 flits
=================================================================================

  rate  offered  accepted  latency  p50    p95    p99      max  in network  hops  links  busiest  dispersion
  ----  -------  --------  -------  ---  -----  -----  -------  ----------  ----  -----  -------  ----------  --------
   0.2   0.2000    0.2000    20.12   20  1,234  5,678  123,456       19.00  3.50  10.0%    98.8%      0.9500
   0.4   0.4000    0.3500  4321.00   20  1,234  5,678  123,456       19.00  3.50  10.0%    98.8%      0.9500
   0.6   0.6000    0.3500        -    -      -      -        -           -     -  10.0%    98.8%      0.9500  unstable

  alone a packet takes 19.50 cycles on average
  mean latency of at most 3 times that: up to 0.2 flits a node and cycle
  accepted at most: 0.3500 flits a node and cycle, 5.600 GB/s in all
"""
    )
    assert max(map(len, render_network(curve).splitlines())) <= WIDTH


def test_saturation_that_was_not_reached_is_no_capacity(curve: dict[str, Any]) -> None:
    curve["saturation"]["reached"] = False
    assert render_network(curve).endswith(
        "  mean latency of at most 3 times that: up to 0.2 flits a node and cycle, the highest rate measured\n"
        "  accepted so far: 0.3500 flits a node and cycle, 5.600 GB/s in all\n"
    )


def test_the_text_of_a_rate_and_of_none_that_is_low_enough(curve: dict[str, Any]) -> None:
    curve["saturation"]["rate"] = None
    assert "  mean latency of at most 3 times that: at none of these rates\n" in render_network(curve)
    curve["saturation"] = None
    assert render_network(curve).endswith("  alone a packet takes 19.50 cycles on average\n")


def test_the_text_of_a_replay(curve: dict[str, Any]) -> None:
    replayed = {key: curve[key] for key in ("arch", "noc", "links")}
    replayed["replay"] = {
        "input": "/a/directory/of/a/rather/long/name/" * 9 + "in.csv",
        "packets": 1234,
        "flits": 2345,
        "flit_hops": 3456,
        "cycles": 4567,
        "accepted_rate": 0.25,
        "latency_cycles": latency(23.25),
        "network_latency_cycles": latency(22),
        "hops": 3.25,
        "link_utilisation": {"mean": 0.05, "max": 0.5},
    }
    assert render_network(replayed) == (
        """\
mesh_booksim: 2x1 mesh, xy, 4 VCs of 8 flits, replaying in.csv
==============================================================

  1,234 packets, 2,345 flits, 3,456 flit-hops in 4,567 cycles: 0.2500 flits a node and cycle
  3.250 routers on the way; links busy 5.0% of the time, the busiest 50.0%

  latency, cycles     mean  p50    p95    p99      max
  -----------------  -----  ---  -----  -----  -------
  creation to tail   23.25   20  1,234  5,678  123,456
  injection to tail  22.00   20  1,234  5,678  123,456
"""
    )


def test_the_directory_is_written_whole_and_replaced(curve: dict[str, Any], tmp_path: Path) -> None:
    for text in ("once\n", "again\n"):
        target = save_network(curve, "clock_mhz: 1\n", text, tmp_path / "net")
        (target / "noc_links.png").touch()
    assert NETWORK.found_in(target)
    assert sorted(path.name for path in target.iterdir()) == ["arch.yaml", "noc.json", "noc.txt", "noc_links.png"]
    (target / "noc_links.png").unlink()
    assert (target / "noc.txt").read_text() == "again\n"
    assert json.loads((target / "noc.json").read_text()) == curve
    (target / "letter.txt").touch()
    with pytest.raises(InputError, match=r"holds files that are no result, so it is not replaced: letter.txt$"):
        save_network(curve, "", "", target)


@pytest.mark.parametrize(
    "overrides",
    [
        ["noc.topology=mesh"],
        ["noc.topology=torus", "noc.columns=12", "noc.rows=10"],
        ["noc.topology=torus", "noc.columns=1", "noc.concentration=2"],
        ["noc.topology=ring"],
        ["noc.topology=crossbar", "noc.virtual_channels=2"],
    ],
)
def test_pictures_of_every_topology(overrides: list[str], tmp_path: Path) -> None:
    network = load_network(ARCH, overrides)
    report = run_traffic(network, "uniform", rates=[0.05, 0.1, 1.0], cycles=300, warmup=50)
    for plot, name in ((plot_latency, "latency.png"), (plot_links, "links.png")):
        plot(report, tmp_path / name, dpi=40)
        assert (tmp_path / name).read_bytes().startswith(PNG)


def test_pictures_of_little(curve: dict[str, Any], tmp_path: Path) -> None:
    """One rate, and that unstable; a replay, which has no rate."""
    curve["points"] = [point(0.6, None)]
    curve["saturation"] = None
    plot_latency(curve, tmp_path / "one.png", dpi=40)
    del curve["traffic"]
    curve["links"]["rate"] = None
    plot_links(curve, tmp_path / "replay.png", dpi=40)
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "replay.png"}


def test_the_title_of_a_narrow_picture_fits(curve: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr("accelsim.report.plot.network.save_figure", lambda figure, _path: figures.append(figure))
    for name in ("mesh", "a_network_of_a_name_that_is_rather_long_for_a_picture"):
        plot_links(curve | {"arch": name}, "unused.png")
        assert figures[-1].texts[0].get_window_extent().x1 <= figures[-1].bbox.width
    assert figures[0].texts[0].get_size() > figures[1].texts[0].get_size()
