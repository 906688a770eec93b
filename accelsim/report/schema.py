"""What report.json holds: every key with its unit and meaning, as data.

A path names a key: `a.b` is key b of the object a, `a[]` an element of the list a, `a{}` a value of the object a
whose keys are names (of components, buffers, parts). docs/report.md is generated from here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accelsim.simulation.report import SCHEMA


@dataclass(frozen=True, slots=True)
class Key:
    """One key of report.json. `nullable`: null where the chip or run has no such thing. `optional`: may be absent."""

    path: str
    unit: str
    meaning: str
    nullable: bool = False
    optional: bool = False


SECTIONS: dict[str, tuple[Key, ...]] = {
    "Run": (
        Key("schema", "-", f"Version of this format: {SCHEMA}."),
        Key("arch", "-", "Name of the chip's description."),
        Key("input", "-", "Name of the trace or workload."),
        Key("images", "images", "Images simulated, repeated ones included."),
        Key("closed_form_cycles", "cycles", "Array cycles taken from a closed form instead of being stepped."),
        Key(
            "verified",
            "-",
            "Null, or what --verify compared: outputs computed in hardware order equal the trace.",
            nullable=True,
        ),
        Key("verified.words", "words", "Output words compared."),
        Key("verified.layers", "layers", "Layers compared."),
        Key(
            "verified.differing_words",
            "words",
            "Words that the chip's arithmetic makes other than the trace; 0 where it is exact.",
        ),
        Key("engine.actor_events", "events", "Steps of actors (SimPy events).", optional=True),
        Key("engine.tile_cycles", "cycles", "Tile cycles stepped; idle tiles are skipped.", optional=True),
        Key("notes[]", "-", "What the reader must know: layers drawn at random, pools inferred, warnings."),
    ),
    "Totals": (
        Key("total.cycles", "core-clock cycles", "From the first cycle to the last of the whole run."),
        Key("total.latency_cycles", "core-clock cycles", "Until the first image is done."),
        Key(
            "total.interval_cycles",
            "core-clock cycles",
            "From one finished image to the next, the mean. With three images or more the first gap is left out: the "
            "first image finds the chip empty.",
        ),
        Key(
            "total.estimated_cycles",
            "core-clock cycles",
            "What the mapping expected `cycles` to be, before anything was simulated.",
            optional=True,
        ),
        Key("total.estimated_latency_cycles", "core-clock cycles", "The same for latency_cycles.", optional=True),
        Key("total.estimated_interval_cycles", "core-clock cycles", "The same for interval_cycles.", optional=True),
        Key("total.time_s", "s", "cycles / clock."),
        Key("total.fps", "images/s", "clock / interval_cycles."),
        Key("total.energy_j", "J", "Dynamic and static energy of the whole run, DRAM included."),
        Key("total.power_w", "W", "energy_j / time_s."),
        Key(
            "total.utilisation",
            "0..1",
            "Share of the PE arrays' tile cycles, over all tiles and the whole run, that do useful work.",
        ),
        Key(
            "total.bound_by",
            "-",
            "What is occupied longest, and so saves most cycles when made infinitely fast; reruns with one resource "
            "out of the way confirm it (docs/what_binds.md).",
        ),
        Key(
            "total.occupied_cycles{}",
            "core-clock cycles",
            "Cycles that the busiest of each resource is occupied: a resource far below the longest can be made slower "
            "or faster without changing the run. `weight_buffer.banks` and `spike_buffer.banks` are the part of "
            "`pe_array` that is lost to conflicts.",
            optional=True,
        ),
        Key(
            "total.synops",
            "synaptic operations",
            "Sum over input words of (ones in the word) x (fan-out actually reached, padding and other groups "
            "excluded; of an attention product the words of the first operand): the same for every machine. "
            "NeuroBench's effective synaptic operations, as silent activations do not count; but of "
            "the whole run, where NeuroBench gives the mean of one execution (divide by images), and with zero weights "
            "counted.",
        ),
        Key(
            "total.dense_ops",
            "multiply-accumulates",
            "Those of a dense pass over all images, padding included: NeuroBench's dense synaptic operations.",
        ),
        Key("total.gsops_per_s", "1e9 synops/s", "synops / time_s."),
        Key("total.gsops_per_w", "1e9 synops/s/W", "gsops_per_s / power_w = 1e9 synops a joule."),
        Key("total.edp_js", "J s", "Energy-delay product: energy_j x time_s."),
        Key(
            "footprint_bytes",
            "bytes",
            "Memory to represent the network: weights at their width, neuron parameters and neuron state. NeuroBench's "
            "footprint.",
            optional=True,
        ),
    ),
    "Energy and area": (
        Key("energy_j.by_component{}", "J", "Dynamic plus static; adds up to total.energy_j. See energy.md."),
        Key("energy_j.dynamic", "J", "Energy of events: counters times prices."),
        Key("energy_j.static", "J", "Leakage power times time."),
        Key("energy_j.dynamic_by_component{}", "J", "Dynamic energy by component."),
        Key("energy_j.static_by_component{}", "J", "Static energy by component."),
        Key("area_mm2{}", "mm2", "Silicon area by component; memory outside the chip is not part of it."),
    ),
    "Sparsity": (
        Key("sparsity.word", "0..1", "Share of input words that are zero: neurons silent in all time steps."),
        Key(
            "sparsity.bit",
            "0..1",
            "Share of zero bits over all neurons and time steps: NeuroBench's activation sparsity, for spikes of one "
            "bit a step (0 = every neuron fires in every step).",
        ),
        Key("sparsity.time_steps[]", "0..1", "Bit sparsity of each time step, first step (most significant) first."),
        Key("sparsity.entropy_bits", "bits/word", "Entropy of the word histogram: the information a word carries."),
        Key("sparsity.layers[].name", "-", "The layer; the figures are those of the words that it consumes."),
        Key("sparsity.layers[].word", "0..1", "As sparsity.word, of one layer."),
        Key("sparsity.layers[].bit", "0..1", "As sparsity.bit, of one layer."),
        Key("sparsity.layers[].time_steps[]", "0..1", "As sparsity.time_steps, of one layer."),
        Key("sparsity.layers[].entropy_bits", "bits/word", "As sparsity.entropy_bits, of one layer."),
    ),
    "Bit Budget": (
        Key(
            "bit_budget.bb",
            "bits",
            "BB = T x weight bits x bits a spike (Shen et al., CVPR 2024), the mean over multiply-accumulates.",
        ),
        Key("bit_budget.s_ace", "ACE", "S-ACE: sum over layers of dense multiply-accumulates x BB."),
        Key("bit_budget.ns_ace", "ACE", "NS-ACE: S-ACE weighted by each layer's share of set bits."),
        Key("bit_budget.synops", "synaptic operations", "As total.synops."),
        Key("bit_budget.word_macs", "multiply-accumulates", "Sum of those of the layers.", optional=True),
        Key("bit_budget.layers[].name", "-", "The layer."),
        Key("bit_budget.layers[].bb", "bits", "BB of one layer."),
        Key("bit_budget.layers[].s_ace", "ACE", "S-ACE of one layer."),
        Key("bit_budget.layers[].ns_ace", "ACE", "NS-ACE of one layer."),
        Key("bit_budget.layers[].synops", "synaptic operations", "Synaptic operations of one layer."),
        Key(
            "bit_budget.layers[].word_macs",
            "multiply-accumulates",
            "Sum over nonzero words of the fan-out actually reached: what an array that skips silent words has to do.",
            optional=True,
        ),
        Key(
            "bit_budget.layers[].effective_macs",
            "multiply-accumulates",
            "NeuroBench's: nonzero words wider than a bit times nonzero weights (all, where none are known).",
            optional=True,
        ),
        Key("bit_budget.layers[].effective_acs", "accumulates", "The same of words of one bit.", optional=True),
    ),
    "Layers": (
        Key("layers[].name", "-", "Name in the network."),
        Key("layers[].op", "-", "Operator."),
        Key("layers[].start_cycle", "cycle", "The first in which the layer's PE array works or waits for it."),
        Key("layers[].end_cycle", "cycle", "The first after the layer."),
        Key("layers[].cycles", "cycles", "Sum over images of the time from first to last cycle; layers may overlap."),
        Key(
            "layers[].compute_cycles",
            "cycles",
            "In which the bottleneck array is busy, fill and drain of the dataflow included, waiting excluded.",
        ),
        Key("layers[].load_cycles", "cycles", "Waiting for weights or spikes that was not hidden."),
        Key("layers[].store_cycles", "cycles", "Output blocked: waiting for neuron unit, buffer or network."),
        Key("layers[].ideal_cycles", "cycles", "Lower bound: the layer's work on all arrays, nothing ever missing."),
        Key("layers[].utilisation", "0..1", "ideal_cycles / cycles."),
        Key("layers[].stall_cycles.weights_missing", "cycles", "The array waits for weights."),
        Key("layers[].stall_cycles.spikes_missing", "cycles", "The array waits for spikes."),
        Key("layers[].stall_cycles.bank_conflict", "cycles", "Words of one cycle want the same SRAM bank."),
        Key("layers[].stall_cycles.output_blocked", "cycles", "The array's result finds no room."),
        Key("layers[].sequencing_cycles", "cycles", "Between passes of the same layer: the sequencer's own time."),
        Key("layers[].idle_cycles", "cycles", "Within the layer's span, but without work of it."),
        Key("layers[].synops", "synaptic operations", "As total.synops, of one layer."),
        Key("layers[].traffic.spike_read_bits", "bits", "Read from spike buffers."),
        Key("layers[].traffic.weight_read_bits", "bits", "Read from weight buffers."),
        Key("layers[].traffic.accumulator_bits", "bits", "Read from and written to accumulator buffers."),
        Key("layers[].traffic.noc_packets", "packets", "Delivered, each copy.", optional=True),
        Key("layers[].traffic.noc_flits", "flits", "Injected into the network."),
        Key("layers[].traffic.noc_flit_hops", "flit-hops", "Flits times routers passed, ejection included."),
        Key("layers[].traffic.dram_read_bytes", "bytes", "Read from DRAM."),
        Key("layers[].traffic.dram_write_bytes", "bytes", "Written to DRAM."),
        Key("layers[].traffic.payload_words", "words", "Words of its spike packets to other tiles, every copy."),
        Key("layers[].traffic.payload_nonzero_words", "words", "Those of them with a spike in any time step."),
        Key(
            "layers[].traffic.payload_dense_bits",
            "bits",
            "Payload of these packets, had all been dense. See payload.md.",
        ),
        Key("layers[].traffic.payload_bitmap_bits", "bits", "The same as bitmaps and nonzero words."),
        Key("layers[].traffic.payload_address_event_bits", "bits", "The same as lists of address events."),
        Key("layers[].traffic.payload_auto_bits", "bits", "The same, each packet as is shortest, selectors included."),
        Key("layers[].energy_j", "J", "Dynamic energy of the layer's events and leakage over its cycles."),
        Key(
            "layers[].bound_by",
            "-",
            "The longest of: its busiest array, bank conflicts there, its bytes on the DRAM, its flits on the memory "
            "controllers' links, results that found no room. An estimate, as total.bound_by.",
        ),
        Key("layers[].cycles_per_image", "cycles", "cycles / images.", optional=True),
        Key(
            "layers[].estimated_cycles",
            "cycles",
            "What the mapping expected `cycles` to be, before anything was simulated.",
            optional=True,
        ),
    ),
    "Network on chip": (
        Key("noc", "-", "With `noc: none` all its counts are 0.", nullable=True),
        Key("noc.packets", "packets", "Injected; one for several nodes counts once."),
        Key("noc.flits", "flits", "Injected."),
        Key(
            "noc.flit_hops",
            "flit-hops",
            "Flits that left routers, ejection included, each copy.",
        ),
        Key("noc.multicast", "-", "noc.multicast: whether packets for several nodes branch in the routers."),
        Key("noc.unicast.packets", "packets", "Packets, had each destination got its own."),
        Key("noc.unicast.flits", "flits", "Flits of these."),
        Key("noc.unicast.flit_hops", "flit-hops", "Flits of these times routers on their ways."),
        Key("noc.latency_cycles.mean", "cycles", "Creation of a packet to the ejection of its tail.", nullable=True),
        Key("noc.latency_cycles.p50", "cycles", "Median.", nullable=True),
        Key("noc.latency_cycles.p99", "cycles", "99th percentile.", nullable=True),
        Key("noc.latency_cycles.max", "cycles", "Largest.", nullable=True),
        Key("noc.link_utilisation.mean", "0..1", "Flits over link cycles, mean over links."),
        Key("noc.link_utilisation.max", "0..1", "That of the busiest link over the whole run."),
        Key("noc.payload.encoding", "-", "How spike packets between tiles were sent: network_interface.payload."),
        Key("noc.payload.packets", "packets", "Spike packets sent from tile to tile, every copy."),
        Key("noc.payload.words", "words", "Packed words in them."),
        Key("noc.payload.nonzero_words", "words", "Those of them with a spike in any time step."),
        Key(
            "noc.payload.bits{}",
            "bits",
            "By encoding: payload that these packets had, or would have had in it. See payload.md.",
        ),
        Key("noc.payload.flits{}", "flits", "By encoding: flits of these packets, their headers included."),
        Key("noc.payload.shortest_packets{}", "packets", "By encoding: packets of which it is the shortest payload."),
        Key("noc.source_queue_peak_flits", "flits", "High-water mark of the fullest source queue.", optional=True),
    ),
    "Memory": (
        Key("buffers{}.reads", "accesses", "By buffer, all tiles together."),
        Key(
            "buffers{}.writes",
            "accesses",
            "The same; of flits, or with `noc: none`, where none come, of bytes.",
        ),
        Key(
            "buffers{}.conflicts",
            "cycles",
            "In which a read waited for a bank or port; of accumulator buffers, a pixel's sums.",
        ),
        Key(
            "buffers{}.write_conflicts",
            "cycles",
            "In which an arrived flit waited for a bank or port.",
            optional=True,
        ),
        Key(
            "buffers{}.peak_bytes",
            "bytes",
            "High-water mark in the fullest tile: of spike buffers, rows of which words have come and that will still "
            "be read, those of all images that overlap.",
        ),
        Key(
            "buffers{}.reserved_bytes",
            "bytes",
            "Highest address that the mapping gives to words, in the fullest tile.",
            optional=True,
        ),
        Key("buffers{}.capacity_bytes", "bytes", "Of one tile.", optional=True),
        Key("queues{}.unit", "-", "What the entries of the queue are."),
        Key("queues{}.peak", "entries", "High-water mark in the fullest tile, node or channel."),
        Key("queues{}.capacity", "entries", "Room for entries; null where the queue has no bound.", nullable=True),
        Key("dram", "-", "Null where the chip has none.", nullable=True),
        Key("dram.read_bytes", "bytes", "Read."),
        Key("dram.write_bytes", "bytes", "Written."),
        Key("dram.moved_bytes", "bytes", "Both, in whole bursts: what is priced.", optional=True),
        Key("dram.row_hits", "bursts", "Found their row open; 0 of a memory without banks."),
        Key("dram.row_misses", "bursts", "Found their bank closed.", optional=True),
        Key("dram.row_conflicts", "bursts", "Found another row open in their bank.", optional=True),
        Key("dram.activations", "commands", "Rows opened.", optional=True),
        Key("dram.refreshes", "commands", "Of all banks of a channel.", optional=True),
        Key("dram.turn_arounds", "-", "Changes between reading and writing on the data buses.", optional=True),
        Key("dram.forwarded_reads", "bursts", "Reads answered by writes that still waited.", optional=True),
        Key("dram.merged_writes", "-", "Writes that joined a burst that waited already.", optional=True),
        Key("dram.waiting_reads_peak", "bursts", "Most reads that waited in a channel.", optional=True),
        Key("dram.waiting_writes_peak", "bursts", "Most writes that waited in a channel.", optional=True),
        Key("dram.bus_busy.mean", "0..1", "Share of the time in which a channel's data bus held data.", optional=True),
        Key("dram.bus_busy.max", "0..1", "That of the busiest channel.", optional=True),
        Key("dram.bandwidth_gb_per_s", "1e9 bytes/s", "Bandwidth used: bytes / time."),
        Key(
            "dram.bandwidth_utilisation",
            "0..1",
            "Bandwidth used / peak bandwidth; null for ideal memory.",
            nullable=True,
        ),
    ),
    "Trust": (
        Key("fidelity{}", "-", "Part -> what its timing was proven against."),
        Key("provenance.version", "-", "Of accelsim."),
        Key("provenance.argv[]", "-", "The command that reproduces the run."),
        Key("provenance.arch_sha256", "-", "Of the chip's description as run."),
        Key("provenance.input_sha256", "-", "Of the input file."),
        Key("provenance.input{}", "-", "Path, format and hash of the input; what it says of itself.", optional=True),
        Key("provenance.seed", "-", "Of everything drawn at random."),
        Key("provenance.python", "-", "Version of Python."),
        Key("provenance.libraries{}", "-", "Version by library."),
    ),
}


_PREFACE = """
Generated by `python -m accelsim.report.schema`. `a[]` is an element of the list `a`, `a{}` a value of the object `a`
whose keys are names. Counts and cycles are integers and cover the whole run, all images and all tiles, unless it says
otherwise. Activation sparsity, synaptic operations and footprint follow NeuroBench (Yik et al., Nature Communications
2025); where ours differ, the key says in what.
"""


def keys() -> Iterator[Key]:
    """All keys, in the order of the document."""
    for section in SECTIONS.values():
        yield from section


def missing_keys(report: dict[str, Any]) -> list[str]:
    """Paths that a report should hold and does not, with list indices and names filled in.

    What lies below a null that is allowed, or in an empty list or object, is not missing.
    """
    nullable = {key.path for key in keys() if key.nullable}
    missing: list[str] = []
    for key in keys():
        if not key.optional:
            for path in _missing(report, re.findall(r"[^.\[\]{}]+|\[\]|\{\}", key.path), "", "", nullable):
                if path not in missing:
                    missing.append(path)
    return missing


def _missing(value: Any, steps: list[str], pattern: str, place: str, nullable: set[str]) -> Iterator[str]:
    """Walk `steps` from `value`; `pattern` is the schema path so far, `place` the same with names filled in."""
    if value is None:
        if pattern not in nullable:
            yield place
        return
    if not steps:
        return
    step, rest = steps[0], steps[1:]
    if step == "[]":
        if not isinstance(value, list | tuple):
            yield f"{place}[]"
            return
        for index, element in enumerate(value):
            yield from _missing(element, rest, f"{pattern}[]", f"{place}[{index}]", nullable)
    elif step == "{}":
        if not isinstance(value, dict):
            yield f"{place}{{}}"
            return
        for name, element in value.items():
            yield from _missing(element, rest, f"{pattern}{{}}", f"{place}.{name}", nullable)
    else:
        pattern = f"{pattern}.{step}" if pattern else step
        place = f"{place}.{step}" if place else step
        if not isinstance(value, dict) or step not in value:
            yield place
            return
        yield from _missing(value[step], rest, pattern, place, nullable)


def undocumented_keys(report: dict[str, Any]) -> list[str]:
    """Paths of a report that no key of the schema names, list indices left out."""
    known = [re.compile(_pattern(key.path)) for key in keys()]
    return sorted({path for path in _leaves(report, "") if not any(pattern.fullmatch(path) for pattern in known)})


def _pattern(path: str) -> str:
    """What paths a key names: `a{}.b` is key b of anything in a, `a{}` anything in a, or a without anything in it."""
    before, braces, after = path.replace("[]", "").partition("{}")
    anything = r"\.[^.]+" if after else r"(\..+)?"
    return re.escape(before) + (anything if braces else "") + re.escape(after)


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path


def markdown() -> str:
    """docs/report.md: the keys as tables."""
    lines = ["# report.json, key by key", "", *textwrap.wrap(_PREFACE, 118)]
    for title, section in SECTIONS.items():
        lines += ["", f"## {title}", "", "| key | unit | meaning |", "|---|---|---|"]
        for key in section:
            marks = " (optional)" if key.optional else ""
            lines.append(f"| `{key.path}`{marks} | {key.unit} | {key.meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
