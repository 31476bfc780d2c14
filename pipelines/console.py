"""What every command shares: the options that recur, how errors are told, how JSON is printed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

Home = Annotated[Path, typer.Option("--home", envvar="BILAN_HOME", help="Home directory of this installation.")]
SiteName = Annotated[str, typer.Option("--site", help="Short name of the site: its file's name in sites/.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
HOME = Path("bilan_home")


@contextmanager
def clear_errors() -> Iterator[None]:
    """Print errors that an operator can mend in words, and exit with 2.

    Of the system's errors (a folder that is missing, read-only or full) the folder is told, never a file's name,
    which a source may have made of a patient's.
    """
    from inference.errors import BilanInferenceError  # noqa: PLC0415 - keeps `--help` quick
    from pipelines.errors import BilanError  # noqa: PLC0415
    from reports.errors import ReportError  # noqa: PLC0415
    from warehouse.errors import WarehouseError  # noqa: PLC0415

    try:
        yield
    except (BilanError, BilanInferenceError, ReportError, WarehouseError) as error:
        for line in str(error).splitlines():
            _tell(line)
        raise typer.Exit(2) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        place = Path(os.fsdecode(error.filename)).parent if isinstance(error.filename, str | bytes) else None
        _tell(f"{error.strerror or type(error).__name__}" + (f", in the folder {place}" if place else ""))
        raise typer.Exit(2) from None


def _tell(line: str) -> None:
    typer.secho(f"error: {line}", fg="red", err=True)


def print_json(data: Any) -> None:
    """Print data on standard output; NaN and infinity, which JSON does not have, as null."""
    typer.echo(json.dumps(_plain(data), ensure_ascii=False, indent=2, default=str))


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def a_month(text: str) -> str:
    """Return a month written as YYYY-MM, or refuse what is none."""
    try:
        return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise typer.BadParameter("write the month as YYYY-MM") from None


def say(text: str) -> None:
    """Print progress on standard error, so that standard output holds results alone."""
    typer.echo(text, err=True)
