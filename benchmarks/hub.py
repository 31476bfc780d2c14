"""A hub of many generated sites: import of their bundles, and the portfolio's pages."""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.testclient import TestClient

from benchmarks.timing import machine
from pipelines import demo_hub
from reports.portfolio import months_up_to
from reports.web.app import create
from reports.web.settings import Services, WebSettings
from warehouse import accounts, connect, disclosure, hub_import, hub_sites, publish, signature
from warehouse.aggregates import GENESIS, LAYOUT, as_bytes
from warehouse.app_store import AppStore
from warehouse.audit import Actor
from warehouse.bundle_file import Bundle, as_file
from warehouse.hub_import import Rules
from warehouse.hub_sites import PartnerSite

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
LAST = "2026-10"
MONTHS = 36
COUNTRIES = ("FR", "FR", "FR", "GB", "BE", "DE", "ES")
TOWNS = ("Aubin", "Brieuc", "Calais", "Dole", "Évry", "Foix", "Gap", "Hyères", "Istres", "Joigny", "Kemper", "Lens")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--sites", type=int, nargs="+", default=[50, 1000, 10_000])
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--keep", type=Path, help="make the hub here and keep it, for a look")


def run(options: argparse.Namespace) -> Iterator[str]:
    """Yield the measurements, a line each."""
    yield machine()
    for n in options.sites:
        folder = options.keep or Path(tempfile.mkdtemp(prefix="bilan-hub-"))
        try:
            yield from _measure(folder, n, options.months)
        finally:
            if not options.keep:
                shutil.rmtree(folder)


def _measure(folder: Path, n: int, months: int) -> Iterator[str]:
    store, published = folder / "data" / "hub.duckdb", folder / "data" / "hub_published.duckdb"
    store.parent.mkdir(parents=True, exist_ok=True)
    hub_sites.make(store)
    rng = random.Random(n)  # noqa: S311 - a simulation
    sites = [_site(rng, place) for place in range(n)]
    with connect.writer(store, schema=connect.HUB) as connection, connect.transaction(connection):
        for site, _, _ in sites:
            hub_sites.put(connection, site)
    heads = {site.site: GENESIS for site, _, _ in sites}
    making = taking = 0.0
    size = taken = 0
    for seq, month in enumerate(months_up_to(LAST, months), 1):
        started = time.perf_counter()
        files = [_bundle(rng, site, key, volume, month, seq, heads) for site, key, volume in sites]
        made = time.perf_counter()
        outcomes = hub_import.take(store, files, Rules(11, NOW))
        taken += sum(outcome.reason is None for outcome in outcomes)
        making, taking = making + made - started, taking + time.perf_counter() - made
        size += sum(map(len, files))
    publish.publish(store, published, schema=connect.HUB)
    yield (
        f"{n:6} sites x {months} months: {taken} bundles of {size / n / months / 1024:.1f} KiB taken in {taking:.1f} s "
        f"({1000 * taking / n / months:.2f} ms each; making them {making:.1f} s), "
        f"store {store.stat().st_size / 2**20:.0f} MiB"
    )
    yield from _pages(folder, published, sites[0][0].site)


def _pages(folder: Path, published: Path, site: str) -> Iterator[str]:
    settings = WebSettings(
        app_store=folder / "app.sqlite",
        published=folder / "data" / "published.duckdb",
        identified=folder / "data" / "identified.sqlite",
        issued=folder / "issued",
        sites=(),
        hosts=("testserver",),
        hub=published,
        model_versions=("0.2.0", "0.3.0", "0.4.0"),
    )
    browser = _signed_in(settings)
    for name, path in (
        ("list", "/portfolio"),
        ("list, filtered", "/portfolio?country=GB&sector=public"),
        ("attention", "/portfolio/attention"),
        ("site", f"/portfolio/sites/{site}"),
        ("workbook", "/portfolio/export?country=GB"),
    ):
        times = []
        for _ in range(4):
            started = time.perf_counter()
            answer = browser.get(path)
            times.append(time.perf_counter() - started)
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: {answer.status_code}")
        yield f"       {name:16} first {1000 * times[0]:8.0f} ms, then {1000 * sorted(times[1:])[1]:6.0f} ms"


