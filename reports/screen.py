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
    """Return a report as sections whose charts the browser draws from their figures (`reports.interactive`)."""
    definition = composition.definition
    blocks = {
        name: tuple(block for block in blocks if block.name not in PRINTED_ONLY)
        for name, blocks in definition.blocks.items()
    }
    shown = replace(composition, definition=replace(definition, blocks=blocks))
    digest = hashlib.sha256(monthly.plain(composition.figures)).hexdigest()
    # The sentences watch the figures of the tiles, which are those of the whole definition.
    context = monthly.context(composition, {}, digest, live=True)
    return Screen(tuple(monthly.sections(shown, context)), context)
