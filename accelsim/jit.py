"""The only holder of Numba options: kernels that compile on first call, into a cache that knows all their sources.

Numba is imported when the first kernel is called, so that commands which simulate nothing start fast. Numba's own
disk cache looks at the file of the cached function alone and misses an edit in a kernel that it calls, or another
setting of Numba; the cache therefore lives in a directory named by the hash of all of them. ACCELSIM_CACHE moves it;
NUMBA_DISABLE_JIT=1 runs every kernel as plain Python.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WORD_BYTES = 8
ROW_WORDS = 8
"""Words in a row of the tables that `row` looks at: a cache line."""

KEPT_VERSIONS = 16
"""Cache directories of other sources that stay for whoever goes back to them."""

KERNELS = Path(__file__).parent / "kernels"

OPTIONS = {"nogil": True, "forceinline": True}

_kernels: list[Kernel] = []
_compiling = threading.RLock()


class Kernel:
    """A function over arrays and scalars that is compiled when it is first called.

    Life cycle: registered by `@kernel`; bound at the first call of any kernel; compiled, or read from the cache, at
    its own first call. A kernel that Python calls is an *entry*. Those that it calls are compiled into it, without the
    means to be called from Python: unpacking tuples of many arrays for each of them took a third of all compiling.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.inner: Callable[..., Any] | None = None
        self.entry: Callable[..., Any] | None = None
        functools.update_wrapper(self, function)
        _kernels.append(self)

    def __call__(self, *args: Any) -> Any:
        if self.entry is None:
            return self._first_call(args)
        return self.entry(*args)

    def _first_call(self, args: Any) -> Any:
        """Compile and call. One thread at a time: both settings of Numba that are changed here are the process's."""
        with _compiling:
            if self.entry is None:
                numba = _bind()
                with _cache_of(numba, self):
                    entry = numba.njit(cache=True, no_cfunc_wrapper=True, **OPTIONS)(self.function)
                with _callees_left_to(self, numba):
                    result = entry(*args)
                self.entry = entry
                return result
        return self.entry(*args)

    @property
    def package(self) -> Path:
        """The directory of its source, whose other kernels it may call besides those of `accelsim.kernels`."""
        return Path(self.function.__code__.co_filename).parent

    @property
    def signatures(self) -> list[Any]:
        """Argument types that it was compiled for in this process; more than one means an argument's type varies."""
        return [*getattr(self.entry, "signatures", []), *getattr(self.inner, "signatures", [])]

    def compile_into(self, numba: Any) -> Callable[..., Any]:
        """What other kernels call: compiled into them, or the function itself where Numba is switched off."""
        inner: Callable[..., Any] = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(self.function)
        return inner


class Intrinsic(Kernel):
    """An instruction of the machine on a 64-bit integer (narrower ones are widened), whose result is an int64.

    Called from Python it runs its plain-Python equal.
    """

    def __init__(self, function: Callable[[int], int], emit: Callable[[Any, Any], Any]) -> None:
        super().__init__(function)
        self.emit = emit

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def compile_into(self, numba: Any) -> Callable[..., Any]:
        if numba.config.DISABLE_JIT:
            return self.function
        emit = self.emit

        def instruction(typing_context: Any, value: Any) -> Any:
            if not isinstance(value, numba.types.Integer):
                return None
            word = numba.types.int64 if value.signed else numba.types.uint64

            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                return emit(builder, context.cast(builder, args[0], value, word))

            return numba.types.int64(value), generate

        intrinsic: Callable[..., Any] = numba.extending.intrinsic(instruction)
        return intrinsic


