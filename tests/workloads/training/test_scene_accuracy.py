"""The table of a network on scenes."""

import numpy as np


def test_rows_stand_in_the_order_of_their_names_with_paired_differences(script) -> None:
    ann = np.array([1.0] * 90 + [0.0] * 10)
    worse = ann.copy()
    worse[:2] = 0
    networks = {"snn_t4": lambda cases: worse[cases].mean(), "ann": lambda cases: ann[cases].mean()}
    head, rule, *rows = script("scene_accuracy").table("hits", networks, 100).splitlines()
    assert (head, rule) == (
        "| network | hits | 95 % interval | ANN minus this | 95 % interval |",
        "|---|---|---|---|---|",
    )
    assert rows == [
        "| ANN | 90.00% | 84.00% to 96.00% |  |  |",
        "| SNN, T = 4 | 88.00% | 81.00% to 94.00% | +2.00 points | +0.00 to +5.00 |",
    ]
