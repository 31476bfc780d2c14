"""The journeys of clinicians in a real Chromium: the list, the case, verdicts, reports to read, in both languages."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from argon2 import PasswordHasher
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette

from reports.web.app import create
from reports.web.settings import Pixels, ReportText, Services, SiteInfo, WebSettings
from warehouse import accounts, audit_sample, cases, corrections
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.cases import ReportStep
from warehouse.corrections import Queued

pytestmark = pytest.mark.real
NORTH = "saint-aubin"
PASSWORD = "Tibia-plateau-1847!"
TEXT = "Poignet gauche de face et de profil.\nPas de fracture visible.\nConclusion : examen normal."
SENTENCE = "Pas de fracture visible."
BOX = (255, 176, 0)
Examine = Callable[[Page, str], None]
Listen = Callable[[Page], None]


def picture() -> bytes:
    """A grey gradient of 64 x 80: what Chromium shows of it can be computed."""
    made = io.BytesIO()
    Image.fromarray(np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (80, 1))).save(made, "PNG")
    return made.getvalue()


def pixels(site: str, study: str, image: str) -> Pixels:
    """A plate of 2000 x 1600 in 12 bits: one grey, 1000, under a window of 0 to 4000: a quarter of white."""
    head = {"rows": 2000, "columns": 1600, "bits": 16, "low": 0, "high": 4000, "slope": 1.0, "intercept": 0.0}
    values = np.full((2000, 1600), 1000, np.uint16)
    return Pixels({**head, "photometric": "MONOCHROME2", "spacing": None}, gzip.compress(values.tobytes(), 1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> AppStore:
    """Two colleagues at one site, one of whom reads French."""
    made = AppStore(tmp_path_factory.mktemp("web") / "app.sqlite")
    made.migrate()
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    for login, name, role, language in (
        ("roux", "Dr Camille Roux", "clinician", "fr"),
        ("byrne", "Dr Aoife Byrne", "clinician", "en"),
    ):
        accounts.add(
            made,
            login=login,
            name=name,
            language=language,
            password_hash=quick,
            one_time_until=None,
            roles=[(role, NORTH)],
            by=Actor("", "test", datetime.now(UTC)),
        )
    return made


@pytest.fixture(scope="module")
def address(
    store: AppStore, warehouse_file: Path, serving: Callable[[Starlette], AbstractContextManager[str]]
) -> Iterator[str]:
    told = WebSettings(
        app_store=store.path,
        published=warehouse_file,
        identified=store.path.with_name("identified.sqlite"),
        issued=store.path.with_name("issued"),
        sites=(SiteInfo(NORTH, "Hôpital Saint-Aubin", "fr", "Europe/Paris"),),
        hosts=("127.0.0.1",),
    )
    drawn = picture()
    lent = Services(
        thumbnail=lambda site, image: drawn,
        heat=lambda site, image: drawn,
        pixels=pixels,
        report_text=lambda site, message: ReportText(TEXT, TEXT.index(SENTENCE), TEXT.index(SENTENCE) + len(SENTENCE)),
        links=lambda site, studies: dict.fromkeys(studies, "https://pacs.example.org/viewer?study=1"),
    )
    waiting = [
        Queued("a" * 32, "b" * 32, date(2026, 6, 2), "uncertain", ("hedge",), "Doute sur une fracture."),
        Queued("c" * 32, "d" * 32, date(2026, 6, 3), "not_addressed", (), None),
    ]
    at = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
    reported = ReportStep(
        message_id="a" * 32,
        status="final",
        event_at=at,
        received_at=at,
        label="absent",
        acuity="none",
        tier="decided",
        evidence=SENTENCE,
    )
    with pytest.MonkeyPatch.context() as patch:
        # What they select is tested with the warehouse.
        patch.setattr(corrections, "queue", lambda connection, site: list(waiting))
        patch.setattr(cases, "report_steps", lambda connection, site, study: [reported])
        with serving(create(told, lent)) as found:
            yield found


def signed_in(chromium: Browser, address: str, login: str, listen: Listen, onward: str = "") -> Page:
    """Return a page of a browser of its own, in which a person has signed in."""
    context = chromium.new_context(
        viewport={"width": 1280, "height": 1024}, locale="en-GB", reduced_motion="reduce", accept_downloads=True
    )
    page = context.new_page()
    listen(page)
    sign_in(page, address, login, onward)
    return page


def sign_in(page: Page, address: str, login: str, onward: str = "") -> None:
    page.goto(f"{address}/sign-in" + (f"?next={onward}" if onward else ""))
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"^[^?]*/site/"))


def painted(page: Page, wanted: Callable[[set[tuple[int, ...]]], bool]) -> bool:
    """Wait until the colours on the canvas of the first view are as wanted; tell whether they ever were."""
    for _ in range(50):
        found = page.evaluate(
            """() => {
                const canvas = document.querySelector("[data-port] canvas");
                const pen = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
                pen.drawImage(canvas, 0, 0);
                const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
                const seen = new Set();
                for (let at = 0; at < data.length; at += 4) seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
                return [...seen];
            }"""
        )
        if wanted({tuple(map(int, each.split(","))) for each in found}):
            return True
        page.wait_for_timeout(100)
    return False


def kept(store: AppStore) -> list[tuple[str, str | None]]:
    """Return all events on cases, oldest first: who, and the verdict (None: taken back)."""
    with store.reading() as app:
        found = app.execute("select author_name, verdict from verdict_event order by event_id").fetchall()
    return [(row[0].split()[-1], row[1]) for row in found]


@pytest.fixture(autouse=True)
def no_verdict_yet(store: AppStore) -> None:
    """Each test starts from a list that nobody has judged."""
    with store.writing() as app:
        for trigger in ("verdict_event_unchanged", "verdict_event_kept"):
            app.execute(f"drop trigger if exists {trigger}")
        app.execute("delete from verdict_event where undoes is not null")
        app.execute("delete from verdict_event")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.closest('.row')?.id || ''"))


@pytest.mark.parametrize(("login", "language"), [("byrne", "en"), ("roux", "fr")])
def test_the_list_by_keyboard_its_filters_and_exports(
    chromium: Browser, address: str, console: Listen, examine: Examine, login: str, language: str
) -> None:
    page = signed_in(chromium, address, login, console)
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("h1").inner_text() == {"en": "Flagged cases", "fr": "Cas signalés"}[language]
    rows = page.locator(".row").count()
    assert rows > 3
    # What needs action first stands first.
    groups = page.locator("section.group").evaluate_all("all => all.map((each) => each.classList[1])")
    order = ["positive_report_absent", "positive_unreported", "doubtful", "negative_report_present"]
    assert [name for name in groups if name in order] == [name for name in order if name in groups]
    examine(page, f"list-{language}")

    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator(".row").nth(1).get_attribute("id")
    assert focused(page) == second
    page.keyboard.press("G")
    assert focused(page) == page.locator(".row").last.get_attribute("id")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(".case-page")
    page.keyboard.press("Escape")
    page.wait_for_selector("#rows")
    assert focused(page) == second
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    examine(page, f"list-keys-{language}")
    page.keyboard.press("Escape")

    page.locator("select[name=status]").select_option(groups[-1])
    page.wait_for_url(re.compile(f"status={groups[-1]}"))
    assert page.locator("section.group").count() == page.locator(f"section.group.{groups[-1]}").count() == 1
    for kind, start in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        page.locator(".actions summary").click()
        with page.expect_download() as download:
            page.locator(f"a[href*='list.{kind}']").click()
        assert Path(download.value.path()).read_bytes().startswith(start)
        page.keyboard.press("Escape")
    page.locator("a.clear").click()
    page.wait_for_url(re.compile("/cases$"))
    page.emulate_media(media="print")
    assert page.locator(".no-print:visible, header.bar:visible").count() == 0
    assert page.locator(".row:visible").count() == rows
    page.context.close()


@pytest.mark.parametrize(("login", "language"), [("byrne", "en"), ("roux", "fr")])
def test_the_viewer_does_what_its_buttons_say(
    chromium: Browser, address: str, console: Listen, examine: Examine, login: str, language: str
) -> None:
    page = signed_in(chromium, address, login, console)
    page.locator(".row:has(.shots rect) [data-row]").first.click()
    page.wait_for_selector("[data-port][data-loaded]")
    assert page.locator("[data-port]").count() == 2
    assert page.locator("mark").inner_text() == SENTENCE
    assert page.locator("[data-pacs]").get_attribute("href") == "https://pacs.example.org/viewer?study=1"
    examine(page, f"case-{language}")
    page.wait_for_function("() => document.querySelectorAll('[data-port][data-loaded]').length === 2")
    # 1000 of 0 to 4000 is a quarter of white: 63; the boxes are drawn over it.
    grey = (63, 63, 63)
    assert painted(page, lambda seen: {grey, BOX} <= seen)
    page.keyboard.press("b")
    assert painted(page, lambda seen: grey in seen and BOX not in seen)
    page.keyboard.press("i")
    assert painted(page, lambda seen: (192, 192, 192) in seen and grey not in seen)
    page.keyboard.press("i")
    assert painted(page, lambda seen: grey in seen)
    page.keyboard.press("h")
    assert painted(page, lambda seen: any(red > green + 60 for red, green, _ in seen))
    page.keyboard.press("h")
    assert painted(page, lambda seen: all(red == green == blue for red, green, blue in seen))

    state = page.locator("[data-state]").first
    assert re.fullmatch(r"W 4000\s+C 2000\s+\d+ %", state.inner_text())
    box = page.locator("[data-port]").first.bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 100, middle[1], steps=4)
    page.mouse.up()
    # A hundred pixels to the left: a quarter of the window.
    page.wait_for_function("() => document.querySelector('[data-state]').textContent.startsWith('W 3000')")
    # 1000 in a window from 500 to 3500 is a sixth of white.
    assert painted(page, lambda seen: (42, 42, 42) in seen)
    before = state.inner_text()
    page.mouse.wheel(0, -400)
    page.wait_for_function("before => document.querySelector('[data-state]').textContent !== before", arg=before)
    page.keyboard.press("0")
    page.wait_for_function("() => document.querySelector('[data-state]').textContent.startsWith('W 4000')")
    page.keyboard.press("a")
    assert page.locator("[data-port]:visible").count() == 1
    page.keyboard.press("]")
    assert page.locator("[data-port]").nth(1).is_visible()
    # The case after, and back.
    first = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda url: url != first)
    page.wait_for_selector("[data-before]")
    page.keyboard.press("p")
    page.wait_for_url(first)
    page.context.close()


def test_two_colleagues_on_one_case(
    chromium: Browser, address: str, store: AppStore, console: Listen, examine: Examine
) -> None:
    mine, theirs = (signed_in(chromium, address, login, console) for login in ("roux", "byrne"))
    for page in (mine, theirs):
        page.locator("[data-row]").first.click()
        page.wait_for_selector("[data-judge]")
    mine.fill("#comment", "Corticale interrompue")
    mine.check("[name=recall]")
    mine.locator("button.choice.fracture").dblclick()
    mine.wait_for_selector("#verdicts .said")
    assert kept(store) == [("Roux", "fracture")]
    theirs.evaluate("window.dispatchEvent(new Event('online'))")  # not to wait for the next five seconds
    theirs.wait_for_selector("#verdicts >> text=Dr Camille Roux")
    assert "Corticale interrompue" in theirs.inner_text("#verdicts")
    assert theirs.locator("#verdicts [data-undo]").count() == 0
    theirs.keyboard.press("Shift+N")
    theirs.wait_for_selector("#verdicts >> text=Dr Aoife Byrne")
    assert kept(store) == [("Roux", "fracture"), ("Byrne", "no_fracture")]
    examine(theirs, "case-judged-en")

    mine.reload()
    assert mine.input_value("#comment") == "Corticale interrompue"
    assert mine.is_checked("[name=recall]")
    assert mine.locator("button.choice.fracture").get_attribute("aria-pressed") == "true"
    assert "Dr Aoife Byrne" in mine.inner_text("#verdicts")
    mine.locator("[data-undo]").click()
    mine.wait_for_function("() => !document.querySelector('#verdicts [data-undo]')")
    assert kept(store)[2:] == [("Roux", None)]
    assert mine.input_value("#comment") == "" and not mine.is_checked("[name=recall]")
    # The list has it among the settled, whoever looks, without loading the page again.
    theirs.goto(theirs.url.split("/cases/")[0] + "/cases")
    assert "Dr Aoife Byrne" in theirs.inner_text("section.settled")
    mine.context.close()
    theirs.context.close()


def test_a_verdict_outlives_a_lost_connection_a_reload_and_the_session(
    chromium: Browser, address: str, store: AppStore, console: Listen
) -> None:
    page = signed_in(chromium, address, "roux", console)
    page.locator("[data-row]").first.click()
    page.wait_for_selector("[data-judge]")
    context: BrowserContext = page.context
    context.set_offline(True)
    page.keyboard.press("Shift+U")
    page.wait_for_selector("[data-sent][data-state=kept]")
    assert kept(store) == []
    context.set_offline(False)
    page.wait_for_selector("[data-sent][data-state=saved]")
    assert kept(store) == [("Roux", "unsure")]

    # The answer is lost, the verdict is not: it is sent again, and counts once.
    lost: list[str] = []

    def lose(route: Any) -> None:
        if not lost:
            lost.append(route.request.url)
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/verdict?*", lose)
    page.route("**/verdict", lose)
    page.locator("button.choice.fracture").click()
    page.wait_for_selector("[data-sent][data-state=kept]")
    assert kept(store)[1:] == [("Roux", "fracture")]
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.wait_for_selector("[data-sent][data-state=saved]")
    assert kept(store)[1:] == [("Roux", "fracture")]

    # The session ends under the page; its reader signs in again in another tab.
    with store.writing() as app:
        app.execute("delete from web_session")
    page.locator("button.choice.no_fracture").click()
    page.wait_for_function("() => document.querySelector('[data-sent]').dataset.state === 'kept'")
    assert len(kept(store)) == 2
    tab = context.new_page()
    sign_in(tab, address, "roux")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_function("() => document.querySelector('[data-sent]').dataset.state === 'saved'")
    assert kept(store)[2:] == [("Roux", "no_fracture")]
    assert page.locator("button.choice.no_fracture").get_attribute("aria-pressed") == "true"
    context.close()


def test_the_list_refreshes_itself_and_says_when_it_cannot(
    chromium: Browser, address: str, store: AppStore, console: Listen
) -> None:
    page = signed_in(chromium, address, "byrne", console)
    page.keyboard.press("j")
    row = focused(page)
    settled = page.locator("section.settled .row").count()
    colleague = signed_in(chromium, address, "roux", console)
    colleague.locator("[data-row]").first.click()
    colleague.wait_for_selector("[data-judge]")
    colleague.locator("button.choice.no_fracture").click()
    colleague.wait_for_selector("#verdicts .said")
    colleague.context.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when the tab comes to the front
    page.wait_for_function("n => document.querySelectorAll('section.settled .row').length === n", arg=settled + 1)
    assert focused(page) == row, "the reader is where she was"
    page.context.set_offline(True)
    page.keyboard.press("r")
    page.wait_for_selector("[data-offline]:visible")
    page.context.set_offline(False)
    page.keyboard.press("r")
    page.wait_for_selector("[data-offline]", state="hidden")
    page.context.close()


@pytest.mark.parametrize(("login", "language"), [("byrne", "en"), ("roux", "fr")])
def test_reports_to_read_and_the_blind_sample(
    chromium: Browser, address: str, store: AppStore, console: Listen, examine: Examine, login: str, language: str
) -> None:
    with store.writing() as app:
        app.execute("delete from report_correction")
        app.execute("delete from report_reading")
        app.execute("delete from audit_sample")
        for place, (study, message, ai, label) in enumerate(
            (("e" * 32, "f" * 32, "flagged", "present"), ("0" * 32, "1" * 32, "negative", "absent"))
        ):
            values = (NORTH, "2026-06", study, message, ai, label, 1, 9, str(place), "2026-07-01T00:00:00+00:00")
            app.execute("insert into audit_sample values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    page = signed_in(chromium, address, login, console, f"/site/{NORTH}/reports")
    examine(page, f"reports-{language}")
    assert page.locator("tbody tr").count() == 2
    page.locator("tbody a").first.click()
    assert page.locator("mark").inner_text() == SENTENCE
    examine(page, f"report-{language}")
    page.locator("label.choice").nth(2).click()
    page.locator("form.card button.primary").click()
    page.wait_for_selector(".notice")
    assert page.locator("tbody tr").count() == 1
    with store.reading() as app:
        assert [each.label for each in corrections.corrections(app, NORTH)] == ["absent"]

    page.goto(f"{address}/site/{NORTH}/sample")
    assert page.locator("mark").count() == 0 and SENTENCE in page.inner_text("article")
    examine(page, f"sample-{language}")
    for left in (1, 0):
        page.locator("label.choice").first.click()
        page.locator("form.card button.primary").last.click()
        page.wait_for_selector(".notice")
        with store.reading() as app:
            assert len(audit_sample.pending(app, NORTH)) == left
    examine(page, f"sample-read-{language}")
    page.context.close()


def test_nothing_is_asked_of_another_machine(chromium: Browser, address: str, console: Listen) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 1024})
    page = context.new_page()
    console(page)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    sign_in(page, address, "roux")
    page.locator("[data-row]").first.click()
    page.wait_for_selector("[data-port][data-loaded]")
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((f"{address}/", "data:"))] == []
    # No pseudonym of a study or an image in any of them (they have 32 hex digits).
    assert [url for url in asked if re.search(r"/[0-9a-f]{32}(/|$|\?)", url)] == []
    context.close()