class Borrow(Kernel):
    """The same named tuple of arrays, or of such tuples, without ownership, while the caller holds the arrays.

    Numba counts references to every array of a tuple whenever the tuple is passed on, by atomic instructions that
    cost more than most kernels do; arrays without an owner are not counted.
    """

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def compile_into(self, numba: Any) -> Callable[..., Any]:
        if numba.config.DISABLE_JIT:
            return self.function

        def disown(context: Any, builder: Any, kind: Any, value: Any) -> Any:
            for index, member in enumerate(kind.types):
                held = builder.extract_value(value, index)
                if isinstance(member, numba.types.BaseTuple):
                    held = disown(context, builder, member, held)
                elif isinstance(member, numba.types.Array):
                    array = context.make_array(member)(context, builder, held)
                    array.meminfo = array.meminfo.type(None)
                    array.parent = array.parent.type(None)
                    held = array._getvalue()
                value = builder.insert_value(value, held, index)
            return value

        def borrow(typing_context: Any, arrays: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                return disown(context, builder, arrays, args[0])

            return arrays(arrays), generate

        intrinsic: Callable[..., Any] = numba.extending.intrinsic(borrow)
        return intrinsic


class View(Kernel):
    """A view of a row of a table, ROW_WORDS words wide, or of a word of an array.

    To Numba an index is an integer that may be negative, and a width is a number to be loaded and multiplied with;
    where every access begins so, that takes longer than the access. Here neither is looked at, unless Numba is told to
    check bounds.
    """

    def __init__(self, function: Callable[..., Any], words: int) -> None:
        super().__init__(function)
        self.words = words

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def compile_into(self, numba: Any) -> Callable[..., Any]:
        if numba.config.DISABLE_JIT or numba.config.BOUNDSCHECK:
            return super().compile_into(numba)

        def view(typing_context: Any, table: Any, index: Any) -> Any:
            part = numba.types.Array(table.dtype, 1, "C")

            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                arrays = importlib.import_module("numba.np.arrayobj")
                whole = context.make_array(table)(context, builder, args[0])
                words = context.get_constant(numba.types.intp, self.words)
                word_bytes = context.get_constant(numba.types.intp, WORD_BYTES)
                result = context.make_array(part)(context, builder)
                arrays.populate_array(
                    result,
                    data=builder.gep(whole.data, [builder.mul(args[1], words)]),
                    shape=[words],
                    strides=[word_bytes],
                    itemsize=word_bytes,
                    meminfo=None,
                )
                return result._getvalue()

            return part(table, numba.types.intp), generate

        intrinsic: Callable[..., Any] = numba.extending.intrinsic(view)
        return intrinsic


def kernel(function: Callable[..., Any]) -> Kernel:
    """Register a function of a kernels module for compilation on first call."""
    return Kernel(function)


def _borrow(arrays: Any) -> Any:
    return arrays


borrowed = Borrow(_borrow)
"""The named tuple that it is given, its arrays without owner."""


def _row(table: Any, index: Any) -> Any:
    return table[index]


row = View(_row, ROW_WORDS)
"""A row of a table of int64 that is ROW_WORDS wide, as a view; the index is not checked."""


def _cell(array: Any, index: Any) -> Any:
    return array[index : index + 1]


cell = View(_cell, 1)
"""A word of an array of int64, as a view: `cell(array, index)[0]`; the index is not checked."""

WORD_MASK = 2**64 - 1


def _count_ones(value: int) -> int:
    return (int(value) & WORD_MASK).bit_count()


def _count_trailing_zeros(value: int) -> int:
    word = int(value) & WORD_MASK
    return (word & -word).bit_length() - 1 if word else 64


def _emit_trailing_zeros(builder: Any, value: Any) -> Any:
    ir = importlib.import_module("llvmlite.ir")
    return builder.cttz(value, ir.Constant(ir.IntType(1), 0))


popcount = Intrinsic(_count_ones, lambda builder, value: builder.ctpop(value))
"""Ones in the two's complement of a word."""

trailing_zeros = Intrinsic(_count_trailing_zeros, _emit_trailing_zeros)
"""Zeros below the lowest one of a word; 64 for a word without a one."""


def _bind() -> Any:
    """Give every registered kernel what other kernels call by its global name; returns Numba.

    Where Numba is on, modules keep the kernels themselves, which Python may call, and Numba is told what they stand
    for. Instructions and views are no functions to Numba and take their places.
    """
    numba: Any = importlib.import_module("numba")
    for registered in _kernels:
        if registered.inner is None:
            registered.inner = registered.compile_into(numba)
    if not numba.config.DISABLE_JIT:
        numba.extending.typeof_impl.register(Kernel)(lambda kernel, _: numba.types.Dispatcher(kernel.inner))
    for registered in _kernels:
        names = registered.function.__globals__
        if names is globals():
            continue
        for name, value in names.items():
            if isinstance(value, Kernel) and (type(value) is not Kernel or numba.config.DISABLE_JIT):
                names[name] = value.inner
    return numba


@contextlib.contextmanager
def _cache_of(numba: Any, entry: Kernel) -> Iterator[None]:
    """A dispatcher made here settles on our cache directory.

    The setting is put back, since Numba may also serve others in this process, and may have been imported before.
    """
    directory_before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_directory(entry.package))
    try:
        yield
    finally:
        numba.config.CACHE_DIR = directory_before


