"""A warehouse of one site, and records with canaries where identities are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inference.records import Box, Finding, Instance, ReportEvent, ReportLabel
from warehouse import connect
from warehouse.load import load
from warehouse.pseudonym import Pseudonymiser
from warehouse.rows import LedgerRow, ModelRow
from warehouse.site import SiteFacts

SITE = "saint-aubin"
NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)


class Maker:
    """Records as the gate makes them; every identity holds the word CANARY."""

    site = SITE
    noon = NOON
    mask = Pseudonymiser(bytes(range(32)))

    def instance(self, study: str, number: int = 0, **changes: Any) -> Instance:
        return replace(
            Instance(
                patient_id="CANARY-P1",
                study_uid=f"CANARY-{study}",
                series_uid=f"CANARY-{study}.1",
                instance_uid=f"CANARY-{study}.1.{number}",
                accession_number=f"CANARY-A-{study}",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
                modality="DX",
                region="wrist",
                laterality="L",
                view="AP",
                device="CANARY-D",
                sex="F",
                age_band="25-44",
                rows=100,
                columns=80,
                bits_stored=12,
                photometric="MONOCHROME2",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                acquired_at=NOON + timedelta(minutes=number),
                acquired_from="AcquisitionDateTime",
                study_at=NOON - timedelta(minutes=5),
                in_scope=True,
                flags=(),
            ),
            **changes,
        )

    def finding(self, instance: Instance, score: float | None = 0.5, **changes: Any) -> Finding:
        found = Finding(
            study_uid=instance.study_uid,
            instance_uid=instance.instance_uid,
            code="fracture",
            status="ok" if score is not None else "failed",
            score=score,
            boxes=(Box(1, 2, 3, 4, 0.5),) if score is not None else (),
            reason=None if score is not None else "MODEL_FAILED",
            model_name="first",
            model_version="1",
            model_sha256="aa",
            ai_completed=NOON + timedelta(hours=16),
        )
        return replace(found, **changes)

    def event(self, message: str, study: str | None = "1", status: str = "final", **changes: Any) -> ReportEvent:
        return replace(
            ReportEvent(
                message_id=f"CANARY-M-{message}",
                control_id=f"CANARY-C-{message}",
                patient_id="CANARY-P1",
                study_uid=None,
                accession_number=f"CANARY-A-{study}" if study else None,
                status=status,
                event_at=NOON + timedelta(hours=3),
                ordered_at=None,
                exam_at=None,
                patient_class="E",
                text="CANARY-TEXT",
                flags=(),
            ),
            **changes,
        )

    def label(self, event: ReportEvent, label: str = "present", **changes: Any) -> ReportLabel:
        made = ReportLabel(
            message_id=event.message_id,
            label=label,
            acuity="acute" if label == "present" else "none",
            tier="decided",
            language="fr",
            evidence=None,
            start=3,
            end=9,
            rules=("r1",),
            pack="fr-1",
        )
        return replace(made, **changes)

    def offer(self, name: str, kind: str = "message", **changes: Any) -> LedgerRow:
        return replace(
            LedgerRow(
                site=SITE,
                offer_id=self.mask.of("offer_id", name),
                kind=kind,
                source="drop",
                night=date(2025, 3, 10),
                received_at=NOON,
                place_id=self.mask.of("place_id", name),
                stamp="1-1",
                content_id=self.mask.of("content_id", name),
                outcome="unmatched" if kind == "message" else "accepted",
                reasons=("UNMATCHED",) if kind == "message" else (),
                study_uid=None,
                instance_uid=None,
                message_id=None,
                key_id=self.mask.key_id,
            ),
            **changes,
        )

    def offer_of(self, event: ReportEvent, **changes: Any) -> LedgerRow:
        """The ledger row that the intake writes for a message."""
        message = self.mask.of("message_id", event.message_id)
        reasons = ("UNMATCHED", *event.flags)
        return self.offer(event.message_id, **{"message_id": message, "reasons": reasons, **changes})

    def keep(self, connection: Any, table: str, records: Any, **more: Any) -> int:
        """Load records of one table, with the columns that the night adds."""
        if table in ("instance", "report_event"):
            more = {"received_at": NOON + timedelta(hours=15), **more}
        return load(connection, table, records, site=SITE, pseudonymiser=self.mask, **more)


FACTS = SiteFacts(
    site=SITE,
    valid_from=date(2024, 1, 1),
    name="Hôpital Saint-Aubin",
    country="FR",
    language="fr",
    time_zone="Europe/Paris",
    sector="public",
    opening_start="08:00",
    opening_end="18:30",
    opening_weekdays=(1, 2, 3, 4, 5),
    turnaround_target_hours=24.0,
    small_cell=1,
    threshold_doubtful=None,
    threshold_positive=None,
)
MODEL = ModelRow("aa", "first", "1", 0.3, 0.6, datetime(2025, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with one site and one model, to be copied and never opened."""
    path = tmp_path_factory.mktemp("made") / "warehouse.duckdb"
    connect.migrate(path)
    with connect.writer(path) as connection:
        load(connection, "site", [FACTS])
        load(connection, "model", [MODEL])
        connection.execute("checkpoint")
    return path


@pytest.fixture
def warehouse(made: Path, tmp_path: Path) -> Path:
    """A warehouse of the test's own with one site and one model (thresholds 0.3 and 0.6)."""
    return Path(shutil.copy(made, tmp_path / "warehouse.duckdb"))


@pytest.fixture
def connection(warehouse: Path) -> Iterator[Any]:
    """Its writer."""
    with connect.writer(warehouse) as opened:
        yield opened


@pytest.fixture(scope="session")
def make() -> Maker:
    """Builder of records."""
    return Maker()


@pytest.fixture(scope="session")
def facts() -> SiteFacts:
    """The site's first version."""
    return FACTS
