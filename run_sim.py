#!/usr/bin/env python3
"""Run accelsim from a checkout: `python run_sim.py ARCH INPUT [options]`, or any of its subcommands."""

import sys

from accelsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
