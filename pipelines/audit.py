"""The audit of the labeller by file: draw a month's sample, write it as CSV, take back what was read.

The web application does the same on its screens; both write to the same store. The CSV holds
pseudonyms and the report's redacted text, never the AI result nor the label.
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
from warehouse import audit as trail
from warehouse import audit_sample, connect
from warehouse.audit_sample import ACUITIES, LABELS, PER_CELL, ReadingRefusedError

COLUMNS = ("month", "study", "report", "text", "label", "acuity")
MARK = "s-"  # no spreadsheet then takes a pseudonym for a number
OPEN_IN_APP = {
    "fr": "Texte non conservé : ouvrir l'examen par son pseudonyme dans l'application.",
    "en": "Text not kept: open the study by its pseudonym in the application.",
}


class AuditFileError(BilanError):
    """The file cannot be used: export it again, fill in `label` and `acuity`, and keep its columns."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file: readings kept, rows that were empty or known already, lines that cannot be used."""

    kept: int
    unchanged: int
    refused: tuple[int, ...]


def draw(config: Config, site: str, month: str, per_cell: int = PER_CELL) -> int:
    """Draw the sample of a month, or find the one that was drawn; return how many reports it has."""
    config.site(site)
    with connect.reader(config.published) as connection, users.store(config).writing() as app:
        drawn = audit_sample.draw(connection, app, site, month, datetime.now(UTC), per_cell)
        trail.append(app, "sample_drawn", users.actor(site), about=month)
        return drawn


def export(config: Config, site: str, month: str | None, out: Path) -> int:
    """Write the drawn reports that nobody has read yet as CSV, for `take`; return how many."""
    settings = config.site(site)
    with users.store(config).reading() as app:
        waiting = audit_sample.pending(app, site, month)
    texts = report_text.texts(config, site, [report.message_id for report in waiting])
    pointer = OPEN_IN_APP[settings.language]
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for report in waiting:
            text = texts.get(report.message_id, pointer)
            writer.writerow([report.month, MARK + report.study_uid, MARK + report.message_id, harmless(text), "", ""])
    out.chmod(0o600)
    trail.record(users.store(config), "report_exported", users.actor(site), detail={"reports": len(waiting)})
    return len(waiting)


def take(config: Config, site: str, file: Path, reader: str) -> Imported:
    """Keep the readings of an exported file that was filled in; rows without a label are left for later.

    A row that cannot be used is refused by its line and stops none of the others. The same file given
    again changes nothing.

    Raises
    ------
    AuditFileError
        If the file cannot be read or lacks a column.
    """
    config.site(site)
    rows = _rows(file)
    kept = unchanged = 0
    refused: list[int] = []
    with users.store(config).writing() as app:
        known = {
            reading.study_uid: (reading.label, reading.acuity) for reading in audit_sample.readings(app, site, reader)
        }
        for line, row in rows:
            study, label, acuity = (str(row[name] or "").strip() for name in ("study", "label", "acuity"))
            study, label, acuity = study.removeprefix(MARK), label.lower(), acuity.lower()
            acuity = acuity or ("acute" if label == "present" else "none")
            if not label or known.get(study) == (label, acuity):
                unchanged += 1
                continue
            try:
                audit_sample.record(app, site, study, reader, label, acuity, datetime.now(UTC))
            except ReadingRefusedError:
                refused.append(line)
            else:
                trail.append(app, "report_read_blind", users.actor(site), about=study, detail={"label": label})
                kept += 1
    return Imported(kept, unchanged, tuple(refused))


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
        raise AuditFileError("the file cannot be read as CSV in UTF-8; save it so and try again") from None
    if not {"study", "label", "acuity"} <= columns:
        raise AuditFileError(f"the file lacks a column; it needs study, label ({', '.join(LABELS)}), "
                             f"acuity ({', '.join(ACUITIES)})")  # fmt: skip
    return found
