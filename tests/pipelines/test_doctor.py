"""What `bilan doctor` says of keys: each fault is made by hand, and told with its remedy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines import config, demo, doctor, trail
from pipelines.config import Config
from pipelines.config_web import app_key
from reports.web import second_factor
from warehouse import accounts
from warehouse.app_store import AppStore
from warehouse.audit import Actor

NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Config:
    demo.create(tmp_path / "home", lambda _: None)
    return config.load(tmp_path / "home")


def told(home: Config) -> tuple[bool, str]:
    (result,) = doctor.application_key(home)
    return result.ok, f"{result.found} {result.remedy}"


def enrolled(home: Config) -> AppStore:
    """A database with one account whose second factor is encrypted under the application's key."""
    store, by = AppStore(home.app_store), Actor("", "command line", NOW)
    store.migrate()
    account = accounts.add(
        store,
        login="a@example.org",
        name="Dr Example",
        language="en",
        password_hash=None,
        one_time_until=None,
        roles={("clinician", "*")},
        by=by,
    )
    secret = second_factor.locked(trail.key(home), account.user_id, second_factor.new_secret())
    accounts.set_totp(store, account.user_id, secret, step=1, by=by)
    return store


def test_a_key_that_opens_every_second_factor_is_well(home: Config) -> None:
    assert told(home)[0]
    enrolled(home)
    assert told(home) == (True, "mode 0600, second factors: 1 ")


@pytest.mark.parametrize("fault", ["missing", "mode", "short", "long", "another", "link"])
def test_each_fault_of_the_applications_key_is_told(home: Config, fault: str) -> None:
    enrolled(home)
    key = app_key(home.home)
    text = key.read_text()
    if fault == "missing":
        key.unlink()
    elif fault == "mode":
        key.chmod(0o640)
    elif fault == "link":
        key.rename(key.with_name("moved"))
        key.symlink_to("moved")
    else:
        key.write_text({"short": text[:40], "long": text + "5a" * 32 + "\n", "another": "5a" * 32 + "\n"}[fault])
    ok, said = told(home)
    assert not ok
    assert "keys/_app.key" in said
    assert "5a5a" not in said


def test_a_key_missing_before_anything_was_encrypted_is_no_fault(home: Config) -> None:
    AppStore(home.app_store).migrate()
    app_key(home.home).unlink(missing_ok=True)
    assert told(home)[0]
    assert not app_key(home.home).exists(), "examined, not made"


def test_a_database_of_another_version_is_told(home: Config) -> None:
    home.app_store.write_bytes(b"")
    home.app_store.chmod(0o600)
    ok, said = told(home)
    assert not ok and "bilan serve" in said


def test_a_database_that_others_can_read_is_told(home: Config) -> None:
    enrolled(home)
    home.app_store.chmod(0o644)
    ok, said = told(home)
    assert not ok and "chmod 600" in said
