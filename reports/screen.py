"""The monthly report for the screen: its own sections, with charts that the browser draws."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reports import monthly

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
    context = _context(composition)
    return Screen(tuple(monthly.sections(shown, context)), context)


def whole(composition: Composition) -> Screen:
    """Return a report for the screen with all that is printed."""
    context = _context(composition)
    return Screen(tuple(monthly.sections(composition, context)), context)


def _context(composition: Composition) -> Mapping[str, Any]:
    digest = hashlib.sha256(monthly.plain(composition.figures)).hexdigest()
    return monthly.context(composition, {}, digest, live=True)
