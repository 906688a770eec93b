"""The bridge between SimPy's actors and the compiled fabric: it owns the main loop.

Actors at cycle t act before the fabric's cycle t, and see what completed in it at t + 1. What they hand in is sorted
by a stable key before the fabric sees it, so that neither SimPy's order among events of one cycle nor the order in
which actors were created can change a result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from accelsim.engine.fabric import IDLE, STUCK, Fabric
from accelsim.engine.groups import GroupTable
from accelsim.errors import SimulationError
from accelsim.kernels.state import FOREVER

Process = Generator[simpy.Event, Any, None]


class Wake(simpy.Event):
    """The event that an actor waits for until a group is complete."""

    def at(self, delay: int) -> None:
        """Trigger this event `delay` cycles from SimPy's present."""
        self._ok = True
        self._value = None
        self.env.schedule(self, delay=delay)


class Bridge:
    """Runs actors over a fabric. An actor is a generator that yields what `wait` returns."""

    def __init__(
        self,
        fabric: Fabric,
        groups: GroupTable,
        *,
        environment: simpy.Environment | None = None,
        longest_step: int = FOREVER,
    ) -> None:
        self.fabric = fabric
        self.groups = groups
        self.environment = environment or simpy.Environment()
        self.longest_step = longest_step
        self.actor_events = 0
        self._submitted: list[tuple[tuple[str, int], Callable[[], None]]] = []
        self._sequence: dict[str, int] = {}
        self._waiting: dict[int, list[tuple[str, Wake]]] = {}
        self._unfinished: set[str] = set()

    def add_actor(self, name: str, process: Callable[[str], Process]) -> None:
        """Start an actor at cycle 0; its name is unique and orders what it hands in."""
        if name in self._unfinished:
            raise ValueError(f"actor {name!r} exists already; actors: {sorted(self._unfinished)}")
        self._unfinished.add(name)
        self.environment.process(self._life(name, process(name)))

    def _life(self, name: str, process: Process) -> Process:
        yield from process
        self._unfinished.remove(name)

    def submit(self, actor: str, action: Callable[[], None]) -> None:
        """Hand the fabric something to do in this cycle, after what the same actor handed in before."""
        sequence = self._sequence.get(actor, 0)
        self._sequence[actor] = sequence + 1
        self._submitted.append(((actor, sequence), action))

    def wait(self, actor: str, group: int) -> Process:
        """Wait until a watched group is complete: `yield from bridge.wait(name, group)`."""
        if self.fabric.is_complete(group):
            return
        wake = Wake(self.environment)
        self._waiting.setdefault(group, []).append((actor, wake))
        yield wake

    def run(self) -> None:
        """Run until every actor has ended and nothing moves any more.

        Raises SimulationError, with who waits for whom, when actors are left and nothing moves.
        """
        while True:
            self._step_actors()
            self._hand_over()
            upcoming = self._next_actor_event()
            stopped = self.fabric.advance(min(upcoming, self.fabric.now + self.longest_step))
            for group in self.fabric.take_completed():
                for _, wake in self._waiting.pop(group, []):
                    wake.at(self.fabric.now - int(self.environment.now))
            upcoming = self._next_actor_event()
            if upcoming != FOREVER:
                if stopped == IDLE:
                    self.fabric.skip_to(upcoming)
            elif stopped == STUCK or (stopped == IDLE and self._unfinished):
                raise SimulationError(self._deadlock_report())
            elif stopped == IDLE:
                return

    def _next_actor_event(self) -> int:
        upcoming = self.environment.peek()
        return FOREVER if upcoming == float("inf") else int(upcoming)

    def _step_actors(self) -> None:
        """Let every actor act whose time has come, in whatever order SimPy takes them."""
        while self.environment.peek() <= self.fabric.now:
            self.environment.step()
            self.actor_events += 1

    def _hand_over(self) -> None:
        for _, action in sorted(self._submitted, key=lambda item: item[0]):
            action()
        self._submitted.clear()

    def _deadlock_report(self) -> str:
        lines = [f"deadlock: nothing moves after cycle {self.fabric.last_move}"]
        for group, waiting in sorted(self._waiting.items()):
            for actor in sorted(name for name, _ in waiting):
                lines.append(f"  {actor} waits for {self.groups.name(group)} ({self.fabric.clock.left[group]} to come)")
        lines.extend(self.fabric.stalled_units(self.groups))
        return "\n".join(lines)
