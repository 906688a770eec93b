"""The untimed SpikePack model: the oracle for spikes, and the source of traces."""

from accelsim.reference.trace_maker import TraceData, make_trace

__all__ = ["TraceData", "make_trace"]
