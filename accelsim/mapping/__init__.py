"""Layers to tiles: a plan is pure data, without time."""
