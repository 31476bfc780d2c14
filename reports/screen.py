"""The monthly report for the screen: its own sections, with charts that the browser draws."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports import monthly
from reports.interactive import LARGER
from reports.layout import Band

if TYPE_CHECKING:
    from reports.layout import Section
    from reports.monthly import Composition

# A page on the screen has its own key figures, and no page numbers.
PRINTED_ONLY = ("tiles", "contents")


@dataclass(frozen=True, slots=True)
class Screen:
    """The sections of a report with live charts, and what its templates are filled in with."""

    sections: tuple[Section, ...]
    context: Mapping[str, Any]


def screen(composition: Composition) -> Screen:
    """Return a report for a page that has key figures of its own: without what is `PRINTED_ONLY`."""
    definition = composition.definition
    blocks = {
        name: tuple(block for block in blocks if block.name not in PRINTED_ONLY)
        for name, blocks in definition.blocks.items()
    }
    shown = replace(composition, definition=replace(definition, blocks=blocks))
    # The sentences watch the figures of the tiles, which are those of the whole definition.
    context = _context(composition, LARGER)
    return Screen(_sections(shown, context), context)


def whole(composition: Composition) -> Screen:
    """Return a report for the screen with all that is printed, charts in the size of print."""
    context = _context(composition, 1)
    return Screen(_sections(composition, context), context)


def _context(composition: Composition, scale: float) -> Mapping[str, Any]:
    digest = hashlib.sha256(monthly.plain(composition.figures)).hexdigest()
    return monthly.context(composition, {}, digest, live=scale)


def _sections(composition: Composition, context: Mapping[str, Any]) -> tuple[Section, ...]:
    return tuple(
        replace(section, bands=tuple(Band(tuple(map(_readable, band.columns))) for band in section.bands))
        for section in monthly.sections(composition, context)
    )


def _readable(column: tuple[Markup, ...]) -> tuple[Markup, ...]:
    """Return markup in which the empty corner of a table is no header: screen readers would announce it."""
    return tuple(markup.replace(Markup('<th scope="col"></th>'), Markup("<td></td>")) for markup in column)
