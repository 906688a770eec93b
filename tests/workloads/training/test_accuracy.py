"""The tables of networks on scenes."""

import numpy as np
import pytest


def test_a_loss_is_judged_on_the_same_scenes(script) -> None:
    ann = np.array([1.0] * 90 + [0.0] * 10)
    worse = ann.copy()
    worse[:2] = 0
    measures = {"snn_t4": lambda cases: worse[cases].mean(), "ann": lambda cases: ann[cases].mean()}
    judged = script("accuracy").judge(measures, 100)
    assert judged["ann"].keys() == {"value", "interval"}
    assert (judged["ann"]["value"], judged["snn_t4"]["value"]) == (0.9, 0.88)
    assert judged["snn_t4"]["loss"] == pytest.approx(0.02)
    assert judged["ann"]["interval"] == pytest.approx((0.841, 0.959), abs=0.015)
    # Two of a hundred scenes differ: between none and five of them are drawn (Poisson of mean 2: 95 % are at most 5).
    assert judged["snn_t4"]["loss_interval"] == pytest.approx((0, 0.05), abs=1e-9)


def test_rows_of_a_classifier(script) -> None:
    outcome = dict.fromkeys(script("forms").NAMES, "1" * 60 + "0" * 40) | {"if_t8": "1" * 50 + "0" * 50}
    ann, *others, last = script("accuracy").table(outcome).splitlines()[2:]
    assert ann == "| ANN | 60 of 100 | 60.00% | 50.20% to 69.06% |  |  |"
    assert {row.split(" | ")[4] for row in others} == {"+0.00 points"}
    assert last.startswith("| IF, T = 8 | 50 of 100 | 50.00% | ")
    assert last.split(" | ")[4] == "+10.00 points"
