"""Networks as the simulator sees them: layers, packed spike words, trace files and generators."""

from accelsim.workload.layer import Layer
from accelsim.workload.load import load_input
from accelsim.workload.workload import Parameters, Workload

__all__ = ["Layer", "Parameters", "Workload", "load_input"]
