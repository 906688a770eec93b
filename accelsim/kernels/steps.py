"""Columns of a step of a schedule: what a PE array does for some cycles when nothing is missing."""

(
    CYCLES,  # of one repetition; 0 allowed
    REPEAT,  # repetitions, at least 1
    PIXELS,  # output pixels, row by row, whose sums of all channels leave the array at the end of each repetition
    KIND,  # BUSY: operands are combined; FILL_DRAIN: operands or sums move into place
    ROW,  # last row of the input map that must be there before the step begins; -1: none
    WEIGHTS,  # bytes of parameters and weights that must be there before it begins, from the first on; -1: all
    STREAM,  # bytes of spikes that are read from memory for each repetition, where the dataflow streams its input
    STEP_COLUMNS,
) = range(8)

BUSY, FILL_DRAIN = range(2)
