"""One case in words: what a row of the list says, on paper and on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from reports.terms import term

if TYPE_CHECKING:
    from reports.language import Language
    from warehouse.cases import Case


@dataclass(frozen=True, slots=True)
class CaseWords:
    """A case as a person reads it; `waiting` is how long it has been without a report at the data cut."""

    time: str
    region: str
    detail: str
    person: str
    ai_words: str
    score_words: str
    report_words: str
    report_tone: str
    waiting: str | None
    verdict: str | None


def case_words(case: Case, time_zone: str, words: Language, cut: datetime | None) -> CaseWords:
    """Put a case into words; times are shown in the site's time zone."""
    views = dict.fromkeys(term(words, "view", image.view) for image in case.images if image.view)
    side = term(words, "laterality", case.laterality) if case.laterality else None
    person = [term(words, "age_band", case.age_band or "unknown")]
    if case.sex:
        person.append(term(words, "sex", case.sex))
    if case.patient_class:
        person.append(term(words, "patient_class", case.patient_class))
    return CaseWords(
        time=words.moment(case.exam_completed or case.exam_started, time_zone, "time"),
        region=capital(term(words, "region", case.region or "unknown")),
        detail=" · ".join(part for part in (side, ", ".join(views), case.modality) if part),
        person=" · ".join(person),
        ai_words=term(words, "ai_result", case.ai_result),
        score_words=words.number(case.score, 2),
        report_words=_report(case, words),
        report_tone="none" if case.report_label is None else case.report_label,
        waiting=_waiting(case, words, cut),
        verdict=term(words, "verdict", case.verdict) if case.verdict else None,
    )


def hours_waiting(case: Case, cut: datetime | None) -> float | None:
    """Return the hours that a case has been waiting for its report at the data cut, if it has none."""
    since = case.exam_completed or case.exam_started
    if case.report_state in ("final", "corrected") or since is None or cut is None or cut < since:
        return None
    return (cut - since).total_seconds() / 3600


def capital(text: str) -> str:
    """Return text that begins with a capital."""
    return text[:1].upper() + text[1:]


def _report(case: Case, words: Language) -> str:
    if case.report_label is None:
        return capital(term(words, "report_state", case.report_state))
    text = term(words, "report_label", case.report_label)
    if case.report_acuity in ("followup", "old"):
        text = f"{text}, {term(words, 'excluded', case.report_acuity)}"
    state = term(words, "report_state", case.report_state)
    return f"{capital(text)} ({state})"


def _waiting(case: Case, words: Language, cut: datetime | None) -> str | None:
    hours = hours_waiting(case, cut)
    return None if hours is None else words.hours(hours)