def _signed_in(settings: WebSettings) -> TestClient:
    from reports.web import passwords  # noqa: PLC0415 - needed here alone

    store, password = AppStore(settings.app_store), passwords.one_time()
    store.migrate()
    accounts.add(
        store,
        login=f"partner-{time.time_ns()}",
        name="Partner",
        language="fr",
        password_hash=passwords.hashed(password),
        one_time_until=None,
        roles=[("partnership_manager", "*")],
        by=Actor("", "benchmark", NOW),
    )
    account = accounts.every(store)[-1]
    browser = TestClient(create(settings, Services(now=lambda: NOW)), follow_redirects=False)
    page = browser.get("/sign-in").text
    token = page.split('name="csrf" value="')[1].split('"')[0]
    browser.post("/sign-in", data={"csrf": token, "login": account.login, "password": password})
    return browser


def _site(rng: random.Random, place: int) -> tuple[PartnerSite, Ed25519PrivateKey, float]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - named once

    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"site {place}".encode()).digest())
    volume = 80 * 20 ** rng.random()
    return (
        PartnerSite(
            site=f"site-{place:05d}",
            name=f"{rng.choice(('Hôpital', 'Clinique', 'Centre'))} de {rng.choice(TOWNS)} {place}",
            country=rng.choice(COUNTRIES),
            language="fr",
            sector=rng.choice(("public", "private")),
            site_group=rng.choice((None, "armor", "loire", "vosges", "littoral")),
            manager=rng.choice(("p.novak", "c.blanc", "m.silva")),
            contract_studies_per_month=round(volume, -1) if rng.random() < 0.8 else None,
            since=None,
            stage=rng.choices(("live", "shadow", "set_up"), (8, 1, 1))[0],
            benchmark=rng.random() < 0.7,
            key=signature.public_text(key),
            registered_at=datetime(2026, 5, 1, tzinfo=UTC),
        ),
        key,
        volume,
    )


def _bundle(
    rng: random.Random,
    site: PartnerSite,
    key: Ed25519PrivateKey,
    volume: float,
    month: str,
    seq: int,
    heads: dict[str, str],
) -> bytes:
    counts = demo_hub.counts(rng, volume * (0.5 if month == LAST and rng.random() < 0.05 else 1))
    missed = rng.choice((0, 0, 0, 0, 0, 1, 4)) if month == LAST else 0
    year, number = int(month[:4]), int(month[5:7])
    told = {
        "schema": "bilan-aggregates/1",
        "site": site.site,
        "seq": seq,
        "previous": heads[site.site],
        "month": month,
        "restates": False,
        "made_on": f"{year + number // 12}-{number % 12 + 1:02d}-10",
        "data_cut": f"{year + number // 12}-{number % 12 + 1:02d}-08",
        "program": "0.1.0",
        "small_cell": 11,
        "turnaround_target_hours": 24.0,
        "images": 10 * round(counts["studies"]["all"] / 5),
        "tables": disclosure.protect(LAYOUT, counts, 11),
        "models": [{"name": "default", "version": ("0.2.0", "0.3.0", "0.4.0")[min(2, seq // 12)]}],
        "nights": {"complete": 30 - missed, "late": 0, "failed": 0, "running": 0, "missed": missed, "missed_at_end": 0},
        "alarms": {"failed_steps": 0, "restored": 0},
    }
    if told["tables"]["studies"]["all"] is None:  # type: ignore[index]
        told["images"] = None
    payload = as_bytes(told)
    heads[site.site] = hashlib.sha256(payload).hexdigest()
    return as_file(Bundle(site.site, site.key, payload.decode(), signature.sign(key, payload).hex()))
