"""Runs of many images: what lies in files and what is made anew changes no result."""

from __future__ import annotations

from typing import Any

import pytest
from chips import DIGITS, chip

from accelsim.build import plane_store
from accelsim.simulation import simulate
from accelsim.workload import kept, spool
from accelsim.workload.load import load_input


def report(verify: bool) -> dict[str, Any]:
    found = simulate(chip(), load_input(DIGITS), images=4, verify=verify).report
    del found["provenance"]
    return found


@pytest.mark.parametrize("verify", [False, True])
def test_images_in_files_give_the_same_report(verify: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = report(verify)
    for module, limit in ((plane_store, "HELD_BYTES"), (spool, "HELD_BYTES"), (kept, "KEPT_BYTES")):
        monkeypatch.setattr(module, limit, 10_000)
    assert report(verify) == expected
