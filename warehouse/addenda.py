"""Addenda: which key figures of months published earlier have changed, and why.

A published month is frozen. What comes later (a report six weeks late, a correction, a withdrawal,
a late image, an opposition) changes no issue; it is told in the next month's report, once.

For a report in the making::

    with connect.reader(published) as connection:
        shown = addenda.snapshot(connection, site, month, data_cut)
        late = freeze.late_changes(connection, site, month, data_sha256, definition)  # to be printed
    freeze.issue(..., shown=shown, late=late)  # kept with the issue

`freeze.late_changes`, `pending` and `told` return a list of `Addendum`: `month` ("2026-09"), `issue`
and `issued_at` of that month's last issue, `changes` (each `figure`, `old`, `new`: an `Amount` with
`value`, `numerator`, `denominator`) and `reasons` (studies by reason, see `REASONS`). Names of
figures are those of `warehouse.figure.definitions()`, which has their titles and units. The amounts
are exact: who prints them applies the site's threshold for small cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from warehouse import figure
from warehouse.data_cut import latest_commit
from warehouse.month import span
from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A study counts at the first that applies.
REASONS = ("late_study", "removed", "late_report", "withdrawn", "corrected", "relabelled", "ai_result", "verdict")
# Figures that are numerator and denominator of one row.
_PLAIN = ("volume", "positive_rate", "doubtful_rate")
_SIGNED = ("final", "corrected")


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure's numerator and denominator; without a denominator the numerator is the value."""

    numerator: float | None
    denominator: float | None = None

    @property
    def value(self) -> float | None:
        """The share, or the number itself; None where there is nothing to count."""
        if self.numerator is None or self.denominator == 0:
            return None
        return self.numerator if self.denominator is None else self.numerator / self.denominator


@dataclass(frozen=True, slots=True)
class Change:
    """A figure as it was last told, and as it is now."""

    figure: str
    old: Amount
    new: Amount


