"""Statements: read an `.sql` file of this package, installed or not."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def statement(name: str, folder: str = "queries") -> str:
    """Return the text of ``warehouse/<folder>/<name>.sql``."""
    return resources.files("warehouse").joinpath(folder, f"{name}.sql").read_text(encoding="utf-8")
