"""The hub of the demonstration: generated sites with two years of bundles, so that a newcomer sees a portfolio.

The bundles are made, protected, signed and taken as those of real sites are; only their counts are drawn.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import hub, users
from pipelines.config import Config
from pipelines.config_hub import hub_store
from reports.portfolio import months_up_to
from warehouse import connect, disclosure, hub_sites, portfolio_notes, signature, status
from warehouse.aggregates import GENESIS, LAYOUT, as_bytes
from warehouse.bundle_file import Bundle, as_file
from warehouse.hub_sites import PartnerSite

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MONTHS = 24
VERSIONS = ("0.3.0", "0.4.0", "0.5.0")
# Name, country, sector, group, studies a month, stage; after it what is amiss, if anything.
SITES: tuple[tuple[str, str, str, str | None, int, str, str], ...] = (
    ("Hôpital d'Auray", "FR", "public", "Armor", 620, "live", ""),
    ("Hôpital de Guingamp", "FR", "public", "Armor", 540, "live", "fewer"),
    ("Clinique de Lannion", "FR", "private", "Armor", 480, "live", ""),
    ("Hôpital de Redon", "FR", "public", "Armor", 700, "live", "quiet"),
    ("Clinique du Val d'Allier", "FR", "private", "Loire", 450, "live", ""),
    ("Hôpital de Nevers", "FR", "public", "Loire", 820, "live", "alarm"),
    ("Clinique de Saumur", "FR", "private", "Loire", 390, "live", ""),
    ("Hôpital de Vendôme", "FR", "public", "Loire", 350, "live", "old"),
    ("Harrow Road Hospital", "GB", "public", "Northgate", 980, "live", ""),
    ("Leamington Fracture Clinic", "GB", "private", "Northgate", 430, "live", ""),
    ("Northgate Infirmary", "GB", "public", "Northgate", 1250, "live", "more"),
    ("Tavistock Community Hospital", "GB", "public", "Northgate", 260, "shadow", ""),
    ("Clinique Saint-Roch", "BE", "private", None, 410, "live", ""),
    ("Centre de Verviers", "BE", "public", None, 570, "live", ""),
    ("Klinikum Weiden", "DE", "public", None, 890, "live", ""),
    ("Clínica del Duero", "ES", "private", None, 75, "live", ""),
)
SHARES = {
    "studies_by_region": (9, 11, 22, 4, 5, 2, 6, 1.5, 2, 4, 1, 11, 3, 14, 10, 2, 0.5, 1, 2),
    "studies_by_patient_class": (58, 12, 26, 1, 3),
    "studies_by_ai_result": (30, 70),
    "flagged_by_result": (72, 28),
    "flagged_by_report": (48, 40, 12),
    "not_flagged_by_result": (98.6, 0.8, 0.6),
    "not_flagged_by_report": (3, 82, 15),
    "studies_by_turnaround": (82, 18),
    "within_24_hours": (18, 45, 25, 12),
    "not_within_24_hours": (70, 24, 6),
    "later": (60, 35, 5),
    "files_by_outcome": (95, 1, 3, 0.5, 0.05, 0.3, 0.15),
    "messages_by_outcome": (94, 1, 3, 1, 0.05, 0.45, 0.5),
    "judged_by_hours": (40, 35, 20, 5),
}


QUIET_DAYS = 5


def fill(config: Config, now: datetime) -> int:
    """Make this home a hub of the generated sites, as of `now` (UTC); return how many bundles it took."""
    hub.init(config)
    rng = random.Random(2)  # noqa: S311 - a demonstration
    today = now.date()
    # A month leaves a week after its end, and was made on the tenth.
    last = months_up_to(f"{today:%Y-%m}", 3)[1 if today.day > 10 else 0]
    files: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        keys = {name: signature.signing_key(Path(folder) / f"{place}.sign") for place, (name, *_) in enumerate(SITES)}
    with connect.writer(hub_store(config.home), schema=connect.HUB) as connection, connect.transaction(connection):
        for place, about in enumerate(SITES):
            hub_sites.put(connection, _site(place, about, keys[about[0]], now))
    hub.published(config)
    for place, (name, *_, volume, _stage, amiss) in enumerate(SITES):
        files += _history(rng, _short(place), keys[name], volume, amiss, months_up_to(last, MONTHS))
    # The month left on the tenth, and none so late that a silent site would seem alive by it.
    left = now - timedelta(days=max(QUIET_DAYS + 1, today.day - 10 if today.day > 10 else today.day + 20))
    taken = sum(outcome.reason is None for outcome in hub.take(config, files, left))
    for place, (name, *_, amiss) in enumerate(SITES):
        heard = now - timedelta(days=QUIET_DAYS if amiss == "quiet" else 0, hours=place % 5 * 4)
        _alive(config, _short(place), keys[name], amiss, heard)
    with users.store(config).writing() as app:
        for place, back, text in ((0, 9, "new X-ray room"), (1, 1, "strike"), (8, 11, "second emergency department")):
            portfolio_notes.add(app, _short(place), months_up_to(last, MONTHS)[-1 - back], text, "", now)
    return taken


def counts(rng: random.Random, volume: float, flagged: float = 1.0) -> dict[str, dict[str, int]]:
    """Return true counts of a month of about `volume` studies, dealt out by `SHARES`."""
    studies = max(0, round(rng.gauss(volume, volume**0.5)))
    roots = {"studies": studies, "files": 2 * studies, "messages": studies, "judged": studies // 7}
    roots |= {"sign_ins": studies // 5, "cases_opened": studies // 3}
    found: dict[str, dict[str, int]] = {}
    for name, table in LAYOUT.items():
        if table.splits is None:
            found[name] = {"all": roots[name]}
            continue
        shares: Sequence[float] = SHARES[name]
        if name == "studies_by_ai_result":
            shares = (flagged * shares[0], shares[1])
        whole = found[table.splits[0]][table.splits[1]]
        found[name] = dict(zip(table.cells, _dealt(rng, whole, shares), strict=True))
    return found


def _dealt(rng: random.Random, whole: int, shares: Sequence[float]) -> list[int]:
    noisy: Callable[[float], float] = lambda share: max(0.0, rng.gauss(share, share * 0.1))  # noqa: E731
    weights = [noisy(share) for share in shares]
    parts = [int(whole * weight / sum(weights)) for weight in weights]
    parts[weights.index(max(weights))] += whole - sum(parts)
    return parts


def _short(place: int) -> str:
    return f"partner-{place + 1:02d}"


def _site(
    place: int, about: tuple[str, str, str, str | None, int, str, str], key: Ed25519PrivateKey, now: datetime
) -> PartnerSite:
    name, country, sector, group, volume, stage, _ = about
    return PartnerSite(
        site=_short(place),
        name=name,
        country=country,
        language="fr" if country in ("FR", "BE") else "en",
        sector=sector,
        site_group=group,
        manager="partner",
        contract_studies_per_month=round(volume, -2) or None,
        since=None,
        stage=stage,
        benchmark=True,
        key=signature.public_text(key),
        registered_at=now - timedelta(days=60 if stage != "live" else 800),
    )


def _history(
    rng: random.Random, site: str, key: Ed25519PrivateKey, volume: float, amiss: str, months: Sequence[str]
) -> list[bytes]:
    """Return the bundles of a site, a chain."""
    files, previous = [], GENESIS
    for seq, month in enumerate(months, 1):
        ended = seq == len(months)
        n = volume * (0.55 if amiss == "fewer" and ended else 1)
        told = _month(counts(rng, n, 1.8 if amiss == "more" and ended else 1.0), month)
        version = VERSIONS[0] if amiss == "old" else VERSIONS[min(2, seq // 9)]
        told |= {"site": site, "seq": seq, "previous": previous, "models": [{"name": "default", "version": version}]}
        payload = as_bytes(told)
        previous = hashlib.sha256(payload).hexdigest()
        files.append(_signed(site, key, payload.decode()))
    return files


def _month(true: dict[str, dict[str, int]], month: str) -> dict[str, Any]:
    after = months_after(month)
    tables = disclosure.protect(LAYOUT, true, 11)
    return {
        "schema": "bilan-aggregates/1",
        "month": month,
        "restates": False,
        "made_on": f"{after}-10",
        "data_cut": f"{after}-08",
        "program": "0.1.0",
        "small_cell": 11,
        "turnaround_target_hours": 24.0,
        "images": None if tables["studies"]["all"] is None else 10 * round(true["studies"]["all"] / 5),
        "tables": tables,
        "nights": {"complete": 29, "late": 1, "failed": 0, "running": 0, "missed": 0, "missed_at_end": 0},
        "alarms": {"failed_steps": 0, "restored": 0},
    }


def months_after(month: str) -> str:
    """Return the month after one, both ``YYYY-MM``."""
    first = date.fromisoformat(f"{month}-01")
    return f"{first + timedelta(days=31):%Y-%m}"


def _signed(site: str, key: Ed25519PrivateKey, text: str) -> bytes:
    return as_file(Bundle(site, signature.public_text(key), text, signature.sign(key, text.encode()).hex()))


def _alive(config: Config, site: str, key: Ed25519PrivateKey, amiss: str, heard: datetime) -> None:
    """Let a site say at a moment how its nights go: all well, or (`amiss`) with an old model or an alarm."""
    made_on = heard.astimezone(UTC).date()
    nights = [made_on - timedelta(days=back) for back in range(status.NIGHTS, 0, -1)]
    told = {
        "schema": status.SCHEMA,
        "site": site,
        "seq": 1,
        "made_on": made_on.isoformat(),
        "program": "0.1.0",
        "model": "default",
        "model_version": VERSIONS[0] if amiss == "old" else VERSIONS[-1],
        "nights": [{"day": day.isoformat(), "state": "complete"} for day in nights],
        "alarms": ["ris_silent"] if amiss == "alarm" else [],
    }
    hub.take(config, [_signed(site, key, status.as_payload(told))], heard)
