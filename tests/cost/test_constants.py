"""Every number of the price list says where it comes from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from accelsim.cost.constants import Standing, constants, dram_pj_per_bit, dram_presets, markdown, value
from accelsim.errors import InputError

DOCUMENT = Path(__file__).parents[2] / "docs" / "energy.md"


def test_every_constant_has_a_unit_a_standing_and_a_source() -> None:
    assert len(constants()) > 15
    for name, constant in constants().items():
        assert constant.value > 0, name
        assert constant.unit and len(constant.source) > 10, name
        assert constant.standing in get_args(Standing), name


def test_a_range_encloses_its_value() -> None:
    for name, constant in constants().items():
        if constant.low is not None and constant.high is not None:
            assert min(constant.low, constant.high) <= constant.value <= max(constant.low, constant.high), name


def test_corners_without_a_range_are_the_value_itself() -> None:
    assert value("add_8_pj", "low") == value("add_8_pj") == value("add_8_pj", "high") == 0.03
    assert value("router_pj_per_bit", "low") < value("router_pj_per_bit") < value("router_pj_per_bit", "high")


def test_router_and_link_make_up_the_geometric_mean_of_the_published_span() -> None:
    assert value("router_pj_per_bit") + value("link_pj_per_bit") == pytest.approx((0.25 * 3.0) ** 0.5, rel=0.01)
    assert value("router_pj_per_bit", "low") + value("link_pj_per_bit", "low") == pytest.approx(0.25)
    assert value("router_pj_per_bit", "high") + value("link_pj_per_bit", "high") == pytest.approx(3.0)


def test_dram_by_name_and_by_number() -> None:
    assert dram_presets() == {"lpddr4": 8.0, "hbm2": 6.25, "dramsim3": 12.45}
    assert dram_pj_per_bit("hbm2") == 6.25
    assert dram_pj_per_bit(3) == 3.0


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        ("ddr9", "dram.energy: unknown memory (got 'ddr9'); allowed: dramsim3, hbm2, lpddr4, or pJ a bit"),
        (-1.0, "dram.energy: must be a positive number of pJ a bit (got -1.0)"),
        (float("inf"), "dram.energy: must be a positive number of pJ a bit (got inf)"),
        (float("nan"), "dram.energy: must be a positive number of pJ a bit (got nan)"),
    ],
)
def test_bad_memory(memory: str | float, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        dram_pj_per_bit(memory)


def test_the_document_shows_the_table_as_it_is() -> None:
    assert markdown() in DOCUMENT.read_text(encoding="utf-8")
