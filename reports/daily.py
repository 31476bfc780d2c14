"""The flagged-case list of a site and day: one HTML file that needs nothing else, and a CSV."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from PIL import Image

from reports import pages
from reports.case_words import case_words, hours_waiting
from reports.language import MISSING, Language, language
from reports.terms import TERMS, term
from warehouse import cases, ledger
from warehouse.cases import ACTIONS, Case, DayCounts, Picture
from warehouse.data_cut import latest_commit
from warehouse.site import SiteFacts, site_facts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HTML, CSV = "list.html", "list.csv"
SHOWN_IMAGES = 3
SHOWN_SIDE = 256  # px
_STATE = re.compile(r'<meta name="bilan-state" content="([0-9a-f]{64})">')
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class DailyList:
    """What was written: the two files, the studies of the day and those that the AI flags."""

    html: Path
    csv: Path
    studies: int
    flagged: int
    listed: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a case, ready for the page: its address, boxes in its own coordinates, and words."""

    source: str
    columns: int
    rows: int
    boxes: tuple[tuple[float, float, float, float], ...]
    alt: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One case in words."""

    study_uid: str
    time: str
    region: str
    detail: str
    person: str
    ai_result: str
    ai_words: str
    score: float | None
    score_words: str
    report_words: str
    report_tone: str
    evidence: str | None
    waiting: str | None
    verdict: str | None
    outside_scope: bool
    reason: str | None
    simulated: bool
    link: str | None
    shots: tuple[Shot, ...]
    missing_images: int


def case_ids(connection: DuckDBPyConnection, site: str, day: date) -> list[str]:
    """Return the pseudonyms of the studies on the list, for their links."""
    return [case.study_uid for case in cases.flagged(connection, site, day)]


def is_stale(connection: DuckDBPyConnection, site: str, day: date, folder: Path) -> bool:
    """Return whether the list in `folder` is missing, or says other than the warehouse does now.

    Waiting times alone do not make a list stale.
    """
    try:
        found = _STATE.search((folder / HTML).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    return found is None or found[1] != _state(connection, site, day)


def render(
    connection: DuckDBPyConnection,
    site: str,
    day: date,
    thumbnails: Path,
    links: Mapping[str, str],
    out: Path,
    *,
    reason_sentences: Mapping[str, str] | None = None,
    accent: str = "#0b6e75",
) -> DailyList:
    """Write the list of a local day into the folder `out` as ``list.html`` and ``list.csv``.

    Parameters
    ----------
    thumbnails
        Folder with ``<instance pseudonym>.png`` for each image.
    links
        Address of the PACS viewer by study pseudonym; anything but http and https is left out.
    reason_sentences
        Sentence of each reason code in the site's language.

    Raises
    ------
    warehouse.site.UnknownSiteError
        If the warehouse does not know the site.
    """
    facts = site_facts(connection, site, day + timedelta(days=1))
    words = language(facts.language)
    found = cases.flagged(connection, site, day)
    counts = cases.day_counts(connection, site, day)
    cut = latest_commit(connection, site)
    night = cases.last_night(connection, site, day)
    safe = {study: address for study, address in links.items() if _is_web(address)}
    entries = [_entry(case, facts, words, cut, safe, thumbnails, reason_sentences or {}) for case in found]
    sums = ledger.outcome_sums(connection, site, day)
    html = pages.page(
        words,
        "daily.html.j2",
        site=facts,
        day=day,
        accent=pages.readable(accent),
        tint=pages.tint(accent, 0.08),
        style=pages.trusted(pages.asset("daily.css")),
        state=_state(connection, site, day),
        cut=cut,
        night=night,
        counts=counts,
        flagged=_flagged(counts),
        urgent=sum(case.action in ACTIONS[:5] for case in found),
        groups=_groups(found, entries),
        sums={kind: {outcome: n for outcome, n in parts.items() if n} for kind, parts in sums.items()},
        unread=cases.unread_images(connection, site, day),
        reasons=reason_sentences or {},
    )
    written = DailyList(out / HTML, out / CSV, counts.studies, _flagged(counts), len(found))
    pages.write(written.html, html.encode())
    pages.write(written.csv, table(found, facts, words, cut, safe))
    return written


def _flagged(counts: DayCounts) -> int:
    return counts.positive + counts.doubtful


def _groups(found: Iterable[Case], entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    pairs = zip(found, entries, strict=True)
    return [
        (action, [entry for _, entry in group]) for action, group in groupby(pairs, lambda pair: str(pair[0].action))
    ]


def _state(connection: DuckDBPyConnection, site: str, day: date) -> str:
    facts = (
        cases.flagged(connection, site, day),
        cases.day_counts(connection, site, day),
        cases.unread_images(connection, site, day),
        cases.last_night(connection, site, day),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _entry(
    case: Case,
    facts: SiteFacts,
    words: Language,
    cut: datetime | None,
    links: Mapping[str, str],
    thumbnails: Path,
    sentences: Mapping[str, str],
) -> Entry:
    said = case_words(case, facts.time_zone, words, cut)
    shots = [_shot(image, case, words, thumbnails) for image in case.images[:SHOWN_IMAGES]]
    return Entry(
        study_uid=case.study_uid,
        time=said.time,
        region=said.region,
        detail=said.detail,
        person=said.person,
        ai_result=case.ai_result,
        ai_words=said.ai_words,
        score=case.score,
        score_words=said.score_words,
        report_words=said.report_words,
        report_tone=said.report_tone,
        evidence=case.evidence,
        waiting=said.waiting,
        verdict=said.verdict,
        outside_scope=case.outside_scope,
        reason=_reason(case, words, sentences),
        simulated=case.origin == "simulated",
        link=links.get(case.study_uid),
        shots=tuple(shot for shot in shots if shot is not None),
        missing_images=sum(shot is None for shot in shots),
    )


def _reason(case: Case, words: Language, sentences: Mapping[str, str]) -> str | None:
    """Return why a study has no result, where one of its images says so."""
    codes = [image.reason for image in case.images if image.reason]
    return words.typeset(sentences.get(codes[0], codes[0])) if codes and case.score is None else None


def _shot(image: Picture, case: Case, words: Language, thumbnails: Path) -> Shot | None:
    content = _jpeg(thumbnails / f"{image.instance_uid}.png")
    if content is None or not image.rows or not image.columns:
        return None
    boxes = tuple((box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0) for box in image.boxes)
    alt = words.text(
        "Radiograph, %(region)s, view %(view)s, score %(score)s",
        region=term(words, "region", case.region or "unknown"),
        view=term(words, "view", image.view) if image.view else MISSING,
        score=words.number(image.score, 2),
    )
    return Shot(pages.data_uri(content, "image/jpeg"), image.columns, image.rows, boxes, alt)


def _jpeg(path: Path) -> bytes | None:
    """Return the thumbnail as a small JPEG, or None where there is none that can be read."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            grey = picture.convert("L")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    grey.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    content = io.BytesIO()
    grey.save(content, "JPEG", quality=80, optimize=True)
    return content.getvalue()


