"""Alarms of a site: what is amiss now, noted once, told once, and its end told once.

One alarm for each cause (a source that cannot be read is one for each source), however many files or
nights it concerns. Judged from the readers' copy, so that a night that hangs is seen too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from pipelines import late, notify
from pipelines.config import Config, Site
from reports import notice
from reports.trend import Point, signals
from warehouse import alarms, connect, nights, source_states, watch
from warehouse.alarms import Alarm, Cause
from warehouse.app_store import AppStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CAUSES = ("no_images", "ris_silent", "source_unreachable", "quarantine_rising", "positive_rate", "night_late")
# A weekday that usually brings fewer is no reason to alarm anyone.
LEAST_USUAL = 5
# Fewer refused files than this are looked at in the morning like every day.
LEAST_REFUSED = 5


def examine(config: Config, name: str, now: datetime) -> list[Cause]:
    """Return what is amiss at a site at `now` (UTC): nothing before its first night."""
    site = config.site(name)
    if not config.published.exists():
        return []
    due = late.last_due(site, now)
    with connect.reader(config.published) as connection:
        first, states = nights.since(connection, name, due)
        if first is None or first > due:
            return []
        found = [Cause("source_unreachable", source) for source in source_states.failing(connection, name)]
        found += _silence(connection, site, due, now)
        found += _refused(connection, name, due)
        found += _positive(connection, name, due)
    # A night that ran in the end is told by the report; this alarm is for whoever can still run it.
    if states.get(due) not in ("complete", "late") and now > _local(site, due, site.night.list_time):
        found.append(Cause("night_late"))
    return sorted(found, key=lambda cause: (CAUSES.index(cause.cause), cause.subject))


def _local(site: Site, due: date, clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime.combine(due + timedelta(days=1), time(hour, minute), tzinfo=site.zone)


def _silence(connection: DuckDBPyConnection, site: Site, due: date, now: datetime) -> list[Cause]:
    taken, found = watch.taken(connection, site.site, due), []
    morning = now >= _local(site, due, site.alarms.images_by)
    if taken.images == 0 and taken.usual_images >= LEAST_USUAL and morning:
        found.append(Cause("no_images", figures={"usual": taken.usual_images}))
    if taken.messages == 0 and taken.usual_messages >= LEAST_USUAL:
        found.append(Cause("ris_silent", figures={"usual": taken.usual_messages}))
    return found


def _refused(connection: DuckDBPyConnection, name: str, due: date) -> list[Cause]:
    nights_before = watch.refused(connection, name, due)
    if not nights_before or nights_before[-1][0] != due.isoformat():
        return []
    last, n, offered = nights_before[-1]
    trend = signals([Point(night, part / all_, all_) for night, part, all_ in nights_before], "p")
    above = any(signal.rule == "outside_limits" and signal.direction > 0 for signal in trend.of(last))
    if not above or n < LEAST_REFUSED:
        return []
    figures = {"refused": n, "offered": offered, "share": n / offered, "high": trend.high[-1]}
    return [Cause("quarantine_rising", figures=figures)]


def _positive(connection: DuckDBPyConnection, name: str, due: date) -> list[Cause]:
    """Judge whole weeks by the four rules of the report's control charts (`reports.trend`)."""
    weeks = watch.positive(connection, name, due)
    if not weeks or date.fromisoformat(weeks[-1][0]) < due - timedelta(days=13):
        return []  # the last whole week had no study: another alarm's matter
    last, n, judged = weeks[-1]
    trend = signals([Point(week, part / all_, all_) for week, part, all_ in weeks], "p")
    if not trend.of(last):
        return []
    limits = {"low": trend.low[-1], "high": trend.high[-1]}
    return [Cause("positive_rate", figures={"positive": n, "judged": judged, "share": n / judged, **limits})]


def run(config: Config, name: str, now: datetime) -> list[str]:
    """Note what is amiss and what is over, and tell who is to be told; return what could not be told, in words."""
    store = AppStore(config.app_store)
    store.migrate()
    alarms.settle(store, name, examine(config, name, now), now)
    failed = []
    for channel in channels(config.site(name)):
        for alarm in alarms.untold(store, name, channel):
            if not alarms.claim(store, alarm, channel, now):
                continue
            try:
                _tell(config, channel, alarm)
            except notify.NotToldError as error:
                alarms.release(store, alarm, channel)
                failed.append(f"{channel.partition(':')[0]}: {error}")
            except notify.PerhapsToldError as error:
                failed.append(f"{channel.partition(':')[0]}: {error}")
            except BaseException:
                alarms.release(store, alarm, channel)
                raise
    return failed


def channels(site: Site) -> list[str]:
    """Return the channels of a site: ``mail:ADDRESS`` or ``webhook:ADDRESS``."""
    webhook = [f"webhook:{site.alarms.webhook}"] if site.alarms.webhook else []
    return [*(f"mail:{address}" for address in site.alarms.mail), *webhook]


def known(config: Config, name: str) -> Sequence[Alarm]:
    """Return the open alarms of a site, then the last ones that ended."""
    config.site(name)
    if not config.app_store.exists():
        return []
    store = AppStore(config.app_store)
    store.migrate()
    with store.reading() as connection:
        return alarms.alarms(connection, name)


def trial(config: Config, name: str) -> dict[str, str]:
    """Send a message that only tries each channel; return what became of it by channel."""
    site = config.site(name)
    words = notice.trial(site.language, site.name)
    result = {}
    for channel in channels(site):
        kind, _, address = channel.partition(":")
        try:
            if kind == "mail":
                notify.by_mail(config, site, address, words.subject, words.text)
            else:
                notify.by_webhook(
                    site, address, {"product": "bilan", "site": name, "state": "trial", "text": words.text}
                )
        except (notify.NotToldError, notify.PerhapsToldError) as error:
            result[channel] = str(error)
        else:
            result[channel] = "sent"
    return result


def _tell(config: Config, channel: str, alarm: Alarm) -> None:
    site = config.site(alarm.site)
    words = notice.notice(
        site.language, site.name, alarm.cause, alarm.subject, alarm.figures, alarm.opened_at, alarm.ended_at, site.zone
    )
    kind, _, address = channel.partition(":")
    if kind == "mail":
        notify.by_mail(config, site, address, words.subject, words.text)
        return
    content = {
        "product": "bilan",
        "site": alarm.site,
        "cause": alarm.cause,
        "subject": alarm.subject,
        "state": alarm.state,
        "since": alarm.opened_at.isoformat(),
        "ended": alarm.ended_at.isoformat() if alarm.ended_at else None,
        "figures": dict(alarm.figures),
        "text": words.sentence,
    }
    notify.by_webhook(site, address, content)
