"""What the hub gives back to its sites, as files: annotations, and each site beside its anonymous peers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import users
from pipelines.config import Config
from pipelines.config_hub import hub_published, hub_signing_key, opening_key
from pipelines.hub import HubError, published, store
from reports import pages
from reports.hub_month import HubMonth, hub_month
from reports.portfolio import Peers, beside, months_up_to, willing
from warehouse import audit, hub_sites, portfolio_notes, returned, signature
from warehouse.connect import HUB, reader, transaction, writer

if TYPE_CHECKING:
    from warehouse.figure import Connection
    from warehouse.portfolio_notes import Note

COMPARED = 3  # months: those of sites that told theirs late are compared too
KEPT = 24  # months of peer figures and annotations that a return holds


@dataclass(frozen=True, slots=True)
class Made:
    """A return of one site; `fresh` is False where it is the one that was made before."""

    site: str
    seq: int
    path: Path
    fresh: bool
    months: int
    notes: int


def card(config: Config) -> dict[str, str]:
    """Return what a site needs to know this hub by; both sides compare the fingerprint."""
    store(config)
    signs = signature.public_text(signature.signing_key(hub_signing_key(config.home)))
    return {
        "hub_key": signature.public_text(signature.opening_key(opening_key(config.home))),
        "hub_signs": signs,
        "fingerprint": signature.fingerprint(signs),
    }


def run(config: Config, out: Path, only: str | None = None, now: datetime | None = None) -> list[Made]:
    """Write a return for every site (or one) that has anything to be told, into a folder.

    Raises
    ------
    HubError
        If there is no such site, or this is no hub.
    """
    now = now or datetime.now(UTC)
    path = store(config)
    key = signature.signing_key(hub_signing_key(config.home))
    noted: dict[str, list[Note]] = {}
    for note in portfolio_notes.notes(users.store(config)):
        noted.setdefault(note.site, []).append(note)
    with reader(hub_published(config.home), HUB) as connection:
        sites = [site.site for site in hub_sites.sites(connection) if only in (None, site.site)]
        before = hub_sites.last_returns(connection)
        newest = hub_sites.newest_month(connection) or f"{now:%Y-%m}"
        compared = _compared(connection, sites, newest, before)
    if only is not None and not sites:
        raise HubError("no site of this name is registered here")
    made: list[Made] = []
    fresh: dict[str, tuple[int, str]] = {}
    oldest = months_up_to(newest, KEPT)[0]
    for site in sites:
        seq, text = before.get(site, (0, ""))
        content = _content(site, noted.get(site, []), compared.get(site, []), oldest)
        if not content["notes"] and not content["peers"] and not seq:
            continue
        new = not seq or _changed(json.loads(text), content)
        if new:
            seq, text = seq + 1, returned.as_payload({**content, "seq": seq + 1, "made_on": now.date().isoformat()})
            fresh[site] = seq, text
        told = json.loads(text)
        file = out / f"{site}_return_{seq:04d}.bilan-return"
        pages.write(file, returned.as_file(text, key))
        made.append(Made(site, seq, file, new, len({each["month"] for each in told["peers"]}), len(told["notes"])))
    if fresh:
        _keep(config, path, fresh, now)
    return made


def _compared(
    connection: Connection, sites: Sequence[str], newest: str, before: Mapping[str, tuple[int, str]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the peer figures of each site: those told before, and those of the last months that were not."""
    found: dict[str, list[dict[str, Any]]] = {site: json.loads(text)["peers"] for site, (_, text) in before.items()}
    told = {(site, each["month"]) for site, peers in found.items() for each in peers}
    for month in months_up_to(newest, COMPARED):
        others = willing(connection, month)
        if len(others) <= returned.FEWEST_PEERS - 1:
            continue
        for row in hub_sites.months(connection, month, sites):
            if row["month"] == month and (row["site"], month) not in told:
                here = hub_month(row)
                peers = beside(row["site"], here, others)
                found.setdefault(row["site"], []).extend(_plain(here, each) for each in peers)
    return found


def _plain(here: HubMonth, each: Peers) -> dict[str, Any]:
    return {
        "month": here.month,
        "figure": each.figure,
        "value": round(each.own.value, 4),
        "low": round(each.own.low, 4),
        "high": round(each.own.high, 4),
        "numerator": each.own.numerator,
        "denominator": each.own.denominator,
        "exact": each.own.exact,
        # Whole points: no peer's own share is among them but by chance.
        "peers_low": round(each.low, 2),
        "peers_median": round(each.median, 2),
        "peers_high": round(each.high, 2),
        "peers": each.n,
    }


def _content(site: str, notes: Sequence[Note], peers: Sequence[Mapping[str, Any]], oldest: str) -> dict[str, Any]:
    return {
        "schema": returned.SCHEMA,
        "site": site,
        "notes": [{"month": note.month, "text": note.text} for note in notes if note.month >= oldest],
        "peers": sorted(
            (dict(each) for each in peers if each["month"] >= oldest), key=lambda each: (each["month"], each["figure"])
        ),
    }


def _changed(before: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    return any(before[name] != content[name] for name in content)


def _keep(config: Config, path: Path, fresh: Mapping[str, tuple[int, str]], now: datetime) -> None:
    with writer(path, config.machine.writer_wait_minutes, HUB) as connection, transaction(connection):
        for site, (seq, text) in fresh.items():
            hub_sites.put_return(connection, site, seq, text, now)
    published(config)
    for site, (seq, _) in fresh.items():
        audit.record(users.store(config), "peers_returned", users.actor(), about=site, detail={"seq": seq})
