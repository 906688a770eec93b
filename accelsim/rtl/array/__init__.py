"""The packed array of a tile as hardware: spike detector, queues, weight banks, multipliers, sums, neuron unit."""
