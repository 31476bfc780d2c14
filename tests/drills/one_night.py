"""One small simulated night in a process of its own, for drills that kill it: ``one_night.py deliver|run HOME``."""

import importlib.util
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType


def nights() -> ModuleType:
    """Return the module that makes simulated nights for the tests of the night."""
    path = Path(__file__).parents[1] / "pipelines" / "test_night.py"
    spec = importlib.util.spec_from_file_location("simulated_nights", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulated_nights"] = module
    spec.loader.exec_module(module)
    module.SITE = replace(module.SITE, studies_per_day=3.0)
    return module


DAY = date(2026, 10, 24)


def deliver(home: Path) -> None:
    """Make the home directory and what is offered to its first night, with every broken case."""
    made = nights()
    loaded = made.make(home)
    made.deliver(loaded, made.plan(made.SITE, DAY, DAY), DAY, made.simulated.ALL_CASES)


def run(home: Path) -> None:
    """Run the night."""
    made = nights()
    made.run(made.config.load(home), DAY)


if __name__ == "__main__":
    {"deliver": deliver, "run": run}[sys.argv[1]](Path(sys.argv[2]))
