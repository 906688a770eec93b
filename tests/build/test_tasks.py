"""Schedules of passes: what a dataflow is told of a share of a layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from chips import ROOT
from small_workload import SmallWorkload, conv

from accelsim.build.arch import load_arch
from accelsim.build.tasks import TaskTable
from accelsim.kernels import state as k
from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters


class Sparse(SmallWorkload):
    """Half of the weights are zero."""

    def parameters(self, layer: str) -> Parameters | None:
        found = super().parameters(layer)
        assert found is not None
        return replace(found, weights=found.weights * (found.weights > 0))


def matches(workload: Sparse, layer: Layer, outs: tuple[int, int]) -> int:
    """Products of a word and a weight that are not zero, 3x3 windows over a padded map."""
    parameters = workload.parameters(layer.name)
    assert parameters is not None
    words = np.pad(workload.input_words(layer.name, 0) != 0, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(words, (3, 3), axis=(1, 2)).sum(axis=(1, 2))
    found = 0
    for out in range(*outs):
        first = out // layer.group_outputs * layer.group_inputs
        found += int((windows[first : first + layer.group_inputs] * (parameters.weights[out] != 0)).sum())
    return found


@pytest.mark.parametrize("outs", [(0, 3), (3, 5), (3, 9), (0, 12)])
def test_a_task_meets_the_weights_of_its_groups(outs: tuple[int, int]) -> None:
    """Four groups of 2 channels that go in and 3 that go out: a part of a group, a group, two and all of them."""
    layer = replace(conv("a", (8, 4, 4), 12), groups=4)
    workload = Sparse([layer])
    table = TaskTable(load_arch(ROOT / "arch_configs" / "loas.yaml"), workload)
    table.add(np.zeros(k.PASS_COLUMNS, np.int64), layer, 0, (0, 4), outs, (0, 2))
    assert table.counts()[0, k.E_WORDS] == matches(workload, layer, outs)
