"""`mapping`: decisions about which tile computes what, and when; what is left out the planner decides."""

from typing import Literal

from pydantic import Field

from accelsim.config import Count, Cycles, Settings


class LayerMappingSettings(Settings):
    """One layer's share of the chip."""

    tiles: tuple[Cycles, ...] | None = Field(None, min_length=1, description="numbers of its tiles, a part each")
    channel_parts: Count | None = Field(None, description="cuts by output channel, in whole groups of columns")
    row_parts: Count | None = Field(None, description="cuts by output rows")
    loop_order: Literal["weights_first", "rows_first"] | None = None
    through_dram: bool | None = Field(
        None, description="true: its outputs go to their readers through DRAM; false: never; default: if they must"
    )


class MappingSettings(Settings):
    """The mapping of a network: of all its layers, and of single ones by their names."""

    schedule: Literal["layer_by_layer", "pipelined"] = Field(
        "layer_by_layer", description="pipelined: layers are pinned to tiles, and images follow each other through them"
    )
    split: Literal["auto", "output_channels", "rows", "both"] = Field("auto", description="how layers are cut")
    loop_order: Literal["auto", "weights_first", "rows_first"] = Field(
        "auto",
        description="weights_first: blocks of weights outside, strips of rows from DRAM inside",
    )
    keep_weights: Literal["auto", "never"] = Field("auto", description="never: every image loads all weights again")
    layers: dict[str, LayerMappingSettings] = Field(default_factory=dict)
