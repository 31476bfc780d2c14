"""One site's month as aggregates: counted by the queries of the report's figures, small cells withheld."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from warehouse import disclosure
from warehouse.aggregates import (
    CLASSES,
    FILES,
    LATER,
    LAYOUT,
    MESSAGES,
    REGIONS,
    SCHEMA,
    VERDICT_HOURS,
    WITHIN_A_DAY,
)
from warehouse.app_store import AppStore, as_text
from warehouse.app_store import rows as app_rows
from warehouse.data_cut import FOLLOW_UP, data_cut, latest_commit, local_midnight
from warehouse.errors import WarehouseError
from warehouse.figure import rows
from warehouse.month import span
from warehouse.site import site_facts
from warehouse.statement import statement

if TYPE_CHECKING:
    from warehouse.disclosure import Published
    from warehouse.figure import Connection

PATIENT_CLASSES = {"E": "emergency", "I": "inpatient", "O": "outpatient", "unknown": "unknown"}
# What changes from one bundle to the next without telling anything of the month.
NUMBERING = frozenset({"seq", "previous", "made_on", "restates"})


class MonthOpenError(WarehouseError):
    """The month is still followed: its reports come in for a week after its end. Export it then."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How often the web application was used for a site in a month."""

    sign_ins: int
    cases_opened: int


def usage(store: AppStore, site: str, month: str, time_zone: str) -> Usage:
    """Count sign-ins of clinical accounts and cases opened in the local days of a month."""
    days = span(month)
    given = {
        "site": site,
        "since": as_text(local_midnight(days["start"], time_zone)),
        "until": as_text(local_midnight(days["end"], time_zone)),
    }
    with store.reading() as connection:
        row = app_rows(connection, "usage_of_month", given)[0]
    return Usage(row["sign_ins"], row["cases_opened"])


def content(
    connection: Connection,
    site: str,
    month: str,
    *,
    k: int,
    used: Usage,
    earlier: Sequence[Published],
    now: datetime,
    program: str,
) -> dict[str, Any]:
    """Return what may be told of a month, without number and date: the fields of `Aggregates` but `NUMBERING`.

    `earlier` are the tables that were told of this month before, the oldest first: what may follow them is
    less than what may be told at first (see `warehouse.disclosure.restated`).

    Raises
    ------
    MonthOpenError
        If the month is still followed.
    warehouse.site.UnknownSiteError
        If the warehouse does not know the site.
    """
    days = span(month)
    facts = site_facts(connection, site, days["end"])
    closed = local_midnight(days["end"] + FOLLOW_UP, facts.time_zone)
    if now < closed:
        raise MonthOpenError(f"{month} is followed for a week after its end: export it from {closed:%Y-%m-%d} on")
    cut = data_cut(latest_commit(connection, site), days["end"], facts.time_zone)

    def ask(name: str) -> list[dict[str, Any]]:
        return rows(connection, name, site, days["start"], days["end"], cut=cut)

    hours = [row[0] for row in connection.execute(statement("export_judged"), {"site": site, **days}).fetchall()]
    counts = count(ask, used, hours)
    tables = disclosure.restated(LAYOUT, earlier, counts, k)
    images = ask("images")[0]["numerator"]
    alarms = connection.execute(statement("export_alarms"), {"site": site, **days}).fetchone() or (0, 0)
    return {
        "schema": SCHEMA,
        "site": site,
        "month": month,
        "data_cut": cut.astimezone(ZoneInfo(facts.time_zone)).date().isoformat(),
        "program": program,
        "small_cell": k,
        "turnaround_target_hours": float(facts.turnaround_target_hours),
        # Rounded: a month's images change by few when one study comes late.
        "images": None if tables["studies"]["all"] is None else 10 * round(images / 10),
        "tables": tables,
        "models": _models(ask("models")),
        "nights": _nights(connection, site, ask("nights"), days, cut.astimezone(ZoneInfo(facts.time_zone)).date()),
        "alarms": {"failed_steps": min(int(alarms[0]), 1000), "restored": min(int(alarms[1]), 1000)},
    }


