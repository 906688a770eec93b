"""`tiles`: how many tiles there are, and how they lie on the network."""

from pydantic import Field

from accelsim.config import Count, Settings


class TilesSettings(Settings):
    """Tiles fill the network's nodes row by row; nodes of memory controllers are left out."""

    columns: Count = Field(le=64, description="tiles a row")
    rows: Count = Field(le=64, description="rows of tiles")

    @property
    def count(self) -> int:
        return self.columns * self.rows
