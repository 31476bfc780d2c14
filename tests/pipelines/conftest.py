"""A home directory of one simulated site, with the toy bundles that docs/models.md makes."""

from __future__ import annotations

import importlib.util
import re
import runpy
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from inference.simulation import night as simulated
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN
from pipelines import config, demo
from pipelines.config import Config
from warehouse.publish import publish

DOCUMENT = Path(__file__).parents[2] / "docs" / "models.md"
DAY = date(2026, 10, 20)
FEW = replace(SAINT_AUBIN, studies_per_day=5.0)


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the worked example of docs/models.md ran, as it is printed there."""
    pytest.importorskip("onnx", reason="test extra")
    pytest.importorskip("onnxruntime", reason="extra [onnx]")
    (script,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path_factory.mktemp("toys")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces TorchScript's end
        patch.chdir(folder)
        (folder / "example.py").write_text(script, encoding="utf-8")
        runpy.run_path(str(folder / "example.py"), run_name="example")
    return folder


@pytest.fixture(scope="session")
def day() -> date:
    """The local day of the delivery in the inbox."""
    return DAY


@pytest.fixture
def make_home(tmp_path: Path) -> Callable[..., Config]:
    """Make a home of the site with these settings; a night's delivery lies in its inbox."""

    def make(**changes: Any) -> Config:
        home = tmp_path / "home"
        (home / "sites").mkdir(parents=True)
        (home / "keys").mkdir()
        (home / "bilan.yaml").write_text("simulated_clock: true\nworkers: 1\nmodel_seconds: 20\n")
        settings = {**demo.site_file(FEW, home), "pacs_link": None, **changes}
        for source in settings["sources"]:
            Path(source["path"]).mkdir(parents=True)
        path = home / "sites" / f"{FEW.site}.yaml"
        path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        (home / "keys" / f"{FEW.site}.key").touch(mode=0o600)
        (home / "keys" / f"{FEW.site}.key").write_text("5a" * 32)
        inbox = home / "inbox" / FEW.site
        simulated.write_night(plan(FEW, DAY, DAY), FEW, DAY, inbox / "dicom", inbox / "hl7", cases=())
        return config.load(home)

    return make


def report_sites() -> ModuleType:
    name = "simulated_sites"
    if name not in sys.modules:
        path = Path(__file__).parents[1] / "reports" / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def make_month_home(home: Path, sites: tuple[str, ...], machine: dict[str, Any] | None = None, **report: Any) -> Config:
    plans = tuple(chosen for chosen in report_sites().PLANS if chosen.site in sites)
    (home / "sites").mkdir(parents=True)
    (home / "data").mkdir()
    (home / "bilan.yaml").write_text(yaml.safe_dump(machine or {"workers": 2}))
    for chosen in plans:
        source = {"name": "a", "type": "folder", "path": str(home / "inbox"), "content": "dicom"}
        site = {
            "name": chosen.name,
            "country": chosen.country,
            "language": chosen.language,
            "time_zone": chosen.time_zone,
            "sector": "public",
            "sources": [source],
            "report": report,
        }
        (home / "sites" / f"{chosen.site}.yaml").write_text(yaml.safe_dump(site, allow_unicode=True), encoding="utf-8")
    report_sites().fill(home / "data" / "warehouse.duckdb", plans)
    loaded = config.load(home)
    publish(loaded.warehouse, loaded.published)
    return loaded


@pytest.fixture(scope="session")
def month_home() -> Callable[..., Config]:
    """Make a home with some of the simulated sites, whose month is 2026-06."""
    return make_month_home


@pytest.fixture(scope="session")
def westbrook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the simulated site of that name, to be copied: it is made once for all modules."""
    home = tmp_path_factory.mktemp("westbrook") / "home"
    make_month_home(home, ("westbrook",))
    (home / "keys").mkdir(exist_ok=True)
    return home
