"""A warehouse of many sites and years, generated in its own schema: figures, reports, a night's writing, its size."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from benchmarks.timing import interleaved, machine
from inference.records import Box, Finding
from reports.history import bounds
from reports.kpi import QUERIES, month_figures
from warehouse import connect, ledger, matches, publish, study
from warehouse.data_cut import data_cut
from warehouse.figure import Period, answers
from warehouse.load import load
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LAST = date(2026, 11, 1)
MONTH = "2026-10"
CHUNK = 500_000  # studies generated at a time
WRITTEN = ("instance", "finding", "report_event", "report_label", "ledger_images", "ledger_messages")
COUNTED = ("study", "instance", "finding", "report_event", "ledger")
COMPARED = {
    "study": ["site", "day", "study_uid", "ai_result", "report_final", "exam_completed", "report_label"],
    "finding": ["site", "study_uid", "score"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--sites", type=int, default=60)
    parser.add_argument("--studies", type=int, default=3_000_000, help="of all sites; 3.3 findings each")
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--keep", type=Path, help="make the warehouse in this folder and keep it, or take the one there"
    )
    parser.add_argument("--json", type=Path, help="write the result there too")


def run(options: argparse.Namespace) -> Iterator[str]:
    """Yield the measurements, a line each."""
    before = machine()
    yield before
    result: dict[str, Any] = {"machine": before, "sites": options.sites, "months": options.months}
    with _folder(options.keep) as folder:
        store, published = folder / "warehouse.duckdb", folder / "published.duckdb"
        if not store.exists():
            started = time.perf_counter()
            make(store, options.sites, options.studies, options.months)
            yield f"generated in {time.perf_counter() - started:.0f} s, not measured"
        seconds = _timed(partial(publish.publish, store, published))
        with connect.reader(published) as connection:
            counts = {name: connection.table(name).count("*").fetchall()[0][0] for name in COUNTED}
            result |= {"rows": counts, "bytes": published.stat().st_size, "publish": seconds}
            yield ", ".join(f"{count:,} {name}" for name, count in counts.items())
            yield f"file {published.stat().st_size / 2**20:,.0f} MiB, published in {seconds:.2f} s"
            result |= _figures(connection, options.sites, options.turns)
            yield from _told(result, [name for name in result if name.startswith(("one site", "every figure"))])
            result |= _ways(connection, folder, options.turns)
        yield from _told(result, [name for name in result if name.startswith(("rates", "join"))])
        result |= _night(store, options.turns)
        yield from _told(result, [name for name in result if name.startswith("night")])
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def make(store: Path, sites: int, studies: int, months: int) -> None:
    """Generate a warehouse whose studies are spread over the months before `LAST`."""
    connect.migrate(store)
    index = LAST.year * 12 + LAST.month - 1 - months
    first = date(index // 12, index % 12 + 1, 1)
    given = {"sites": sites, "studies": studies, "first": first, "last": LAST, "days": (LAST - first).days}
    with connect.writer(store) as connection:
        for name in ("site", "model", "night"):
            _execute(connection, name, given)
        for start in range(0, studies, CHUNK):
            end = min(start + CHUNK, studies)
            days = [first + timedelta(days=number * given["days"] // studies) for number in (start, end)]
            # A view takes no parameter; these are our own numbers and a date.
            view = _sql("generated")
            for name, value in {**given, "from_number": start, "to_number": end}.items():
                view = view.replace(f"${name}", f"'{value}'::date" if isinstance(value, date) else str(value))
            connection.execute(view)
            for name in WRITTEN:
                _execute(
                    connection,
                    name,
                    {"from_number": start, "to_number": end, **given, "since": days[0], "until": days[1]},
                )
        _assemble(connection, sites)


def _assemble(connection: DuckDBPyConnection, sites: int) -> None:
    """Fill `study` by the product's own query, in the order in which nights would have: by day."""
    made = []
    for site in _names(sites):
        with matches.held(connection, site):
            made.append(connection.sql(statement("study", "marts"), params={"site": site}).to_arrow_table())
    connection.register("made", pa.concat_tables(made))
    connection.execute(_sql("study"))
    connection.unregister("made")


