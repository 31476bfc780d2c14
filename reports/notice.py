"""The words of an alarm: what is amiss, since when, what to do; for a mail, a webhook and the screen.

Numbers and names of sources only: nothing of a patient is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from reports.cover import one_line
from reports.language import Language, language, message

# What each cause is called, and what to do about it.
NAMES = {
    "no_images": message("no images"),
    "ris_silent": message("no reports"),
    "source_unreachable": message("source unreachable"),
    "quarantine_rising": message("many files refused"),
    "positive_rate": message("unusual rate of positives"),
    "night_late": message("night late"),
}
REMEDIES = {
    "no_images": message("Ask the PACS whether it sends; `bilan doctor` checks the folders."),
    "ris_silent": message("Ask the RIS whether it sends; `bilan doctor` checks the folders."),
    "source_unreachable": message("Mend the connection or the folder; the next night catches up."),
    "quarantine_rising": message("See the reasons in the quarantine, and tell the sender."),
    "positive_rate": message("Compare devices, regions and the model with the weeks before; a chart is in the report."),
    "night_late": message("See the last run in Dagster; then run `bilan night`."),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Subject and text of a message, and the one sentence that says what is amiss."""

    subject: str
    text: str
    sentence: str


def sentence(words: Language, cause: str, subject: str, figures: Mapping[str, float]) -> str:
    """Return what is amiss, in a sentence with its numbers."""

    def number(name: str, digits: int = 0) -> str:
        return words.number(figures.get(name), digits)

    def share(name: str) -> str:
        return words.share(figures.get(name))

    if cause == "no_images":
        return words.text("The last night took no image; %(usual)s on this weekday as a rule.", usual=number("usual"))
    if cause == "ris_silent":
        return words.text("The last night took no message; %(usual)s on this weekday as a rule.", usual=number("usual"))
    if cause == "source_unreachable":
        return words.text("The source %(source)s could not be read.", source=one_line(subject))
    if cause == "quarantine_rising":
        return words.text(
            "%(n)s of %(all)s files and messages of the last night were refused (%(share)s); up to %(high)s are usual.",
            n=number("refused"),
            all=number("offered"),
            share=share("share"),
            high=share("high"),
        )
    if cause == "positive_rate":
        return words.text(
            "%(n)s of %(all)s studies of the last week are positive (%(share)s); %(low)s to %(high)s are usual.",
            n=number("positive"),
            all=number("judged"),
            share=share("share"),
            low=share("low"),
            high=share("high"),
        )
    return words.text("The last night is not complete, and the time of its list is past.")


def notice(
    code: str,
    site: str,
    cause: str,
    subject: str,
    figures: Mapping[str, float],
    since: datetime,
    ended: datetime | None,
    zone: tzinfo,
) -> Notice:
    """Return the message for a site, in its language; times are local."""
    words = language(code)
    name, what = one_line(site), words.text(NAMES[cause])
    said = sentence(words, cause, subject, figures)
    when = _moment(words, since, zone)
    if ended is None:
        head = words.text("%(site)s: alarm: %(what)s", site=name, what=what)
        parts = [said, words.text("Since %(when)s.", when=when), words.text(REMEDIES[cause])]
    else:
        head = words.text("%(site)s: end of alarm: %(what)s", site=name, what=what)
        over = _moment(words, ended, zone)
        parts = [words.text("The alarm of %(when)s is over since %(over)s. It said:", when=when, over=over), said]
    parts.append(words.text("Bilan is not a medical device: figures are for quality review."))
    return Notice(head, "\n\n".join(parts) + "\n", said)


def trial(code: str, site: str) -> Notice:
    """Return the message that only tries whether alarms arrive."""
    words = language(code)
    said = words.text("This is a trial: nothing is amiss.")
    return Notice(words.text("%(site)s: trial of the alarms", site=one_line(site)), said + "\n", said)


def _moment(words: Language, moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return words.text("%(day)s at %(time)s", day=words.day(local.date()), time=f"{local:%H:%M}")
