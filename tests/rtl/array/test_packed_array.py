from __future__ import annotations

import array_bench
import array_fabric
import pytest
from array_case import Case, first_difference, random_case


def difference(case: Case) -> str:
    """Where hardware and compiled array part."""
    compiled = array_fabric.simulate(case)
    return first_difference(array_bench.simulate(case, len(compiled.cycles)), compiled)


@pytest.mark.parametrize("seed", range(20))
def test_every_word_is_taken_in_the_same_cycle(seed: int) -> None:
    assert difference(random_case(seed)) == ""
