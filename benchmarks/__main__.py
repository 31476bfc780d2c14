"""``python -m benchmarks NAME``: run one benchmark and print what it measured."""

from __future__ import annotations

import argparse
import importlib
import sys

# Each is a module of this folder with `add_arguments(parser)` and `run(options) -> list of lines`.
NAMES = ("cluster", "growth", "hub", "night", "overhead", "reports", "warehouse", "web")


def main() -> None:
    """Run the benchmark that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    chosen = parser.add_subparsers(dest="name", required=True)
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in NAMES}
    for name, module in modules.items():
        module.add_arguments(chosen.add_parser(name, description=module.__doc__))
    options = parser.parse_args()
    for line in modules[options.name].run(options):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
