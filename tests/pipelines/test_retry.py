"""A file of the quarantine read again: taken once what refused it is mended, and never counted twice."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from inference.records import Rejection
from inference.simulation import night as simulated
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN
from pipelines import config, demo, intake, night, retry
from pipelines.config import Config
from warehouse import connect, ledger

SITE, DAY = SAINT_AUBIN.site, date(2026, 10, 24)
NOW = datetime(2026, 10, 25, 8, 0, tzinfo=UTC)


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A site whose gate, for one night, refuses whatever it reads."""
    for folder in ("sites", "keys"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bilan.yaml").write_text("simulated_clock: true\nworkers: 1\n")
    settings = demo.site_file(SAINT_AUBIN, tmp_path)
    for source in settings["sources"]:
        Path(source["path"]).mkdir(parents=True)
    (tmp_path / "sites" / f"{SITE}.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    (tmp_path / "keys" / f"{SITE}.key").touch(mode=0o600)
    (tmp_path / "keys" / f"{SITE}.key").write_text("5a" * 32)
    loaded = config.load(tmp_path)
    inbox = tmp_path / "inbox" / SITE
    studies = plan(SAINT_AUBIN, DAY, DAY)[:2]
    simulated.write_night(studies, SAINT_AUBIN, DAY, inbox / "dicom", inbox / "hl7", cases=())
    night.begin(loaded, SITE, [DAY])
    with monkeypatch.context() as patched:
        patched.setattr(intake.dicom, "gate", lambda *_: Rejection("quarantined", ("PARSE_ERROR",)))
        night.take_images(loaded, SITE, [DAY])
    return loaded


def sums(loaded: Config) -> dict[str, int]:
    with connect.writer(loaded.warehouse) as connection:
        return ledger.outcome_sums(connection, SITE)["dicom"]


def files(loaded: Config) -> list[str]:
    return sorted(path.stem for path in loaded.quarantine(SITE).glob("*.bin"))


def test_a_file_refused_by_mistake_is_taken_and_counted_once(refused: Config) -> None:
    before, waiting = sums(refused), files(refused)
    assert before["quarantined"] == len(waiting) > 0
    assert {retry.retry(refused, SITE, content, NOW) for content in waiting} == {"accepted"}
    after = sums(refused)
    assert sum(after.values()) == sum(before.values())
    assert after["quarantined"] == 0 and files(refused) == []
    assert len(list((refused.spool(SITE) / "dicom").rglob("*.dcm"))) == len(waiting)
    with connect.writer(refused.warehouse) as connection:
        assert connection.execute("select count(*) from instance").fetchone() == (len(waiting),)
    # The night that follows finds the same files where they were, and takes none of them again.
    night.take_images(refused, SITE, [DAY])
    assert sums(refused) == after
    assert retry.retry(refused, SITE, waiting[0], NOW) == "gone"


def test_a_file_that_is_still_broken_stays(refused: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake.dicom, "gate", lambda *_: Rejection("quarantined", ("TRUNCATED",)))
    before, (first, *_) = sums(refused), files(refused)
    assert retry.retry(refused, SITE, first, NOW) == "refused"
    assert sums(refused) == before and first in files(refused)
    assert "TRUNCATED" in (refused.quarantine(SITE) / f"{first}.json").read_text()


def test_a_running_night_is_waited_for(refused: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "WAIT_MINUTES", 0.0)
    with connect.lock(refused.warehouse):
        assert retry.retry(refused, SITE, files(refused)[0], NOW) == "busy"


@pytest.mark.parametrize("name", ["", "../../bilan", "0" * 32, "x"])
def test_a_name_that_is_none_of_ours_opens_nothing(refused: Config, name: str) -> None:
    assert retry.retry(refused, SITE, name, NOW) == "gone"
