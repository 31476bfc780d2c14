"""The report's pages for a large site, a tiny one, one without reports, a first month and a month with an outage.

Each in both languages: composed with the true charts where there is a browser, and looked at as a PDF.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pikepdf
import pypdfium2
import pytest
from scipy import stats

from reports import drawing, monthly
from reports.charts import charts
from reports.definition import Provenance, ReportDefinition
from reports.drawing import BrowserMissingError, Drawing, browser
from reports.intervals import funnel
from reports.kpi import MonthFigures
from reports.language import language
from reports.monthly import Composition
from reports.text import sentences
from warehouse.addenda import Addendum, Amount, Change
from warehouse.connect import reader
from warehouse.model_change import ModelChange

Month = Callable[[str], MonthFigures]
CASES = ("saint-aubin", "tiny", "silent", "young", "outage")
CHANGE = (ModelChange(date(2026, 4, 16), "default", "1.1"),)


def chromium() -> bool:
    try:
        browser()
    except BrowserMissingError:
        return False
    return True


real = pytest.mark.skipif(not chromium(), reason="Chromium is not installed")


def outage(figures: MonthFigures) -> MonthFigures:
    """The same month with eleven nights missed beside one that failed: no study on their days."""
    lost = {f"2026-06-{day:02d}" for day in range(8, 19)}
    days = [
        replace(value, value=0.0, numerator=0.0) if value.stratum["day"] in lost else value
        for value in figures.values["volume_by_day"]
    ]
    nights = [
        replace(value, value=11.0 if value.stratum["status"] == "missed" else value.value, denominator=30.0)
        for value in figures.values["nights"]
    ]
    return replace(figures, values={**figures.values, "volume_by_day": days, "nights": nights})


def case(month: Month, name: str, code: str) -> Composition:
    figures = outage(month("westbrook")) if name == "outage" else month(name)
    figures = replace(figures, site=replace(figures.site, language=code), model_changes=CHANGE)
    words, definition = language(code), ReportDefinition()
    changed = Addendum("2026-05", 1, datetime(2026, 6, 1, tzinfo=UTC),
                       (Change("positive_rate", Amount(100, 840), Amount(103, 842)),), {"late_study": 2})  # fmt: skip
    return Composition(
        figures, words, definition, Provenance(addenda=(changed,)), charts(figures, words, definition.accent), 0.0
    )


@pytest.fixture(scope="module")
def page() -> drawing.Page:
    with drawing.warm() as opened:
        yield opened


@pytest.mark.real
@real
@pytest.mark.parametrize("code", ["fr", "en"])
@pytest.mark.parametrize("name", CASES)
def test_no_label_is_clipped(month: Month, page: drawing.Page, name: str, code: str) -> None:
    for chart, made in drawn(page, case(month, name, code)).items():
        assert clipped(page, made) == [], chart


def drawn(page: drawing.Page, composition: Composition) -> dict[str, Drawing]:
    return page.draw({name: chart.figure for name, chart in composition.charts.items() if chart.figure is not None})


@pytest.mark.real
@pytest.mark.slow
@real
@pytest.mark.parametrize(("name", "code"), [*zip(CASES, ("fr", "en", "fr", "en", "fr"), strict=True)])
def test_pages_are_filled_and_no_heading_stands_alone(
    month: Month, page: drawing.Page, tmp_path: Path, name: str, code: str
) -> None:
    composition = case(month, name, code)
    made_report = monthly.publish(composition, drawn(page, composition), tmp_path)
    assert made_report.pages <= 9
    assert made_report.pdf.stat().st_size < 1_000_000
    with pikepdf.open(made_report.pdf) as document, document.open_outline() as outline:
        places = [(number, place) for item in flat(outline.root) if (number := target(document, item, 0)) is not None
                  and (place := target(document, item, 1)) is not None]  # fmt: skip
    assert len(places) > 20
    # A heading with less than 1.8 cm below it on the page stands alone: the shortest block takes more.
    assert [place for place in places if place[1] < (15 + 18) / 25.4 * 72] == []
    with pikepdf.open(made_report.pdf) as document:
        assert faults(document) == []
        assert str(document.Root.Lang) == code
        assert set(document.attachments) == {"figures.json", "figures.csv"}
    pages = pypdfium2.PdfDocument(made_report.pdf)
    for number in range(len(pages) - 1):
        assert ink(pages[number]) > 0.012, f"page {number + 1} is all but empty"
    text = "".join(pages[number].get_textpage().get_text_range() for number in range(len(pages)))
    for leak in ("%(", "{{", "<b>", "&amp;"):
        assert leak not in text
    assert not {"nan", "inf"} & set(text.split())
    if code == "fr":
        assert not re.search(r"\d%|\b1er\b|\d+\.\d+ ?%", text)
    if name == "outage":
        assert ("12 nuits ne sont pas" if code == "fr" else "nights did not run to their end") in text


# What may stand in what, of the standard structure types that the report has (ISO 32000-1, 14.8.4).
INSIDE = {
    "/L": {"/L", "/LI", "/Caption"},
    "/LI": {"/Lbl", "/LBody"},
    "/Table": {"/THead", "/TBody", "/TFoot", "/TR", "/Caption"},
    "/THead": {"/TR"},
    "/TBody": {"/TR"},
    "/TR": {"/TH", "/TD"},
}


def faults(document: pikepdf.Pdf) -> list[str]:
    """What PDF/UA-1 forbids, as far as the structure tree and the content of the pages tell."""
    elements = [
        item for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/P" in item and "/S" in item
    ]
    found = []
    for element in elements:
        kind = str(element.S)
        within = {str(kid.S) for kid in kids(element)}
        if within - INSIDE.get(kind, within):
            found.append(f"{kind} holds {within - INSIDE[kind]}")
        if kind == "/Figure" and len(str(element.get("/Alt", ""))) < 10:
            found.append("a picture without a text that says what it shows")
        if kind == "/TD" and "/Headers" not in element.get("/A", {}):
            found.append("a cell without its headers")
    levels = [
        int(str(element.S)[2])
        for element in in_order(document.Root.StructTreeRoot)
        if re.match("/H[1-6]", str(element.S))
    ]
    found += [f"H{level} after H{before}" for before, level in pairwise(levels) if level > before + 1]
    if levels[:1] != [1]:
        found.append("the first heading is not of the first level")
    for page in document.pages:
        if str(page.get("/Tabs")) != "/S":
            found.append("the order of the links is not that of the structure")
        found += ["a link without words" for link in page.get("/Annots", []) if not str(link.get("/Contents", ""))]
        depth = 0
        for _, operator in pikepdf.parse_content_stream(page):
            depth += {"BDC": 1, "BMC": 1, "EMC": -1}.get(str(operator), 0)
            if not depth and str(operator) in ("Tj", "TJ", "Do", "f", "f*", "S", "B", "sh"):
                found.append("something drawn that is neither content nor artifact")
    return sorted(set(found))


def kids(element: pikepdf.Object) -> list[pikepdf.Object]:
    inside = element.get("/K", [])
    several = list(inside) if isinstance(inside, pikepdf.Array) else [inside]
    return [kid for kid in several if isinstance(kid, pikepdf.Dictionary) and "/S" in kid]


def in_order(element: pikepdf.Object) -> list[pikepdf.Object]:
    return [leaf for kid in kids(element) for leaf in (kid, *in_order(kid))]


def clipped(page: drawing.Page, made: Drawing) -> list[str]:
    """Return the texts of a chart that reach outside of its picture."""
    script = """(svg => {
      const host = document.createElement("div");
      host.style = "position: absolute; left: 0; top: 0";
      host.innerHTML = svg;
      document.body.appendChild(host);
      const frame = host.firstChild.getBoundingClientRect();
      const out = [...host.querySelectorAll("text")].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1
          || box.top < frame.top - 2 || box.bottom > frame.bottom + 2);
      }).map((text) => text.textContent);
      host.remove();
      return out;
    })"""
    return page.measure(f"{script}({json.dumps(made.svg)})")


def flat(items: list[pikepdf.OutlineItem]) -> list[pikepdf.OutlineItem]:
    return [leaf for item in items for leaf in (item, *flat(item.children))]


def target(document: pikepdf.Pdf, item: pikepdf.OutlineItem, part: int) -> float | None:
    destination = item.destination
    if not isinstance(destination, pikepdf.Array):
        return None
    if part == 0:
        return [page.objgen for page in document.pages].index(destination[0].objgen)
    return float(destination[3])


def ink(page: pypdfium2.PdfPage) -> float:
    """The part of the page that is not white."""
    picture = page.render(scale=0.6).to_pil().convert("L")
    counts = picture.histogram()
    return sum(counts[:200]) / sum(counts)


@pytest.mark.real
@real
def test_a_page_can_be_read_in_black_and_white(month: Month, page: drawing.Page) -> None:
    """The lines of the three results differ by more than their colour."""
    figure = charts(month("saint-aubin"), language("en"), "#0b6e75")["time_to_report"].figure
    dashes = [trace.line.dash for trace in figure.data if trace.line.dash]
    assert sorted(dashes) == ["dash", "dot", "solid"]


def test_a_change_of_model_is_marked_on_every_trend_and_said_once(month: Month) -> None:
    figures = replace(month("saint-aubin"), model_changes=CHANGE)
    for name, chart in charts(figures, language("en"), "#0b6e75").items():
        if name.startswith("trend_"):
            (mark,) = [shape for shape in chart.figure.layout.shapes if shape.line.dash == "dot"]
            # June is the 13th month; the middle of April, the 11th (index 10), is at 10.
            assert mark.x0 == pytest.approx(10.0)
            assert "Change of model: default 1.1." in chart.alt
    assert not any("changed on" in sentence.text for sentence in sentences(figures, language("en")))
    now = replace(figures, model_changes=(ModelChange(date(2026, 6, 3), "default", "1.2"),))
    assert any("changed on 3\u00a0June 2026" in sentence.text for sentence in sentences(now, language("en"), most=8))


@pytest.mark.parametrize("whole", [0.03, 0.15, 0.5])
@pytest.mark.parametrize("n", [1, 5, 17, 165, 2000])
def test_funnel_limits_are_binomial(whole: float, n: int) -> None:
    low, high = funnel(whole, n)
    assert stats.binom.cdf(round(low * n) - 1, n, whole) <= 0.001 < stats.binom.cdf(round(low * n), n, whole)
    assert stats.binom.sf(round(high * n), n, whole) <= 0.001 + 1e-12
    if high > 0:
        assert stats.binom.sf(round(high * n) - 1, n, whole) > 0.001 - 1e-12


ELSEWHERE = """
import sys, time
ahead = 86400 * 41
now = time.time
time.time = lambda: now() + ahead
local = time.localtime
time.localtime = lambda seconds=None: local((now() if seconds is None else seconds) + ahead)
from pathlib import Path
from reports import monthly
from reports.definition import Provenance, ReportDefinition
from warehouse.connect import reader
with reader(Path(sys.argv[1])) as connection:
    composition = monthly.compose(connection, "young", "2026-06", ReportDefinition(), Provenance())
