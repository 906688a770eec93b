"""Networks as the simulator sees them: layers, packed spike words, trace files and generators."""
