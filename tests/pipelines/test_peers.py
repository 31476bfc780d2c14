"""From the hub back to the site: annotations and anonymous peers, in a file, into the site's own month."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from pipelines import config as configuration
from pipelines import export, hub, hub_return, month, peers, users
from pipelines.cli import app
from pipelines.config import Config
from pipelines.config_hub import Export
from pipelines.hub import HubError
from reports import monthly
from reports.drawing import Drawing
from warehouse import audit, connect, portfolio_notes, signature
from warehouse.aggregates import GENESIS, as_bytes
from warehouse.bundle_file import Bundle, as_file
from warehouse.returned import Annotation

SITE, MONTH, NEXT = "westbrook", "2026-04", "2026-05"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EARLY = datetime(2026, 5, 7, 12, tzinfo=UTC)  # before April is cut, on the 8th


@pytest.fixture
def home(westbrook: Path, tmp_path: Path) -> Config:
    shutil.copytree(westbrook, tmp_path / "home")
    return configuration.load(tmp_path / "home")


@pytest.fixture
def partner(tmp_path: Path) -> Config:
    folder = tmp_path / "hub"
    (folder / "sites").mkdir(parents=True)
    (folder / "keys").mkdir()
    (folder / "bilan.yaml").write_text("hub: {small_cell: 11}\n")
    made = configuration.load(folder)
    hub.init(made)
    return made


def filled(partner: Config, home: Config, tmp_path: Path, n_peers: int) -> dict[str, Any]:
    """Give the hub a month of the site and of so many others that tell the same; return what was told."""
    told = dict(export.draft(home, SITE, MONTH).told)
    files = []
    for name in (SITE, *(f"peer-{place}" for place in range(n_peers))):
        key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        public = signature.public_text(key)
        card = {**export.card(home, SITE), "site": name, "key": public, "fingerprint": signature.fingerprint(public)}
        (tmp_path / "card").write_text(json.dumps(card))
        hub.register(partner, tmp_path / "card", stage="live", benchmark=True)
        numbered = {"site": name, "seq": 1, "previous": GENESIS, "made_on": "2026-05-20", "restates": False}
        payload = as_bytes({**told, **numbered})
        files.append(as_file(Bundle(name, public, payload.decode(), signature.sign(key, payload).hex())))
    assert {outcome.reason for outcome in hub.take(partner, files)} == {None}
    return told


def noted(partner: Config, text: str = "new X-ray room", month: str = "2026-02") -> None:
    with users.store(partner).writing() as connection:
        portfolio_notes.add(connection, SITE, month, text, "u1", NOW)


def knowing(home: Config, partner: Config, **partnership: Any) -> Config:
    machine = home.machine.model_copy(update={"export": Export(hub_signs=hub_return.card(partner)["hub_signs"])})
    site = home.site(SITE)
    site = site.model_copy(update={"partnership": site.partnership.model_copy(update=partnership)})
    return replace(home, machine=machine, sites={**home.sites, SITE: site})


def composed(home: Config, when: str = MONTH) -> monthly.Composition:
    with connect.reader(home.published) as connection:
        return month.compose(home, connection, SITE, when)[0]


def page(home: Config, when: str = MONTH) -> str:
    made = composed(home, when)
    drawn = {
        name: Drawing("<svg/>", chart.width, 100) for name, chart in made.charts.items() if chart.figure is not None
    }
    return re.sub(r"\s+", " ", monthly.page(made, drawn, "0" * 64))


def test_peers_and_annotations_come_home(home: Config, partner: Config, tmp_path: Path) -> None:
    told = filled(partner, home, tmp_path, 5)
    noted(partner, "<b>new</b> X-ray room")
    (made,) = [each for each in hub_return.run(partner, tmp_path / "out", now=EARLY) if each.site == SITE]
    assert (made.seq, made.fresh, made.months, made.notes) == (1, True, 1, 1)
    ready = knowing(home, partner, peers=True)
    before = page(ready)
    (taken,) = peers.take(ready, [made.path], EARLY)
    assert (taken.site, taken.reason) == (SITE, None)
    # Worked out from the bundle by hand, not by the hub's own code.
    cells = told["tables"]
    early, whole = cells["studies_by_turnaround"]["within_24_hours"], cells["studies"]["all"]
    kept = {each["figure"]: each for each in peers.shown(ready, SITE)["peers"]}
    assert (kept["within_24"]["numerator"], kept["within_24"]["denominator"]) == (early, whole)
    assert kept["within_24"]["value"] == pytest.approx(early / whole, abs=1e-4)
    # The peers tell the same as the site: its share in whole points.
    for each in kept.values():
        assert (each["peers"], each["peers_low"], each["peers_high"]) == (5, *[round(each["value"], 2)] * 2)
    after = page(ready)
    assert "Beside sites of like size" in after and "Beside sites of like size" not in before
    assert f"<td>{whole}</td>" in after.replace(",", "")
    assert "&lt;b&gt;new&lt;/b&gt; X-ray room" in after and "<b>new</b>" not in after
    chart = composed(ready).charts["trend_volume"]
    assert "new</b> X-ray room" in chart.alt
    letters = [label["text"] for label in chart.figure.to_plotly_json()["layout"]["annotations"]]
    assert "<b>a</b>" in letters


def test_a_site_that_does_not_agree_shows_no_peers_but_annotations(
    home: Config, partner: Config, tmp_path: Path
) -> None:
    filled(partner, home, tmp_path, 5)
    noted(partner)
    made = [each.path for each in hub_return.run(partner, tmp_path / "out", SITE, EARLY)]
    ready = knowing(home, partner)
    peers.take(ready, made, EARLY)
    shown = page(ready)
    assert "Beside sites" not in shown and "new X-ray room" in shown


def test_what_comes_later_changes_no_month_that_was_cut_before(home: Config, partner: Config, tmp_path: Path) -> None:
    filled(partner, home, tmp_path, 5)
    noted(partner)
    (made,) = hub_return.run(partner, tmp_path / "out", SITE, NOW)
    ready = knowing(home, partner, peers=True)
    before = page(ready)
    peers.take(ready, [made.path], NOW)  # April's reports were cut on the 8th of May
    assert page(ready) == before
    later = page(ready, NEXT)
    assert "Beside sites of like size and case mix: April 2026" in later and "a: February 2026" in later


def test_fewer_than_five_peers_and_months_told_before(home: Config, partner: Config, tmp_path: Path) -> None:
    filled(partner, home, tmp_path, 4)
    out = tmp_path / "out"
    assert hub_return.run(partner, out, now=NOW) == []
    noted(partner)
    (first,) = hub_return.run(partner, out, now=NOW)
    assert (first.site, first.months, first.notes) == (SITE, 0, 1)
    assert hub_return.run(partner, out, now=NOW + timedelta(days=1)) == [replace(first, fresh=False)]
    noted(partner, "strike", "2026-03")
    (second,) = hub_return.run(partner, out, now=NOW + timedelta(days=2))
    assert (second.seq, second.fresh, second.notes) == (2, True, 2)
    with pytest.raises(HubError, match="no site"):
        hub_return.run(partner, out, "elsewhere")
    events = [row["event"] for row in audit.export(users.store(partner))]
    assert events == ["peers_returned", "peers_returned"]


def test_the_commands_there_and_back(home: Config, partner: Config, tmp_path: Path) -> None:
    def bilan(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done.stdout

    here, there = ("--home", str(home.home)), ("--home", str(partner.home))
    noted(partner)
    filled(partner, home, tmp_path, 5)
    told = json.loads(bilan("hub", "card", *there))
    assert told["hub_key"] == hub.init(partner) and len(told["fingerprint"].split()) == 8
    file = next(line for line in bilan("hub", "return", "--out", str(tmp_path / "r"), *there).split() if SITE in line)
    assert "NO_HUB_KEY" in bilan("peers", "import", file, *here, code=1)
    settings = home.home / "bilan.yaml"
    settings.write_text(settings.read_text() + f"export: {{hub_signs: {told['hub_signs']}}}\n")
    assert bilan("peers", "import", file, *here).endswith("kept\n")
    said = json.loads(bilan("peers", "import", file, *here, "--json", code=1))
    assert said[0]["reason"] == "REPLAYED" and "imported before" in said[0]["sentence"]
    assert json.loads(bilan("peers", "show", "--site", SITE, *here))["notes"][0]["text"] == "new X-ray room"
    bilan("peers", "import", str(tmp_path / "nothing"), *here, code=2)
    assert [row["event"] for row in audit.export(users.store(home))] == ["peers_imported"]


def test_annotations_of_the_sites_own_file_stand_in_the_trends(home: Config) -> None:
    site = home.site(SITE)
    own = (Annotation(month="2026-01", text="strike"), Annotation(month="2019-01", text="long ago"))
    told = site.model_copy(update={"report": site.report.model_copy(update={"notes": own})})
    shown = page(replace(home, sites={SITE: told}))
    assert "a: January 2026, strike" in shown and "long ago" not in shown