monthly.publish(composition, monthly.draw_one(composition), Path(sys.argv[2]))
"""


@pytest.mark.real
@pytest.mark.slow
@real
def test_the_same_data_give_the_same_bytes_for_another_account_elsewhere_and_later(
    warehouse_file: Path, simulated: ModuleType, tmp_path: Path
) -> None:
    hashes = []
    for number, (zone, locale, seed) in enumerate(
        (("Pacific/Auckland", "C", "1"), ("America/Lima", "fr_FR.UTF-8", "77"))
    ):
        home = tmp_path / f"home{number}"
        home.mkdir()
        variables = {"TZ": zone, "LANG": locale, "LC_ALL": locale, "HOME": str(home), "PYTHONHASHSEED": seed,
                     "USER": f"canary{number}", "PATH": os.environ["PATH"],
                     "PYTHONPATH": os.environ.get("PYTHONPATH", "")}  # fmt: skip
        command = [sys.executable, "-c", ELSEWHERE.replace("* 41", f"* {41 * number}"), str(warehouse_file), str(home)]
        done = subprocess.run(command, env=variables, cwd=Path(__file__).parents[2], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        content = (home / "report.pdf").read_bytes()
        assert b"canary" not in content
        assert str(home).encode() not in content
        later = datetime.now(UTC) + timedelta(days=41 * number)
        assert f"{later:%Y%m%d}".encode() not in content
        hashes.append(hashlib.sha256(content).hexdigest())
    assert hashes[0] == hashes[1]


def test_what_changed_in_earlier_months_is_told_and_withheld_where_small(month: Month) -> None:
    composition = case(month, "young", "en")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    fake = {n: Drawing(svg, c.width, 9) for n, c in composition.charts.items() if c.figure is not None}
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", monthly.page(composition, fake, "0" * 64)))
    assert "May 2026 Positive rate 11.9% 12.2%" in told
    assert "images received late\u00a0(2)" in told.replace(" (2)", "\u00a0(2)")
    figures = replace(composition.figures, site=replace(composition.figures.site, small_cell=11))
    hidden = monthly.page(replace(composition, figures=figures), fake, "0" * 64)
    assert "images received late\u00a0(*)" in hidden


def test_a_model_change_is_the_day_most_results_come_from_another(simulated: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    plan = replace(simulated.PLANS[4], site="young")
    simulated.migrate(path)
    rows = [
        replace(row, model_sha256="cd" * 32)
        if row.model_sha256 and (date(2026, 6, 10) <= row.day < date(2026, 6, 20))
        else row
        for row in simulated.studies(plan)
    ]
    with simulated.writer(path) as connection:
        simulated.load(connection, "site", [simulated.facts(plan)])
        simulated.load(connection, "study", rows)
    from warehouse.model_change import model_changes  # noqa: PLC0415

    with reader(path) as connection:
        found = model_changes(connection, "young", date(2025, 6, 1), date(2026, 7, 1))
    assert [change.day for change in found] == [date(2026, 6, 10), date(2026, 6, 20)]
