"""Cycle-accurate simulation of neuromorphic accelerators from packed-spike traces."""

__version__ = "0.1.0"
