"""What a stage of a tile reports, besides the states of a tile that it may name as what it waits for."""

MOVED = 100
"""It did something in this cycle."""

WAITS_FOR_TIME = 101
"""It will do something in a later cycle without anything arriving."""

SCANNING = 102
"""It found no word to work on."""