def _figures(connection: DuckDBPyConnection, sites: int, turns: int) -> dict[str, Any]:
    start, end = bounds(MONTH)

    periods = [Period(site, start, end, data_cut(None, end, "Europe/Paris")) for site in _names(sites)]
    asked = dict.fromkeys(QUERIES, periods)

    def report() -> None:
        month_figures(connection, next(names), MONTH)

    names = iter(_names(sites) * (turns + 2))
    report()
    return {
        "one site's report": [_timed(report) for _ in range(turns)],
        f"every figure of {sites} sites, at once": [_timed(partial(answers, connection, asked)) for _ in range(turns)],
        f"every figure of {sites} sites, one after the other": [
            _timed(lambda: [answers(connection, {name: [one] for name in QUERIES}) for one in periods])
            for _ in range(min(turns, 3))
        ],
    }


def _ways(connection: DuckDBPyConnection, folder: Path, turns: int) -> dict[str, Any]:
    """The same in DuckDB from its file, and in pandas and polars from Parquet with the columns that they need."""
    paths = {}
    for table, columns in COMPARED.items():
        paths[table] = folder / f"{table}.parquet"
        chosen = connection.table(table).select(*map(duckdb.ColumnExpression, columns))
        parquet.write_table(chosen.to_arrow_table(), paths[table])
    start, end = bounds(MONTH)
    ways: dict[str, Callable[[], Any]] = {
        "rates, DuckDB": lambda: connection.execute(_sql("rates"), {"start": start, "end": end}).df(),
        "rates, polars": lambda: _polars_rates(paths, start, end),
        "rates, pandas": lambda: _pandas_rates(paths, start, end),
        "join with findings, DuckDB": lambda: connection.execute(_sql("joined"), {"start": start, "end": end}).df(),
        "join with findings, polars": lambda: _polars_joined(paths, start, end),
        "join with findings, pandas": lambda: _pandas_joined(paths, start, end),
    }
    if find_spec("polars") is None:  # an extra
        ways = {name: way for name, way in ways.items() if not name.endswith("polars")}
    answers = {name: way().reset_index(drop=True) for name, way in ways.items()}
    for name, answer in answers.items():
        ours = answers[name.partition(",")[0] + ", DuckDB"]
        pd.testing.assert_frame_equal(answer, ours, check_dtype=False, rtol=1e-9)
    return {timing.name: timing.seconds for timing in interleaved(ways, turns)}


def _polars_rates(paths: dict[str, Path], start: date, end: date) -> pd.DataFrame:
    import polars as pl  # noqa: PLC0415 - an extra

    hours = (pl.col("report_final") - pl.col("exam_completed")).dt.total_microseconds() / 3.6e9
    result = pl.col("ai_result")
    month = pl.scan_parquet(paths["study"]).filter(pl.col("day") >= start, pl.col("day") < end)
    found = month.group_by("site").agg(
        rate=(result == "positive").sum() / result.is_in(["positive", "doubtful", "negative"]).sum(),
        median=hours.quantile(0.5, "linear"),
        p90=hours.quantile(0.9, "linear"),
    )
    return found.sort("site").collect().to_pandas()


def _pandas_rates(paths: dict[str, Path], start: date, end: date) -> pd.DataFrame:
    columns = ["site", "ai_result", "report_final", "exam_completed"]
    month = pd.read_parquet(paths["study"], columns=columns, filters=[("day", ">=", start), ("day", "<", end)])
    month["hours"] = (month["report_final"] - month["exam_completed"]).dt.total_seconds() / 3600
    month["positive"] = month["ai_result"] == "positive"
    month["judged"] = month["ai_result"].isin(["positive", "doubtful", "negative"])
    by = month.groupby("site")
    found = pd.DataFrame({"rate": by["positive"].sum() / by["judged"].sum()})
    return found.assign(median=by["hours"].quantile(0.5), p90=by["hours"].quantile(0.9)).reset_index()


