"""The monthly report, whole: pages, structure, attachments, bytes, hostile text."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pikepdf
import pypdfium2
import pytest

from reports import layout, monthly, pdf, shadow
from reports.blocks import USUAL, Block
from reports.definition import SECTIONS, Accuracy, Provenance, ReportDefinition, installed_versions
from reports.drawing import BrowserMissingError, Drawing, browser
from reports.kpi import MonthFigures, month_figures, to_json
from reports.monthly import Composition
from warehouse.connect import migrate, reader, writer
from warehouse.load import load

layout_places = layout.Places
Month = Callable[[str], MonthFigures]
HOSTILE = (
    '<script>alert(1)</script><img src="file:///etc/passwd"><link rel=attachment href="file:///etc/passwd">'
    "<style>body{background:url(file:///etc/passwd)}</style><svg><image href='file:///etc/passwd'/></svg>%(n)s{{7*7}}"
)
PROVENANCE = Provenance(
    reason_sentences={"TRUNCATED": "Fichier coupé avant la fin."},
    accuracy=(Accuracy("model", "auroc", 0.861, 0.832, 0.889, 812, "FracAtlas"),),
    versions=installed_versions(),
    data_sha256="ab" * 32,
)


def chromium() -> bool:
    try:
        browser()
    except BrowserMissingError:
        return False
    return True


real = pytest.mark.skipif(not chromium(), reason="Chromium is not installed")


class Tags(HTMLParser):
    """Counts the tags of a page and collects its addresses and section classes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.addresses: list[str] = []
        self.sections: list[str] = []
        self.anchors: set[str] = set()
        self.text = ""
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.inside = tag
        given = dict(attrs)
        self.addresses += [value for key in ("href", "src") if (value := given.get(key)) is not None]
        if given.get("id"):
            self.anchors.add(str(given["id"]))
        if tag == "section":
            self.sections.append(str(given.get("class")).split()[0])

    def handle_data(self, data: str) -> None:
        if self.inside != "style":
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def compose(warehouse_file: Path, simulated: ModuleType, site: str, **definition: Any) -> Composition:
    with reader(warehouse_file) as connection:
        return monthly.compose(connection, site, simulated.MONTH, ReportDefinition(**definition), PROVENANCE)


