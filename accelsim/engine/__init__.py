"""The clock: SimPy actors over one compiled fabric, and the bridge between them."""
