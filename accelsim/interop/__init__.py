"""Import of recorded spikes from other tools' formats."""
