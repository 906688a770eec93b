"""Training spiking networks directly: torch modules of the packed neuron and, beside it, of an unrolled LIF neuron.

Needs the extra `train`. Nothing else of the package imports this one.
"""
