"""Input images from NumPy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem


def read_images(path: str | Path) -> NDArray[Any]:
    """The array of a .npy file, as it stands there; InputError where it is none, is cut short or holds objects."""
    path = Path(path)
    if not path.exists():
        raise InputError(Problem("no such file", str(path)))
    if not path.is_file():
        raise InputError(Problem("is not a file", str(path)))
    try:
        # Mapping the file compares its size with the header's before anything is allocated.
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else "cannot be read"
        raise InputError(Problem(f"is no readable .npy array: {reason}", str(path))) from None
    if not isinstance(images, np.ndarray):
        images.close()
        raise InputError(Problem("is an archive (.npz), not a single array (.npy)", str(path)))
    return images
