"""The PDF writer: tagged, archivable, opening nothing, the same bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest

from reports import pdf

MOMENT = datetime(2026, 7, 1, 5, 9, tzinfo=UTC)
FILES = {"figures.json": b'{"a": 1}', "figures.csv": b"a,b\r\n"}
WORDS = {"figures.json": "data", "figures.csv": "table"}
PAGE = (
    '<!doctype html><html lang="fr" style="font-family: Inter"><head><title>Août</title></head>'
    "<body><h1>Août 2026</h1><p>Été</p>"
    "<img alt=\"Un point\" src=\"data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
    "<circle r='3' cx='4' cy='4'/></svg>\"></body></html>"
)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text("CANARY-7f3a")
    return path


@pytest.fixture
def elsewhere() -> Iterator[None]:
    kept = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Auckland"
    time.tzset()
    yield
    if kept is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = kept
    time.tzset()


def make(markup: str = PAGE) -> pdf.Pdf:
    return pdf.write(markup, created=MOMENT, attachments=FILES, descriptions=WORDS)


def open_pdf(content: bytes, folder: Path) -> pikepdf.Pdf:
    path = folder / "made.pdf"
    path.write_bytes(content)
    return pikepdf.open(path)


def all_bytes(content: bytes, folder: Path) -> bytes:
    with open_pdf(content, folder) as document:
        streams = [item for item in document.objects if isinstance(item, pikepdf.Stream)]
        return content + b"".join(
            item.read_bytes() for item in streams if "/Filter" not in item or item["/Filter"] == "/FlateDecode"
        )


def test_it_is_tagged_and_archivable(tmp_path: Path) -> None:
    made = make()
    assert made.complaints == 0
    with open_pdf(made.content, tmp_path) as document:
        assert str(document.Root.Lang) == "fr"
        assert bool(document.Root.MarkInfo.Marked)
        assert document.Root.StructTreeRoot
        metadata = bytes(document.Root.Metadata.read_bytes())
        assert metadata.count(b"<rdf:RDF") == 1
        assert b"http://www.aiim.org/pdfua/ns/id/" in metadata
        with document.open_metadata() as xmp:
            assert xmp.pdfa_status == "3A"
            assert str(xmp["{http://www.aiim.org/pdfua/ns/id/}part"]) == "1"
        assert document.Root.OutputIntents
        fonts = [
            item
            for item in document.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor"
        ]
        assert fonts
        assert all("Inter" in str(font.FontName) for font in fonts)
        assert all("/FontFile3" in font or "/FontFile2" in font for font in fonts), "a font is not embedded"
        assert "/Author" not in document.docinfo


def test_attachments_are_those_given(tmp_path: Path) -> None:
    with open_pdf(make().content, tmp_path) as document:
        assert {name: document.attachments[name].get_file().read_bytes() for name in document.attachments} == FILES
        assert {str(item.AFRelationship) for item in document.Root.AF} == {"/Data"}


def test_the_same_page_gives_the_same_bytes_elsewhere(elsewhere: None) -> None:
    there = make().content
    time.sleep(1.1)
    os.environ["TZ"] = "America/Lima"
    time.tzset()
    assert make().content == there


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="{url}">',
        '<link rel="attachment" href="{url}">',
        '<a rel="attachment" href="{url}">x</a>',
        '<link rel="stylesheet" href="{url}">',
        '<style>@import "{url}"; body {{ background: url({url}) }}</style>',
        '<p style="background-image: url({url}); list-style-image: url({url})">x</p>',
        '<object data="{url}"></object><embed src="{url}">',
        '<svg width="9" height="9"><image href="{url}" width="9" height="9"/><use href="{url}#a"/></svg>',
        "<img src=\"data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
        "<image href='{url}' width='9' height='9'/></svg>\">",
        '<base href="{url}"><img src="secret.txt">',
    ],
)
def test_nothing_named_by_a_page_is_opened(
    markup: str, secret: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    body = markup.format(url=secret.as_uri())
    page = f'<!doctype html><html lang="en"><head><title>t</title></head><body>{body}</body></html>'
    made = make(page)
    with open_pdf(made.content, tmp_path) as document:
        assert set(document.attachments) == set(FILES)
    found = all_bytes(made.content, tmp_path)
    assert b"CANARY-7f3a" not in found
    # What WeasyPrint says of it quotes the page; none of that may reach a log.
    assert "secret" not in "".join(capfd.readouterr())


def test_other_bundled_files_cannot_be_opened_either(tmp_path: Path) -> None:
    style = (Path(pdf.__file__).parent / "static" / "monthly.css").as_uri()
    made = make(
        '<!doctype html><html lang="en"><head><title>t</title>'
        f'<link rel="stylesheet" href="{style}"></head><body></body></html>'
    )
    assert made.complaints > 0