def table(
    found: Iterable[Case], facts: SiteFacts, words: Language, cut: datetime | None, links: Mapping[str, str]
) -> bytes:
    """Return the list as CSV in UTF-8 with BOM, ``;`` between cells where the decimal sign is a comma."""
    text = io.StringIO()
    sheet = csv.writer(text, delimiter=";" if words.code == "fr" else ",", lineterminator="\r\n")
    sheet.writerow([term(words, "column", name) for name in TERMS["column"]])
    for case in found:
        sheet.writerow([harmless(cell) for cell in cells(case, facts, words, cut, links)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def cells(case: Case, facts: SiteFacts, words: Language, cut: datetime | None, links: Mapping[str, str]) -> list[str]:
    """Return one case as the cells of a table, in the order of the terms of ``column``."""
    since = case.exam_completed or case.exam_started
    hours = hours_waiting(case, cut)
    return [
        term(words, "action", case.action),
        f"{since.astimezone(ZoneInfo(facts.time_zone)):%Y-%m-%d %H:%M}" if since else "",
        term(words, "region", case.region or "unknown"),
        term(words, "laterality", case.laterality) if case.laterality else "",
        case.age_band or "",
        case.sex or "",
        term(words, "ai_result", case.ai_result),
        "" if case.score is None else words.number(case.score, 3),
        term(words, "report_state", case.report_state),
        term(words, "report_label", case.report_label) if case.report_label else "",
        case.evidence or "",
        "" if hours is None else words.number(hours, 1),
        words.text("outside the validated scope") if case.outside_scope else "",
        links.get(case.study_uid, ""),
        case.study_uid,
    ]


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    dangerous = cell.lstrip().startswith(_FORMULA) or cell.startswith(("\t", "\r", "\n"))
    return "'" + cell if dangerous else cell
