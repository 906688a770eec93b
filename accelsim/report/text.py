"""The text report: what an architect reads first, in plain ASCII of at most 120 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from accelsim.report.table import WIDTH, Column, bar, count, integer_si, percent, plain, si, table

Report = dict[str, Any]

STALLS = {
    "weights_missing": "weights",
    "spikes_missing": "spikes",
    "bank_conflict": "banks",
    "output_blocked": "output",
}
"""Reasons for which an array waits, in order of precedence, with the short names of the layer table."""


def render(report: Report) -> str:
    """The whole report as text. `report` is what report.json holds; sections that are absent or null are left out."""
    sections: tuple[Callable[[Report], list[str]], ...] = (
        _totals,
        _occupied,
        _layers,
        _cycles,
        _sparsity,
        _bit_budget,
        _noc,
        _payload,
        _buffers,
        _queues,
        _dram,
        _energy,
        _notes,
        _fidelity,
        _provenance,
    )
    blocks = [_header(report), *(block for section in sections if (block := section(report)))]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _header(report: Report) -> list[str]:
    images = report["images"]
    title = f"{report['arch']} running {report['input']}, {images} image{'s' if images != 1 else ''}"
    verified = report.get("verified")
    if verified and verified["differing_words"]:
        title += f" - {count(verified['differing_words'])} of {count(verified['words'])} words of "
        title += f"{verified['layers']} layers are not the trace's in the chip's arithmetic"
    elif verified:
        title += f" - verified: {count(verified['words'])} words of {verified['layers']} layers equal the trace"
    lines = textwrap.wrap(title, WIDTH)
    header = [*lines, "=" * max(len(line) for line in lines)]
    notes = len(report.get("notes") or [])
    return [*header, f"{notes} note{'s' if notes != 1 else ''} below"] if notes else header


def _totals(report: Report) -> list[str]:
    total = report["total"]
    area = report.get("area_mm2") or {}
    left = [
        ("cycles", count(total["cycles"]) + _expected(total, "estimated_cycles")),
        ("first image", count(total["latency_cycles"]) + _expected(total, "estimated_latency_cycles")),
        ("interval", count(total["interval_cycles"]) + _expected(total, "estimated_interval_cycles")),
        ("time", si(total["time_s"], "s", 4)),
        ("frames", f"{plain(total['fps'])} a second"),
    ]
    middle = [
        ("energy", si(total["energy_j"], "J")),
        ("power", si(total["power_w"], "W")),
        ("energy x delay", si(total["edp_js"], "J s")),
        ("an image", si(total["energy_j"] / max(1, report["images"]), "J")),
        ("area", f"{sum(area.values()):.3g} mm2" if area else "-"),
    ]
    right = [
        ("utilisation", percent(total["utilisation"])),
        ("bound by", str(total["bound_by"])),
        ("synaptic ops", si(total["synops"])),
        ("GSOP/s", plain(total["gsops_per_s"])),
        ("GSOP/s/W", plain(total["gsops_per_w"])),
    ]
    blocks = [_pairs(block) for block in (left, middle, right)]
    widths = [max(map(len, block)) for block in blocks]
    return [
        "  " + "    ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*blocks, strict=True)
    ]


def _occupied(report: Report) -> list[str]:
    """The share of the run in which the busiest of each resource is occupied, longest first."""
    total = report["total"]
    occupied = sorted(total.get("occupied_cycles", {}).items(), key=lambda item: -item[1])
    shares = [f"{name} {percent(cycles / total['cycles'])}" for name, cycles in occupied if cycles > 0]
    return textwrap.wrap(f"Occupied, the busiest of each: {', '.join(shares)}", WIDTH) if shares else []


def _expected(total: Report, key: str) -> str:
    """What the mapping expected, beside what was simulated."""
    return f" (estimate {count(total[key])})" if key in total else ""


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    pairs = list(pairs)
    name_width = max(len(name) for name, _ in pairs)
    return [f"{name:{name_width}}  {text}" for name, text in pairs]


def _layers(report: Report) -> list[str]:
    columns = (
        Column("layer", "<", 8),
        Column("op", "<", 4),
        Column("cycles"),
        Column("estimate", shrink_to=8),
        Column("util"),
        Column("stalls, of cycles", "<", 12),
        Column("bound by", "<", 8),
        Column("flit-hops"),
        Column("DRAM"),
        Column("energy"),
    )
    rows = [
        (
            layer["name"],
            layer["op"].removesuffix("2d"),
            count(layer["cycles"]),
            count(layer.get("estimated_cycles")),
            percent(layer["utilisation"]),
            _top_stalls(layer),
            str(layer["bound_by"]),
            integer_si(layer["traffic"]["noc_flit_hops"]),
            si(layer["traffic"]["dram_read_bytes"] + layer["traffic"]["dram_write_bytes"], "B"),
            si(layer["energy_j"], "J"),
        )
        for layer in report["layers"]
    ]
    if len(rows) > 1:
        traffic = [layer["traffic"] for layer in report["layers"]]
        rows.append(
            (
                "run",
                "",
                count(report["total"]["cycles"]),
                count(report["total"].get("estimated_cycles")),
                percent(report["total"]["utilisation"]),
                "",
                str(report["total"]["bound_by"]),
                integer_si(sum(entry["noc_flit_hops"] for entry in traffic)),
                si(sum(entry["dram_read_bytes"] + entry["dram_write_bytes"] for entry in traffic), "B"),
                si(report["total"]["energy_j"], "J"),
            )
        )
    return ["Layers", *table(columns, rows), "", *_bounds(report)]


def _bounds(report: Report) -> list[str]:
    """How many layers, and how much of their time, each resource bounds."""
    cycles: Counter[str] = Counter()
    layers: Counter[str] = Counter()
    for layer in report["layers"]:
        cycles[str(layer["bound_by"])] += layer["cycles"]
        layers[str(layer["bound_by"])] += 1
    whole = max(1, cycles.total())
    parts = [
        f"{name} {percent(spent / whole, 0)} ({layers[name]} layer{'s' if layers[name] != 1 else ''})"
        for name, spent in cycles.most_common()
    ]
    return (
        textwrap.wrap(f"Bound by, share of layer cycles: {', '.join(parts)}", WIDTH, initial_indent="  ")
        if parts
        else []
    )


def _top_stalls(layer: Report) -> str:
    """The two largest reasons that cost at least half a per cent of the layer."""
    reasons = {short: layer["stall_cycles"].get(name, 0) for name, short in STALLS.items()}
    reasons |= {"sequencing": layer["sequencing_cycles"], "idle": layer["idle_cycles"]}
    shares = {name: cycles / layer["cycles"] for name, cycles in reasons.items() if layer["cycles"]}
    top = sorted(shares, key=lambda name: -shares[name])[:2]
    return "  ".join(f"{name} {percent(shares[name], 0)}" for name in top if shares[name] >= 0.005)


def _cycles(report: Report) -> list[str]:
    layers = report["layers"]
    spent = {"busy, fill and drain": sum(layer["compute_cycles"] for layer in layers)}
    for name in STALLS:
        spent[name.replace("_", " ")] = sum(layer["stall_cycles"].get(name, 0) for layer in layers)
    spent["sequencing"] = sum(layer["sequencing_cycles"] for layer in layers)
    spent["idle"] = sum(layer["idle_cycles"] for layer in layers)
    whole = sum(spent.values())
    if not whole:
        return []
    columns = (Column("state", "<"), Column("cycles"), Column("share"), Column("", "<"))
    rows = [(name, count(cycles), percent(cycles / whole), bar(cycles / whole, 50)) for name, cycles in spent.items()]
    closed = report.get("closed_form_cycles")
    stepped = f"  all stepped, but for {count(closed)} array cycles taken from closed forms"
    return [
        "Where the cycles go: each layer's bottleneck array, summed over layers",
        *table(columns, rows),
        stepped if closed else "  every array cycle was stepped",
    ]


def _sparsity(report: Report) -> list[str]:
    sparsity = report.get("sparsity")
    if not sparsity:
        return []
    entries = [*sparsity["layers"], sparsity | {"name": "network"}]
    steps = max(len(entry["time_steps"]) for entry in entries)
    steps = steps if steps <= 8 else 0
    columns = (
        Column("layer", "<", 10),
        Column("words"),
        Column("bits"),
        *(Column(f"step {step + 1}") for step in range(steps)),
        Column("entropy"),
    )
    rows = [
        (
            entry["name"],
            percent(entry["word"]),
            percent(entry["bit"]),
            *(percent(entry["time_steps"][step]) if step < len(entry["time_steps"]) else "-" for step in range(steps)),
            f"{entry['entropy_bits']:.2f} bit" if entry["entropy_bits"] is not None else "-",
        )
        for entry in entries
    ]
    return ["Sparsity of what each layer consumes: share of zeros", *table(columns, rows)]


def _bit_budget(report: Report) -> list[str]:
    budget = report.get("bit_budget")
    if not budget:
        return []
    columns = (Column("layer", "<", 10), Column("BB"), Column("S-ACE"), Column("NS-ACE"), Column("synops"))
    rows = [
        (entry["name"], f"{entry['bb']:g}", si(entry["s_ace"]), si(entry["ns_ace"]), si(entry["synops"]))
        for entry in [*budget["layers"], budget | {"name": "network", "bb": round(budget["bb"], 2)}]
    ]
    return ["Bit Budget", *table(columns, rows)]


def _noc(report: Report) -> list[str]:
    noc = report.get("noc")
    if not noc:
        return []
    if not noc["packets"]:
        return ["Network on chip", "  none: tile and memory are wired to each other"]
    latency, links = noc["latency_cycles"], noc["link_utilisation"]
    lines = [
        "Network on chip",
        f"  {count(noc['packets'])} packets, {count(noc['flits'])} flits, {count(noc['flit_hops'])} flit-hops",
        f"  packet latency {latency['mean']:.1f} cycles mean, {latency['p50']:g} median, {latency['p99']:g} p99, "
        f"{latency['max']:g} max",
        f"  links {percent(links['mean'])} used on average, the busiest {percent(links['max'])}",
    ]
    if noc["multicast"] != "none":
        alone = noc["unicast"]
        more = percent(alone["flit_hops"] / noc["flit_hops"] - 1)
        lines.append(
            f"  sent to each destination apart: {count(alone['packets'])} packets, {count(alone['flits'])} flits, "
            f"{count(alone['flit_hops'])} flit-hops, {more} more"
        )
    return lines


def _payload(report: Report) -> list[str]:
    payload = (report.get("noc") or {}).get("payload")
    if not payload or not payload["packets"]:
        return []
    columns = (Column("encoding", "<"), Column("bits"), Column("flits"), Column("of dense"), Column("", "<"))
    dense = payload["flits"]["dense"]
    rows = [
        (
            name.replace("_", " "),
            count(bits),
            count(payload["flits"][name]),
            percent(payload["flits"][name] / dense),
            "as sent" if name == payload["encoding"] else "",
        )
        for name, bits in payload["bits"].items()
    ]
    return [
        "Spike packets: what each encoding would have cost",
        f"  {count(payload['packets'])} packets of {count(payload['words'])} words, "
        f"{percent(payload['nonzero_words'] / payload['words'])} of them nonzero",
        *table(columns, rows),
    ]


def _buffers(report: Report) -> list[str]:
    buffers = report.get("buffers")
    if not buffers:
        return []
    columns = (
        Column("buffer", "<", 12),
        Column("reads"),
        Column("writes"),
        Column("read waits"),
        Column("write waits"),
        Column("peak"),
        Column("capacity"),
        Column("full"),
    )
    rows = []
    for name, entry in buffers.items():
        capacity = entry.get("capacity_bytes")
        rows.append(
            (
                name,
                count(entry["reads"]),
                count(entry["writes"]),
                count(entry["conflicts"]),
                count(entry["write_conflicts"]) if "write_conflicts" in entry else "-",
                _kib(entry["peak_bytes"]),
                _kib(capacity),
                percent(entry["peak_bytes"] / capacity, 0) if capacity else "-",
            )
        )
    return ["Buffers: accesses of all tiles, peak of the fullest", *table(columns, rows)]


def _queues(report: Report) -> list[str]:
    queues = report.get("queues")
    if not queues:
        return []
    columns = (
        Column("queue", "<", 12),
        Column("entries", "<"),
        Column("peak"),
        Column("capacity"),
        Column("full"),
    )
    rows = []
    for name, entry in queues.items():
        room = entry["capacity"]
        filled = percent(entry["peak"] / room, 0) if room else "-"
        rows.append((name, entry["unit"], count(entry["peak"]), count(room) if room else "-", filled))
    return ["Queues: peak of the fullest tile, node or channel", *table(columns, rows)]


def _kib(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / 1024:.1f} KiB"


def _dram(report: Report) -> list[str]:
    dram = report.get("dram")
    if not dram:
        return []
    line = f"  {si(dram['read_bytes'], 'B')} read, {si(dram['write_bytes'], 'B')} written"
    line += f", {dram['bandwidth_gb_per_s']:.3g} GB/s"
    if dram.get("bandwidth_utilisation") is not None:
        line += f" ({percent(dram['bandwidth_utilisation'])} of the peak)"
    lines = ["DRAM", line]
    if dram.get("row_misses") is not None:
        line = f"  {count(dram['row_hits'])} row hits, {count(dram['row_misses'])} misses"
        if dram.get("row_conflicts") is not None:
            line += f", {count(dram['row_conflicts'])} conflicts, {count(dram['refreshes'])} refreshes"
            line += f", {count(dram['turn_arounds'])} turn-arounds; busiest bus {percent(dram['bus_busy']['max'])} busy"
        lines.append(line)
    return lines


def _energy(report: Report) -> list[str]:
    energy = report.get("energy_j")
    if not energy:
        return []
    whole = energy["dynamic"] + energy["static"]
    area = report.get("area_mm2") or {}
    columns = (
        Column("component", "<"),
        Column("energy"),
        Column("share"),
        Column("dynamic"),
        Column("static"),
        Column("area mm2"),
        Column("", "<"),
    )
    rows = [
        (
            name,
            si(joules, "J"),
            percent(joules / whole if whole else 0.0),
            si(energy["dynamic_by_component"][name], "J"),
            si(energy["static_by_component"][name], "J"),
            f"{area[name]:.4f}" if name in area else "-",
            bar(joules / whole if whole else 0.0, 40),
        )
        for name, joules in energy["by_component"].items()
    ]
    area_text = f"{sum(area.values()):.4f}" if area else "-"
    rows.append(("chip", si(whole, "J"), "", si(energy["dynamic"], "J"), si(energy["static"], "J"), area_text, ""))
    return ["Energy", *table(columns, rows)]


def _notes(report: Report) -> list[str]:
    return _bullets("Notes", report.get("notes") or [])


def _fidelity(report: Report) -> list[str]:
    proofs = report.get("fidelity") or {}
    return _bullets("Fidelity: what each part's timing was proven against", [f"{k}: {v}" for k, v in proofs.items()])


def _provenance(report: Report) -> list[str]:
    provenance = report.get("provenance")
    if not provenance:
        return []
    libraries = ", ".join(f"{name} {version}" for name, version in (provenance.get("libraries") or {}).items())
    lines = [
        f"accelsim {provenance.get('version')}, Python {provenance.get('python')}"
        + (f", {libraries}" if libraries else ""),
        f"arch sha256 {provenance.get('arch_sha256')}",
        f"input sha256 {provenance.get('input_sha256')}",
        f"seed {provenance.get('seed')}",
        "command: " + " ".join(map(str, provenance.get("argv") or [])),
    ]
    return _bullets("Provenance", lines, mark="  ")


def _bullets(title: str, lines: list[str], mark: str = "  - ") -> list[str]:
    if not lines:
        return []
    wrapped = [title]
    for line in lines:
        wrapped += textwrap.wrap(line, WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark))
    return wrapped
