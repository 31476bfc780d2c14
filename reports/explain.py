"""A figure explained: what it means, the query, what was counted, and the studies behind it, as text or data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reports.terms import TERMS, term
from reports.value import Value

if TYPE_CHECKING:
    from reports.language import Language
    from warehouse.behind import Part
    from warehouse.figure import Definition


@dataclass(frozen=True, slots=True)
class Explanation:
    """A figure of one site and month; `studies` is None where they were not `asked` for or cannot be told apart."""

    site: str
    language: str
    month: str
    data_cut: datetime
    definition: Definition
    query: str
    values: tuple[Value, ...]
    asked: bool
    studies: tuple[Part, ...] | None


def to_json(found: Explanation) -> dict[str, Any]:
    """Return it as plain data, the definition in both languages."""
    words = ("title", "definition", "numerator", "denominator", "exclusions")
    told: dict[str, Any] = {
        "site": found.site,
        "month": found.month,
        "data_cut": found.data_cut.isoformat(),
        "figure": found.definition.name,
        **{key: {"fr": getattr(found.definition, key).fr, "en": getattr(found.definition, key).en} for key in words},
        "unit": found.definition.unit,
        "source": found.definition.source,
        "file": found.definition.sql,
        "sql": found.query,
        "values": [value.as_dict() for value in found.values],
    }
    if found.asked:
        told["studies"] = (
            None
            if found.studies is None
            else [
                {
                    "study": part.study_uid,
                    "day": part.day.isoformat(),
                    "counted": [{key: _plain(value) for key, value in stratum.items()} for stratum in part.counted],
                    "in_numerator": bool(part.counted),
                    "excluded": list(part.excluded),
                }
                for part in found.studies
            ]
        )
    return told


def page(found: Explanation, words: Language) -> str:
    """Return it as text in the language of the site."""
    definition, code = found.definition, words.code
    colon = words.typeset(" :") if code == "fr" else ":"
    lines = [f"{words.typeset(definition.title.of(code))} ({definition.name}), {words.month(found.month)}", ""]
    lines += [words.typeset(definition.definition.of(code))]
    for heading, text in (
        (words.text("Numerator"), definition.numerator.of(code)),
        (words.text("Denominator"), definition.denominator.of(code)),
        (words.text("Left out"), definition.exclusions.of(code)),
        (words.text("Source"), definition.source),
    ):
        lines.append(f"{heading}{colon} {words.typeset(text)}")
    lines += ["", *_values(found, words, colon)]
    if found.asked:
        lines += ["", *_studies(found, words, colon)]
    lines += ["", f"warehouse/figures/{definition.sql}{colon}", "", found.query.rstrip()]
    return "\n".join(lines) + "\n"


def _values(found: Explanation, words: Language, colon: str) -> list[str]:
    if not found.values:
        return [words.text("The month has no value of this figure.")]
    lines, left_out = [], words.text("left out")
    for value in found.values:
        named = ", ".join(_named(key, part, words) for key, part in value.stratum.items())
        interval = words.interval(value)
        told = words.value(value) + (f" ({interval})" if interval else "")
        if value.numerator is not None and value.denominator is not None:
            told += f" = {words.number(value.numerator)} / {words.number(value.denominator)}"
        lines.append(f"{named}{colon} {told}" if named else told)
        for reason, n in value.excluded.items():
            lines.append(f"    {left_out}, {term(words, 'excluded', reason)}{colon} {words.number(n)}")
    return lines


def _studies(found: Explanation, words: Language, colon: str) -> list[str]:
    if found.studies is None:
        return [words.text("This figure is not the sum of its studies: they cannot be told one by one.")]
    lines = [words.text("The studies behind it, by their pseudonyms") + colon]
    left_out, uncounted = words.text("left out"), words.text("in the denominator")
    for part in found.studies:
        told = [
            words.text("counted") + (f" ({strata})" if (strata := _strata(stratum, words)) else "")
            for stratum in part.counted[:1]
        ]
        told += [f"{left_out}, {term(words, 'excluded', reason)}" for reason in part.excluded]
        lines.append(f"{part.study_uid}  {part.day.isoformat()}  {'; '.join(told) or uncounted}")
    return lines


def _strata(stratum: Any, words: Language) -> str:
    return ", ".join(_named(key, value, words) for key, value in stratum.items() if key != "strata")


def _named(key: str, value: object, words: Language) -> str:
    return term(words, key, value) if key in TERMS else f"{key} {_plain(value)}"


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) else str(value)