def content_sha256(told: Mapping[str, Any]) -> str:
    """Return the hash of what a bundle or a draft tells, whatever its number and date."""
    kept = {key: value for key, value in told.items() if key not in NUMBERING}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def count(
    ask: Callable[[str], list[dict[str, Any]]], used: Usage, verdict_hours: Iterable[float]
) -> dict[str, dict[str, int]]:
    """Return the true counts of every table of `LAYOUT`; `ask` gives the rows of a figure."""
    found = {name: dict.fromkeys(table.cells, 0) for name, table in LAYOUT.items()}
    found["studies"]["all"] = ask("volume")[0]["numerator"]
    for row in ask("volume_by_region"):
        found["studies_by_region"][row["region"] if row["region"] in REGIONS else "other"] += row["numerator"]
    for row in ask("volume_by_patient_class"):
        kind = PATIENT_CLASSES.get(row["patient_class"], "other")
        found["studies_by_patient_class"][kind if kind in CLASSES else "other"] += row["numerator"]
    for row in ask("agreement_cells"):
        if row["strata"] == "all":
            _compared(found, row)
    for row in ask("turnaround_durations"):
        _waited(found, row)
    for row in ask("offered"):
        table = "files" if row["kind"] == "dicom" else "messages"
        known = FILES if table == "files" else MESSAGES
        if row["outcome"] in known:
            found[table]["all"] += row["numerator"]
            found[f"{table}_by_outcome"][row["outcome"]] += row["numerator"]
    for hours in verdict_hours:
        found["judged"]["all"] += 1
        found["judged_by_hours"][_bin(hours, VERDICT_HOURS)] += 1
    found["sign_ins"]["all"], found["cases_opened"]["all"] = used.sign_ins, used.cases_opened
    return found


def _compared(found: dict[str, dict[str, int]], row: Mapping[str, Any]) -> None:
    result, n = row["ai"], row["numerator"]
    side = "flagged" if result in ("positive", "doubtful") else "not_flagged"
    said = "not_compared" if row["reason"] else "fracture" if row["label"] == "present" else "no_fracture"
    found["studies_by_ai_result"][side] += n
    found[f"{side}_by_result"][result] += n
    found[f"{side}_by_report"][said] += n


def _waited(found: dict[str, dict[str, int]], row: Mapping[str, Any]) -> None:
    if row["unusable"] is not None or not row["observed"]:
        found["studies_by_turnaround"]["not_within_24_hours"] += row["numerator"]
        found["not_within_24_hours"]["unreported" if row["unusable"] is None else "unusable"] += row["numerator"]
        return
    for hours in row["hours"]:
        if hours <= 24:
            found["studies_by_turnaround"]["within_24_hours"] += 1
            found["within_24_hours"][_bin(hours, WITHIN_A_DAY)] += 1
        else:
            found["studies_by_turnaround"]["not_within_24_hours"] += 1
            found["not_within_24_hours"]["later"] += 1
            found["later"][_bin(hours, LATER)] += 1


def _bin(hours: float, edges: Mapping[str, float]) -> str:
    return next(name for name, edge in edges.items() if hours <= edge)


def _models(found: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    named = [{"name": row["model"][:80], "version": row["version"][:40]} for row in found]
    return list({(each["name"], each["version"]): each for each in named}.values())[-20:]


def _nights(
    connection: Connection, site: str, found: Iterable[Mapping[str, Any]], days: Mapping[str, date], cut: date
) -> dict[str, int]:
    states = {row["status"]: row["numerator"] for row in found}
    last = connection.execute(statement("export_last_night"), {"site": site, **days}).fetchone()
    due = min(days["end"], cut) - timedelta(days=1)
    since = last[0] if last and last[0] else days["start"] - timedelta(days=1)
    return {**states, "missed_at_end": min(31, max(0, (due - since).days))}
