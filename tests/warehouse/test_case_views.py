"""From the audit trail into the warehouse: when a case was first opened with an AI result, and nothing of by whom."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse import audit, case_views
from warehouse.app_store import AppStore
from warehouse.audit import Actor


@pytest.fixture
def store(tmp_path: Path) -> AppStore:
    made = AppStore(tmp_path / "app.sqlite")
    made.migrate()
    return made


def opened(store: AppStore, make: Any, study: str, hour: int, event: str = "case_viewed", **detail: Any) -> None:
    by = Actor("CANARY-USER", "192.0.2.7", make.noon + timedelta(hours=hour), make.site)
    audit.record(store, event, by, about=make.mask.of("study_uid", f"CANARY-{study}"), detail=detail)


def test_the_first_opening_counts_where_the_result_was_shown(connection: Any, make: Any, store: AppStore) -> None:
    make.keep(connection, "instance", [make.instance(study) for study in "1234"])
    opened(store, make, "1", 1)  # as earlier versions wrote it: nothing of the AI
    opened(store, make, "1", 3, ai_shown=False)
    opened(store, make, "2", 9, ai_shown=True)
    opened(store, make, "2", 4, ai_shown=True)  # a clock that was set back
    opened(store, make, "3", 2, "report_viewed")
    opened(store, make, "4", 5, ai_shown=True)
    opened(store, make, "erased", 5, ai_shown=True)
    with store.reading() as app:
        assert case_views.keep(app, connection, "elsewhere", make.mask) == 0
        assert case_views.keep(app, connection, make.site, make.mask) == 2
        assert case_views.keep(app, connection, make.site, make.mask) == 0
    found = connection.execute("select * from case_view order by seen_at").fetchall()
    name = make.mask.of
    assert [(row[1], row[2] - make.noon) for row in found] == [
        (name("study_uid", "CANARY-2"), timedelta(hours=4)),
        (name("study_uid", "CANARY-4"), timedelta(hours=5)),
    ]
    assert "USER" not in repr(found) and "192.0.2.7" not in repr(found)
