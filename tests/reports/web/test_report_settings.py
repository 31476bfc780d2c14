"""The parameters of a report: what the form sends is what is kept, once, by whom it may be, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pipelines import report_choice as choices
from pipelines.config import Site
from reports import monthly
from reports.blocks import KINDS, SECTIONS
from reports.definition import Provenance, ReportDefinition
from reports.language import language
from reports.web import report_form
from reports.web.settings import Services, WebSettings
from warehouse import connect, report_choice
from warehouse.app_store import AppStore

Sign = Callable[[str], TestClient]
AT = "/site/north/report-settings"
SITE = Site.model_validate(
    {
        "site": "north",
        "name": "Nord",
        "country": "FR",
        "language": "fr",
        "time_zone": "Europe/Paris",
        "sector": "public",
        "sources": [{"name": "pacs", "type": "folder", "path": "/srv/inbox", "content": "dicom"}],
        "targets": {"turnaround_hours": 12},
        "report": {"logo": "logos/own.png", "recipients": ["head@hospital.example"]},
    }
)


@pytest.fixture(scope="session")
def published(simulated: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parameters") / "warehouse.duckdb"
    simulated.fill(path, (simulated.Plan("north", "Nord", "fr", "FR", "Europe/Paris", 4, date(2026, 5, 1)),))
    return path


@pytest.fixture(name="settings")
def its_settings(settings: WebSettings, published: Path) -> WebSettings:
    return replace(settings, published=published)


@pytest.fixture
def services(clock: Any, store: AppStore, published: Path) -> Services:
    """What the shell lends, with the site above instead of a home directory."""

    def in_force() -> Site:
        with store.reading() as app:
            last = report_choice.last(app, "north")
        return SITE if last is None or last.content is None else choices.applied(SITE, last.content) or SITE

    def preview(site: str, month: str, content: Mapping[str, Any]) -> monthly.Composition | None:
        made = choices.applied(SITE, content)
        assert made
        definition = ReportDefinition(made.report.sections, made.report.blocks, made.report.accent)
        with connect.reader(published) as connection:
            words = language(made.report.language or made.language)
            return monthly.compose(connection, site, month, definition, Provenance(), words=words)

    return Services(
        now=clock,
        report_chosen=lambda site: choices.plain(in_force()),
        report_problems=lambda site, content: choices.problems(SITE, content),
        report_preview=preview,
    )


def fields(page: str) -> dict[str, list[str]]:
    """Return what a browser would send of the form as it stands."""
    form = page[page.index('class="settings"') :]
    form = form[: form.index("</form>")]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        told = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if told.get("type") != "checkbox" or " checked" in tag:
            sent.setdefault(told["name"], []).append(told.get("value", "on"))
    for name, body in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"[^>]*?( selected)?>', body)
        sent[name] = [next((value for value, on in options if on), options[0][0])]
    return sent


@pytest.fixture
def head(persona: Sign) -> TestClient:
    return persona("department_head")


def kept(store: AppStore) -> list[tuple[Any, ...]]:
    with store.reading() as app:
        return [tuple(row) for row in app.execute("select version, choice from report_choice order by version")]


def test_a_form_sent_as_it_stands_changes_nothing_of_the_report(head: TestClient, store: AppStore) -> None:
    sent = fields(head.get(AT).text)
    assert head.post(AT, data=sent).headers["location"] == f"{AT}?done=saved"
    ((_, text),) = kept(store)
    assert choices.applied(SITE, json.loads(text)) == SITE
    assert "Saved." in head.get(f"{AT}?done=saved").text


def test_what_is_chosen_is_kept_in_its_order_and_shown_so_again(head: TestClient, store: AppStore) -> None:
    sent = fields(head.get(AT).text)
    sent["section"] = ["agreement", "summary"]
    sent["block.agreement"] = ["measures", "cross"]
    sent["block.summary"] = ["sentences", "tiles"]
    sent["most.summary.sentences"] = ["3"]
    sent["figures.summary.tiles"] = ["agreement", "volume"]
    sent |= {"turnaround_hours": ["6,5"], "accent": ["#7a3e9d"], "language": ["en"]}
    head.post(AT, data=sent)
    ((_, text),) = kept(store)
    report = (made := choices.applied(SITE, json.loads(text))) and made.report
    assert made and report
    assert report.sections == ("agreement", "summary")
    assert [block.name for block in report.blocks["agreement"]] == ["measures", "cross"]
    assert [(block.name, dict(block.options)) for block in report.blocks["summary"]] == [
        ("sentences", {"most": 3}),
        ("tiles", {"figures": ("agreement", "volume")}),
    ]
    assert (made.targets.turnaround_hours, report.accent, report.language) == (6.5, "#7a3e9d", "en")
    # What the screen does not offer stays with the file.
    assert (report.logo, report.recipients) == (SITE.report.logo, SITE.report.recipients)
    again = fields(head.get(AT).text)
    for field in (
        "section",
        "block.agreement",
        "block.summary",
        "figures.summary.tiles",
        "turnaround_hours",
        "language",
    ):
        assert again[field] == (["6.50"] if field == "turnaround_hours" else sent[field])


@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ("section", [], "at least one section"),
        ("section", ["summary", "summary"], "at least one section"),
        ("section", ["<script>alert(1)</script>"], "at least one section"),
        ("block.activity", ["volume_by_day", "../../etc/passwd"], "A number of a block"),
        ("block.activity", ["trend", "trend"], "A number of a block"),
        ("most.summary.sentences", ["99"], "A number of a block"),
        ("most.summary.sentences", ["-1"], "A number of a block"),
        ("most.summary.sentences", ["٣"], "A number of a block"),
        ("most.summary.sentences", ["1e3"], "A number of a block"),
        ("figures.activity.trend", [], "A number of a block"),
        ("figures.activity.trend", ["volume", "drop table study"], "A number of a block"),
        ("accent", ["red; } body { display: none"], "Write the colour"),
        ("accent", ["#12345"], "Write the colour"),
        ("language", ["de"], "one of the languages"),
        ("turnaround_hours", ["0"], "Write the target"),
        ("turnaround_hours", ["nan"], "Write the target"),
        ("turnaround_hours", ["1e9"], "Write the target"),
        ("turnaround_hours", ["99999999"], "Write the target"),
        ("turnaround_hours", [""], "Write the target"),
    ],
)
def test_what_the_file_could_not_say_is_refused_and_nothing_is_kept(
    head: TestClient, store: AppStore, field: str, values: list[str], said: str
) -> None:
    sent = {**fields(head.get(AT).text), field: values}
    for place in (AT, f"{AT}/preview"):
        answer = head.post(place, data=sent)
        assert answer.status_code == 422
        assert said in answer.text
        assert "<script>alert" not in answer.text
        assert 'class="settings"' in answer.text
    assert kept(store) == []


def test_fields_that_the_screen_does_not_offer_go_nowhere(head: TestClient, store: AppStore) -> None:
    sent = fields(head.get(AT).text)
    sent |= {"logo": ["/etc/passwd"], "recipients": ["thief@example.com"], "model": ["x"], "site": ["south"]}
    sent |= {"report.logo": ["/etc/passwd"], "sources": ["x"], "blocks": ["x"]}
    assert head.post(AT, data=sent).status_code == 303
    ((_, text),) = kept(store)
    assert set(json.loads(text)) == {"sections", "blocks", "accent", "language", "turnaround_hours"}
    assert "passwd" not in text
    assert "thief" not in text


def test_who_was_slower_is_told_and_nothing_of_the_other_is_lost(
    persona: Sign, head: TestClient, store: AppStore
) -> None:
    admin = persona("administrator")
    mine, theirs = fields(head.get(AT).text), fields(admin.get(AT).text)
    assert admin.post(AT, data={**theirs, "accent": ["#112233"]}).status_code == 303
    answer = head.post(AT, data={**mine, "accent": ["#445566"]})
    assert answer.status_code == 409
    assert "Somebody else changed the parameters meanwhile." in answer.text
    assert [json.loads(text)["accent"] for _, text in kept(store)] == ["#112233"]
    assert "Chosen here by Administrator" in answer.text
    for seen in ("", "-1", "x", "9" * 12):
        assert head.post(AT, data={**mine, "seen": [seen]}).status_code == 409


def test_an_administrator_finds_the_other_sites_and_no_month(persona: Sign, head: TestClient) -> None:
    page = persona("administrator").get(AT).text
    assert 'href="/site/south/report-settings"' in page
    assert 'href="/site/north/month"' not in page
    assert "/site/south/" not in head.get(AT).text


def test_the_file_counts_again_when_asked(head: TestClient, store: AppStore) -> None:
    head.post(AT, data={**fields(head.get(AT).text), "accent": ["#445566"]})
    page = head.get(AT).text
    assert "#445566" in page
    sent = {name: fields(page)[name] for name in ("csrf", "seen")}
    assert head.post(f"{AT}/reset", data=sent).headers["location"] == f"{AT}?done=reset"
    assert kept(store)[-1] == (2, None)
    assert f'value="{SITE.report.accent}"' in head.get(AT).text


def test_each_change_is_in_the_trail_with_its_version(head: TestClient, store: AppStore) -> None:
    head.post(AT, data=fields(head.get(AT).text))
    head.post(AT, data={**fields(head.get(AT).text), "accent": ["nonsense"]})
    head.post(f"{AT}/reset", data=fields(head.get(AT).text))
    with store.reading() as app:
        found = app.execute(
            "select site, object, detail from audit_event where event = 'report_settings_changed' order by seq"
        ).fetchall()
    assert [tuple(row) for row in found] == [
        ("north", "north", '{"version": 1, "what": "saved"}'),
        ("north", "north", '{"version": 2, "what": "reset"}'),
    ]


def test_choices_are_never_changed_nor_removed(head: TestClient, store: AppStore) -> None:
    head.post(AT, data=fields(head.get(AT).text))
    for change in ("update report_choice set choice = null", "delete from report_choice"):
        with pytest.raises(Exception, match="kept as they were made"), store.writing() as app:
            app.execute(change)


def test_the_preview_is_the_report_as_chosen_and_keeps_nothing(head: TestClient, store: AppStore) -> None:
    sent = fields(head.get(AT).text)
    sent |= {"section": ["activity", "summary"], "block.activity": ["volume_by_day"], "accent": ["#7a3e9d"]}
    sent |= {"language": ["fr"], "month": ["2026-06"]}
    answer = head.post(f"{AT}/preview", data=sent)
    assert answer.status_code == 200
    assert re.findall(r'<section class="(\w+)', answer.text) == ["activity", "summary"]
    assert '<html lang="fr" data-accent="#7a3e9d"' in answer.text
    assert answer.text.count("data-figure=") == 1
    assert "Juin 2026" in answer.text
    bare = re.sub(r'data-figure="[^"]+"', "", answer.text)
    assert re.findall(r"<[^>]+\s(?:style|on\w+)=", bare) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|javascript:", bare) == []
    assert kept(store) == []
    for month in ("2030-01", "", "2026-06' --", "../2026-06"):
        assert head.post(f"{AT}/preview", data={**sent, "month": [month]}).status_code == 404


NAMES = [*sorted({name for kinds in KINDS.values() for name in kinds} | set(SECTIONS)), "", "x", "trend'", "\x00"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["section", "accent", "language", "turnaround_hours"])
        | st.sampled_from([f"block.{section}" for section in SECTIONS])
        | st.sampled_from(["most.summary.sentences", "figures.summary.tiles", "most.activity.trend", "figures.x.y"]),
        st.lists(st.sampled_from(NAMES) | st.text(max_size=12), max_size=5),
    )
)
def test_whatever_is_sent_is_a_choice_that_can_be_used_or_is_refused(sent: dict[str, list[str]]) -> None:
    content = report_form.chosen(sent)
    json.dumps(content)
    wrong = choices.problems(SITE, content)
    made = choices.applied(SITE, content)
    assert (made is None) == bool(wrong)
    assert set(wrong) <= {"sections", "blocks", "accent", "language", "turnaround_hours"}
    if made is not None:
        unchanged = {"report", "targets"}
        assert made.model_dump(exclude=unchanged) == SITE.model_dump(exclude=unchanged)
        assert (made.report.logo, made.report.recipients) == (SITE.report.logo, SITE.report.recipients)
    report_form.shown(language("fr"), {**content, "accent": "#000000"})