@contextlib.contextmanager
def _callees_left_to(entry: Kernel, numba: Any) -> Iterator[None]:
    """While an entry is compiled, the kernels that it calls are not optimised each by itself.

    Numba optimises every function together with all that it calls, so that what lies deep in the calls is optimised
    again for every caller above it: two thirds of the time of compiling. Linked into the entry they all are, once.
    """
    codegen = importlib.import_module("numba.core.codegen") if not numba.config.DISABLE_JIT else None
    library = getattr(codegen, "JITCodeLibrary", None)
    optimise = getattr(library, "_optimize_final_module", None)
    if library is None or optimise is None:
        yield
        return
    callees = {kernel.function.__qualname__ for kernel in _kernels} - {entry.function.__qualname__}

    def optimise_entries(module: Any) -> None:
        if module.name not in callees:
            optimise(module)

    library._optimize_final_module = optimise_entries
    try:
        yield
    finally:
        library._optimize_final_module = optimise


def source_hash(package: Path = KERNELS) -> str:
    """Hash of all that the kernels of a directory depend on.

    Their sources, those of `accelsim.kernels`, which all may call, this file, the compilers and their settings.
    """
    compilers = [sys.version, *(importlib.import_module(name).__version__ for name in ("numba", "llvmlite", "numpy"))]
    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if _changes_code(name)]
    digest = hashlib.sha256("\n".join(compilers + settings).encode())
    for path in sorted({Path(__file__), *KERNELS.rglob("*.py"), *package.glob("*.py")}):
        source = path.read_bytes() if path.exists() else b""
        digest.update(f"\n{path.name} {len(source)}\n".encode() + source)
    return digest.hexdigest()[:16]


def _changes_code(variable: str) -> bool:
    return variable.startswith("NUMBA_") and variable not in ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")


def cache_directory(package: Path = KERNELS) -> Path:
    """The directory of the compiled kernels of a directory of sources, created.

    In ACCELSIM_CACHE, NUMBA_CACHE_DIR or the user's cache directory, the first of these that is set; where that
    cannot be written, in the temporary directory; where others could write there, in one that goes with the process.
    """
    return _create_directory(source_hash(package))


@functools.cache
def _create_directory(name: str) -> Path:
    for root in _cache_roots():
        directory = root / name
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.access(directory, os.W_OK):
                os.utime(directory)
                _forget_old_versions(root)
                return directory
        except OSError:
            continue
    directory = Path(tempfile.mkdtemp(prefix="accelsim-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _cache_roots() -> Iterator[Path]:
    for variable, below in (("ACCELSIM_CACHE", ""), ("NUMBA_CACHE_DIR", "accelsim"), ("XDG_CACHE_HOME", "accelsim")):
        if os.environ.get(variable):
            yield Path(os.environ[variable]) / below
            break
    else:
        yield Path(os.path.expanduser("~")) / ".cache" / "accelsim"
    if hasattr(os, "getuid"):
        shared = Path(tempfile.gettempdir()) / f"accelsim-{os.getuid()}"
        with contextlib.suppress(OSError):
            shared.mkdir(exist_ok=True, mode=0o700)
            if _is_private(shared):
                yield shared


def _is_private(directory: Path) -> bool:
    """Whether nobody else could have put files there: cached kernels are machine code."""
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o022


def _forget_old_versions(root: Path) -> None:
    versions = sorted(root.glob("[0-9a-f]" * 16), key=lambda path: -path.stat().st_mtime)
    for old in versions[1 + KEPT_VERSIONS :]:
        shutil.rmtree(old, ignore_errors=True)
