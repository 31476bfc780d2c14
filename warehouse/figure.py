"""The figures: one `.sql` file each under `warehouse/figures`, with its definition in the header.

A header is the block of ``--`` lines at the top of the file: ``-- key: text``, continued on lines
that start with ``--`` and three blanks or more. The keys are `figure`, `title`, `definition`,
`numerator`, `denominator` and `exclusions` (each followed by ``fr`` or ``en``), `unit`, `source`
and, where several measures are computed from one query (kappa from the four cells),
``measure NAME title fr`` and so on; what a measure does not define it takes from its file.

A query reads `asked`, one row for each site and period that it is asked for, and where it needs a site's facts of
then, `here`: both stand once, under `warehouse/queries`, and are put before it.

``python -m warehouse.figure`` writes `docs/figures.md` from the headers; with ``--check`` it only
says whether the file is up to date.
"""

from __future__ import annotations

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import duckdb

from warehouse.connect import beside
from warehouse.errors import WarehouseError
from warehouse.statement import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from duckdb import DuckDBPyConnection, Statement

    # What readers annotate with, so that this package alone names the database.
    Connection: TypeAlias = DuckDBPyConnection

LANGUAGES = ("fr", "en")
BILINGUAL = ("title", "definition", "numerator", "denominator", "exclusions")
PLAIN = ("figure", "unit", "source")
_KEY = re.compile(r"^-- ([a-z][a-z0-9_ ]*): (\S.*)$")
_MORE = re.compile(r"^--\s{3,}(\S.*)$")
_HERE = re.compile(r"\bhere\b")
_MEASURE = re.compile(r"^measure ([a-z][a-z0-9_]*) (.+)$")
SIDE_BY_SIDE = min(os.cpu_count() or 1, 8)  # queries at a time
PERIOD = ("site", "since")  # the first columns of every query: whose row it is, and of the period from which day on


class FigureHeaderError(WarehouseError):
    """A header lacks a field or has one too many. The text names file and field: mend the header."""


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    fr: str
    en: str

    def of(self, language: str) -> str:
        """Return the French text for ``fr``, else the English one."""
        return self.fr if language == "fr" else self.en


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure or measure means, in both languages; `sql` is the file's name."""

    name: str
    title: Words
    definition: Words
    numerator: Words
    denominator: Words
    exclusions: Words
    unit: str
    source: str
    sql: str


@dataclass(frozen=True, slots=True)
class Period:
    """A site's local days from `start` up to, not including, `end`, and the data cut (UTC) that they are judged at."""

    site: str
    start: date
    end: date
    cut: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """One `.sql` file: its definition, those of the measures computed from it, and the query."""

    definition: Definition
    measures: tuple[Definition, ...]
    query: str

    @property
    def name(self) -> str:
        """The figure's name, which is its file's."""
        return self.definition.name


def parse(text: str, file: str) -> Figure:
    """Read one figure file.

    Raises
    ------
    FigureHeaderError
        If a field is missing, unknown or given twice, or the name is not the file's.
    """
    fields, body = _fields(text, file)
    own = {key: value for key, value in fields.items() if not key.startswith("measure ")}
    definition = _definition(own, file)
    if definition.name != file.removesuffix(".sql"):
        raise FigureHeaderError(f"{file}: the name in the header is not the file's")
    measures: dict[str, dict[str, str]] = {}
    for key, value in fields.items():
        if key.startswith("measure "):
            match = _MEASURE.match(key)
            if match is None:
                raise FigureHeaderError(f"{file}: unknown field '{key}'")
            measures.setdefault(match[1], {})[match[2]] = value
    return Figure(
        definition, tuple(_measure(name, entry, definition) for name, entry in measures.items()), _whole(body.strip())
    )


def _whole(body: str) -> str:
    """Return a query with what it stands on before it: `asked` and, where it names it, `here`."""
    parts = [statement("asked").strip()]
    if _HERE.search(body):
        parts.append(statement("here").strip())
    if body.startswith("with "):
        return ",\n".join([*parts, body.removeprefix("with ")])
    return ",\n".join(parts) + "\n" + body


def _fields(text: str, file: str) -> tuple[dict[str, str], str]:
    fields: dict[str, str] = {}
    lines = text.splitlines()
    key = ""
    for index, line in enumerate(lines):
        if not line.startswith("--"):
            return fields, "\n".join(lines[index:])
        if match := _KEY.match(line):
            key = match[1]
            if key in fields:
                raise FigureHeaderError(f"{file}: field '{key}' is given twice")
            fields[key] = match[2].strip()
        elif key and (more := _MORE.match(line)):
            fields[key] += " " + more[1].strip()
        else:
            raise FigureHeaderError(f"{file}: line {index + 1} of the header is no field")
    raise FigureHeaderError(f"{file}: no query")


def _definition(fields: dict[str, str], file: str) -> Definition:
    wanted = {f"{key} {language}" for key in BILINGUAL for language in LANGUAGES} | set(PLAIN)
    if missing := sorted(wanted - fields.keys()):
        raise FigureHeaderError(f"{file}: missing {', '.join(missing)}")
    if unknown := sorted(fields.keys() - wanted):
        raise FigureHeaderError(f"{file}: unknown {', '.join(unknown)}")
    words = {key: Words(fields[f"{key} fr"], fields[f"{key} en"]) for key in BILINGUAL}
    return Definition(name=fields["figure"], unit=fields["unit"], source=fields["source"], sql=file, **words)


