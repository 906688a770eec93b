"""The untimed SpikePack model: the oracle for spikes, and the source of traces."""
