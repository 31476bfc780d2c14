"""The blocks of the monthly report: which each section has, and what a site can set of each.

A site's file names blocks by section, in the order in which they are printed::

    report:
      blocks:
        activity: [volume_by_day, volume_by_region: {most: 6}]

A section that is not named has all of its blocks; a block that is not named is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

# What a tile and a trend can show: the figures that have thirteen months of history.
FIGURES = (
    "volume",
    "positive_rate",
    "doubtful_rate",
    "report_turnaround_median",
    "report_turnaround_p90",
    "reported_within_24h",
    "reported_within_target",
    "agreement",
    "positive_percent_agreement",
    "negative_percent_agreement",
    "caught_by_safety_net",
)
TILES = (
    "volume",
    "positive_rate",
    "report_turnaround_median",
    "reported_within_target",
    "agreement",
    "caught_by_safety_net",
)


class BlockError(ValueError):
    """A site's choice of blocks has a mistake. The text says where and what to write instead."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number that can be set, within limits."""

    usual: int
    low: int
    high: int

    def read(self, given: Any) -> int:
        """Return `given`, which must be a whole number within the limits."""
        if isinstance(given, bool) or not isinstance(given, int) or not self.low <= given <= self.high:
            raise BlockError(f"write a whole number from {self.low} to {self.high}")
        return given


@dataclass(frozen=True, slots=True)
class Several:
    """One or more of a list of names that can be chosen, each once, in the order given."""

    usual: tuple[str, ...]
    choices: tuple[str, ...] = FIGURES

    def read(self, given: Any) -> tuple[str, ...]:
        """Return `given`, which must be a list of names, each once."""
        names = given if isinstance(given, list | tuple) else [given]
        for name in names:
            if name not in self.choices:
                raise BlockError(f"unknown name{_similar(name, self.choices)}; known: {', '.join(self.choices)}")
        if not names or len(set(names)) < len(names):
            raise BlockError("name one or more, each once")
        return tuple(names)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of block: whether it takes the width of the page or one of two columns, and what can be set of it.

    One that is not `usual` is printed only where a site names it.
    """

    wide: bool = True
    usual: bool = True
    parameters: Mapping[str, Whole | Several] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """A block as a site wants it, with all its parameters."""

    name: str
    options: Mapping[str, Any]


def _trend(*usual: str) -> Kind:
    return Kind(parameters={"figures": Several(usual)})


HALF = Kind(wide=False)
# Sections and their blocks, both in the order in which they are printed unless a site says otherwise.
KINDS: dict[str, dict[str, Kind]] = {
    "summary": {
        "tiles": Kind(parameters={"figures": Several(TILES)}),
        "sentences": Kind(parameters={"most": Whole(5, 1, 8)}),
        "actions": Kind(parameters={"most": Whole(3, 1, 6)}),
        "trust": Kind(),
        "contents": Kind(),
    },
    "activity": {
        "volume_by_day": Kind(),
        "volume_by_hour": Kind(),
        "volume_by_region": Kind(wide=False, parameters={"most": Whole(12, 3, 20)}),
        "volume_by_patient_class": HALF,
        "volume_by_device": Kind(wide=False, parameters={"most": Whole(8, 1, 20)}),
        "trend": _trend("volume"),
        "peers": Kind(usual=False),  # where the site agrees: here, or by `partnership.peers` of its file
    },
    "findings": {
        "rates_by_region": Kind(parameters={"most": Whole(12, 3, 20)}),
        "rates_by_age_band": Kind(),
        "outside_scope": HALF,  # takes no place where all regions are validated
        "scores": Kind(),
        "trend": _trend("positive_rate"),
    },
    "turnaround": {
        "time_to_report": Kind(),
        "turnaround_spread": Kind(),
        "turnaround_table": Kind(usual=False),  # the same as turnaround_spread, in numbers
        "report_turnaround_by_hour": HALF,
        "reported_within": HALF,
        "delays": HALF,
        "trend": _trend("report_turnaround_median"),
    },
    "agreement": {
        "cross": HALF,
        "excluded": HALF,
        "measures": Kind(),
        "labeller": Kind(),
        "discordances": Kind(),
        # Single studies: only where a site asks for them.
        "discordant_examples": Kind(usual=False, parameters={"most": Whole(3, 1, 10)}),
        "agreement_by_region": Kind(parameters={"most": Whole(10, 3, 20)}),
        "agreement_over_time": Kind(),
        "independence": Kind(),
    },
    "completeness": {
        "offered": Kind(),
        "quarantine_reasons": Kind(),
        "nights": HALF,
        "missing": HALF,
        "drift": Kind(),
        "models": Kind(),
        "shadow": Kind(),  # takes no place in a month without one
    },
    "method": {
        "provenance": Kind(),
        "accuracy": Kind(),
        "notice": Kind(),
        "addenda": Kind(),
        "glossary": Kind(),
        "definitions": Kind(),
    },
}
SECTIONS = tuple(KINDS)


def chosen(given: Any) -> dict[str, tuple[Block, ...]]:
    """Return the blocks of every section from what a site's file says under ``report.blocks``.

    Raises
    ------
    BlockError
        If it names a section, block or parameter that there is not, names a block twice, or gives a
        parameter a value that it cannot have.
    """
    if not isinstance(given, Mapping):
        raise BlockError("write `section: [blocks]` lines, such as `activity: [volume_by_day, trend]`")
    for section in given:
        if section not in KINDS:
            raise BlockError(f"unknown section{_similar(section, SECTIONS)}; known: {', '.join(SECTIONS)}")
    return {section: _read(section, given[section]) if section in given else USUAL[section] for section in SECTIONS}


def _read(section: str, given: Any) -> tuple[Block, ...]:
    if not isinstance(given, list | tuple):
        raise BlockError(f"{section}: write a list of blocks in [ ]; an empty list leaves them all out")
    kinds = KINDS[section]
    blocks: dict[str, Block] = {}
    for item in given:
        name, options = next(iter(item.items())) if isinstance(item, Mapping) and len(item) == 1 else (item, {})
        if not isinstance(name, str) or name not in kinds:
            raise BlockError(f"{section}: unknown block{_similar(name, tuple(kinds))}; known: {', '.join(kinds)}")
        if name in blocks:
            raise BlockError(f"{section}.{name}: named twice")
        blocks[name] = _block(name, kinds[name], options, f"{section}.{name}")
    return tuple(blocks.values())


def _block(name: str, kind: Kind, options: Any, where: str) -> Block:
    if not isinstance(options, Mapping):
        raise BlockError(f"{where}: write its parameters as {{name: value}}")
    for option in options:
        if option not in kind.parameters:
            known = ", ".join(kind.parameters) or "none"
            raise BlockError(f"{where}: unknown parameter{_similar(option, tuple(kind.parameters))}; known: {known}")
    read = {}
    for option, parameter in kind.parameters.items():
        try:
            read[option] = parameter.read(options[option]) if option in options else parameter.usual
        except BlockError as error:
            raise BlockError(f"{where}.{option}: {error}") from None
    return Block(name, read)


def _similar(word: object, known: tuple[str, ...]) -> str:
    close = get_close_matches(str(word), known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


# All blocks of every section as they are unless a site says otherwise.
USUAL: Mapping[str, tuple[Block, ...]] = {
    section: tuple(_block(name, kind, {}, section) for name, kind in kinds.items() if kind.usual)
    for section, kinds in KINDS.items()
}
