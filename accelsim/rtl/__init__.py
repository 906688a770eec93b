"""Hardware descriptions of the parts, in Amaranth (extra `rtl`); see docs/rtl.md. The command `rtl` imports them."""
