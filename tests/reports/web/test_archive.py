"""The archive: every issue with its files and what it told; nothing of an address reaches the disk."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from reports.web.settings import WebSettings
from warehouse import connect, freeze, publish
from warehouse.addenda import Addendum, Amount, Change, Snapshot
from warehouse.app_store import AppStore
from warehouse.load import load

Sign = Callable[[str], TestClient]
CANARY = "CANARY-7741"


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 4, tzinfo=UTC)


@pytest.fixture(scope="session")
def home(simulated: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three issues of two months at north, one at south, with their files."""
    tmp_path = tmp_path_factory.mktemp("archive")
    warehouse = tmp_path / "warehouse.duckdb"
    connect.migrate(warehouse)
    with connect.writer(warehouse) as connection:
        for name in ("north", "south"):
            plan = simulated.Plan(name, name, "fr", "FR", "Europe/Paris", 0, datetime(2026, 1, 1, tzinfo=UTC).date())
            load(connection, "site", [simulated.facts(plan, small_cell=5)])

    def issue(site: str, month: str, data: str, definition: str, now: datetime, told: list[Addendum]) -> None:
        freeze.issue(
            warehouse,
            site=site,
            month=month,
            data_cut=now,
            data_sha256=data * 64,
            figures_sha256="f" * 64,
            definition=definition,
            now=now,
            shown=Snapshot({}, ()),
            late=told,
        )

    change = Change("volume", Amount(900.0), Amount(905.0))
    few = Change("unreported", Amount(7.0), Amount(2.0))
    issue("north", "2026-09", "a", "{}", at(10, 1), [])
    issue("north", "2026-09", "b", "{}", datetime(2026, 10, 5, 22, 30, tzinfo=UTC), [])
    late = Addendum("2026-09", 2, at(10, 5), (change, few), {"late_study": 5})
    issue("north", "2026-10", "c", '{"accent": "#000000"}', at(11, 1), [late])
    issue("south", "2026-10", "d", "{}", at(11, 1), [])
    published = tmp_path / "published.duckdb"
    publish.publish(warehouse, published)
    issued = tmp_path / "issued"
    for site, month, names in (
        ("north", "2026-09", ("report.pdf", "figures.csv", "figures.json", "report-2.pdf")),
        ("north", "2026-10", ("report.pdf",)),
        ("south", "2026-10", ("report.pdf",)),
    ):
        for name in names:
            path = issued / site / "reports" / month / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{site} {month} {name}".encode())
    (issued / "north" / "reports" / "secret.txt").write_text(CANARY)
    (tmp_path / "bilan.yaml").write_text(CANARY)
    return tmp_path


@pytest.fixture
def settings(settings: WebSettings, home: Path) -> WebSettings:
    return replace(settings, published=home / "published.duckdb", issued=home / "issued")


@pytest.fixture
def head(persona: Sign) -> TestClient:
    return persona("department_head")


def test_each_issue_is_listed_with_its_date_its_reason_and_its_files(head: TestClient) -> None:
    page = head.get("/site/north/archive").text
    rows = [re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr><td><b>.*?</tr>", page, re.DOTALL)]
    assert ["first issue" in row for row in rows] == [True, False, True]
    assert "data have changed" in rows[1]
    assert "6 October 2026" in rows[1]  # in the site's time zone: two hours later than in UTC
    assert re.findall(r'href="([^"]+/archive/[^"]+)"', page) == [
        "/site/north/archive/2026-10/1/pdf",
        "/site/north/archive/2026-09/2/pdf",
        "/site/north/archive/2026-09/1/pdf",
        "/site/north/archive/2026-09/1/csv",
        "/site/north/archive/2026-09/1/json",
    ]


def test_addenda_are_said_with_small_counts_withheld(head: TestClient) -> None:
    page = re.sub(r"\s+", " ", head.get("/site/north/archive").text)
    told = page[page.index("Addenda that it tells") :]
    assert "Studies in scope 900 → 905" in told
    assert "<b>September 2026</b>: Studies still without a report 7 → *" in told  # 2 is below the site's threshold of 5


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("2026-09/1/pdf", b"north 2026-09 report.pdf"),
        ("2026-09/2/pdf", b"north 2026-09 report-2.pdf"),
        ("2026-09/1/json", b"north 2026-09 figures.json"),
    ],
)
def test_a_file_is_sent_as_it_is_and_not_kept(head: TestClient, store: AppStore, place: str, content: bytes) -> None:
    answer = head.get(f"/site/north/archive/{place}")
    assert answer.content == content
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(
        r'attachment; filename="bilan-north-2026-09-\d\.(pdf|json)"', answer.headers["content-disposition"]
    )
    with store.reading() as app:
        (row,) = app.execute("select site, object, detail from audit_event where event = 'report_exported'").fetchall()
    month, number, kind = place.split("/")
    assert tuple(row[:2]) == ("north", month)
    assert json.loads(row[2]) == {"issue": int(number), "kind": kind}


@pytest.mark.parametrize(
    "place",
    [
        "2026-09/3/pdf",
        "2026-09/01/pdf",
        "2026-09/-1/pdf",
        "2026-09/2/csv",  # the issue is there, the file is not
        "2026-11/1/pdf",
        "2026-09/1/exe",
        "2026-09/1/txt",
        "..%2fsecret/1/txt",
        "..%2f..%2f..%2f..%2fbilan.yaml/1/pdf",
        "2026-09%00/1/pdf",
        "2026-09/1;/pdf",
        "２０２６-０９/1/pdf",
    ],
)
def test_what_is_no_file_of_an_issue_is_not_found(head: TestClient, store: AppStore, place: str) -> None:
    answer = head.get(f"/site/north/archive/{place}")
    assert answer.status_code == 404
    assert CANARY not in answer.text
    with store.reading() as app:
        assert app.execute("select count(*) from audit_event where event = 'report_exported'").fetchone()[0] == 0


def test_an_issue_that_the_copy_does_not_know_yet_is_there_already(
    head: TestClient, settings: WebSettings, tmp_path: Path
) -> None:
    folder = settings.issued / "north" / "reports"
    made = [folder / "2026-10" / name for name in ("report-2.pdf", "report-x.pdf", "report-0.pdf", "reports.pdf")]
    made.append(folder / "elsewhere" / "report.pdf")
    made[-1].parent.mkdir()
    try:
        for path in made:
            path.write_bytes(b"the newest")
        page = head.get("/site/north/archive").text
        assert page.count("new: its details come with the next night") == 1
        assert head.get("/site/north/archive/2026-10/2/pdf").content == b"the newest"
        for number in ("x", "0", "00002", "3"):
            assert head.get(f"/site/north/archive/2026-10/{number}/pdf").status_code == 404
    finally:
        for path in made:
            path.unlink()
        made[-1].parent.rmdir()


def test_the_other_site_has_its_own_archive(persona: Sign, head: TestClient) -> None:
    other = persona("department_head_south")
    assert head.get("/site/south/archive/2026-10/1/pdf").status_code == 404
    assert other.get("/site/south/archive/2026-10/1/pdf").content == b"south 2026-10 report.pdf"
    assert "/site/north/" not in other.get("/site/south/archive").text
