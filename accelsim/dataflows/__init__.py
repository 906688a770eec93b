"""Dataflows of processing-element arrays, one a file."""

from accelsim.dataflows.dataflow import (
    ArrayKind,
    ArraySettings,
    Dataflow,
    ScheduledSettings,
    dataflow_names,
    find_dataflow,
)
from accelsim.dataflows.task import NO_MASK, Schedule, Task

__all__ = [
    "NO_MASK",
    "ArrayKind",
    "ArraySettings",
    "Dataflow",
    "Schedule",
    "ScheduledSettings",
    "Task",
    "dataflow_names",
    "find_dataflow",
]