@dataclass(frozen=True, slots=True)
class Addendum:
    """What changed in a month published earlier since it was last told.

    `issue` and `issued_at` (UTC) are those of the month's own last issue; `reasons` gives the
    studies by reason against what that issue counted.
    """

    month: str
    issue: int
    issued_at: datetime
    changes: tuple[Change, ...]
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StudyState:
    """A study as an issue counts it; `report_state` and what follows from it are those at the data cut."""

    study_uid: str
    ai_result: str
    report_state: str
    report_label: str | None
    report_acuity: str | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an issue shows: key figures by name, and the studies that they count."""

    figures: Mapping[str, Amount]
    studies: tuple[StudyState, ...]


def snapshot(connection: DuckDBPyConnection, site: str, month: str, data_cut: datetime) -> Snapshot:
    """Return the key figures of `month` (``YYYY-MM``) at `data_cut` (UTC), and its studies then."""
    given = span(month)
    between = (site, given["start"], given["end"])
    found = {name: _one(figure.rows(connection, name, *between, cut=data_cut)) for name in _PLAIN}
    found["unreported"] = _one(
        row for row in figure.rows(connection, "unreported", *between, cut=data_cut) if row["waiting"] == "any"
    )
    found["agreement"] = _agreement(figure.rows(connection, "agreement_cells", *between, cut=data_cut))
    delays = figure.rows(connection, "turnaround_durations", *between, cut=data_cut)
    hours = [each for row in delays if row["observed"] and row["unusable"] is None for each in row["hours"]]
    found["report_turnaround"] = Amount(median(hours) if hours else None)
    states = connection.execute(statement("month_states"), {"site": site, "cut": data_cut, **given}).fetchall()
    return Snapshot(found, tuple(StudyState(*row) for row in states))


def _one(rows: Iterable[Mapping[str, Any]]) -> Amount:
    row = next(iter(rows), None)
    if row is None:
        return Amount(0.0)
    denominator = row["denominator"]
    return Amount(float(row["numerator"]), None if denominator is None else float(denominator))


def _agreement(cells: Sequence[Mapping[str, Any]]) -> Amount:
    """Main reading, all studies: a doubtful result counts as positive."""
    compared = [row for row in cells if row["strata"] == "all" and row["reason"] is None]
    alike = [row for row in compared if (row["ai"] == "negative") == (row["label"] == "absent")]
    return Amount(float(sum(row["numerator"] for row in alike)), float(sum(row["numerator"] for row in compared)))


def pending(connection: DuckDBPyConnection, site: str, month: str) -> list[Addendum]:
    """Return what is to be told with the report of `month` of the months before it, oldest first.

    Each month is compared, at the latest commit, with what its last issue or a later addendum told:
    a change is told once. Months whose issue kept no figures are passed over.
    """
    latest = latest_commit(connection, site)
    if latest is None:
        return []
    issues = connection.execute(statement("issues_before"), {"site": site, "month": month}).fetchall()
    found = [
        _addendum(connection, site, changed, issue, issued_at, max(latest, data_cut.astimezone(UTC)))
        for changed, issue, issued_at, data_cut in issues
    ]
    return [addendum for addendum in found if addendum.changes]


def _addendum(
    connection: DuckDBPyConnection,
    site: str,
    month: str,
    issue: int,
    issued_at: datetime,
    cut: datetime,
) -> Addendum:
    given = {"site": site, "month": month, "issue": issue}
    told = connection.execute(statement("last_told"), given).fetchall()
    now = snapshot(connection, site, month, cut)
    changes = [
        Change(name, old, now.figures[name])
        for name, *amount in told
        if name in now.figures and (old := Amount(*amount)) != now.figures[name]
    ]
    then = connection.execute(statement("issued_studies"), given).fetchall()
    reasons = _reasons([StudyState(*row) for row in then], now.studies)
    return Addendum(month, issue, issued_at.astimezone(UTC), tuple(changes), reasons)


def _reasons(then: Iterable[StudyState], now: Iterable[StudyState]) -> dict[str, int]:
    before = {state.study_uid: state for state in then}
    after = {state.study_uid: state for state in now}
    counts = Counter(_reason(before.get(study), after.get(study)) for study in before.keys() | after.keys())
    return {reason: counts[reason] for reason in REASONS if counts[reason]}


def _reason(old: StudyState | None, new: StudyState | None) -> str | None:
    """Return why a study counts otherwise now, None where it does not."""
    if old is None or new is None:
        return "late_study" if old is None else "removed"
    if new.report_state != old.report_state and "withdrawn" in (new.report_state, old.report_state):
        return "withdrawn"
    if new.report_state in _SIGNED and old.report_state not in _SIGNED:
        return "late_report"
    if new.report_state != old.report_state and new.report_state in _SIGNED:
        return "corrected"
    if (new.report_label, new.report_acuity) != (old.report_label, old.report_acuity):
        return "relabelled"
    if new.ai_result != old.ai_result:
        return "ai_result"
    return "verdict" if new.verdict != old.verdict else None


def told(connection: DuckDBPyConnection, site: str, month: str, issue: int) -> list[Addendum]:
    """Return the addenda that were kept with an issue, as `pending` returned them then."""
    given = {"site": site, "month": month, "issue": issue}
    reasons: dict[str, dict[str, int]] = {}
    for changed, reason, studies in connection.execute(statement("told_reasons"), given).fetchall():
        reasons.setdefault(changed, {})[reason] = studies
    found: dict[tuple[str, int, datetime], list[Change]] = {}
    for changed, name, *amounts, number, issued_at in connection.execute(statement("told_addenda"), given).fetchall():
        change = Change(name, Amount(*amounts[:2]), Amount(*amounts[2:]))
        found.setdefault((changed, number, issued_at.astimezone(UTC)), []).append(change)
    return [
        Addendum(*key, tuple(changes), _in_order(reasons.get(key[0], {}))) for key, changes in sorted(found.items())
    ]


def _in_order(reasons: Mapping[str, int]) -> dict[str, int]:
    return {reason: reasons[reason] for reason in REASONS if reason in reasons}


def keep(
    connection: DuckDBPyConnection, site: str, month: str, issue: int, shown: Snapshot, late: Sequence[Addendum]
) -> None:
    """Write what an issue shows (`shown`) and tells of earlier months (`late`); in the caller's transaction."""
    given = {"site": site, "month": month, "issue": issue}
    amounts = shown.figures.values()
    figures = {
        "figures": list(shown.figures),
        "numerators": [amount.numerator for amount in amounts],
        "denominators": [amount.denominator for amount in amounts],
    }
    connection.execute(statement("keep_issued_figures"), {**given, **figures})
    studies = {
        "study_uids": [state.study_uid for state in shown.studies],
        "ai_results": [state.ai_result for state in shown.studies],
        "report_states": [state.report_state for state in shown.studies],
        "report_labels": [state.report_label for state in shown.studies],
        "report_acuities": [state.report_acuity for state in shown.studies],
        "verdicts": [state.verdict for state in shown.studies],
    }
    connection.execute(statement("keep_issued_studies"), {**given, **studies})
    for addendum in late:
        for change in addendum.changes:
            row = {
                "changed_month": addendum.month,
                "figure": change.figure,
                "old_numerator": change.old.numerator,
                "old_denominator": change.old.denominator,
                "new_numerator": change.new.numerator,
                "new_denominator": change.new.denominator,
            }
            connection.execute(statement("keep_addendum"), {**given, **row})
        for reason, count in addendum.reasons.items():
            why = {"changed_month": addendum.month, "reason": reason, "studies": count}
            connection.execute(statement("keep_addendum_reason"), {**given, **why})
