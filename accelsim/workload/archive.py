"""NumPy archives (.npz) whose table of contents is checked before any array is loaded; pickles are never read."""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem

MAX_TOTAL_BYTES = 64 << 30
"""Uncompressed size of all arrays together, above which a file is refused."""

PIECE_BYTES = 8 << 20
"""Bytes of an array that are read at once where it is read in pieces."""

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TokenError,
)
"""What the readers of zip files and of array headers raise on damaged ones."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an archive says about an array without loading it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def headers_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Header]:
    """The headers that these arrays would have in an archive."""
    return {name: Header(array.shape, array.dtype) for name, array in arrays.items()}


class Archive:
    """An open .npz: its headers by array name, and its arrays on request."""

    def __init__(self, file: str, content: zipfile.ZipFile, headers: Mapping[str, Header]) -> None:
        self.file = file
        self.headers = headers
        self._content = content

    def load(self, name: str) -> NDArray[Any]:
        """One array; InputError where its data is damaged."""
        try:
            with self._content.open(f"{name}.npy") as stream:
                array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
                stream.read(1)  # the checksum is compared at the end of the data
                return array
        except _BROKEN as error:
            raise InputError(Problem(f"cannot be read: {_reason(error)}", self.file, key=name)) from None

    def load_pieces(self, name: str) -> Iterator[NDArray[Any]]:
        """One array of at least one axis in pieces along its first; InputError where its data is damaged."""
        try:
            with self._content.open(f"{name}.npy") as stream:
                shape, columns_first, dtype = _read_array_header(stream)
                if columns_first:
                    yield self.load(name)
                    return
                row_bytes = math.prod(shape[1:]) * dtype.itemsize
                rows = max(1, PIECE_BYTES // max(1, row_bytes))
                for first in range(0, shape[0], rows):
                    count = min(rows, shape[0] - first)
                    data = stream.read(count * row_bytes)
                    yield np.frombuffer(data, dtype).reshape(count, *shape[1:])
                stream.read(1)
        except _BROKEN as error:
            raise InputError(Problem(f"cannot be read: {_reason(error)}", self.file, key=name)) from None

    def load_all(self) -> dict[str, NDArray[Any]]:
        """Every array by its name."""
        return {name: self.load(name) for name in self.headers}


@contextmanager
def open_archive(path: str | Path, limit: int | None = None) -> Iterator[Archive]:
    """Open an .npz and check names and sizes of its arrays; InputError tells all that is wrong with them.

    `limit` is the most bytes that the arrays may take together, MAX_TOTAL_BYTES where it is None.
    """
    file = str(path)
    if not Path(path).exists():
        raise InputError(Problem("no such file", file))
    if not Path(path).is_file():
        raise InputError(Problem("is not a file", file))
    try:
        content = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise InputError(Problem(f"is no readable .npz archive: {_reason(error)}", file)) from None
    with content:
        yield Archive(file, content, _read_headers(content, file, MAX_TOTAL_BYTES if limit is None else limit))


def write_archive(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz whole or not at all: under another name first, then renamed.

    Raises `InputError` where it cannot be written, and for what is there and no file: a device would be replaced.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise InputError(Problem("is not a file", str(path)))
    temporary = Path(path).with_name(f".{Path(path).name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED) as content:
            for name, array in arrays.items():
                with content.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
        temporary.replace(path)
    except OSError as error:
        raise InputError(Problem(f"cannot be written: {error.strerror or error}", str(path))) from None
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read_headers(content: zipfile.ZipFile, file: str, limit: int) -> dict[str, Header]:
    total = sum(member.file_size for member in content.infolist())
    if total > limit:
        allowed = f"at most {limit >> 30} GiB" if limit >= 1 << 30 else f"at most {limit} bytes"
        raise InputError(Problem("the arrays are too large", file, value=f"{total} bytes", allowed=allowed))
    headers: dict[str, Header] = {}
    problems: list[Problem] = []
    for member in content.infolist():
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            problems.append(Problem("is not an array (.npy)", file, key=name))
        elif name in headers:
            problems.append(Problem("stands twice in the archive", file, key=name))
        else:
            try:
                headers[name] = _read_header(content, member)
            except _BROKEN as error:
                problems.append(Problem(_reason(error), file, key=name))
    if problems:
        raise InputError(problems)
    return headers


def _read_header(content: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    with content.open(member) as stream:
        shape, _, dtype = _read_array_header(stream)
        header = Header(shape, dtype)
        if dtype.hasobject:
            raise ValueError("holds Python objects (a pickle), which are never read")
        held = member.file_size - stream.tell()
        if min(shape, default=0) < 0 or header.bytes != held:
            raise ValueError(f"holds {held} bytes, but its shape {list(shape)} of {dtype} needs {header.bytes}")
    return header


def _read_array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first axis varies fastest, and type of the array that follows."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"has the unknown array version {version[0]}.{version[1]}")


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
