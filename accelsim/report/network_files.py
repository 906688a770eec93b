"""What `noc` leaves in its result directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.report.directory import Layout, replace_directory
from accelsim.report.files import json_text

NETWORK = Layout(required=("noc.json", "noc.txt", "arch.yaml"), added=("noc_*.png",))


def save_network(report: Mapping[str, Any], arch_text: str, text: str, directory: str | os.PathLike[str]) -> Path:
    """Write noc.json, noc.txt (`text`) and arch.yaml, all or none, over nothing but an earlier result of the kind."""

    def write(temporary: Path) -> None:
        (temporary / "noc.json").write_text(json_text(report), encoding="utf-8")
        (temporary / "noc.txt").write_text(text, encoding="utf-8")
        (temporary / "arch.yaml").write_text(arch_text, encoding="utf-8")

    return replace_directory(directory, NETWORK, write)
