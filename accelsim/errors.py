"""The exception tree: what the user did wrong, and what went wrong in a simulation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class AccelsimError(Exception):
    """Base of every error that accelsim raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where it stands, which rule it breaks, what was given and what is allowed."""

    rule: str
    file: str = ""
    line: int | None = None
    key: str = ""
    value: object = None
    allowed: str = ""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        text = ": ".join(part for part in (place, self.key, self.rule) if part)
        if self.value is not None:
            text += f" (got {self.value!r})"
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        return text


class InputError(AccelsimError):
    """Bad input. Gathers every problem found, so that the user mends them in one go."""

    exit_code = 2

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SimulationError(AccelsimError):
    """The simulation itself failed: a deadlock or a broken invariant, with the evidence in the message."""

    exit_code = 3
