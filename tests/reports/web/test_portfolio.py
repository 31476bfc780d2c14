"""Each manager sees the sites that are the manager's own, and every look is in the trail."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from reports.web.app import create
from reports.web.settings import WebSettings
from warehouse import accounts, audit, connect, disclosure, hub_import, hub_sites, publish, signature, status
from warehouse.aggregates import GENESIS, LAYOUT, as_bytes
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.bundle_file import Bundle, as_file
from warehouse.hub_import import Rules
from warehouse.hub_sites import PartnerSite

NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)
PLACES = (
    ("north", "Hôpital <b>Nord</b>", "FR", "public", "armor"),
    ("south", "South Hospital", "GB", "public", None),
    ("east", "Clinique de l'Est", "FR", "private", "armor"),
    ("west", "Clinique de l'Ouest", "FR", "private", "loire"),
)
MONTHS = ("2026-08", "2026-09", "2026-10")


def bundle(site: str, seq: int, month: str, previous: str, flagged: int) -> tuple[bytes, str]:
    counts = {name: dict.fromkeys(table.cells, 0) for name, table in LAYOUT.items()}
    for name, cell, n in (
        ("studies", "all", 400), ("studies_by_region", "wrist", 400), ("studies_by_patient_class", "unknown", 400),
        ("studies_by_ai_result", "flagged", flagged), ("studies_by_ai_result", "not_flagged", 400 - flagged),
        ("flagged_by_result", "positive", flagged), ("flagged_by_report", "fracture", flagged),
        ("not_flagged_by_result", "negative", 400 - flagged), ("not_flagged_by_report", "no_fracture", 400 - flagged),
        ("studies_by_turnaround", "within_24_hours", 400), ("within_24_hours", "up_to_4", 400),
    ):  # fmt: skip
        counts[name][cell] = n
    payload = as_bytes({
        "schema": "bilan-aggregates/1", "site": site, "seq": seq, "previous": previous, "month": month,
        "restates": False, "made_on": "2026-11-10", "data_cut": f"{month}-28", "program": "0.1.0", "small_cell": 11,
        "turnaround_target_hours": 24.0, "images": 800, "tables": disclosure.protect(LAYOUT, counts, 11),
        "models": [{"name": "default", "version": "0.4.0"}],
        "nights": {"complete": 27, "late": 0, "failed": 1, "running": 0, "missed": 3, "missed_at_end": 0},
        "alarms": {"failed_steps": 0, "restored": 0},
    })  # fmt: skip
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(site.encode()).digest())
    signed = signature.sign(key, payload).hex()
    made = as_file(Bundle(site, signature.public_text(key), payload.decode(), signed))
    return made, hashlib.sha256(payload).hexdigest()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    hub_sites.make(folder / "hub.duckdb")
    files = []
    with connect.writer(folder / "hub.duckdb", schema=connect.HUB) as connection:
        for place, (site, name, country, sector, group) in enumerate(PLACES):
            key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(site.encode()).digest())
            hub_sites.put(connection, PartnerSite(
                site, name, country, "fr", sector, group, "p.novak", 400, None, "live", True,
                signature.public_text(key), NOW,
            ))  # fmt: skip
            previous = GENESIS
            for seq, month in enumerate(MONTHS, 1):
                made, previous = bundle(site, seq, month, previous, 80 + 20 * place)
                files.append(made)
    assert all(each.reason is None for each in hub_import.take(folder / "hub.duckdb", files, Rules(11, NOW)))
    publish.publish(folder / "hub.duckdb", folder / "published.duckdb", schema=connect.HUB)
    return folder / "published.duckdb"


@pytest.fixture
def settings(settings: WebSettings, hub: Path) -> WebSettings:
    return replace(settings, hub=hub, model_versions=("0.3.0", "0.4.0"))


Persona = Callable[[str], TestClient]


def narrowed(store: AppStore, *places: str) -> None:
    """Leave the partnership manager these places alone."""
    account = accounts.by_login(store, "partnership_manager")
    assert account
    roles = frozenset(("partnership_manager", place) for place in places)
    accounts.set_roles(store, account.user_id, roles, Actor("", "test", NOW))


def seen(page: str) -> set[str]:
    return {site for site, *_ in PLACES if f"/portfolio/sites/{site}" in page}


@pytest.mark.parametrize(
    ("places", "sites"),
    [
        (("*",), {"north", "south", "east", "west"}),
        (("south",), {"south"}),
        (("group:armor",), {"north", "east"}),
        (("group:loire", "south"), {"west", "south"}),
        (("group:",), set()),  # the group of those that have none is nobody's
        (("elsewhere",), set()),
    ],
)
def test_a_manager_sees_own_sites_alone(
    store: AppStore, persona: Persona, places: tuple[str, ...], sites: set[str]
) -> None:
    narrowed(store, *places)
    browser = persona("partnership_manager")
    assert seen(browser.get("/portfolio").text) == sites
    assert seen(browser.get("/portfolio/attention").text) == sites
    for site, *_ in PLACES:
        assert browser.get(f"/portfolio/sites/{site}").status_code == (200 if site in sites else 404)
    assert browser.get("/portfolio/sites/nowhere").status_code == 404
    book = browser.get("/portfolio/export").content
    assert book.startswith(b"PK")


def test_what_is_not_ones_own_cannot_be_changed(store: AppStore, persona: Persona, post: Any) -> None:
    narrowed(store, "south")
    browser = persona("partnership_manager")
    for action, fields in (
        ("note", {"month": "2026-10", "text": "x"}),
        ("unnote", {"note": "1"}),
        ("snooze", {"rule": "nights", "days": "7"}),
    ):
        assert post(browser, f"/portfolio/sites/north/{action}", **fields).status_code == 404


def test_filters_leave_what_fits_and_the_workbook_follows(persona: Persona) -> None:
    browser = persona("partnership_manager")
    assert seen(browser.get("/portfolio?country=FR&sector=private").text) == {"east", "west"}
    assert seen(browser.get("/portfolio?group=armor").text) == {"north", "east"}
    assert seen(browser.get("/portfolio?search=HOSP").text) == {"south"}
    assert seen(browser.get("/portfolio?stage=shadow").text) == set()
    page = browser.get("/portfolio?country=FR&sector=private").text
    assert 'href="/portfolio/export?country=FR&amp;sector=private"' in page
    for odd in ("0", "-1", "x", "99999999999", "1e3"):
        assert browser.get(f"/portfolio?page={odd}").status_code == 200


def test_the_list_tells_the_month_and_names_are_text(persona: Persona) -> None:
    page = persona("partnership_manager").get("/portfolio").text
    assert "<b>Nord" not in page and "&lt;b&gt;Nord" in page
    assert "20.0%" in page and "35.0%" in page  # 80 and 140 of 400
    assert page.count('class="spark"') == 4 and "missed: 4 of 31" in page
    # Four sites of one size: the funnel holds them all, and is a drawing with words.
    assert 'aria-label="Positive rate of 4 sites by number of studies: ' in page


def test_a_note_marks_the_charts_until_it_is_removed(persona: Persona, post: Any, store: AppStore) -> None:
    browser = persona("partnership_manager")
    place = "/portfolio/sites/north"
    assert post(browser, f"{place}/note", month="2026-09", text="  new   <i>room</i> ").status_code == 303
    page = browser.get(place).text
    assert "new &lt;i&gt;room&lt;/i&gt;" in page and 'class="note"' in page and "<i>room" not in page
    assert post(browser, "/portfolio/sites/south/unnote", note="1").status_code == 404
    assert post(browser, f"{place}/unnote", note="1").status_code == 303
    assert "new &lt;i&gt;" not in browser.get(place).text
    assert post(browser, f"{place}/unnote", note="1").status_code == 404
    for month, text in (("2026-13", "x"), ("2026-10", ""), ("2026-10", "x" * 121), ("2026-10", "a\u202eb"), ("", "x")):
        assert post(browser, f"{place}/note", month=month, text=text).status_code == 400


def test_a_reason_is_set_aside_and_comes_back(persona: Persona, post: Any, clock: Any) -> None:
    browser = persona("partnership_manager")
    page = browser.get("/portfolio/attention").text
    assert page.count("4 nights of October 2026 failed or were missed") == 4
    assert post(browser, "/portfolio/sites/north/snooze", rule="nights", days="7", back="attention").headers[
        "location"
    ] == "/portfolio/attention"  # fmt: skip
    parts = browser.get("/portfolio/attention").text.split("Set aside</h2>")
    assert (seen(parts[0]), seen(parts[1])) == ({"south", "east", "west"}, {"north"})
    assert post(browser, "/portfolio/sites/north/snooze", rule="nights", days="0").status_code == 303
    assert "Set aside</h2>" not in browser.get("/portfolio/attention").text
    post(browser, "/portfolio/sites/north/snooze", rule="nights", days="7")
    clock.advance(days=8)
    browser = persona("partnership_manager")
    assert "Set aside</h2>" not in browser.get("/portfolio/attention").text
    for fields in ({"rule": "x", "days": "7"}, {"rule": "nights", "days": "8"}, {"rule": "nights"}):
        assert post(browser, "/portfolio/sites/north/snooze", **fields).status_code == 400


def test_every_look_and_every_change_is_in_the_trail(persona: Persona, post: Any, store: AppStore) -> None:
    browser = persona("partnership_manager")
    browser.get("/portfolio")
    browser.get("/portfolio/sites/north")
    browser.get("/portfolio/export")
    post(browser, "/portfolio/sites/north/note", month="2026-10", text="CANARY")
    post(browser, "/portfolio/sites/north/snooze", rule="nights", days="7")
    rows = [row for row in audit.export(store) if row["event"].startswith(("portfolio", "site"))]
    assert [(row["event"], row["object"]) for row in rows] == [
        ("portfolio_viewed", ""),
        ("site_viewed", "north"),
        ("portfolio_exported", ""),
        ("portfolio_noted", "north"),
        ("portfolio_snoozed", "north"),
    ]
    assert json.loads(rows[0]["detail"]) == {"sites": 4} and "CANARY" not in str(rows)


def test_a_machine_that_is_no_hub_says_so(settings: WebSettings, services: Any, store: AppStore) -> None:
    app = create(replace(settings, hub=None), services)
    browser = TestClient(app, follow_redirects=False, headers={"accept-language": "en"})
    token = browser.get("/sign-in").text.split('name="csrf" value="')[1].split('"')[0]
    browser.post("/sign-in", data={"csrf": token, "login": "partnership_manager", "password": "Tibia-plateau-1847!"})
    assert "This machine is no hub" in browser.get("/portfolio").text
    assert browser.get("/portfolio/sites/north").status_code == 404


def test_the_quarterly_review_is_of_own_sites(persona: Persona, store: AppStore) -> None:
    narrowed(store, "group:armor")
    browser = persona("partnership_manager")
    answer = browser.get("/portfolio/review?quarter=2026-Q3&group=armor")
    assert answer.headers["content-type"] == "application/pdf"
    with pypdfium2.PdfDocument(answer.content) as document:
        text = " ".join(page.get_textpage().get_text_range() for page in document)
    assert "Clinique de l’Est" in text.replace("'", "’") and "South Hospital" not in text and "Ouest" not in text
    assert 'href="/portfolio/review?quarter=2026-Q3"' in browser.get("/portfolio").text
    for query in ("", "?quarter=2026-Q9", "?quarter=2026-Q3&group=loire"):
        assert browser.get(f"/portfolio/review{query}").status_code == 400


def test_a_sign_of_life_shows_on_the_page_of_the_site(store: AppStore, persona: Persona) -> None:
    browser = persona("partnership_manager")
    assert "Signe de vie" not in browser.get("/portfolio/sites/north").text
    told = {
        "schema": status.SCHEMA, "site": "north", "seq": 1, "made_on": "2026-11-20", "program": "0.1.0", "model": "m",
        "model_version": "0.4.0", "nights": [{"day": "2026-11-19", "state": "complete"}], "alarms": ["ris_silent"],
    }  # fmt: skip
    text = status.as_payload(told)
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"north").digest())
    made = Bundle("north", signature.public_text(key), text, signature.sign(key, text.encode()).hex())
    assert status.take(store, {"north": made.key}, made, NOW) is None
    page = browser.get("/portfolio/sites/north").text
    assert "Signe de vie" in page or "Sign of life" in page
    # The 24th: the nights of the 20th to the 23rd are missing. The rule can be set aside like the others.
    reason = page.partition('class="reason"')[2].partition("</form>")[0]
    assert re.search(r"\b4\b", reason) and 'name="rule" value="quiet"' in reason
    assert 'name="rule" value="quiet"' in browser.get("/portfolio/attention").text


def test_an_administrator_of_every_site_gives_roles_on_the_hub(store: AppStore, persona: Persona, post: Any) -> None:
    browser = persona("administrator")
    page = browser.get("/admin/users").text
    offered = set(re.findall(r'value="(partnership_manager@[^"]+)"', page))
    wanted = {f"partnership_manager@{place}" for place in ("group:armor", "group:loire", "north", "south", "east")}
    assert wanted <= offered and 'value="clinician@group:armor"' not in page and 'value="clinician@east"' not in page
    form = {"login": "h.roy", "name": "H. Roy", "language": "fr"}
    assert post(browser, "/admin/users", **form, role="partnership_manager@group:armor").status_code == 200
    account = accounts.by_login(store, "h.roy")
    assert account and account.roles == {("partnership_manager", "group:armor")}
    for role in ("partnership_manager@group:none", "partnership_manager@nowhere", "clinician@east"):
        assert post(browser, "/admin/users", **{**form, "login": "x"}, role=role).status_code == 400
