"""Dense ResNet-18 on a 32 x 32 weight-stationary array: SCALE-Sim against arch_configs/systolic_32x32.yaml.

    python benchmarks/scalesim.py [--environment DIR] [--layers N]

Both run the layers of tests/golden/scalesim/resnet18.csv with memory out of the way, one after the other on one
thread of this machine, and must count the same cycles. SCALE-Sim 3.0.0 is installed from PyPI into an environment of
its own (numpy below 2.3), kept in `--environment` if given. It takes minutes and 5 GB; `--layers` takes only the first.
CPU seconds and peak memory are those of the whole process, as the system counts them; ours is run twice, warm the
second time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ROOT / "tests" / "golden" / "scalesim" / "resnet18.csv"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
REQUIREMENTS = ("scalesim==3.0.0", "numpy<2.3")

CONFIG = """\
[general]
run_name = resnet18
[architecture_presets]
ArrayHeight = 32
ArrayWidth = 32
IfmapSramSzkB = 1024
FilterSramSzkB = 1024
OfmapSramSzkB = 1024
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 1000000
ReadRequestBuffer = 32
WriteRequestBuffer = 32
[layout]
IfmapCustomLayout = False
FilterCustomLayout = False
IfmapSRAMBankBandwidth = 1000000
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterSRAMBankBandwidth = 1000000
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = USER
UseRamulatorTrace = False
"""

PROGRAM = """\
from scalesim.scale_sim import scalesim
simulator = scalesim(save_disk_space=True, verbose=True, config="run.cfg", topology="resnet18.csv", layout="layout.csv")
simulator.run_scale(top_path="results")
"""


@dataclass(frozen=True)
class Spent:
    """What a process took."""

    cycles: int
    cpu_seconds: float
    peak_bytes: int


def process(command: Sequence[str], folder: Path) -> tuple[str, float, int]:
    """(standard output, CPU seconds, peak memory in bytes) of a command run in `folder`."""
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, cwd=folder, stdout=output, env=os.environ | ONE_THREAD)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {child.returncode}\n{text[-2000:]}")
    return text, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run_scalesim(environment: Path, layers: Sequence[dict[str, str]], folder: Path) -> Spent:
    """Total of the compute cycles that it prints for each layer."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    columns = ("layer", "size", "size", "kernel", "kernel", "channels", "filters", "stride")
    rows = [", ".join(layer[column] for column in columns) + ",\n" for layer in layers]
    (folder / "resnet18.csv").write_text(
        "name, height, width, rows, columns, channels, filters, stride,\n" + "".join(rows)
    )
    layout = [f"{layer['layer']}, " + "1, " * 19 + "\n" for layer in layers]
    (folder / "layout.csv").write_text("name, " + ", " * 19 + "\n" + "".join(layout))
    (folder / "run.cfg").write_text(CONFIG)
    text, seconds, peak = process([str(python), "-c", PROGRAM], folder)
    cycles = [int(float(found)) for found in re.findall(r"^Compute cycles: (\S+)$", text, re.MULTILINE)]
    if len(cycles) != len(layers):
        raise SystemExit(f"SCALE-Sim printed cycles of {len(cycles)} layers, not {len(layers)}\n{text[-2000:]}")
    return Spent(sum(cycles), seconds, peak)


def run_accelsim(layers: Sequence[dict[str, str]], folder: Path) -> Spent:
    """Total of each layer's cycles less one, as SCALE-Sim prints the index of the last cycle."""
    convolutions = []
    for layer in layers:
        size, kernel, channels, stride = (int(layer[key]) for key in ("size", "kernel", "channels", "stride"))
        # SCALE-Sim rounds the outputs of a side up: it reads as much map as its last window covers.
        covered = -(-(size - kernel) // stride) * stride + kernel
        shape = f"in_shape: [{channels}, {covered}, {covered}], out_channels: {layer['filters']}"
        window = f"kernel: {kernel}, stride: {stride}"
        convolutions.append(f"  - {{name: {layer['layer']}, op: conv2d, {shape}, {window}, density: 1.0}}\n")
    workload = folder / "resnet18.yaml"
    workload.write_text("name: resnet18\ntimesteps: 1\nweight_bits: 8\nlayers:\n" + "".join(convolutions))
    command = [
        sys.executable,
        str(ROOT / "run_sim.py"),
        str(ROOT / "arch_configs" / "systolic_32x32.yaml"),
        str(workload),
    ]
    text, seconds, peak = process([*command, "--json", "--quiet", "--out", str(folder / "ours")], folder)
    return Spent(sum(layer["cycles"] - 1 for layer in json.loads(text)["layers"]), seconds, peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, metavar="DIR", help="where SCALE-Sim is, or is to be installed")
    parser.add_argument("--layers", type=int, metavar="N", help="only the first N of the 21 layers")
    options = parser.parse_args()
    with open(LAYERS, newline="") as lines:
        layers = list(csv.DictReader(lines))[: options.layers]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            ("accelsim, first run", run_accelsim(layers, folder)),
            ("accelsim, warm", run_accelsim(layers, folder)),
            ("SCALE-Sim 3.0.0", run_scalesim(options.environment or folder / "environment", layers, folder)),
        ]
    print("| program | cycles | CPU seconds | peak memory, MB |\n|---|---|---|---|")
    for program, spent in rows:
        print(f"| {program} | {spent.cycles:,} | {spent.cpu_seconds:.2f} | {spent.peak_bytes / 1e6:,.0f} |")
    (_, warm), (_, other) = rows[1:]
    print(f"\n{other.cpu_seconds / warm.cpu_seconds:.0f} times less CPU time")
    if warm.cycles != other.cycles:
        raise SystemExit("the cycles differ")


if __name__ == "__main__":
    main()
