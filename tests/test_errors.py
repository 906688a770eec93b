from __future__ import annotations

import pytest

from accelsim.errors import AccelsimError, InputError, Problem, SimulationError


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("no such file"), "no such file"),
        (Problem("no such file", "a.yaml"), "a.yaml: no such file"),
        (Problem("is missing", "a.yaml", 3, "noc.rows"), "a.yaml:3: noc.rows: is missing"),
        (Problem("is missing", key="noc.rows"), "noc.rows: is missing"),
        (Problem("must be positive", "a.yaml", key="x", value=0), "a.yaml: x: must be positive (got 0)"),
        (
            Problem("unknown", "a.yaml", 1, "topology", "mish", "mesh, torus"),
            "a.yaml:1: topology: unknown (got 'mish'); allowed: mesh, torus",
        ),
        (Problem("must not be empty", "a.yaml", value=""), "a.yaml: must not be empty (got '')"),
    ],
)
def test_a_problem_reads_place_rule_value_choices(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_input_error_gathers_problems_a_line_each() -> None:
    one, two = Problem("is missing", "a.yaml", key="x"), Problem("is missing", "a.yaml", key="y")
    assert InputError(one).problems == [one]
    error = InputError(problem for problem in (one, two))
    assert error.problems == [one, two]
    assert str(error) == "a.yaml: x: is missing\na.yaml: y: is missing"


def test_exit_codes_of_the_tree() -> None:
    assert [error.exit_code for error in (AccelsimError, InputError, SimulationError)] == [1, 2, 3]
    assert issubclass(InputError, AccelsimError)
    assert issubclass(SimulationError, AccelsimError)
