"""Which sites need somebody's attention, why, and what to do next: rules, each with its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from reports.language import Language, message
from reports.notice import NAMES

if TYPE_CHECKING:
    from reports.hub_month import HubMonth
    from reports.trend import Trend
    from warehouse.hub_sites import PartnerSite
    from warehouse.status import Heard

SILENT_DAYS = 45  # a month, a week to follow it, a week to send it
SILENT_NIGHTS = 3
DROP = 0.7  # of the months before
HALF = 0.5
BAD_NIGHTS = 3
VERSIONS = 2
ONBOARDING_DAYS = 90
COMPLETE = 0.9
CONTRACT = 0.8
BEFORE = 6  # months that a month is compared with

# In the order of urgency: what it says, and the next step.
RULES: dict[str, tuple[str, str]] = {
    "silent": (
        message("No news for %(days)s days; the last month told is %(month)s."),
        message("Call the site's IT department: is the machine running, does the export reach the hub?"),
    ),
    "silent_nights": (
        message("No night ran in the last %(nights)s days of %(month)s."),
        message("Call the site: have the nights run since? `bilan doctor` there says what to mend."),
    ),
    "quiet": (
        message("No night has run for %(nights)s nights; the machine's last word is of %(day)s."),
        message("Call the site: is the machine running, do the nights run? `bilan doctor` there says what to mend."),
    ),
    "alarms": (
        message("Alarms are open on the machine: %(causes)s."),
        message("Ask the site's administrator what `bilan alarms` says there."),
    ),
    "volume": (
        message("Volume fell by %(share)s against the %(months)s months before, and the control chart signals it."),
        message("Ask the head of department: fewer patients, a room that is closed, or images that no longer arrive?"),
    ),
    "contract": (
        message("Three months in a row below %(share)s of the contract (%(contract)s studies a month)."),
        message("Check the sources of images with the site, then the contract."),
    ),
    "usage": (
        message("Cases opened fell by %(share)s against the three months before."),
        message("Offer a short training; ask clinicians what keeps them from the list."),
    ),
    "turnaround": (
        message("The median time to the report, %(hours)s, is over the site's target of %(target)s."),
        message("Go through the section on report times of the monthly report with the head of department."),
    ),
    "drift": (
        message("The positive rate leaves its control limits: %(value)s."),
        message("Compare case mix and model version with the months before; look at the drift in the monthly report."),
    ),
    "nights": (
        message("%(nights)s nights of %(month)s failed or were missed."),
        message("Ask for the output of `bilan doctor`; see the page of nights with the site's administrator."),
    ),
    "completeness": (
        message("Only %(share)s of the files offered were taken."),
        message("See the quarantine with the site's administrator: which device sends what cannot be read?"),
    ),
    "model": (
        message("The model is %(n)s versions behind (%(version)s)."),
        message("Plan the update; run the new model in the shadow for a month first."),
    ),
    "onboarding": (
        message("Still not live %(days)s days after it was registered."),
        message("Agree a date for going live with the head of department."),
    ),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that a site meets; `values` fill its sentence: numbers by name, with the kind of each in `KINDS`."""

    rule: str
    values: Mapping[str, float | str] = field(default_factory=dict)


KINDS = {
    "share": "share",
    "value": "share",
    "hours": "hours",
    "target": "hours",
    "month": "month",
    "version": "text",
    "day": "day",
    "causes": "causes",
}


def sentence(words: Language, reason: Reason) -> str:
    """Return the reason in words."""
    return words.text(
        RULES[reason.rule][0], **{name: _shown(words, name, value) for name, value in reason.values.items()}
    )


def next_step(words: Language, reason: Reason) -> str:
    """Return what to do."""
    return words.text(RULES[reason.rule][1])


def reasons(
    site: PartnerSite,
    months: Sequence[HubMonth],
    trends: Mapping[str, Trend],
    versions: Sequence[str],
    contact: datetime | None,
    today: date,
) -> list[Reason]:
    """Return every rule that a site meets, the most urgent first.

    Parameters
    ----------
    months
        What is known of the site, oldest first.
    trends
        Control charts ``volume`` and ``positive`` over these months.
    versions
        Released versions of the model, oldest first.
    contact
        When the last bundle came (UTC).
    """
    found = [*_silence(site, months, contact, today)]
    if months:
        found += _month(site, months, trends, versions)
    if site.stage != "live" and (today - site.registered_at.date()).days > ONBOARDING_DAYS:
        found.append(Reason("onboarding", {"days": (today - site.registered_at.date()).days}))
    return _ordered(found)


