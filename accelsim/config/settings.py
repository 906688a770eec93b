"""The base class of settings, and the field types that parts declare them with."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """Base of every settings class: frozen, no keys besides the declared ones, no silent conversions.

    A part declares its keys as annotated fields, with the unit in the name, the range in the type or in `Field`, and
    a sentence that the documentation shows:

        class SpikeBufferSettings(Settings):
            bytes: Bytes = Field(description="Capacity of one half of the double buffer.")
            banks: Count = Field(8, description="Banks of one word a cycle each.")
            policy: Literal["round_robin", "oldest_first"] = "round_robin"

    A whole number is taken for a `float` field, a list for a tuple; nothing else is converted. A mapping that may also
    be a word is written `Literal["ideal"] | DramSettings`; choose among mappings by a `Field(discriminator=...)`.
    Rules over several fields stand in a `model_validator(mode="after")` that raises `broken(key, rule)`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True, protected_namespaces=()
    )


def broken(key: str, rule: str, value: object = None, allowed: str = "") -> PydanticCustomError:
    """The exception for a validator to raise when a rule about `key` of its own settings is broken.

    `key` may be dotted; "" stands for the settings as a whole.
    """
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "key": key, "value": value, "allowed": allowed})


_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|KiB|MiB|GiB)")
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _parse_size(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = Fraction(match[1]) * _SIZE_UNITS[match[2]] if match else Fraction(1, 2)
    if size.denominator != 1:
        raise broken("", "must be a whole number of bytes", value, "a number, or one with B, KiB, MiB or GiB: 64 KiB")
    return int(size)


def _between(low: int, high: int) -> AfterValidator:
    """The range of a type. A `Field(le=...)` of a key narrows it; were both written `le`, the type's would win."""

    def check(value: int) -> int:
        if value < low:
            raise broken("", f"must be at least {low}", value)
        if value > high:
            raise broken("", f"must be at most {high}", value)
        return value

    return AfterValidator(check)


LARGEST_COUNT = 2**31 - 1

Bytes = Annotated[int, BeforeValidator(_parse_size), _between(0, 1 << 40)]
"""A size: a whole number of bytes, or text such as `64 KiB`."""

Count = Annotated[int, _between(1, LARGEST_COUNT)]
"""How many there are of something of which there is at least one."""

Cycles = Annotated[int, _between(0, LARGEST_COUNT)]
"""A delay in cycles of the core clock, 0 allowed."""

Positive = Annotated[float, Field(gt=0)]
"""A number above 0; `units.exact` gives the rational that its decimal digits stand for."""

NonNegative = Annotated[float, Field(ge=0)]
"""A number of at least 0."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""
