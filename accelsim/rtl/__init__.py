"""Hardware descriptions of the parts, in Amaranth (extra `rtl`); see docs/rtl.md. Nothing else imports this package."""
