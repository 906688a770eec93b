"""What the spike packets of a trace cost in each encoding, and at which densities which encoding is shortest.

python examples/payload_encodings.py                            # prints the tables, a few seconds
python examples/payload_encodings.py --update docs/payload.md   # writes them into the document
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from document import update

import accelsim
from accelsim.kernels.payload import ENCODINGS

ROOT = Path(__file__).resolve().parents[1]
PACKETS = ((16, 4), (128, 1), (128, 4), (128, 8), (496, 4))
"""Words of a packet and bits of a word: one pixel of 16 channels, a row of 8 such pixels, the largest packet."""


def densities(words: int, word_bits: int) -> tuple[Fraction, Fraction]:
    """The shares of nonzero words below which events, and below which the bitmap, are shortest (docs/payload.md)."""
    address, count = (words - 1).bit_length(), words.bit_length()
    over_dense = (word_bits - Fraction(count, words)) / (address + word_bits)
    over_bitmap = (1 - Fraction(count, words)) / address
    return min(over_dense, over_bitmap), 1 - Fraction(1, word_bits)


def density_table() -> list[str]:
    lines = ["| words | bits a word | address events below | bitmap below | dense from |", "|---|---|---|---|---|"]
    for words, word_bits in PACKETS:
        events, bitmap = densities(words, word_bits)
        between = f"{float(bitmap):.1%}" if bitmap > events else "never"
        lines.append(f"| {words} | {word_bits} | {float(events):.1%} | {between} | {float(max(events, bitmap)):.1%} |")
    return lines


def run_table(reports: dict[str, Any]) -> list[str]:
    lines = [
        "| encoding | payload, kbit | spike flits | all flit-hops | network, uJ | cycles | shortest of packets |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, report in reports.items():
        payload = report["noc"]["payload"]
        shortest = payload["shortest_packets"].get(name)
        cells = [
            name,
            f"{payload['bits'][name] / 1e3:,.0f}",
            f"{payload['flits'][name]:,}",
            f"{report['noc']['flit_hops']:,}",
            f"{report['energy_j']['by_component']['noc'] * 1e6:.1f}",
            f"{report['total']['cycles']:,}",
            "-" if shortest is None else f"{shortest / payload['packets']:.1%}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def layer_table(report: Any) -> list[str]:
    lines = [
        "| layer | words sent, k | nonzero | dense, kbit | bitmap | address events | auto |",
        "|---|---|---|---|---|---|---|",
    ]
    for layer in report["layers"]:
        traffic = layer["traffic"]
        if words := traffic["payload_words"]:
            dense = traffic["payload_dense_bits"]
            shares = [f"{traffic[f'payload_{name}_bits'] / dense:.1%}" for name in ENCODINGS[1:]]
            cells = [f"{words / 1e3:.1f}", f"{traffic['payload_nonzero_words'] / words:.1%}", f"{dense / 1e3:.1f}"]
            lines.append("| " + " | ".join([layer["name"], *cells, *shares]) + " |")
    return lines


def tables(arch: str | Path, given: str | Path) -> str:
    """All tables in markdown."""
    trace = accelsim.load_trace(given)
    reports = {
        name: accelsim.simulate(accelsim.load_arch(arch, [f"network_interface.payload={name}"]), trace).report
        for name in ENCODINGS
    }
    blocks = {
        "Shortest encoding by the share of nonzero words": density_table(),
        "One image": run_table(reports),
        "One image, layer by layer, in shares of dense": layer_table(reports["dense"]),
    }
    return "\n\n".join(f"**{title}**\n\n" + "\n".join(lines) for title, lines in blocks.items())


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default=ROOT / "arch_configs" / "spikepack.yaml", help="the chip")
    parser.add_argument("--input", default=ROOT / "traces" / "resnet18_digits.npz", help="trace")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between a document's markers")
    arguments = parser.parse_args(argv)
    text = tables(arguments.arch, arguments.input)
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
