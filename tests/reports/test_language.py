"""Words and numbers: the catalogue is complete, and the typography is that of the language."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from reports.language import LOCALES, language, read_catalogue, typeset
from reports.terms import TERMS, term
from reports.value import Value

REPORTS = Path(__file__).parents[2] / "reports"
KEYWORDS = {
    "text": None,
    "plural": (1, 2),
    "message": None,
    "meaning": ((1, "c"), 2),
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
THIN = "\u202f"
FR, EN = language("fr"), language("en")


def messages() -> set[tuple[str | None, object]]:
    found = extract_from_dir(
        str(REPORTS),
        method_map=[("**.py", "python"), ("templates/**.j2", "jinja2")],
        keywords=KEYWORDS,
        options_map={"templates/**.j2": {"newstyle_gettext": "true", "silent": "false"}},
    )
    used = {(context, message) for _, _, message, _, context in found}
    return used | {(kind, english) for kind, words in TERMS.items() for english in words.values()}


def test_every_message_has_its_translation_and_none_is_left_over() -> None:
    catalogue = read_catalogue("fr")
    assert catalogue is not None
    known = {(message.context, message.id) for message in catalogue if message.id}
    used = messages()
    assert len(used) > 200
    assert used - known == set()
    assert known - used == set()


def test_translations_fill_in_the_same_values() -> None:
    catalogue = read_catalogue("fr")
    assert catalogue is not None
    for message in catalogue:
        if not message.id:
            continue
        originals = message.id if message.pluralizable else (message.id,)
        forms = message.string if message.pluralizable else (message.string,)
        wanted = {name for text in originals for name in re.findall(r"%\((\w+)\)s", text)}
        for form in forms:
            assert form, message.id
            names = set(re.findall(r"%\((\w+)\)s", form))
            assert names <= wanted | {"n"}, message.id
            # Only a singular may leave the number out.
            assert wanted - names <= ({"n"} if message.pluralizable else set()), message.id


@pytest.mark.parametrize(
    ("text", "french", "english"),
    [
        (
            "l'examen : 3 % ; « oui » !",
            f"l’examen{THIN}: 3{THIN}%{THIN}; «{THIN}oui{THIN}»{THIN}!",
            "l’examen : 3% ; « oui » !",
        ),
        ("le 1er, le 90e centile, 3e", "le 1ᵉʳ, le 90ᵉ centile, 3ᵉ", "le 1er, le 90e centile, 3e"),
        ("le 1er mai, 2e fois", "le 1ᵉʳ mai, 2ᵉ fois", "le 1er mai, 2e fois"),
        ("12:30", "12:30", "12:30"),
        ("soit %(n)s : %(x)s %%", f"soit %(n)s{THIN}: %(x)s{THIN}%%", "soit %(n)s : %(x)s %%"),
    ],
)
def test_typesetting(text: str, french: str, english: str) -> None:
    assert typeset(text, "fr") == french
    assert typeset(text, "en") == english


@pytest.mark.parametrize(
    ("hours", "french"),
    [
        (0, "0 min"),
        (0.5, "30 min"),
        (1, "1 h"),
        (3.4667, "3 h 28"),
        (23.999, "24 h"),
        (47.5, "47 h 30"),
        (48, "2 j"),
        (53.2, "2 j 5 h"),
    ],
)
def test_durations_show_two_units(hours: float, french: str) -> None:
    assert FR.hours(hours).replace("\u00a0", " ") == french


def test_no_duration_has_sixty_minutes_or_twenty_four_hours_left() -> None:
    for minutes in range(60 * 80):
        shown = FR.hours(minutes / 60 - 1e-9 if minutes else 0).replace("\u00a0", " ")
        assert "60" not in shown.split(" ")
        assert not re.search(r"j 24 h", shown)


def test_numbers_follow_the_language() -> None:
    assert FR.number(1234.5, 1) == f"1{THIN}234,5"
    assert EN.number(1234.5, 1) == "1,234.5"
    assert FR.share(0.1234) == f"12,3{THIN}%"
    assert EN.share(0.1234) == "12.3%"
    assert EN.number(-0.001, 2) == "0.00"
    assert EN.number(None) == "—"


def test_a_share_of_few_studies_has_no_decimals_and_a_withheld_one_no_number() -> None:
    few = Value("x", {}, 0.254, 0.1, 0.4, 10.0, 50.0, {}, "share")
    assert EN.value(few) == "25%"
    assert EN.interval(few) == "10–40%"
    hidden = Value("x", {}, None, None, None, None, None, {}, "share", "", True)
    assert EN.value(hidden) == "*"
    assert EN.interval(hidden) == ""


def test_dates_and_times() -> None:
    assert FR.day(date(2026, 7, 1), "long") == "1ᵉʳ\u00a0juillet 2026"
    assert FR.day(date(2026, 7, 21), "full") == "mardi 21\u00a0juillet 2026"
    assert EN.day(date(2026, 7, 1), "long") == "1\u00a0July 2026"
    assert FR.day(date(2026, 7, 11), "weekday") == "sam. 11\u00a0juil."
    # The change to summer time: 00:30 UTC is 01:30, 01:30 UTC is 03:30 in Paris.
    assert FR.moment(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "Europe/Paris", "time") == "01:30"
    assert FR.moment(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "Europe/Paris", "time") == "03:30"
    assert FR.month("2026-02") == "février 2026"


def test_plurals_are_those_of_the_language() -> None:
    assert FR.plural("%(n)s image", "%(n)s images", 0) == "0 image"
    assert EN.plural("%(n)s image", "%(n)s images", 0) == "0 images"
    assert FR.plural("%(n)s image", "%(n)s images", 2) == "2 images"


@pytest.mark.parametrize(
    ("share", "french", "english"),
    [
        (0.0, "0,0 point", "0.0 points"),
        (-0.009, "0,9 point", "0.9 points"),
        (0.01, "1,0 point", "1.0 points"),
        (0.0194, "1,9 point", "1.9 points"),
        (0.0196, "2,0 points", "2.0 points"),
        (-0.123, "12,3 points", "12.3 points"),
    ],
)
def test_points_are_counted_as_the_language_counts_fractions(share: float, french: str, english: str) -> None:
    assert (FR.points(share), EN.points(share)) == (french, english)
    assert (FR.points(0.01, 0), EN.points(0.01, 0)) == ("1 point", "1 point")


def test_terms_and_unknown_codes() -> None:
    assert term(FR, "region", "wrist") == "poignet"
    assert term(EN, "region", "upper_arm") == "upper arm"
    assert term(FR, "region", "NEW_REGION") == "NEW_REGION"


def test_an_unknown_language_is_english() -> None:
    assert language("de").code == "en"
    assert set(LOCALES) == {"fr", "en"}
