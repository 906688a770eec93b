"""Hardware descriptions of the parts, in Amaranth (extra `rtl`); see docs/rtl.md. Only the command `rtl` imports it."""
