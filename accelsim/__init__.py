"""Cycle-accurate simulation of neuromorphic accelerators from packed-spike traces.

    arch = accelsim.load_arch("arch_configs/spikepack.yaml")
    trace = accelsim.load_trace("traces/resnet18_digits.npz")
    result = accelsim.simulate(arch, trace)
    print(result.text())

The names are loaded when they are first used, so that the import itself is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim.api import Result as Result
    from accelsim.api import load_arch as load_arch
    from accelsim.api import load_trace as load_trace
    from accelsim.api import simulate as simulate

__version__ = "0.1.0"
__all__ = ["Result", "__version__", "load_arch", "load_trace", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from accelsim import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)
