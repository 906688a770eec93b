"""Counters times sourced tables: energy and area."""
