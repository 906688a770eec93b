"""How fast the whole command is, warm: wall time, and simulated cycles, flit-hops and synaptic operations a second.

    python benchmarks/whole_command.py [INPUT ...] [--arch ARCH] [--repeat N]

Every input runs in processes of its own, one after another, on one thread; the best of N counts, as the rest is the
machine's noise. `engine` is the time inside the bridge's loop, taken in one further run in this process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INPUTS = ("traces/resnet18_digits.npz", "workloads/resnet18_cifar_w64.yaml")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def command_seconds(arch: str, source: str, directory: str) -> float:
    """Wall time of `run_sim.py ARCH INPUT --images 1`."""
    command = [sys.executable, "run_sim.py", arch, source, "--images", "1", "--quiet", "--out", directory]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | ONE_THREAD)
    return time.perf_counter() - start


def engine_seconds(arch: str, source: str) -> float:
    """Time of the bridge's main loop alone, kernels compiled."""
    from accelsim.build import load_arch
    from accelsim.engine.bridge import Bridge
    from accelsim.simulation.run import run_engine
    from accelsim.workload import load_input

    spent = []

    class TimedBridge(Bridge):
        def run(self) -> None:
            start = time.perf_counter()
            super().run()
            spent.append(time.perf_counter() - start)

    for _ in range(2):
        run_engine(load_arch(ROOT / arch), load_input(ROOT / source), make_bridge=TimedBridge)
    return min(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", default=INPUTS)
    parser.add_argument("--arch", default="arch_configs/spikepack.yaml")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    print("| input | command s | engine s | cycles | Mcycles/s | Mflit-hops/s | Msynops/s | actor events |")
    print("|---|---|---|---|---|---|---|---|")
    for source in options.inputs:
        with tempfile.TemporaryDirectory() as folder:
            directory = f"{folder}/result"
            command_seconds(options.arch, source, directory)
            best = min(command_seconds(options.arch, source, directory) for _ in range(options.repeat))
            report = json.loads(Path(directory, "report.json").read_text())
        engine = engine_seconds(options.arch, source)
        total = report["total"]
        rates = [total["cycles"], report["noc"]["flit_hops"], total["synops"]]
        row = [Path(source).name, f"{best:.2f}", f"{engine:.3f}", f"{total['cycles']:,}"]
        row += [f"{value / engine / 1e6:.2f}" for value in rates] + [f"{report['engine']['actor_events']:,}"]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
