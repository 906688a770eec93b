"""What the mapping knows of a small chip."""

from accelsim.mapping.plan import TileCapacity

CAPACITY = TileCapacity(
    tiles=4,
    rows=16,
    columns=16,
    line_words=64,
    lane_bits=4,
    bit_serial=False,
    skips=True,
    pads_words=False,
    spike_buffer_bytes=65536,
    weight_buffer_bytes=65536,
    prefetches=True,
    accumulator_words=8192,
    accumulator_bits=24,
    flit_bytes=16,
    packet_bits=1024,
    header_bits=32,
    multicast=False,
    controllers=2,
    memory_bytes_per_cycle=25.6,
    memory_latency_cycles=30,
    transfer_bytes=252,
    weight_banks=16,
    read_latency_cycles=2,
    pipeline_cycles=2,
    results=2,
    neuron_lanes=16,
    decoding_cycles=0,
)