def _polars_joined(paths: dict[str, Path], start: date, end: date) -> pd.DataFrame:
    import polars as pl  # noqa: PLC0415 - an extra

    month = pl.scan_parquet(paths["study"]).filter(
        pl.col("day") >= start, pl.col("day") < end, pl.col("report_label").is_not_null()
    )
    found = month.join(pl.scan_parquet(paths["finding"]), on=["site", "study_uid"])
    counted = found.group_by("site", "report_label").agg(images=pl.len(), score=pl.col("score").mean())
    return counted.sort("site", "report_label").collect().to_pandas()


def _pandas_joined(paths: dict[str, Path], start: date, end: date) -> pd.DataFrame:
    filters = [("day", ">=", start), ("day", "<", end)]
    month = pd.read_parquet(paths["study"], columns=["site", "study_uid", "report_label"], filters=filters)
    found = month.dropna(subset="report_label").merge(pd.read_parquet(paths["finding"]), on=["site", "study_uid"])
    by = found.groupby(["site", "report_label"])["score"]
    return pd.DataFrame({"images": by.size(), "score": by.mean()}).reset_index()


def _night(store: Path, turns: int) -> dict[str, Any]:
    """One site's last day written again: its findings replaced as the night commits them, study table in line."""
    given = {"site": _names(1)[0], "day": LAST - timedelta(days=1)}
    parts: dict[str, list[float]] = {}
    for turn in range(turns):
        with connect.writer(store) as connection:
            found = connection.execute(_sql("night_findings"), given).fetchall()
            # Other scores each time, so that there is something to write.
            findings = [_finding(row, 0.95 if turn % 2 else 0.01) for row in found]
            steps: dict[str, Callable[[], Any]] = {
                f"night: {len(findings)} findings replaced": partial(
                    load, connection, "finding", findings, site=given["site"], key_id="k", role="flag", replace=True
                ),
                "night: messages and studies matched": partial(ledger.settle_matches, connection, given["site"]),
                "night: study table brought in line": partial(study.rebuild, connection, given["site"]),
            }
            for name, step in steps.items():
                parts.setdefault(name, []).append(_timed(step))
    parts["night: in all"] = [sum(each) for each in zip(*parts.values(), strict=True)]
    return dict(parts)


def _finding(row: tuple[Any, ...], score: float) -> Finding:
    study_uid, instance_uid, code, status, old, boxes, reason, name, version, sha256, completed = row
    kept = tuple(Box(*box.values()) for box in boxes)
    return Finding(
        study_uid=study_uid,
        instance_uid=instance_uid,
        code=code,
        status=status,
        score=None if old is None else score,
        boxes=kept,
        reason=reason,
        model_name=name,
        model_version=version,
        model_sha256=sha256,
        ai_completed=completed,
    )


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="bilan-benchmark-") as folder:
            yield Path(folder)


def _told(result: dict[str, Any], names: Any) -> Iterator[str]:
    for name in names:
        seconds = result[name]
        spread = f"({1000 * min(seconds):,.0f}-{1000 * max(seconds):,.0f}, n = {len(seconds)})"
        yield f"   {name:50} {1000 * statistics.median(seconds):9,.0f} ms   {spread}"


def _timed(step: Callable[[], Any]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _names(sites: int) -> list[str]:
    return [f"site-{number:02d}" for number in range(sites)]


def _execute(connection: DuckDBPyConnection, name: str, given: dict[str, Any]) -> None:
    text = _sql(name)
    connection.execute(text, {key: value for key, value in given.items() if f"${key}" in text})


@cache
def _sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")
