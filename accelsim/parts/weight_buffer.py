"""`weight_buffer`: SRAM for the weights of the passes under way."""

from pydantic import Field

from accelsim.config import Bytes, Count, Settings


class WeightBufferSettings(Settings):
    """One weight buffer a tile, in one slot or two; loading one slot and reading the other never collide."""

    bytes: Bytes = Field(gt=0, description="capacity of all slots together")
    banks: Count = Field(16, le=256, description="weight row i (kernel row, column, channel) lies in bank i mod banks")
    double: bool = Field(True, description="two slots: the next weights are loaded while the array works")

    @property
    def slots(self) -> int:
        return 2 if self.double else 1
