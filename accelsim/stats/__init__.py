"""Counters and intervals, and the statistics of packed spikes."""
