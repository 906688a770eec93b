"""`weight_buffer`: SRAM for the weights of the passes under way."""

from pydantic import Field

from accelsim.config import Bytes, Count, Settings


class WeightBufferSettings(Settings):
    """One weight buffer a tile, filled in turn; loading one block of weights and reading another never collide."""

    bytes: Bytes = Field(gt=0, description="capacity")
    banks: Count = Field(16, le=256, description="weight row i lies in bank (i + i div banks) mod banks")
    double: bool = Field(True, description="the next blocks are loaded, as far as they fit, while the array works")
