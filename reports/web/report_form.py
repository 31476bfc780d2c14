"""The form of a report's parameters: what it shows, and what was chosen on it.

Order is the order in which the boxes stand in the form. Nothing is judged here: names and numbers that there are not
go through as they came, and what validates a site's file refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.blocks import FIGURES, KINDS, SECTIONS, Whole
from reports.layout import titles
from reports.text import titled
from reports.web.block_words import block_title
from warehouse.figure import definitions

if TYPE_CHECKING:
    from reports.language import Language

MOST_NAMES = 60  # more than any part of the form has


@dataclass(frozen=True, slots=True)
class Box:
    """Something that is printed or not."""

    name: str
    title: str
    on: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a block, within limits."""

    field: str
    value: Any
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class BlockBox:
    """A block: whether it is printed, and what can be set of it."""

    box: Box
    number: Number | None
    figures: tuple[str, tuple[Box, ...]] | None


@dataclass(frozen=True, slots=True)
class SectionBox:
    """A section with its blocks, those that are printed first, in their order."""

    box: Box
    blocks: tuple[BlockBox, ...]


def shown(words: Language, choice: Mapping[str, Any]) -> list[SectionBox]:
    """Return the form of a choice: what is printed in its order, then what is not."""
    names = titles(words)
    return [
        SectionBox(
            Box(section, names[section], section in choice["sections"]),
            tuple(_blocks(words, section, choice["blocks"].get(section, []))),
        )
        for section in _ordered(choice["sections"], SECTIONS)
    ]


def _blocks(words: Language, section: str, chosen: Sequence[Mapping[str, Any]]) -> list[BlockBox]:
    options = {name: given for item in chosen for name, given in item.items()}
    return [
        _block(words, section, name, options.get(name, {}), on=name in options)
        for name in _ordered(list(options), tuple(KINDS[section]))
    ]


def _block(words: Language, section: str, name: str, options: Mapping[str, Any], *, on: bool) -> BlockBox:
    number, figures = None, None
    for option, parameter in KINDS[section][name].parameters.items():
        field, value = f"{option}.{section}.{name}", options.get(option, parameter.usual)
        if isinstance(parameter, Whole):
            number = Number(field, value, parameter.low, parameter.high)
        else:
            boxes = (
                Box(figure, titled(definitions(), figure, words), figure in value)
                for figure in _ordered(value, FIGURES)
            )
            figures = field, tuple(boxes)
    return BlockBox(Box(name, block_title(words, name), on), number, figures)


def _ordered(chosen: Sequence[str], known: Sequence[str]) -> list[str]:
    first = list(dict.fromkeys(name for name in chosen if name in known))
    return [*first, *(name for name in known if name not in first)]


def chosen(lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the choice that a form was sent with."""

    def several(field: str) -> list[str]:
        return list(lists.get(field, ()))[:MOST_NAMES]

    def one(field: str) -> str:
        return (lists.get(field) or [""])[-1].strip()

    return {
        "sections": several("section"),
        "blocks": {
            section: [{name: _options(lists, section, name)} for name in several(f"block.{section}")]
            for section in SECTIONS
        },
        "accent": one("accent"),
        "language": one("language") or None,
        "turnaround_hours": _number(one("turnaround_hours")),
    }


def _options(lists: Mapping[str, Sequence[str]], section: str, name: str) -> dict[str, Any]:
    kind = KINDS[section].get(name)
    found: dict[str, Any] = {}
    for option, parameter in kind.parameters.items() if kind else ():
        given = list(lists.get(f"{option}.{section}.{name}", ()))[:MOST_NAMES]
        found[option] = _whole(given[-1]) if isinstance(parameter, Whole) and given else given
    return found


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text[:20]


def _number(text: str) -> float | str:
    text = text.replace(",", ".")
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 10
    return float(text) if plain else text[:20]
