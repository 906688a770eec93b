"""Which inputs an output sees: the keys of it that the descriptions of layers share."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from accelsim.config import Count, Settings, broken
from accelsim.workload.layer import ATTENTION_OPS, POOL_OPS, Layer
from accelsim.workload.settings import WHOLE_MAP, Kernel, Padding, Size

OWNERS: dict[str, tuple[str, ...]] = {
    "groups": ("conv2d", "linear"),
    "dilation": ("conv2d",),
    "heads": ATTENTION_OPS,
    "factor": ("upsample",),
}
"""Operators that a key belongs to; with others it must be left out."""

NEEDED: dict[str, tuple[str, ...]] = {
    "conv2d": ("kernel",),
    "maxpool2d": ("kernel",),
    "avgpool2d": ("kernel",),
    "upsample": ("factor",),
}


class Window(Settings):
    """The part of a layer's description that its operator gives a meaning to; `op` is told by whoever inherits."""

    kernel: Kernel | None = Field(
        default=None, description="Of conv2d and pools: a number, [rows, columns], or for a pool over its map: global."
    )
    stride: Size | None = Field(default=None, description="Default 1; that of a pool its kernel.")
    padding: Padding = (0, 0)
    groups: Count = Field(default=1, description="Of conv2d and linear; as many as channels: depthwise.")
    dilation: Size = Field(default=(1, 1), description="Of conv2d: distance of neighbouring taps.")
    heads: Count = Field(default=1, description="Of attention products.")
    factor: Size | None = Field(default=None, description="Of upsample: how often rows and columns are repeated.")

    @model_validator(mode="after")
    def _keys_of_the_operator(self) -> Window:
        op: str = getattr(self, "op", "")
        for key in NEEDED.get(op, ()):
            if getattr(self, key) is None:
                raise broken(key, f"is missing: {op} needs it")
        for key, owners in OWNERS.items():
            if op not in owners and getattr(self, key) not in (None, 1, (1, 1)):
                raise broken(key, f"belongs to {' and '.join(owners)}, not to {op}", getattr(self, key))
        if self.kernel == WHOLE_MAP and op not in POOL_OPS:
            raise broken("kernel", f"covers the whole map in {' and '.join(POOL_OPS)}, not in {op}", "global")
        return self

    def window(self, op: str, in_shape: tuple[int, int, int]) -> dict[str, Any]:
        """Kernel, stride, padding, groups, dilation and factor of a `Layer` of this operator over a map."""
        kernel, stride, padding = (1, 1), (1, 1), (0, 0)
        if op == "linear":
            kernel = in_shape[1:]
        elif op in ("conv2d", *POOL_OPS) and self.kernel is not None:
            kernel = in_shape[1:] if self.kernel == WHOLE_MAP else self.kernel
            stride = self.stride or (kernel if op in POOL_OPS else (1, 1))
            padding = self.padding
        return {
            "kernel": kernel,
            "stride": stride,
            "padding": padding,
            "groups": self.heads if op in ATTENTION_OPS else self.groups,
            "dilation": self.dilation,
            "factor": self.factor or (1, 1),
        }


def describe_window(layer: Layer) -> dict[str, Any]:
    """The keys that give a layer its window again."""
    found: dict[str, Any] = {
        "kernel": list(layer.kernel),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
    }
    if layer.groups > 1:
        found["heads" if layer.op in ATTENTION_OPS else "groups"] = layer.groups
    if layer.dilation != (1, 1):
        found["dilation"] = list(layer.dilation)
    if layer.op == "upsample":
        found["factor"] = list(layer.factor)
    return found
