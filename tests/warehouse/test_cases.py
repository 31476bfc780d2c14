"""The cases of several days, of one study, and the states of its reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from warehouse import cases
from warehouse.load import load
from warehouse.rows import VerdictRow
from warehouse.study import rebuild

DAY = date(2025, 3, 10)


@pytest.fixture
def filled(connection: Any, make: Any) -> Any:
    """Three days: positive with an absent report, doubtful without one, negative with nothing to do."""
    for offset, (name, score) in enumerate((("1", 0.9), ("2", 0.4), ("3", 0.1))):
        image = make.instance(name, acquired_at=make.noon + timedelta(days=offset))
        second = make.instance(name, 1, acquired_at=make.noon + timedelta(days=offset), flags=("BURNED_IN",), view="LL")
        make.keep(connection, "instance", [image, second], day=DAY + timedelta(days=offset))
        make.keep(connection, "finding", [make.finding(image, score / 2), make.finding(second, score)])
    first = make.event("1", "1", "preliminary", event_at=make.noon + timedelta(hours=1))
    last = make.event("2", "1")
    make.keep(connection, "report_event", [first, last])
    make.keep(connection, "report_label", [make.label(last, "absent", evidence="Pas de fracture.")])
    rebuild(connection, make.site)
    return connection


def test_a_window_of_days(filled: Any, make: Any) -> None:
    def found(start: date, end: date) -> list[tuple[str | None, date]]:
        return [(case.action, case.day) for case in cases.worklist(filled, make.site, start, end)]

    assert found(DAY, DAY + timedelta(days=3)) == [
        ("positive_report_absent", DAY),
        ("doubtful", DAY + timedelta(days=1)),
    ]
    assert found(DAY + timedelta(days=1), DAY + timedelta(days=3)) == [("doubtful", DAY + timedelta(days=1))]
    assert found(DAY, DAY) == []
    assert cases.worklist(filled, "another-site", DAY, DAY + timedelta(days=3)) == []
    assert cases.newest_day(filled, make.site) == DAY + timedelta(days=2)
    assert cases.newest_day(filled, "another-site") is None
    assert cases.day_counts(filled, make.site, DAY, DAY + timedelta(days=3)).studies == 3


def test_a_verdict_settles_a_case_and_what_it_needed_is_still_known(filled: Any, make: Any) -> None:
    study = make.mask.of("study_uid", "CANARY-1")
    load(filled, "verdict", [VerdictRow(make.site, study, "c" * 32, "fracture", make.noon, make.mask.key_id)])
    rebuild(filled, make.site)
    found = cases.worklist(filled, make.site, DAY, DAY + timedelta(days=3))
    assert [(case.action, case.todo, case.verdict) for case in found] == [
        ("doubtful", "doubtful", None),
        ("settled", "positive_report_absent", "fracture"),
    ]


def test_one_study_whatever_it_needs(filled: Any, make: Any) -> None:
    quiet = cases.case(filled, make.site, make.mask.of("study_uid", "CANARY-3"))
    assert quiet is not None and quiet.action is None and quiet.ai_result == "negative"
    assert [(image.view, image.score, image.flags) for image in quiet.images] == [
        ("LL", 0.1, ("BURNED_IN",)),
        ("AP", 0.05, ()),
    ]
    assert cases.case(filled, "another-site", quiet.study_uid) is None
    assert cases.case(filled, make.site, "0" * 32) is None


def test_the_states_of_its_reports(filled: Any, make: Any) -> None:
    study = make.mask.of("study_uid", "CANARY-1")
    steps = cases.report_steps(filled, make.site, study)
    assert [(step.status, step.label, step.evidence) for step in steps] == [
        ("preliminary", None, None),
        ("final", "absent", "Pas de fracture."),
    ]
    assert cases.report_steps(filled, "another-site", study) == []


def test_the_list_of_a_day_holds_the_images_of_its_cases(filled: Any, make: Any) -> None:
    (case,) = cases.flagged(filled, make.site, DAY)
    (light,) = cases.worklist(filled, make.site, DAY, DAY + timedelta(days=1))
    assert replace(case, images=()) == light
    assert [image.score for image in case.images] == [0.9, 0.45]
