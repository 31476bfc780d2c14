"""The labeller's queue by file: reports that wait for a person as CSV, and corrections taken back.

The web application does the same on its screens; both write to the same store. The CSV holds
pseudonyms and redacted text, never an identity.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines import report_text, users
from pipelines.config import Config
from pipelines.errors import BilanError
from reports.daily import harmless
from warehouse import audit, connect, corrections
from warehouse.corrections import ACUITIES, LABELS, CorrectionRefusedError, Queued

COLUMNS = ("report", "study", "day", "read", "why", "sentence", "text", "label", "acuity", "author", "time")
NEEDED = frozenset(("report", "label", "acuity"))
MARK = "s-"  # no spreadsheet then takes a pseudonym for a number
# What a label means when its acuity is left empty.
_USUAL = {"present": "acute"}


class CorrectionFileError(BilanError):
    """The file cannot be used: export the queue again, fill in `label` and `acuity`, and keep its columns."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file: corrections kept, rows empty or known already, lines that cannot be used."""

    kept: int
    unchanged: int
    refused: tuple[int, ...]


def queue(config: Config, site: str) -> list[Queued]:
    """Return the reports that the labeller leaves to a person, as the last published night knows them."""
    config.site(site)
    with connect.reader(config.published) as connection:
        waiting = corrections.queue(connection, site)
    if not config.app_store.exists():
        return waiting
    with users.store(config).reading() as app:
        done = {correction.message_id for correction in corrections.corrections(app, site)}
    return [report for report in waiting if report.message_id not in done]


def export(config: Config, site: str, out: Path) -> int:
    """Write the queue as CSV, for `take`; return how many reports wait."""
    waiting = queue(config, site)
    texts = report_text.texts(config, site, [report.message_id for report in waiting])
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for report in waiting:
            writer.writerow(
                [
                    MARK + report.message_id,
                    MARK + report.study_uid,
                    report.day.isoformat(),
                    report.label,
                    harmless("; ".join(report.rules)),
                    harmless(report.evidence or ""),
                    harmless(texts.get(report.message_id, "")),
                    *("",) * 4,
                ]
            )
    out.chmod(0o600)
    audit.record(users.store(config), "report_exported", users.actor(site), detail={"reports": len(waiting)})
    return len(waiting)


def take(config: Config, site: str, file: Path, author: str | None = None) -> Imported:
    """Keep the corrections of a file; rows without a label are left for later.

    A row that cannot be used is refused by its line and stops none of the others. The same file given
    again changes nothing.

    Parameters
    ----------
    author
        Who corrected, where a row does not say it.

    Raises
    ------
    CorrectionFileError
        If the file cannot be read or lacks a column.
    """
    config.site(site)
    rows = _rows(file)
    with connect.reader(config.published) as connection:
        known = corrections.known(connection, site, [_cell(row, "report").removeprefix(MARK) for _, row in rows])
    kept = unchanged = 0
    refused: list[int] = []
    with users.store(config).writing() as app:
        standing = {c.message_id: (c.author, c.label, c.acuity) for c in corrections.corrections(app, site)}
        for line, row in rows:
            report, label = _cell(row, "report").removeprefix(MARK), _cell(row, "label").lower()
            acuity = _cell(row, "acuity").lower() or _USUAL.get(label, "none")
            by, at = _cell(row, "author") or author, _time(_cell(row, "time"))
            if not label or standing.get(report) == (by, label, acuity):
                unchanged += 1
                continue
            if by is None or at is None or report not in known:
                refused.append(line)
                continue
            try:
                corrections.record(app, site, report, by, label, acuity, at)
            except CorrectionRefusedError:
                refused.append(line)
            else:
                audit.append(app, "label_corrected", users.actor(site), about=report, detail={"label": label})
                standing[report] = (by, label, acuity)
                kept += 1
    return Imported(kept, unchanged, tuple(refused))


def _cell(row: dict[str, str], name: str) -> str:
    return str(row.get(name) or "").strip()


def _time(text: str) -> datetime | None:
    """The time of a correction: now where none is given, none where it cannot be read or is still to come."""
    now = datetime.now(UTC)
    if not text:
        return now
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return None
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    return given if given <= now else None


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            head = opened.readline()
            opened.seek(0)
            # A French spreadsheet writes semicolons.
            reader = csv.DictReader(opened, delimiter=";" if head.count(";") > head.count(",") else ",")
            columns = set(reader.fieldnames or ())
            found = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise CorrectionFileError("the file cannot be read as CSV in UTF-8; save it so and try again") from None
    if not columns >= NEEDED:
        raise CorrectionFileError(f"the file lacks a column; it needs report, label ({', '.join(LABELS)}), "
                                  f"acuity ({', '.join(ACUITIES)})")  # fmt: skip
    return found