def with_status(site: PartnerSite, found: Sequence[Reason], heard: Heard, today: date) -> list[Reason]:
    """Return the reasons of a site of which a daily status came: it knows more of the nights than the last month told.

    The night of a day runs in the next morning, and its status comes after it: the last night that can be missing is
    that of the day before yesterday.
    """
    reasons_now = [reason for reason in found if reason.rule != "silent_nights"]
    if site.stage == "set_up":
        return reasons_now
    ran = heard.last_night
    known = [date.fromisoformat(night.day) for night in heard.status.nights]
    since = ran or (min(known) - timedelta(days=1) if known else None)
    silent = (today - timedelta(days=1) - since).days if since else 0
    if silent >= SILENT_NIGHTS:
        reasons_now.append(Reason("quiet", {"nights": silent, "day": heard.status.made_on}))
    # A machine that has fallen silent has nothing new to say of its alarms.
    elif heard.status.alarms:
        reasons_now.append(Reason("alarms", {"causes": " ".join(heard.status.alarms)}))
    return _ordered(reasons_now)


def _ordered(found: Sequence[Reason]) -> list[Reason]:
    order = list(RULES)
    return sorted(found, key=lambda reason: order.index(reason.rule))


def _silence(site: PartnerSite, months: Sequence[HubMonth], contact: datetime | None, today: date) -> list[Reason]:
    if not months:
        return []  # it is being set up: `onboarding` says when that takes long
    last = months[-1]
    # What counts is how old the last month is: an old one that was imported yesterday is no sign of life.
    year, number = map(int, last.month.split("-"))
    end = date(year + number // 12, number % 12 + 1, 1)
    if (today - end).days > SILENT_DAYS:
        heard = (today - contact.date()).days if contact else (today - end).days
        return [Reason("silent", {"days": heard, "month": last.month})]
    if last.missed_at_end >= SILENT_NIGHTS and site.stage != "set_up":
        return [Reason("silent_nights", {"nights": last.missed_at_end, "month": last.month})]
    return []


def _month(
    site: PartnerSite, months: Sequence[HubMonth], trends: Mapping[str, Trend], versions: Sequence[str]
) -> list[Reason]:
    last = months[-1]
    return [
        reason
        for reason in (
            _volume(months, trends),
            _contract(site, months),
            _usage(months),
            Reason("turnaround", {"hours": last.median_hours, "target": last.target_hours})
            if last.median_hours is not None and last.median_hours > last.target_hours
            else None,
            _drift(last, trends),
            Reason("nights", {"nights": last.nights_bad, "month": last.month})
            if last.nights_bad >= BAD_NIGHTS and last.missed_at_end < SILENT_NIGHTS
            else None,
            Reason("completeness", {"share": last.complete})
            if last.complete is not None and last.complete < COMPLETE
            else None,
            _model(last, versions),
        )
        if reason is not None
    ]


def _volume(months: Sequence[HubMonth], trends: Mapping[str, Trend]) -> Reason | None:
    before = [month.studies for month in months[-1 - BEFORE : -1] if month.studies is not None]
    here = months[-1].studies
    if here is None or len(before) < 3 or here > DROP * sum(before) / len(before):
        return None
    if not any(signal.direction < 0 for signal in trends["volume"].of(months[-1].month)):
        return None
    return Reason("volume", {"share": 1 - here * len(before) / sum(before), "months": len(before)})


def _contract(site: PartnerSite, months: Sequence[HubMonth]) -> Reason | None:
    contract = site.contract_studies_per_month
    if not contract or len(months) < 3 or site.stage != "live":
        return None
    # A withheld volume is below any contract.
    if any((month.studies or 0) >= CONTRACT * contract for month in months[-3:]):
        return None
    return Reason("contract", {"share": CONTRACT, "contract": contract})


def _usage(months: Sequence[HubMonth]) -> Reason | None:
    opened = [month.cases_opened for month in months[-6:]]
    if len(opened) < 6 or any(count is None for count in opened[:3]):
        return None
    before = sum(count or 0 for count in opened[:3])
    after = sum(count or 0 for count in opened[3:])
    return Reason("usage", {"share": 1 - after / before}) if before and after <= HALF * before else None


def _drift(last: HubMonth, trends: Mapping[str, Trend]) -> Reason | None:
    if last.positive is None or not any(
        signal.rule == "outside_limits" for signal in trends["positive"].of(last.month)
    ):
        return None
    return Reason("drift", {"value": last.positive.value})


def _model(last: HubMonth, versions: Sequence[str]) -> Reason | None:
    behind = lag(last, versions)
    if behind is None or behind < VERSIONS:
        return None
    return Reason("model", {"n": behind, "version": last.version})


def lag(month: HubMonth, versions: Sequence[str]) -> int | None:
    """Return how many versions of the model came out since the one in use; None where it is not among them."""
    return len(versions) - 1 - list(versions).index(month.version) if month.version in versions else None


def _shown(words: Language, name: str, value: float | str) -> str:
    kind = KINDS.get(name)
    if kind == "day":
        return words.day(date.fromisoformat(str(value)), "short")
    if kind == "causes":
        return ", ".join(words.text(NAMES[cause]) for cause in str(value).split())
    if isinstance(value, str):
        return words.month(value) if kind == "month" else value
    if kind == "share":
        return words.share(value, 0)
    return words.hours(value) if kind == "hours" else words.number(value)
