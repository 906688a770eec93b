"""Fewer random cases where kernels run as plain Python."""

import os

from hypothesis import settings

if os.environ.get("NUMBA_DISABLE_JIT") == "1":
    settings.register_profile("plain", max_examples=15)
    settings.load_profile("plain")