def fake(composition: Composition) -> dict[str, Drawing]:
    """Charts without the browser."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    return {
        name: Drawing(svg, chart.width, 100) for name, chart in composition.charts.items() if chart.figure is not None
    }


def parsed(composition: Composition) -> Tags:
    page = Tags()
    page.feed(monthly.page(composition, fake(composition), "0" * 64))
    return page


@pytest.fixture(scope="session")
def report(
    warehouse_file: Path, simulated: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> monthly.MonthlyReport:
    out = tmp_path_factory.mktemp("report")
    with reader(warehouse_file) as connection:
        return monthly.render(
            connection, "saint-aubin", simulated.MONTH, ReportDefinition(), out, provenance=PROVENANCE
        )


@pytest.mark.real
@pytest.mark.slow
@real
def test_the_report_has_its_pages_and_is_small(report: monthly.MonthlyReport) -> None:
    assert 5 <= report.pages <= 9
    assert report.pdf.stat().st_size < 1_000_000
    with pikepdf.open(report.pdf) as document:
        assert len(document.pages) == report.pages


@pytest.mark.real
@pytest.mark.slow
@real
def test_the_report_can_be_read_aloud(report: monthly.MonthlyReport) -> None:
    with pikepdf.open(report.pdf) as document:
        assert str(document.Root.Lang) == "fr"
        elements = [
            item for item in document.objects if isinstance(item, pikepdf.Dictionary) and item.get("/S") is not None
        ]
        figures = [item for item in elements if item["/S"] == "/Figure"]
        assert len(figures) >= 13 + 6
        assert all(len(str(item.get("/Alt", ""))) > 10 for item in figures)
        kinds = {str(item["/S"]) for item in elements}
        assert {"/H1", "/H2", "/H3", "/Table", "/TH", "/TD", "/L"} <= kinds
        with document.open_outline() as outline:
            titles = [str(item.title) for item in outline.root]
    assert titles[0] == "Juin 2026"
    assert "Méthode et provenance" in titles


@pytest.mark.real
@pytest.mark.slow
@real
def test_the_report_names_no_one_and_asks_for_nothing(report: monthly.MonthlyReport) -> None:
    with pikepdf.open(report.pdf) as document:
        info = {str(key): str(value) for key, value in document.docinfo.items()}
        assert set(info) <= {"/Title", "/Producer", "/Creator", "/Subject", "/CreationDate", "/ModDate"}
        uris = [
            str(item["/URI"]) for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/URI" in item
        ]
        assert uris == []
        assert not any("/JS" in item for item in document.objects if isinstance(item, pikepdf.Dictionary))
        fonts = {
            str(item.FontName)
            for item in document.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor"
        }
    assert fonts
    assert all("Inter" in name for name in fonts), fonts
    assert info["/CreationDate"] == "D:20260701050900Z"


@pytest.mark.real
@pytest.mark.slow
@real
def test_the_figures_are_attached(report: monthly.MonthlyReport, month: Month) -> None:
    data = report.json.read_bytes()
    assert json.loads(data) == json.loads(json.dumps(to_json(month("saint-aubin"))))
    assert hashlib.sha256(data).hexdigest() == report.figures_sha256
    with pikepdf.open(report.pdf) as document:
        found = {name: document.attachments[name].get_file().read_bytes() for name in document.attachments}
    assert found == {"figures.json": data, "figures.csv": report.csv.read_bytes()}
    rows = list(csv.DictReader(io.StringIO(report.csv.read_text("utf-8-sig"))))
    (volume,) = [row for row in rows if row["figure"] == "volume"]
    assert float(volume["value"]) == json.loads(data)["figures"][0]["value"]


@pytest.mark.real
@pytest.mark.slow
@real
def test_the_same_data_give_the_same_bytes(
    report: monthly.MonthlyReport, warehouse_file: Path, simulated: ModuleType, tmp_path: Path
) -> None:
    with reader(warehouse_file) as connection:
        again = monthly.render(
            connection, "saint-aubin", simulated.MONTH, ReportDefinition(), tmp_path, provenance=PROVENANCE, issue=2
        )
    assert again.pdf.name == "report-2.pdf"
    assert again.json.read_bytes() == report.json.read_bytes()
    assert again.pdf.read_bytes() == report.pdf.read_bytes()


@pytest.mark.parametrize("site", ["saint-aubin", "westbrook", "tiny", "silent", "young", "empty"])
def test_every_site_has_a_page(warehouse_file: Path, simulated: ModuleType, site: str) -> None:
    page = parsed(compose(warehouse_file, simulated, site))
    assert page.sections == list(SECTIONS)
    assert page.tags.get("script", 0) == 0
    assert "None" not in page.text
    assert "nan" not in page.text.split()
    assert "%(" not in page.text
    cited = [address[1:] for address in page.addresses if address.startswith("#")]
    assert set(cited) <= page.anchors
    places = {name for name in cited if name.startswith("d")}
    assert places == {f"d{place}" for place in range(1, len(places) + 1)}, "a number is left out"
    assert page.anchors & {f"d{place}" for place in range(1, 200)} == places, "defined and cited nowhere"


def test_every_figure_is_defined_and_shown(
    warehouse_file: Path, simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[layout.Places] = []
    monkeypatch.setattr(layout, "Places", lambda: made.append(layout_places()) or made[-1])
    composition = compose(warehouse_file, simulated, "saint-aubin")
    page = parsed(composition)
    (places,) = made
    # A month without a shadow or a region outside of the scope says nothing of them (see `test_shadow`).
    assert set(composition.figures.values) - set(places) == {"outside_scope", *shadow.NAMES}
    for name in places:
        told = composition.words.typeset(composition.figures.definitions[name].definition.fr).rstrip(".")
        assert told in page.text, f"{name} is cited and not defined"


def test_the_method_page_defines_what_is_cited_wherever_it_stands(warehouse_file: Path, simulated: ModuleType) -> None:
    page = parsed(compose(warehouse_file, simulated, "westbrook", sections=("method", "findings")))
    assert page.sections == ["method", "findings"]
    cited = {address[1:] for address in page.addresses if address.startswith("#")}
    assert 3 < len(cited) < 12
    assert cited == {name for name in page.anchors if re.fullmatch(r"d\d+", name)}


def test_sections_are_switched_and_ordered_by_the_definition(warehouse_file: Path, simulated: ModuleType) -> None:
    page = parsed(compose(warehouse_file, simulated, "westbrook", sections=("turnaround", "summary")))
    assert page.sections == ["turnaround", "summary"]


def test_simulated_data_are_said_to_be(warehouse_file: Path, simulated: ModuleType) -> None:
    composition = compose(warehouse_file, simulated, "westbrook")
    assert "simulated data" in parsed(composition).text
    assert "100% of the studies are simulated" in parsed(composition).text
    measured = {
        **composition.figures.values,
        "simulated_share": [replace(composition.figures.values["simulated_share"][0], value=0.0)],
    }
    clean = replace(composition, figures=replace(composition.figures, values=measured), simulated_before=0.0)
    text = parsed(clean).text
    assert "simulated data" not in text.replace("Share of simulated data", "")
    assert "are simulated" not in text


def test_withheld_numbers_are_not_shown(warehouse_file: Path, simulated: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "small.duckdb"
    simulated.fill(path, (simulated.PLANS[2],), small_cell=11)
    page = parsed(compose(path, simulated, "tiny"))
    assert "*" in page.text
    assert "inférieur à 11" in page.text
    volume = re.search(r"Examens analysables\s\[\d+\]\s*(\S+)", page.text)
    assert volume and volume[1] == "*"


def hostile_composition(path: Path, simulated: ModuleType) -> Composition:
    plan = replace(simulated.PLANS[0], site="h", name=HOSTILE, per_day=1, first=date(2026, 6, 1))
    migrate(path)
    rows = [
        replace(
            row,
            region=HOSTILE,
            device=simulated.pseudonym("d"),
            patient_class=HOSTILE,
            age_band=HOSTILE,
            modality=HOSTILE,
        )
        for row in simulated.studies(plan)
    ]
    refused = [replace(row, outcome="quarantined", reasons=(HOSTILE,)) for row in simulated.ledger(plan)[:5]]
    with writer(path) as connection:
        load(connection, "site", [simulated.facts(plan, time_zone="Europe/Paris")])
        load(connection, "study", rows)
        load(connection, "ledger", refused)
        labels = [simulated.label(row, "fr") for row in rows if row.report_message_id]
        load(connection, "report_label", [replace(label, evidence=HOSTILE) for label in labels])
        shots = [shot for row in rows for shot in simulated.images(row)[0]]
        load(connection, "instance", [replace(shot, region=HOSTILE) for shot in shots])
        seen = [replace(found, model_sha256="cd" * 32) for row in rows for found in simulated.images(row)[1]]
        load(connection, "finding", seen, role="shadow")
        load(
            connection,
            "model",
            [
                simulated.ModelRow(sha, HOSTILE, HOSTILE, 0.3, 0.6, datetime(2026, 1, 1, tzinfo=UTC), ("wrist",))
                for sha in (simulated.MODEL, "cd" * 32)
            ],
        )
    told = replace(
        PROVENANCE,
        accuracy=(Accuracy("model", HOSTILE, 0.9, None, None, 3, HOSTILE),),
        versions={HOSTILE: HOSTILE},
        data_sha256=HOSTILE,
    )
    size = b"width='9' height='9'"
    logo = b"<svg xmlns='http://www.w3.org/2000/svg' %s><image href='file:///etc/passwd' %s/></svg>" % (size, size)
    with reader(path) as connection:
        blocks = {**USUAL, "agreement": (*USUAL["agreement"], Block("discordant_examples", {"most": 10}))}
        definition = ReportDefinition(logo=logo, blocks=blocks)
        return monthly.compose(connection, "h", simulated.MONTH, definition, told)


def test_hostile_text_stays_text(simulated: ModuleType, tmp_path: Path) -> None:
    composition = hostile_composition(tmp_path / "h.duckdb", simulated)
    page = parsed(composition)
    harmless = parsed(replace(composition, figures=month_of_names(composition)))
    assert page.tags == harmless.tags
    assert page.tags.get("script", 0) == page.tags.get("link", 0) == 0
    assert all(address.startswith(("#", "data:image/")) for address in page.addresses)
    assert page.text.count("<script>alert(1)</script>") >= 12
    for part in ("Exemples d’examens discordants", "En observation", "Hors du périmètre validé"):
        assert part in page.text
    assert "49" not in re.findall(r"%\(n\)s(\S*)", page.text)


@contextmanager
def opened() -> Iterator[list[str]]:
    """The files that anything in this process opens or connects to, as the interpreter tells."""
    files: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("open", "socket.connect"):
            files.append(str(arguments[0 if event == "open" else 1]))

    sys.addaudithook(hook)
    yield files
    watching = False


def month_of_names(composition: Composition) -> MonthFigures:
    return replace(composition.figures, site=replace(composition.figures.site, name="A harmless name"))


@pytest.mark.real
@pytest.mark.slow
@real
def test_hostile_text_opens_nothing_in_the_pdf(simulated: ModuleType, tmp_path: Path) -> None:
    composition = hostile_composition(tmp_path / "h.duckdb", simulated)
    (drawn,) = monthly.draw([composition])
    with opened() as files:
        made = monthly.publish(composition, drawn, tmp_path)
    assert files and not [file for file in files if "passwd" in file]
    pages = pypdfium2.PdfDocument(made.pdf)
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    assert text.count("alert(1)</script>") >= 12, "the text is not shown as it is"
    secret = Path("/etc/passwd").read_bytes().splitlines()[0]
    with pikepdf.open(made.pdf) as document:
        assert set(document.attachments) == {"figures.json", "figures.csv"}
        streams = [item for item in document.objects if isinstance(item, pikepdf.Stream)]
        assert all(secret not in item.read_raw_bytes() for item in streams)
        assert all(secret not in item.read_bytes() for item in streams if item.get("/Subtype") != "/Image")


@pytest.mark.real
@pytest.mark.slow
@real
def test_two_reports_share_one_browser(warehouse_file: Path, simulated: ModuleType, tmp_path: Path) -> None:
    compositions = [compose(warehouse_file, simulated, site) for site in ("young", "empty")]
    drawn = monthly.draw(compositions)
    assert [set(charts) for charts in drawn] == [
        {name for name, chart in composition.charts.items() if chart.figure is not None} for composition in compositions
    ]
    made = [
        monthly.publish(*pair, tmp_path / str(index))
        for index, pair in enumerate(zip(compositions, drawn, strict=True))
    ]
    assert [report.pages for report in made] == [9, 3]  # an empty month repeats no empty page


def test_the_page_gives_weasyprint_no_reason_to_complain(warehouse_file: Path, simulated: ModuleType) -> None:
    composition = compose(warehouse_file, simulated, "westbrook")
    markup = monthly.page(composition, fake(composition), "0" * 64)
    made = pdf.write(markup, created=composition.figures.data_cut, attachments={}, descriptions={})
    assert made.complaints == 0


def test_the_month_must_be_one(warehouse_file: Path) -> None:
    with reader(warehouse_file) as connection, pytest.raises(ValueError, match="month"):
        month_figures(connection, "tiny", "2026-13")
