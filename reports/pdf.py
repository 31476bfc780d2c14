"""HTML to PDF: tagged, archivable, with attachments, opening nothing, the same bytes every time."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from reports.errors import ReportError
from reports.pages import FONTS, asset

VARIANT = "pdf/a-3a"  # PDF/A-3 with the tags of level A; that it is PDF/UA-1 as well is said in its metadata
# PDF/UA's name is not one that PDF/A knows: it has to be described where it is used (ISO 19005-3, 6.6.2.3).
_PDFUA = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 to which the document conforms</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description></rdf:RDF>"""


class PdfError(ReportError):
    """The page asked for something that it may not open. A fault of a template: report it."""


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF, its number of pages, and how often WeasyPrint complained of the page (0 for a sound one)."""

    content: bytes
    pages: int
    complaints: int


def write(
    markup: str,
    *,
    created: datetime,
    attachments: Mapping[str, bytes],
    descriptions: Mapping[str, str],
    sheet: str | None = None,
) -> Pdf:
    """Return the PDF of a whole HTML page.

    Only ``data:`` addresses and the bundled fonts can be opened; what else a page names is left
    out, whatever text it came from. The same page, time and attachments give the same bytes.

    Parameters
    ----------
    created
        Date of the document: the data cut, not the clock.
    attachments
        Content of each attached file by name.
    descriptions
        Description of each attached file by name.
    sheet
        A style sheet of `static` that the page does not hold itself: it is parsed once for all pages of the process.
    """
    import weasyprint  # noqa: PLC0415 - a second to load

    moment = created.astimezone(UTC)
    files = [
        weasyprint.Attachment(
            file_obj=io.BytesIO(content),
            name=name,
            description=descriptions[name],
            created=moment,
            modified=moment,
            relationship="Data",
        )
        for name, content in attachments.items()
    ]
    with _quiet() as complaints, _uncollected(), warnings.catch_warnings():
        # WeasyPrint leaves the file of its colour profile to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        fonts, style = _fonts()
        page = weasyprint.HTML(string=markup, url_fetcher=_fetcher())
        styles = [style] if sheet is None else [style, _sheet(sheet)]
        document = page.render(font_config=fonts, stylesheets=styles, pdf_variant=VARIANT)
        # Nothing that a page names is attached: only the files given.
        document.metadata.attachments = []
        document.metadata.created = document.metadata.modified = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        content = document.write_pdf(finisher=_claim_accessibility, pdf_variant=VARIANT, attachments=files)
    return Pdf(content, len(document.pages), len(complaints))


def _claim_accessibility(document: Any, pdf: Any) -> None:
    """Add PDF/UA-1 to the metadata that PDF/A wrote."""
    for item in pdf.objects:
        if getattr(item, "extra", {}).get("Type") == "/Metadata":
            item.stream = [part.replace(b"</rdf:RDF>", _PDFUA) for part in item.stream]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through a page's hundreds of thousands of boxes again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@contextmanager
def _quiet() -> Iterator[list[logging.LogRecord]]:
    """Collect what WeasyPrint logs: its messages quote the page, and with it whatever a field held."""
    records: list[logging.LogRecord] = []
    collector = logging.Handler(logging.WARNING)
    collector.emit = records.append  # type: ignore[assignment]
    logger = logging.getLogger("weasyprint")
    kept, spread = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [collector], False
    try:
        yield records
    finally:
        logger.handlers, logger.propagate = kept, spread


@cache
def _fonts() -> tuple[Any, Any]:
    """Return the bundled fonts, set up once for all pages of the process, and the style that names them."""
    import weasyprint  # noqa: PLC0415
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

    fonts = FontConfiguration()
    return fonts, weasyprint.CSS(string=_faces(), font_config=fonts, url_fetcher=_fetcher())


@cache
def _sheet(name: str) -> Any:
    import weasyprint  # noqa: PLC0415

    return weasyprint.CSS(string=asset(name), font_config=_fonts()[0], url_fetcher=_fetcher())


# WeasyPrint forgets its fonts by functions that are gone when the interpreter ends.
atexit.register(_fonts.cache_clear)
atexit.register(_sheet.cache_clear)


def _faces() -> str:
    return "".join(
        f"@font-face {{ font-family: Inter; font-weight: {weight}; src: url({_font(file).as_uri()}); }}"
        for weight, file in FONTS.items()
    )


def _font(file: str) -> Path:
    return Path(str(resources.files("reports").joinpath("static", "fonts", file))).resolve()


@cache
def _fetcher() -> Any:
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    allowed = {_font(file).as_uri() for file in FONTS.values()}

    class Bundled(URLFetcher):  # type: ignore[misc]
        """Opens ``data:`` addresses and the bundled fonts, nothing else."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.startswith("data:") and url not in allowed:
                raise PdfError("a page may open only data: addresses and the bundled fonts")
            return super().fetch(url, headers)

    return Bundled(allowed_protocols={"data", "file"}, allow_redirects=False)
