"""The only holder of Numba options: kernels that compile on first call, into a cache that knows all their sources.

Numba is imported when the first kernel is called, so that commands which simulate nothing start fast. Numba's own
disk cache looks at the file of the cached function alone and misses an edit in a kernel that it calls; the cache
therefore lives in a directory named by the hash of all kernel sources. Set ACCELSIM_CACHE to move it;
NUMBA_DISABLE_JIT=1 runs every kernel as plain Python.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_kernels: list[Kernel] = []


class Kernel:
    """A function over arrays and scalars that is compiled when it is first called.

    Life cycle: registered by `@kernel`; bound (a dispatcher takes its place in every kernel module) at the first
    call of any kernel; compiled, or read from the cache, at its own first call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.dispatcher: Callable[..., Any] | None = None
        functools.update_wrapper(self, function)
        _kernels.append(self)

    def __call__(self, *args: Any) -> Any:
        if self.dispatcher is None:
            _bind()
        assert self.dispatcher is not None
        return self.dispatcher(*args)

    def make_dispatcher(self) -> Callable[..., Any]:
        import numba

        dispatcher: Callable[..., Any] = numba.njit(cache=True, nogil=True)(self.function)
        return dispatcher


class Intrinsic(Kernel):
    """A one-argument integer instruction of the machine, with its plain-Python equal for un-jitted runs."""

    def __init__(self, function: Callable[[int], int], emit: Callable[[Any, Any], Any]) -> None:
        super().__init__(function)
        self.emit = emit

    def make_dispatcher(self) -> Callable[..., Any]:
        import numba

        if numba.config.DISABLE_JIT:
            return self.function
        emit = self.emit

        @numba.extending.intrinsic  # type: ignore[untyped-decorator]
        def instruction(typing_context: Any, value: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                return emit(builder, args[0])

            return value(value), generate

        instruction_call: Callable[..., Any] = instruction
        return instruction_call


def kernel(function: Callable[..., Any]) -> Kernel:
    """Register a function of a kernels module for compilation on first call."""
    return Kernel(function)


def _count_ones(value: int) -> int:
    return int(value).bit_count()


def _count_trailing_zeros(value: int) -> int:
    return (int(value) & -int(value)).bit_length() - 1


def _emit_trailing_zeros(builder: Any, value: Any) -> Any:
    from llvmlite import ir

    return builder.cttz(value, ir.Constant(ir.IntType(1), 0))


popcount = Intrinsic(_count_ones, lambda builder, value: builder.ctpop(value))
trailing_zeros = Intrinsic(_count_trailing_zeros, _emit_trailing_zeros)


def _bind() -> None:
    """Give every registered kernel its dispatcher, also where other kernels call it by its global name."""
    if "numba" not in sys.modules and "NUMBA_CACHE_DIR" not in os.environ:
        os.environ["NUMBA_CACHE_DIR"] = str(cache_directory())
    for registered in _kernels:
        if registered.dispatcher is None:
            registered.dispatcher = registered.make_dispatcher()
    for registered in _kernels:
        names = registered.function.__globals__
        for name, value in names.items():
            if isinstance(value, Kernel):
                names[name] = value.dispatcher


def source_hash() -> str:
    """Hash of every kernel source, of this file, and of the Python and Numba that compile them."""
    from importlib.metadata import version

    digest = hashlib.sha256(f"{sys.version} numba {version('numba')} numpy {version('numpy')}".encode())
    package = Path(__file__).parent
    for path in [Path(__file__), *sorted((package / "kernels").rglob("*.py"))]:
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """The directory of compiled kernels, created; falls back to a temporary one where the home is not writable."""
    name = source_hash()
    home = os.environ.get("ACCELSIM_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "accelsim"
    )
    for root in (Path(home), Path(tempfile.gettempdir()) / f"accelsim-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"):
        directory = root / name
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    return Path(tempfile.mkdtemp(prefix="accelsim-"))
