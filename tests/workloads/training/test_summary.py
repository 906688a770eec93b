"""The README's table of the networks that ship."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_readme_shows_what_the_networks_directories_hold(script) -> None:
    assert script("summary").table() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_values_are_shares_of_right_answers_or_measures(script) -> None:
    summary = script("summary")
    assert summary.values({"ann": "1101", "snn_t1": "0100"}) == {"ann": 0.75, "snn_t1": 0.25}
    assert summary.values({"measure": "mAP", "networks": {"ann": {"value": 0.5}}}) == {"ann": 0.5}
