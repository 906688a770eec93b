"""A workload in words: what `accelsim trace show` prints."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.workload.layer import ATTENTION_OPS, Layer
from accelsim.workload.statistics import LayerStatistics, network_statistics
from accelsim.workload.workload import Workload

_HEADINGS = ("layer", "op", "input", "output", "kernel", "weights", "word", "nonzero", "ones", "H(z)", "synops")


def describe(workload: Workload) -> str:
    """A table of layers with shapes, widths, and the densities of the words that the first image makes them consume."""
    statistics = network_statistics(workload)
    rows = [_HEADINGS, *map(_row, statistics)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    table = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    synops = sum(found.synops for found in statistics)
    dense = sum(found.dense_macs for found in statistics)
    weights = sum(found.weight_bytes for found in statistics)
    lines = [
        f"{workload.name}: {len(workload.layers)} layers, {workload.timesteps} time steps, {workload.images} images",
        *_source_lines(workload),
        "",
        *table,
        "",
        f"first image: {synops:,} synaptic operations, {dense:,} dense multiply-accumulates; weights {weights:,} bytes",
        "word: bits of a consumed word, i = integers instead of spikes; nonzero, ones: shares of words and of bits; "
        "H(z): entropy of a word in bits",
        *(f"note: {note}" for note in workload.notes),
    ]
    return "\n".join(lines)


def _source_lines(workload: Workload) -> list[str]:
    source = workload.source
    shown = [f"{key}: {source[key]}" for key in ("format", "dataset", "note", "sha256") if source.get(key)]
    return [f"  {line}" for line in shown]


def _row(found: LayerStatistics) -> tuple[str, ...]:
    layer = found.layer
    return (
        layer.name,
        layer.op,
        _text(layer.in_shape),
        _text(layer.out_shape),
        _window(layer),
        f"{layer.weight_bits} bit" if layer.weight_bits else "",
        f"{layer.word_bits}{'i' if layer.kind == 'integers' else ''}",
        f"{found.nonzero_words / found.words:.3f}",
        f"{found.ones / found.bits:.3f}",
        f"{found.entropy_bits:.2f}",
        f"{found.synops:,}" if found.dense_macs else "",
    )


def _window(layer: Layer) -> str:
    groups = f" g{layer.groups}" if layer.groups > 1 else ""
    if layer.op in ATTENTION_OPS:
        return f"{layer.groups} heads"
    if layer.op == "upsample":
        return f"x{_text(layer.factor)}"
    if layer.op in ("add", "concat", "linear"):
        return groups.strip()
    text = _text(layer.kernel)
    text += f"/{_text(layer.stride)}" if layer.stride != (1, 1) else ""
    text += f"+{_text(layer.padding)}" if layer.padding != (0, 0) else ""
    return text + groups + (f" d{_text(layer.dilation)}" if layer.dilation != (1, 1) else "")


def _text(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Text to the left, numbers to the right."""
    cells = zip(row, widths, strict=True)
    return [cell.ljust(width) if place < 5 else cell.rjust(width) for place, (cell, width) in enumerate(cells)]
