"""Compiled loops over arrays and scalars: nothing here knows YAML, layers or SimPy."""
