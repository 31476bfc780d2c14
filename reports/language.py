"""Words, numbers, durations and dates in the language of a site, with its typography.

Messages are English; the catalogues `locale/<code>/LC_MESSAGES/*.po`, one for each part of the product
(`bilan.po`: lists and monthly report), translate them. They are read as they are, so that no compiled
file can be older than its source.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, get_day_names
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

if TYPE_CHECKING:
    from reports.value import Value

LOCALES = {"fr": "fr_FR", "en": "en_GB"}
NARROW = "\u202f"  # narrow no-break space
NO_BREAK = "\u00a0"
DASH = "–"
MISSING = "—"
WITHHELD = "*"  # a small number of studies; the footnote says so
_BEFORE = re.compile(r"[ \u00a0](?=[;:!?»]|%(?!\())")  # not before the % of a placeholder
_ORDINAL = re.compile(r"(?<!\w)(1er|\d+e)(?!\w)")
_ENGLISH_PERCENT = re.compile(r"(?<=\d) (?=%)")
_AFTER = re.compile(r"«[ \u00a0]")


def typeset(text: str, code: str) -> str:
    """Return `text` with the apostrophes and the no-break spaces of the language.

    French puts a narrow no-break space before ; : ! ? % and inside « », and raises the letters of
    ordinal numbers (1ᵉʳ, 90ᵉ); English has no space before %.
    """
    text = text.replace("'", "’")
    if code != "fr":
        return _ENGLISH_PERCENT.sub("", text)
    text = _ORDINAL.sub(lambda found: found[1].replace("er", "ᵉʳ").replace("e", "ᵉ"), text)
    return _AFTER.sub("«" + NARROW, _BEFORE.sub(NARROW, text))


def message(text: str) -> str:
    """Return `text` as it is: it is translated where it is shown, and found here by the catalogue's test."""
    return text


@lru_cache(maxsize=8192)  # a list shows the same few hundred scores on every page
def _decimal(value: float, pattern: str, locale: Locale) -> str:
    return str(format_decimal(value, format=pattern, locale=locale)).replace("-", "−")


