"""Weights files: a `Model` as one .npz, found by name under workloads/.

`meta` is one JSON text: format "accelsim-model", version, name, dataset, image_shape, image_bits, image_step, and the
layers in execution order (the fields of `Node`); optional are gain and ceiling by layer, outputs and image_rails.
Arrays: `weights/<layer>`, `scale/<layer>`, `bias/<layer>`, `full_scale/<stream>`, `images`, `labels`, as in `Model`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.model import Model
from accelsim.reference.model_check import model_problems
from accelsim.reference.node import Node
from accelsim.workload.archive import open_archive, write_archive

FORMAT = "accelsim-model"
VERSION = 1
FILE_NAME = "weights.npz"
LARGEST_BYTES = 1 << 30


def find_model(name: str) -> Path:
    """The weights file of a network: a path to it, or the name of a directory of workloads/.

    Looked for under the working directory, then beside the package. Raises `InputError` with the names that exist.
    """
    path = Path(name)
    if path.suffix == ".npz" and path.is_file():
        return path
    roots = [Path("workloads"), Path(__file__).resolve().parents[2] / "workloads"]
    for root in roots:
        if (root / name / FILE_NAME).is_file():
            return root / name / FILE_NAME
    known = sorted({found.parent.name for root in roots for found in root.glob(f"*/{FILE_NAME}")})
    raise InputError(
        Problem("no such network", value=name, allowed=", ".join(known) or f"a {FILE_NAME} under workloads/NAME/")
    )


def write_model(path: Path, model: Model) -> None:
    """Write a weights file."""
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "name": model.name,
        "dataset": model.dataset,
        "image_shape": model.image_shape,
        "image_bits": model.image_bits,
        "image_step": model.image_step,
        "layers": [asdict(node) for node in model.nodes],
        "gain": model.gain,
        "ceiling": model.ceiling,
        "outputs": model.outputs,
        "image_rails": model.image_rails,
    }
    arrays: dict[str, Any] = {"images": model.images, "labels": model.labels}
    for group in ("weights", "scale", "bias", "full_scale"):
        arrays |= {f"{group}/{name}": array for name, array in getattr(model, group).items()}
    write_archive(path, {"meta": np.array(json.dumps(meta)), **arrays})


def read_model(path: Path) -> Model:
    """Read and check a weights file. Raises `InputError` with everything that is wrong with it."""
    with open_archive(path, LARGEST_BYTES) as archive:
        arrays = archive.load_all()
    try:
        meta = json.loads(str(arrays["meta"]))
        if (meta["format"], meta["version"]) != (FORMAT, VERSION):
            raise ValueError("format")
        model = Model(
            name=str(meta["name"]),
            dataset=str(meta["dataset"]),
            image_shape=tuple(meta["image_shape"]),
            image_bits=meta["image_bits"],
            image_step=meta["image_step"],
            nodes=tuple(_node(description) for description in meta["layers"]),
            weights=_group(arrays, "weights"),
            scale=_group(arrays, "scale"),
            bias=_group(arrays, "bias"),
            full_scale=_group(arrays, "full_scale"),
            images=arrays["images"],
            labels=arrays["labels"],
            gain=dict(meta.get("gain", {})),
            ceiling=dict(meta.get("ceiling", {})),
            outputs=_texts(tuple(meta.get("outputs", ()))),
            image_rails=meta.get("image_rails", False),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        rule = f"not a weights file ({FORMAT} version {VERSION})"
        raise InputError(Problem(rule, file=str(path))) from None
    problems = model_problems(model, str(path))
    if problems:
        raise InputError(problems)
    return model


def _node(description: Mapping[str, Any]) -> Node:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in description.items()
    }
    _texts((fields["name"], fields["op"], fields.get("stream", "")))
    fields["inputs"] = _texts(tuple(fields.get("inputs", ())))
    return Node(**fields)


def _texts(names: tuple[Any, ...]) -> tuple[str, ...]:
    if not all(isinstance(name, str) for name in names):
        raise TypeError("names are texts")
    return names


def _group(arrays: Mapping[str, NDArray[Any]], group: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(f"{group}/"): array for name, array in arrays.items() if name.startswith(f"{group}/")}