def _measure(name: str, fields: dict[str, str], whole: Definition) -> Definition:
    words: dict[str, Words] = {}
    for key in BILINGUAL:
        given = [language for language in LANGUAGES if f"{key} {language}" in fields]
        if (given and given != list(LANGUAGES)) or (key in ("title", "definition") and not given):
            raise FigureHeaderError(f"{whole.sql}: measure {name} lacks '{key}' in one language")
        if given:
            words[key] = Words(fields[f"{key} fr"], fields[f"{key} en"])
    known = {f"{key} {language}" for key in BILINGUAL for language in LANGUAGES} | {"unit"}
    if unknown := sorted(fields.keys() - known):
        raise FigureHeaderError(f"{whole.sql}: measure {name}: unknown {', '.join(unknown)}")
    return Definition(
        name=name,
        unit=fields.get("unit", whole.unit),
        source=whole.source,
        sql=whole.sql,
        **{key: words.get(key, getattr(whole, key)) for key in BILINGUAL},
    )


@cache
def figures() -> dict[str, Figure]:
    """Return every figure by name, in alphabetical order, read from the installed package."""
    folder = resources.files("warehouse").joinpath("figures")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    parsed = [parse(item.read_text(encoding="utf-8"), item.name) for item in files]
    return {figure.name: figure for figure in parsed}


@cache
def definitions() -> dict[str, Definition]:
    """Return the definition of every figure and every measure by name.

    Raises
    ------
    FigureHeaderError
        If two files define the same name.
    """
    known: dict[str, Definition] = {}
    for figure in figures().values():
        for definition in (figure.definition, *figure.measures):
            if definition.name in known:
                raise FigureHeaderError(f"{definition.sql}: '{definition.name}' is defined twice")
            known[definition.name] = definition
    return known


def rows(connection: Connection, name: str, site: str, start: date, end: date, cut: datetime) -> list[dict[str, Any]]:
    """Run a figure for one site over the local days from `start` up to, not including, `end`; `cut` in UTC.

    Returns one dictionary per row of the result, without the columns of `PERIOD`.
    """
    return _ask(connection, name, [Period(site, start, end, cut)])[0]


def answers(connection: Connection, asked: Mapping[str, Sequence[Period]]) -> dict[str, list[list[dict[str, Any]]]]:
    """Run each figure once for all its periods, of one or several sites; return what `rows` gives of each, in order.

    The figures run side by side: planning such a query takes longer than running it, and one core. Each runs on a
    connection of its own, which sees what is committed and no temporary table of `connection`.

    Raises
    ------
    ValueError
        If two periods of one site begin on the same day: their rows could not be told apart.
    """
    with ExitStack() as opened:
        idle: SimpleQueue[Connection] = SimpleQueue()
        for _ in range(SIDE_BY_SIDE):
            idle.put(opened.enter_context(beside(connection)))

        def ask(name: str) -> list[list[dict[str, Any]]]:
            own = idle.get()
            try:
                return _ask(own, name, asked[name])
            finally:
                idle.put(own)

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return dict(zip(asked, pool.map(ask, asked), strict=True))


def _ask(connection: Connection, name: str, periods: Sequence[Period]) -> list[list[dict[str, Any]]]:
    found: dict[tuple[str, date], list[dict[str, Any]]] = {(period.site, period.start): [] for period in periods}
    if len(found) < len(periods):
        raise ValueError("two periods of a site begin on the same day: ask for each once")
    given = {
        "sites": [period.site for period in periods],
        "starts": [period.start for period in periods],
        "ends": [period.end for period in periods],
        "cuts": [period.cut for period in periods],
    }
    cursor = connection.execute(_statement(name), given)
    columns = [column[0] for column in cursor.description or ()][len(PERIOD) :]
    for site, since, *row in cursor.fetchall():
        found[site, since].append(dict(zip(columns, row, strict=True)))
    return [found[period.site, period.start] for period in periods]


@cache
def _statement(name: str) -> Statement:
    """Return a figure's query as the database parses it: once for a process, a quarter of the time of a short query."""
    (statement,) = duckdb.extract_statements(figures()[name].query)
    return statement


def markdown() -> str:
    """Return `docs/figures.md`: every definition as it is printed in the reports."""
    lines = [
        "# Figures",
        "",
        "Written by `python -m warehouse.figure` from the headers of `warehouse/figures/*.sql`; do not edit.",
        "A query is asked for any number of sites and periods at once, one entry of each list for a period: `$sites`,",
        "`$starts` (first local day), `$ends` (first local day after) and `$cuts` (the data cut, UTC). The columns",
        "`site` and `since` say which period a row is of.",
    ]
    for figure in figures().values():
        lines += _section(figure.definition, "##")
        for measure in figure.measures:
            lines += _section(measure, "###")
    return "\n".join(lines) + "\n"


def _section(definition: Definition, level: str) -> list[str]:
    lines = ["", f"{level} `{definition.name}`: {definition.title.en}", "", definition.definition.en, ""]
    lines += [f"- *{key}*: {getattr(definition, key).en}" for key in ("numerator", "denominator", "exclusions")]
    lines += [f"- *unit*: {definition.unit}; *source*: {definition.source}; *query*: `{definition.sql}`"]
    return [*lines, f"- *en français*: **{definition.title.fr}**. {definition.definition.fr}"]


def main(arguments: list[str]) -> int:
    """Write `docs/figures.md` below the current folder, or with ``--check`` compare it."""
    path = Path("docs") / "figures.md"
    if "--check" in arguments:
        return 0 if path.exists() and path.read_text(encoding="utf-8") == markdown() else 1
    path.parent.mkdir(exist_ok=True)
    path.write_text(markdown(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
