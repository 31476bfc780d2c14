"""The hub from its own command line: who may follow what, and the quarter as a PDF."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pypdfium2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from pipelines import config as configuration
from pipelines import export, hub, users
from pipelines.cli import app
from warehouse import accounts, signature
from warehouse.aggregates import GENESIS, as_bytes
from warehouse.bundle_file import Bundle, as_file

SITE, MONTH = "westbrook", "2026-05"
GROUPS = {"north": "armor", "south": "loire", "east": "armor"}


@pytest.fixture(scope="module")
def home(westbrook: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub that knows three sites of two groups, with a month of each."""
    folder = tmp_path_factory.mktemp("hub")
    shutil.copytree(westbrook, folder / "site")
    site = configuration.load(folder / "site")
    (folder / "hub" / "sites").mkdir(parents=True)
    (folder / "hub" / "keys").mkdir()
    (folder / "hub" / "bilan.yaml").write_text("hub: {small_cell: 11}\n")
    partner = configuration.load(folder / "hub")
    hub.init(partner)
    told, files = dict(export.draft(site, SITE, MONTH).told), []
    for name, group in GROUPS.items():
        key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        public = signature.public_text(key)
        about = {"site": name, "name": f"Site {name}", "key": public, "fingerprint": signature.fingerprint(public)}
        (folder / "card").write_text(json.dumps({**export.card(site, SITE), **about}))
        hub.register(partner, folder / "card", stage="live", site_group=group, manager="p.novak")
        numbered = {"site": name, "seq": 1, "previous": GENESIS, "made_on": "2026-06-20", "restates": False}
        payload = as_bytes({**told, **numbered})
        files.append(as_file(Bundle(name, public, payload.decode(), signature.sign(key, payload).hex())))
    assert {outcome.reason for outcome in hub.take(partner, files)} == {None}
    return folder / "hub"


def bilan(home: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments, "--home", str(home)])
    assert done.exit_code == code, done.output
    return done.output


def test_accounts_are_of_sites_groups_or_all_of_the_hub(home: Path) -> None:
    for login, role, place in (
        ("one", "partnership_manager@north", "north"),
        ("group", "partnership_manager@group:armor", "group:armor"),
        ("all", "partnership_manager", "*"),
    ):
        bilan(home, "user", "add", login, "--role", role)
        account = accounts.by_login(users.store(configuration.load(home)), login)
        assert account is not None and account.roles == {("partnership_manager", place)}
    assert "no such site" in bilan(home, "user", "add", "x", "--role", "partnership_manager@nowhere", code=2)
    # Only who follows a portfolio has a place on a hub: there is no list of cases here.
    assert "no such site" in bilan(home, "user", "add", "x", "--role", "clinician@north", code=2)
    assert "no such site" in bilan(home, "user", "add", "x", "--role", "clinician@group:armor", code=2)
    listed = bilan(home, "user", "list")
    assert "group:armor" in listed and "north" in listed


def text_of(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        return " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())


def test_the_quarter_of_a_group_names_its_sites_alone(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "armor.pdf"
    said = bilan(
        home, "hub", "review", "--quarter", "2026-Q2", "--group", "armor", "--language", "en", "--out", str(out)
    )
    assert str(out) in said.replace("\n", "")
    shown = text_of(out)
    assert "Site north" in shown and "Site east" in shown and "Site south" not in shown and "Q2 2026" in shown
    french = tmp_path / "all.pdf"
    bilan(home, "hub", "review", "--quarter", "2026-Q2", "--manager", "p.novak", "--out", str(french))
    shown = text_of(french)
    assert all(f"Site {name}" in shown for name in GROUPS) and "T2 2026" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2026-Q5",), "2026-Q3"),
        (("2026-Q2", "--group", "nobody"), "no site of this group"),
        (("2026-Q2", "--language", "de"), "fr or en"),
    ],
)
def test_a_review_that_cannot_be_is_told(home: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    quarter, *more = arguments
    assert said in bilan(home, "hub", "review", "--quarter", quarter, "--out", str(tmp_path / "x.pdf"), *more, code=2)
    assert not (tmp_path / "x.pdf").exists()
