"""Every text of every page, as it is printed: spaces, apostrophes, ordinals and plurals of the language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import pytest
from babel.dates import get_month_names

from reports import monthly
from reports.charts import charts
from reports.definition import Provenance, ReportDefinition
from reports.drawing import Drawing
from reports.kpi import MonthFigures
from reports.language import language
from reports.monthly import Composition

Month = Callable[[str], MonthFigures]
MONTHS = "|".join(
    re.escape(name)
    for code in ("fr", "en")
    for width in ("wide", "abbreviated")
    for name in get_month_names(width, locale=code).values()
)
BOTH = {
    "a day cut off from its month": rf"\b(?:\d{{1,2}}|1ᵉʳ) (?:{MONTHS})(?!\w)",
    "a straight apostrophe": r"\w'\w",
    "a hyphen for a minus": r"(?<![\w–-])-\d",
    "a placeholder": r"%\(|\{\{|\bnan\b",
}
FRENCH = {
    **BOTH,
    "a wide or no space before a double sign": r"[ \u00a0][;:!?»%]|[^\W\d][;!?»%]|\d%",
    "a wide or no space after an opening quotation mark": r"«[^\u202f]",
    "an ordinal that is not raised": r"\b(?:1er|\d+e)\b",
    "a decimal point": r"\d\.\d+[\u202f ]?(?:%|points?\b)",
    "a plural of less than two": r"(?<![\d\u202f,/])[01](?:,\d+)?[ \u00a0\u202f]"
    r"(?:points|examens|images|nuits|fichiers|messages|comptes)",
    "a singular of two or more": r"(?<![\d\u202f,])(?:[2-9]|\d\d+)(?:,\d+)?[ \u00a0]"
    r"(?:point|examen|image|nuit|fichier|message|compte)\b",
}
ENGLISH = {
    **BOTH,
    "a space before a sign": r"\w[ \u00a0\u202f][;:!?%]",
    "a decimal comma": r"\d,\d%",
    "a plural of one": r"(?<![\d.,/])1 (?:points|studies|images|nights|files|messages|reports)\b",
    "a singular of another number": r"(?<![\d.,])(?:0|[2-9]|\d\d+|\d+\.\d+) "
    r"(?:point|study|image|night|file|message|report)\b",
}


class Words(HTMLParser):
    """The texts of a page, blocks apart from each other, and the texts that are read in the place of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = [""]
        self.style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.style = tag == "style"
        if tag not in ("b", "a", "span", "strong", "em"):
            self.texts.append("")
        self.texts += [value for key, value in attrs if key == "alt" and value] + [""]

    def handle_endtag(self, tag: str) -> None:
        self.style = False
        if tag not in ("b", "a", "span", "strong", "em"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if not self.style:
            self.texts[-1] += data


def wrong(text: str, code: str) -> list[str]:
    rules = FRENCH if code == "fr" else ENGLISH
    text = re.sub(r"[ \n]+", " ", text).strip()
    return [f"{rule}: {text[max(0, found.start() - 25) : found.end() + 15]!r}"
            for rule, pattern in rules.items() for found in re.finditer(pattern, text)]  # fmt: skip


def labels(node: Any) -> Iterator[str]:
    """The texts of a chart: those of its axes, its points and its labels."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("text", "ticktext", "hovertext"):
                yield from ([value] if isinstance(value, str) else [str(part) for part in value])
            else:
                yield from labels(value)
    elif isinstance(node, list):
        for part in node:
            yield from labels(part)


@pytest.mark.parametrize("code", ["fr", "en"])
@pytest.mark.parametrize("site", ["saint-aubin", "tiny", "silent", "young", "empty"])
def test_every_text_is_set_in_the_typography_of_the_language(month: Month, site: str, code: str) -> None:
    figures = month(site)
    figures = replace(figures, site=replace(figures.site, language=code, name="Centre"))
    words, definition = language(code), ReportDefinition()
    composition = Composition(figures, words, definition, Provenance(), charts(figures, words, definition.accent), 0.5)
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    drawn = {n: Drawing(svg, c.width, 9) for n, c in composition.charts.items() if c.figure is not None}
    page = Words()
    page.feed(monthly.page(composition, drawn, "0" * 64))
    assert len(page.texts) > 100
    told = [*page.texts]
    for chart in composition.charts.values():
        if chart.figure is not None:
            told += [re.sub(r"<[^>]+>", " ", text) for text in labels(json.loads(chart.figure.to_json()))]
    assert sorted({fault for text in told for fault in wrong(text, code)}) == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("fr", "au 1ᵉʳ juillet"), ("fr", "le 12 juil."), ("fr", "l'examen"), ("fr", "12 %"), ("fr", "12%"),
        ("fr", "ceci : cela"), ("fr", "quoi?"), ("fr", "« oui »"), ("fr", "le 1er mai"), ("fr", "0,9 points"),
        ("fr", "2,0 point"), ("fr", "1 examens"), ("fr", "12 examen"), ("fr", "-3 points"),
        ("en", "on 1 July"), ("en", "12 %"), ("en", "0.9 point"), ("en", "1 studies"), ("en", "2 study"),
        ("en", "0 night"), ("en", "it's"),
    ],
)  # fmt: skip
def test_each_fault_would_be_found(code: str, text: str) -> None:
    assert wrong(text, code)


def test_what_is_right_is_not_found(simulated: ModuleType) -> None:
    right = (
        "Le 1ᵉʳ\u00a0juillet, 12\u202f%\u202f: l’examen a pris 1,9 point, 2,0 points ou 0 examen\u202f; à 09:30\u202f?"
    )
    assert wrong(right, "fr") == []
    assert wrong("On 1\u00a0July, 12%: the study took 0.9 points; at 09:30?", "en") == []
