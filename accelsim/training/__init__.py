"""Training spiking networks directly: torch modules of the packed neuron and, beside it, of an unrolled LIF neuron.

A third neuron fires several bits a step: what a Bit Budget is divided over, with weights of few bits.

Needs the extra `train`. Nothing else of the package imports this one.
"""