@dataclass(frozen=True)
class Language:
    """One language: its catalogue and its ways of writing."""

    code: str
    locale: Locale
    catalogue: gettext.NullTranslations

    def text(self, message: str, **values: object) -> str:
        """Return the translation of `message` with its ``%(name)s`` filled in; a percent sign is ``%%``."""
        return str(self.catalogue.gettext(message) % values)

    def plural(self, one: str, many: str, n: int, **values: object) -> str:
        """Return the translation for the number `n`, which fills ``%(n)s`` in the form of the language."""
        return str(self.catalogue.ngettext(one, many, n) % {"n": self.number(n), **values})

    def points(self, share: float, digits: int = 1) -> str:
        """Return the size of a difference of shares in percentage points.

        French counts from two on as several (1,9 point), English all but a whole one (0.9 points).
        """
        size = round(100 * abs(share), digits) + 0.0
        several = size >= 2 if self.code == "fr" else size != 1 or digits > 0
        return self.plural("%(size)s point", "%(size)s points", 2 if several else 1, size=self.number(size, digits))

    def meaning(self, context: str, message: str) -> str:
        """Return the translation of `message` in a context."""
        return str(self.catalogue.pgettext(context, message))

    def typeset(self, text: str) -> str:
        """Return `text` in the typography of the language."""
        return typeset(text, self.code)

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return a number with a fixed number of decimals; a dash for None."""
        if value is None:
            return MISSING
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        # Adding 0.0 turns a negative zero, which rounding can leave, into zero.
        return _decimal(round(value, digits) + 0.0, pattern, self.locale)

    def share(self, value: float | None, digits: int = 1) -> str:
        """Return a share as a percentage; a dash for None."""
        if value is None:
            return MISSING
        return self.number(100 * value, digits) + self._percent

    @property
    def _percent(self) -> str:
        return NARROW + "%" if self.code == "fr" else "%"

    def hours(self, value: float | None) -> str:
        """Return a duration in hours as days, hours and minutes, the two largest units; a dash for None."""
        if value is None:
            return MISSING
        minutes = round(value * 60)
        if minutes < 60:
            return f"{minutes}{NO_BREAK}min"
        if minutes < 48 * 60:
            rest = f"{NO_BREAK}{minutes % 60:02d}" if minutes % 60 else ""
            return f"{minutes // 60}{NO_BREAK}h{rest}"
        # The day first: 47 h 59 and 48 h must not both become "2 days".
        whole = round(minutes / 60)
        unit = self.meaning("unit", "d")
        days = f"{self.number(whole // 24)}{NO_BREAK}{unit}"
        return f"{days}{NO_BREAK}{whole % 24}{NO_BREAK}h" if whole % 24 else days

    def value(self, value: Value | None, digits: int | None = None) -> str:
        """Return the value of a figure in its unit; a dash where there is none."""
        if value is not None and value.suppressed:
            return WITHHELD
        if value is None or value.value is None:
            return MISSING
        if value.unit == "share":
            return self.share(value.value, share_digits(value) if digits is None else digits)
        if value.unit == "hours":
            return self.hours(value.value)
        if value.unit in ("kappa", "psi"):
            return self.number(value.value, 2 if digits is None else digits)
        return self.number(value.value, 0 if digits is None else digits)

    def interval(self, value: Value | None, digits: int | None = None) -> str:
        """Return the 95 % interval of a figure, or an empty text where there is none."""
        if value is None or value.low is None or value.high is None:
            return ""
        if value.unit == "share":
            digits = share_digits(value) if digits is None else digits
            low, high = self.number(100 * value.low, digits), self.number(100 * value.high, digits)
            return f"{low}{DASH}{high}{self._percent}"
        if value.unit == "hours":
            return f"{self.hours(value.low)} {DASH} {self.hours(value.high)}"
        return f"{self.number(value.low, 2)}{DASH}{self.number(value.high, 2)}"

    def day(self, day: date, form: str = "full") -> str:
        """Return a date: ``full`` with weekday and year, ``long`` without weekday, ``short`` day and month."""
        patterns = {"full": "EEEE d MMMM y", "long": "d MMMM y", "short": "d MMM", "weekday": "EEE d MMM"}
        text = format_date(day, patterns[form], locale=self.locale)
        # The number of the day never stands at the end of a line.
        text = re.sub(r"\b(\d{1,2}) (?=[^\W\d])", rf"\1{NO_BREAK}", text)
        return re.sub(rf"\b1{NO_BREAK}", f"1ᵉʳ{NO_BREAK}", text) if self.code == "fr" else text

    def month(self, month: str, form: str = "long") -> str:
        """Return a month ``YYYY-MM``: ``long`` (June 2026), ``short`` (Jun) or ``letter`` (J)."""
        patterns = {"long": "LLLL y", "short": "LLL", "letter": "LLLLL", "year": "LLL yy"}
        return format_date(date.fromisoformat(f"{month}-01"), patterns[form], locale=self.locale)

    def weekdays(self) -> list[str]:
        """Return the short names of the days, Monday first."""
        names = get_day_names("abbreviated", "stand-alone", self.locale)
        return [names[index] for index in range(7)]

    def moment(self, moment: datetime | None, time_zone: str, form: str = "full") -> str:
        """Return a time in a time zone: ``full`` (date and time), ``time`` or ``day_time``; a dash for None."""
        if moment is None:
            return MISSING
        local = moment.astimezone(ZoneInfo(time_zone))
        if form == "time":
            return f"{local:%H:%M}"
        if form == "day_time":
            return f"{self.day(local.date(), 'short')} {local:%H:%M}"
        return f"{self.day(local.date(), 'long')}, {local:%H:%M} ({time_zone})"


def share_digits(value: Value) -> int:
    """Return the decimals that a share deserves: none where fewer than 100 studies were counted."""
    return 0 if value.denominator is None or value.denominator < 100 else 1


def column_digits(values: Iterable[Value]) -> int:
    """Return the decimals that all shares of a column can bear: those of the one with the fewest studies."""
    return min((share_digits(value) for value in values), default=0)


@cache
def language(code: str) -> Language:
    """Return a language by its code; English for a code that is not known."""
    known = code if code in LOCALES else "en"
    return Language(known, Locale.parse(LOCALES[known]), _catalogue(known))


def read_catalogue(code: str) -> Catalog | None:
    """Return the catalogues of a language as they are written, in one, or None for English."""
    folder = resources.files("reports").joinpath("locale", code, "LC_MESSAGES")
    if not folder.is_dir():
        return None
    whole: Catalog | None = None
    for file in sorted((file for file in folder.iterdir() if file.name.endswith(".po")), key=lambda file: file.name):
        part = read_po(io.BytesIO(file.read_bytes()), locale=code)
        if whole is None:
            whole = part
            continue
        for message in part:
            if message.id:
                whole[message.id] = message
    return whole


def _catalogue(code: str) -> gettext.NullTranslations:
    catalogue = read_catalogue(code)
    if catalogue is None:
        return _Typeset()
    for message in catalogue:
        if message.id:
            forms = message.string if isinstance(message.string, tuple | list) else (message.string or "",)
            typed = tuple(typeset(form, code) for form in forms)
            message.string = typed if message.pluralizable else typed[0]
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class _Typeset(gettext.NullTranslations):
    """The messages themselves, with the apostrophes of print."""

    def gettext(self, message: str) -> str:
        return typeset(super().gettext(message), "en")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return typeset(super().ngettext(msgid1, msgid2, n), "en")

    def pgettext(self, context: str, message: str) -> str:
        return typeset(super().pgettext(context, message), "en")
