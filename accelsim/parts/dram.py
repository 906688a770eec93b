"""`dram`: bandwidth and latency of the memory behind the controllers."""

from fractions import Fraction

from pydantic import Field

from accelsim.config import NonNegative, Positive, Settings
from accelsim.units import bytes_per_cycle


class DramSettings(Settings):
    """All channels together have `bandwidth_gb_per_s`; each has its share."""

    bandwidth_gb_per_s: Positive = Field(ge=1e-6, le=1e6)
    latency_ns: NonNegative = Field(le=1e6, description="from a burst's end on the bus to its bytes at the controller")
    energy: str = Field("lpddr4", description="row of the energy table")

    def bytes_per_cycle(self, channels: int, clock_mhz: float) -> Fraction:
        """Bandwidth of one channel in bytes a core-clock cycle, exact."""
        return bytes_per_cycle(self.bandwidth_gb_per_s, clock_mhz) / channels
