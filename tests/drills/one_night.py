"""One small simulated night in a process of its own, for drills that kill it: ``one_night.py deliver|run HOME``.

``one_night.py serve`` runs many, each in a fork of a process that has everything loaded: loading PyTorch and
SciPy takes five times as long as the night itself.
"""

import importlib.util
import multiprocessing
import os
import signal
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


def serve() -> None:
    """Run a night for each home directory that is written to the standard input, in a fork of this process.

    Answers the number of the process, which has stopped itself so that strace can be attached (SIGCONT begins the
    night), and, once it has ended, its exit status (negative: the signal).
    """
    made = nights()
    from inference import detect, pixels  # noqa: F401, PLC0415 - what the process of the model loads
    from inference.labels import pack  # noqa: PLC0415
    from pipelines import night  # noqa: F401, PLC0415

    for language in ("fr", "en"):
        pack.load(language)
    # The process of the model is forked as well: it loads nothing then. That of the decoder is started anew, as ever.
    context = multiprocessing.get_context
    multiprocessing.get_context = lambda method=None: context("fork" if method == "spawn" else method)  # type: ignore[assignment]
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            os.kill(os.getpid(), signal.SIGSTOP)
            try:
                made.run(made.config.load(Path(line.strip())), DAY)
            except BaseException:  # noqa: BLE001 - a fork must not return into the loop
                os._exit(1)
            os._exit(0)
        os.waitpid(process, os.WUNTRACED)
        print(process, flush=True)
        status = os.waitpid(process, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__" and sys.argv[1] == "serve":
    serve()
elif __name__ == "__main__":
    {"deliver": deliver, "run": run}[sys.argv[1]](Path(sys.argv[2]))
