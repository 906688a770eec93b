"""`technology`: what the energy and area tables are looked up for."""

from pydantic import Field

from accelsim.config import Count, Positive, Settings


class TechnologySettings(Settings):
    """Process node and the spread of leakage."""

    node_nm: Count = Field(28, ge=22, le=45)
    leakage_factor: Positive = Field(1.0, le=1e6, description="multiplies all leakage: a lower bound in the table")
