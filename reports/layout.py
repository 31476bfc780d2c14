"""The blocks of a section on the page: those of the page's width, and between them two even columns."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reports import pages
from reports.blocks import KINDS, Block
from reports.canvas import Chart
from reports.language import Language

LINE = 72  # characters on a line of half the page's width, roughly
ROW, HEAD = 20, 40  # CSS pixels that a row of a table and the head of a block take, roughly
_ROWS = re.compile(r"<tr\b")


class Places(dict[str, int]):
    """The number of each figure in the brackets of its citations: in the order of the first one."""

    def __missing__(self, name: str) -> int:
        """Give a figure that was not cited before the next number."""
        self[name] = len(self) + 1
        return self[name]


@dataclass(frozen=True, slots=True)
class Band:
    """What stands side by side: one block, or two columns of blocks."""

    columns: tuple[tuple[Markup, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A section with what its template says before the first block."""

    name: str
    title: str
    lead: Markup
    bands: tuple[Band, ...]


def section(name: str, blocks: Sequence[Block], words: Language, context: Mapping[str, Any]) -> Section:
    """Return a section: each block is the macro of its name in ``section_<name>.html.j2``.

    A block that has nothing to add (an empty macro) takes no place.
    """
    module = pages.environment(words).get_template(f"section_{name}.html.j2").make_module({**context})
    lead = module.lead()  # type: ignore[attr-defined]
    charts: Mapping[str, Chart] = context["made"]
    bands: list[Band] = []
    halves: list[tuple[Markup, int]] = []
    for block in blocks:
        markup = getattr(module, block.name)(block.options)
        if not markup.strip():
            continue
        chart = charts.get(block.name)
        # What says no more than why there is nothing takes half of the width.
        if KINDS[name][block.name].wide and (chart is None or chart.figure is not None):
            bands += [*_columns(halves), Band(((markup,),))]
            halves = []
        else:
            halves.append((markup, _height(markup, chart)))
    return Section(name, titles(words)[name], lead, (*bands, *_columns(halves)))


def titles(words: Language) -> dict[str, str]:
    """Return the title of every section."""
    return {
        "summary": words.text("The month at a glance"),
        "activity": words.text("Activity"),
        "findings": words.text("Findings of the AI"),
        "turnaround": words.text("From the examination to the report"),
        "agreement": words.text("Agreement and safety net"),
        "completeness": words.text("Quality of the data and of the model"),
        "method": words.text("Method and provenance"),
    }


def halves(entries: Sequence[tuple[str, str]]) -> tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]:
    """Return words and what stands beside them in two columns of about as many lines.

    WeasyPrint lays out CSS columns again and again until they are even.
    """
    lines = [0.4 + math.ceil(len("".join(entry)) / LINE) for entry in entries]
    ends = range(1, len(lines) + 1)
    cut = min(ends, key=lambda end: max(sum(lines[:end]), sum(lines[end:])), default=0)
    return entries[:cut], entries[cut:]


def _columns(halves: Sequence[tuple[Markup, int]]) -> list[Band]:
    """Put each block into the column that is shorter so far."""
    if not halves:
        return []
    columns: tuple[list[Markup], list[Markup]] = ([], [])
    heights = [0, 0]
    for markup, height in halves:
        side = 0 if heights[0] <= heights[1] else 1
        columns[side].append(markup)
        heights[side] += height
    return [Band(tuple(tuple(column) for column in columns))]


def _height(markup: str, chart: Chart | None) -> int:
    drawn = chart.figure.layout.height if chart is not None and chart.figure is not None else 0
    return int(HEAD + drawn + ROW * len(_ROWS.findall(markup)))
