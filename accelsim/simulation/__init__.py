"""A run from plan to result: engine, invariants, counters and why they are what they are."""

from accelsim.simulation.run import Result, simulate

__all__ = ["Result", "simulate"]
