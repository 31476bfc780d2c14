"""What docs/architecture.md and docs/style.md promise of the code as a whole."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from inference.reasons import REASONS
from pipelines.cli import app

ROOT = Path(__file__).parent.parent
PACKAGES = ("inference", "warehouse", "reports", "pipelines")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SLOW_LIBRARIES = ("torch", "dagster", "pandas", "weasyprint", "plotly", "duckdb", "pydicom", "scipy", "numpy")
STATEMENT = re.compile(
    r"^\s*(with\s+\w+\s+as\s*\(|select\s.+\sfrom\s|insert\s+(or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s"
    r"|create\s+(or\s+replace\s+)?(table|view|index)\s|drop\s+(table|view)\s)",
    re.IGNORECASE | re.DOTALL,
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_walk_finds_the_product() -> None:
    found = {name(path) for path in MODULES}
    assert {"inference/records.py", "warehouse/connect.py", "reports/kpi.py", "pipelines/cli.py"} <= found


def test_every_import_contract_holds() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_short_and_named_for_what_it_holds(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert not {"utils", "util", "helpers", "helper", "common", "manager", "base", "core", "misc"} & set(
        path.relative_to(ROOT).with_suffix("").parts
    )


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=name)
def test_a_package_is_a_docstring(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def test_no_test_folder_shadows_the_product() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_statements_live_in_sql_files(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if STATEMENT.match(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select n\nfrom study", True),
        ("with a as (select 1) select n from a", True),
        ("INSERT OR REPLACE INTO study by name", True),
        ("Select a study from the list", True),
        ("Delete what came from the source", False),
        ("create or mount the folder", False),
    ],
)
def test_the_search_for_statements_finds_them(text: str, found: bool) -> None:
    assert bool(STATEMENT.match(text)) is found


def test_every_outcome_and_reason_is_documented() -> None:
    text = (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")
    assert [code for code in REASONS if f"`{code}`" not in text] == []
    assert {reason.outcome for reason in REASONS.values()} - set(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["night", "--help"], ["check", "--help"], ["eval", "--help"]], ids=" ".join
)
def test_help_waits_for_no_library(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['bilan', *{arguments!r}]\n"
        "from pipelines.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        f"print('loaded:', *sorted(set(sys.modules) & set({SLOW_LIBRARIES!r})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: bilan" in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def commands() -> list[str]:
    def walk(command: object, path: str) -> list[str]:
        below = getattr(command, "commands", None)
        if below is None:
            return [path]
        return [leaf for word, child in below.items() for leaf in walk(child, f"{path} {word}")]

    return walk(typer.main.get_command(app), "bilan")


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(command: str) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert any(re.search(rf"\b{command}\b", page.read_text(encoding="utf-8")) for page in pages)


def test_the_commands_that_others_script_against_are_there() -> None:
    stable = {
        "night",
        "month",
        "check dicom",
        "check hl7",
        "eval images",
        "eval reports",
        "figures",
        "init",
        "doctor",
        "demo",
    }
    assert {f"bilan {command}" for command in stable} <= set(commands())
