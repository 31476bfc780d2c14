"""The flagged list against the rows that were written, judged here a second time."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import daily
from warehouse.connect import migrate, reader, writer
from warehouse.load import load
from warehouse.rows import ModelRow

ORDER = [
    "positive_report_absent",
    "positive_unreported",
    "doubtful",
    "negative_report_present",
    "report_undecided",
    "settled",
    "not_analysed",
]
HOSTILE = '<script>alert(1)</script><img src="https://evil.example/x"><link rel=attachment href="file:///etc/passwd">'


def expected(row: Any) -> str | None:
    """What is to be done about a study, from its row alone."""
    flagged = row.ai_result in ("positive", "doubtful")
    if row.ai_result in ("failed", "not_processed"):
        return "not_analysed"
    if row.verdict or row.report_acuity in ("followup", "old"):
        return "settled" if flagged else None
    if row.ai_result == "negative":
        return "negative_report_present" if row.report_label == "present" else None
    if row.report_label in ("uncertain", "not_addressed"):
        return "report_undecided"
    if row.report_label == "present":
        return "settled"
    if row.ai_result == "doubtful":
        return "doubtful"
    return "positive_report_absent" if row.report_label == "absent" else "positive_unreported"


class Reader(HTMLParser):
    """Collects the tags, the addresses and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.sections: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        given = dict(attrs)
        self.addresses += [value for key in ("href", "src") if (value := given.get(key)) is not None]
        if tag == "section":
            self.sections.append(given.get("class") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    page = Reader()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def make(warehouse_file: Path, simulated: ModuleType, site: str, out: Path, **options: Any) -> daily.DailyList:
    plan = next(plan for plan in simulated.PLANS if plan.site == site)
    shown = [row for row in simulated.studies(plan) if row.day == simulated.DAY]
    simulated.thumbnails(out / "thumbnails", shown)
    with reader(warehouse_file) as connection:
        links = {
            study: f"https://pacs.example.org/?study={study}"
            for study in daily.case_ids(connection, site, simulated.DAY)
        }
        return daily.render(
            connection, site, simulated.DAY, out / "thumbnails", options.pop("links", links), out, **options
        )


@pytest.mark.parametrize("site", ["saint-aubin", "westbrook", "silent", "tiny", "empty"])
def test_the_list_holds_the_right_cases_in_the_right_order(
    warehouse_file: Path, simulated: ModuleType, tmp_path: Path, site: str
) -> None:
    plan = next(plan for plan in simulated.PLANS if plan.site == site)
    rows = [row for row in simulated.studies(plan) if row.day == simulated.DAY]
    truth = Counter(action for row in rows if (action := expected(row)))
    made = make(warehouse_file, simulated, site, tmp_path)
    page = read(made.html)
    assert made.studies == len(rows)
    assert made.flagged == sum(row.ai_result in ("positive", "doubtful") for row in rows)
    assert made.listed == truth.total()
    assert page.sections == [action for action in ORDER if truth[action]]
    sheet = list(
        csv.reader(io.StringIO(made.csv.read_text("utf-8-sig")), delimiter=";" if plan.language == "fr" else ",")
    )
    assert len(sheet) == 1 + truth.total()
    by_id = {row.study_uid: row for row in rows}
    listed = [by_id[line[-1]] for line in sheet[1:]]
    keys = [(ORDER.index(expected(row) or ""), row.report_label is not None, row.exam_completed) for row in listed]
    assert keys == sorted(keys)
    zone = ZoneInfo(plan.time_zone)
    assert [line[1] for line in sheet[1:]] == [
        f"{row.exam_completed.astimezone(zone):%Y-%m-%d %H:%M}" for row in listed
    ]


def test_the_page_needs_nothing_else(warehouse_file: Path, simulated: ModuleType, tmp_path: Path) -> None:
    made = make(warehouse_file, simulated, "saint-aubin", tmp_path)
    page = read(made.html)
    assert page.tags["script"] == page.tags["link"] == page.tags["iframe"] == 0
    pictures = [address for address in page.addresses if address.startswith("data:image/jpeg;base64,")]
    assert pictures
    assert all(base64.b64decode(address.split(",")[1]).startswith(b"\xff\xd8") for address in pictures)
    others = [address for address in page.addresses if address not in pictures]
    assert others
    assert all(address.startswith("https://pacs.example.org/?study=") for address in others)
    assert "url(" not in made.html.read_text(encoding="utf-8")
    assert page.tags["rect"] > 0


def test_boxes_are_drawn_in_the_coordinates_of_the_stored_image(
    warehouse_file: Path, simulated: ModuleType, tmp_path: Path
) -> None:
    text = make(warehouse_file, simulated, "saint-aubin", tmp_path).html.read_text(encoding="utf-8")
    assert 'viewBox="0 0 1600 2000"' in text
    assert '<rect class="box" x="500.0" y="800.0" width="500.0" height="500.0"/>' in text


def test_the_same_state_gives_the_same_bytes_and_is_not_stale(
    warehouse_file: Path, simulated: ModuleType, tmp_path: Path
) -> None:
    one = make(warehouse_file, simulated, "saint-aubin", tmp_path / "a")
    two = make(warehouse_file, simulated, "saint-aubin", tmp_path / "b")
    assert one.html.read_bytes() == two.html.read_bytes()
    assert one.csv.read_bytes() == two.csv.read_bytes()
    with reader(warehouse_file) as connection:
        assert not daily.is_stale(connection, "saint-aubin", simulated.DAY, tmp_path / "a")
        assert daily.is_stale(connection, "saint-aubin", simulated.DAY - timedelta(days=1), tmp_path / "a")
        assert daily.is_stale(connection, "saint-aubin", simulated.DAY, tmp_path / "nothing")


def test_links_other_than_web_addresses_are_left_out(
    warehouse_file: Path, simulated: ModuleType, tmp_path: Path
) -> None:
    with reader(warehouse_file) as connection:
        studies = daily.case_ids(connection, "saint-aubin", simulated.DAY)
    bad = ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example", "https://", "http://[::1"]
    links = dict(zip(studies, bad, strict=False)) | {studies[-1]: 'https://pacs.example.org/?a=1&b="><script>'}
    page = read(make(warehouse_file, simulated, "saint-aubin", tmp_path, links=links).html)
    assert [address for address in page.addresses if not address.startswith("data:image/jpeg")] == [links[studies[-1]]]
    assert page.tags["script"] == 0


@pytest.fixture
def hostile(tmp_path: Path, simulated: ModuleType) -> Path:
    """One positive study with a report of no fracture; whatever can hold text holds an attack."""
    path = tmp_path / "hostile.duckdb"
    plan = replace(simulated.PLANS[0], site="h", name=HOSTILE, per_day=1)
    migrate(path)
    done = datetime(2026, 6, 29, 8, tzinfo=UTC)
    row = replace(
        simulated.studies(plan)[0],
        day=simulated.DAY,
        exam_completed=done,
        exam_started=done,
        region=HOSTILE,
        ai_result="positive",
        score=0.9,
        report_state="final",
        report_label="absent",
        report_acuity="none",
        report_final=done,
        verdict=None,
        verdict_at=None,
        report_message_id=simulated.pseudonym("m"),
        patient_class=HOSTILE,
        laterality=HOSTILE,
        sex=HOSTILE,
        age_band=HOSTILE,
        modality=HOSTILE,
    )
    shots, found = simulated.images(row)
    with writer(path) as connection:
        load(connection, "site", [simulated.facts(plan)])
        used = ModelRow(row.model_sha256, "default", "1.0", 0.35, 0.6, datetime(2025, 5, 1, tzinfo=UTC), ("wrist",))
        load(connection, "model", [used])
        load(connection, "study", [row])
        load(connection, "instance", [replace(shot, view=HOSTILE) for shot in shots])
        load(connection, "finding", found)
        load(connection, "report_label", [replace(simulated.label(row, "fr"), evidence="=HYPERLINK(1)" + HOSTILE)])
        refused = replace(simulated.ledger(plan)[0], outcome="quarantined", reasons=(HOSTILE,), night=simulated.DAY)
        load(connection, "ledger", [refused])
    return path


def test_hostile_text_stays_text(hostile: Path, simulated: ModuleType, tmp_path: Path) -> None:
    with reader(hostile) as connection:
        made = daily.render(connection, "h", simulated.DAY, tmp_path / "none", {}, tmp_path)
    page = read(made.html)
    assert page.tags["script"] == page.tags["img"] == page.tags["link"] == 0
    assert page.addresses == []
    # Name, region, laterality, view, modality, age, sex, class, sentence, reason.
    assert page.text.count("<script>alert(1)</script>") >= 10
    assert "hors du périmètre validé" in page.text
    (line,) = list(csv.reader(io.StringIO(made.csv.read_text("utf-8-sig")), delimiter=";"))[1:]
    assert "'=HYPERLINK(1)" + HOSTILE in line


@given(st.text(max_size=30))
def test_no_cell_starts_like_a_formula(text: str) -> None:
    cell = daily.harmless(text)
    assert cell.removeprefix("'") == text.removeprefix("'")
    assert not re.match(r"\s*[=+\-@＝＋－＠]|[\t\r\n]", cell)


def test_images_without_thumbnail_leave_a_place(warehouse_file: Path, simulated: ModuleType, tmp_path: Path) -> None:
    with reader(warehouse_file) as connection:
        made = daily.render(connection, "silent", simulated.DAY, tmp_path / "none", {}, tmp_path)
    text = made.html.read_text(encoding="utf-8")
    assert "pas d’image" in text
    assert "sans compte rendu" in text
