"""What a user decides about a mapping, and what is left to the planner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from accelsim.errors import Problem
from accelsim.mapping.plan import LoopOrder

Schedule = Literal["layer_by_layer", "pipelined"]
Cut = Literal["auto", "output_channels", "rows", "both"]

Place = Callable[[tuple[str, ...], str, object, str], Problem]
"""Makes the problem with a key of the chip's description: (path, rule, value, allowed)."""


def bare(path: tuple[str, ...], rule: str, value: object, allowed: str) -> Problem:
    """The `Place` of a chip that comes from no file."""
    return Problem(rule, key=".".join(path), value=value, allowed=allowed)


@dataclass(frozen=True, slots=True)
class LayerChoices:
    """What is decided about one layer; None leaves it to the planner."""

    tiles: tuple[int, ...] | None = None
    channel_parts: int | None = None
    row_parts: int | None = None
    loop_order: LoopOrder | None = None
    through_dram: bool | None = None
    """Whether its outputs go to their readers through DRAM; False refuses what does not fit the spike buffers."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is decided about the mapping of a network."""

    schedule: Schedule = "layer_by_layer"
    split: Cut = "auto"
    loop_order: LoopOrder | None = None
    keep_weights: bool = True
    """Whether weights stay on the chip over images where all that a tile uses fit."""
    layers: Mapping[str, LayerChoices] = field(default_factory=dict)

    def of(self, layer: str) -> LayerChoices:
        """The decisions about a layer."""
        return self.layers.get(layer, LayerChoices())
