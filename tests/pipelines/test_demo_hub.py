"""The hub of the demonstration: every bundle taken, and each thing amiss found by the rule for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines import config as configuration
from pipelines import demo_hub, users
from pipelines.config_hub import hub_published
from reports.portfolio import portfolio, with_statuses
from warehouse import portfolio_notes, status
from warehouse.connect import HUB, reader


@pytest.mark.parametrize("day", [5, 25])  # before and after a month's bundles are made
def test_a_newcomer_sees_who_needs_attention_and_why(tmp_path: Path, day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_hub, "MONTHS", 13)
    (tmp_path / "sites").mkdir()
    (tmp_path / "keys").mkdir()
    (tmp_path / "bilan.yaml").write_text("{}\n")
    config, now = configuration.load(tmp_path), datetime(2026, 11, day, 9, tzinfo=UTC)
    assert demo_hub.fill(config, now) == 13 * len(demo_hub.SITES)
    with reader(hub_published(tmp_path), HUB) as connection:
        found = portfolio(connection, demo_hub.VERSIONS, now.date())
    found = with_statuses(found, status.heard(users.store(config)), now.date())
    lines = {line.site.site: line for line in found.lines}
    met = {
        amiss: {reason.rule for reason in lines[f"partner-{place:02d}"].reasons}
        for place, (*_, amiss) in enumerate(demo_hub.SITES, 1)
        if amiss
    }
    for amiss, rule in (
        ("fewer", "volume"), ("quiet", "quiet"), ("alarm", "alarms"), ("old", "model"), ("more", "drift"),
    ):  # fmt: skip
        assert rule in met[amiss], (amiss, met[amiss])
    assert not any({"silent", "quiet"} & {reason.rule for reason in line.reasons}
                   for site, line in lines.items() if site != "partner-04")  # fmt: skip
    assert len(portfolio_notes.notes(users.store(config))) == 3
