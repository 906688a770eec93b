"""Where a result came from, so that it can be made again."""

from __future__ import annotations

import hashlib
import platform
import sys
from importlib.metadata import version
from typing import Any

from accelsim import __version__


def provenance(arch_text: str, seed: int) -> dict[str, Any]:
    """The command, the architecture's hash, the seed, and the versions of what ran."""
    return {
        "version": __version__,
        "argv": list(sys.argv),
        "arch_sha256": hashlib.sha256(arch_text.encode()).hexdigest(),
        "seed": seed,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "numba", "simpy", "pydantic", "pyyaml")},
    }
