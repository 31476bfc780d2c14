"""What changed in months published earlier: told once, with what it was and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse import addenda, connect, freeze, ledger, study
from warehouse.addenda import Amount

CUT = datetime(2025, 4, 8, 4, tzinfo=UTC)
LATE = datetime(2025, 5, 2, 4, tzinfo=UTC)


@pytest.fixture
def month(warehouse: Path, make: Any) -> Path:
    """Ten studies of March 2025; the AI is positive in 0 to 3, reports say present in 0, 1, 4, absent in 2, 3, 5."""
    with connect.writer(warehouse) as connection:
        images = [make.instance(str(n), acquired_at=make.noon + timedelta(days=n)) for n in range(10)]
        make.keep(connection, "instance", images)
        make.keep(connection, "finding", [make.finding(one, 0.9 if n < 4 else 0.1) for n, one in enumerate(images)])
        events = [make.event(str(n), str(n), event_at=make.noon + timedelta(days=n, hours=n + 1)) for n in range(6)]
        tell(connection, make, events, ["present", "present", "absent", "absent", "present", "absent"])
    return warehouse


def tell(connection: Any, make: Any, events: list[Any], labels: list[str], when: datetime | None = None) -> None:
    make.keep(connection, "report_event", events, **({"received_at": when} if when else {}))
    make.keep(connection, "report_label", [make.label(*pair) for pair in zip(events, labels, strict=True)])
    ledger.settle_matches(connection, make.site)
    study.rebuild(connection, make.site)


def publish(warehouse: Path, site: str, month: str, cut: datetime) -> tuple[int, list[addenda.Addendum]]:
    """Issue a month as `pipelines.month` does; return its number and what it told."""
    with connect.writer(warehouse) as connection:
        data = freeze.data_sha256(connection, site, month)
        late = freeze.late_changes(connection, site, month, data, "{}")
        shown = addenda.snapshot(connection, site, month, cut)
    issue = freeze.issue(
        warehouse,
        site=site,
        month=month,
        data_cut=cut,
        data_sha256=data,
        figures_sha256="f",
        definition="{}",
        now=cut,
        shown=shown,
        late=late,
    )
    return issue.issue, late


def test_the_key_figures_of_an_issue(month: Path, make: Any) -> None:
    with connect.writer(month) as connection:
        shown = addenda.snapshot(connection, make.site, "2025-03", CUT)
    assert shown.figures == {
        "volume": Amount(10),
        "positive_rate": Amount(4, 10),
        "doubtful_rate": Amount(0, 10),
        "unreported": Amount(4, 10),
        # AI and report alike in 0, 1 (present) and 5 (absent), otherwise in 2, 3, 4.
        "agreement": Amount(3, 6),
        # Images end at noon and n minutes is nothing here: 1, 2, 3, 4, 5, 6 hours.
        "report_turnaround": Amount(3.5),
    }
    assert shown.figures["agreement"].value == 0.5
    assert Amount(0, 0).value is None and Amount(None).value is None
    assert len(shown.studies) == 10


def test_nothing_late_is_no_addendum(month: Path, make: Any) -> None:
    assert publish(month, make.site, "2025-03", CUT) == (1, [])
    assert publish(month, make.site, "2025-04", LATE) == (1, [])


def test_late_changes_are_told_once_with_their_reasons(month: Path, make: Any) -> None:
    publish(month, make.site, "2025-03", CUT)
    with connect.writer(month) as connection:
        late = [
            # Six weeks after the examination, a first report; a correction; a withdrawal.
            make.event("late", "6", event_at=make.noon + timedelta(days=48)),
            make.event("corrected", "2", "corrected", event_at=make.noon + timedelta(days=40)),
            make.event("withdrawn", "3", "withdrawn", event_at=make.noon + timedelta(days=41)),
        ]
        tell(connection, make, late, ["absent", "present", "absent"], when=LATE - timedelta(days=1))
        image = make.instance("late", acquired_at=make.noon + timedelta(days=3))
        make.keep(connection, "instance", [image], received_at=LATE - timedelta(days=1))
        study.rebuild(connection, make.site)
    number, told = publish(month, make.site, "2025-04", LATE)
    [found] = told
    assert number == 1
    assert (found.month, found.issue, found.issued_at) == ("2025-03", 1, CUT)
    assert {change.figure: (change.old, change.new) for change in found.changes} == {
        "volume": (Amount(10), Amount(11)),
        # One reported at last, one study more; a report that was withdrawn had been there.
        "unreported": (Amount(4, 10), Amount(4, 11)),
        # 6 absent and negative: alike; 2 now present: alike; 3 withdrawn: out.
        "agreement": (Amount(3, 6), Amount(5, 6)),
        # The late report counts with its 42 days.
        "report_turnaround": (Amount(3.5), found_turnaround(found)),
    }
    assert found_turnaround(found).value == 4.0
    assert found.reasons == {"late_study": 1, "late_report": 1, "withdrawn": 1, "corrected": 1}
    # Told again with the same issue, and never with the next one.
    assert publish(month, make.site, "2025-04", LATE) == (1, told)
    assert publish(month, make.site, "2025-05", LATE + timedelta(days=31)) == (1, [])


def found_turnaround(found: addenda.Addendum) -> Amount:
    return next(change.new for change in found.changes if change.figure == "report_turnaround")


def test_a_second_change_is_told_against_the_first(month: Path, make: Any) -> None:
    publish(month, make.site, "2025-03", CUT)
    for number, when in ((6, LATE), (7, LATE + timedelta(days=31))):
        with connect.writer(month) as connection:
            event = make.event(f"late{number}", str(number), event_at=make.noon + timedelta(days=number, hours=2))
            tell(connection, make, [event], ["absent"], when=when - timedelta(days=1))
        [found] = publish(month, make.site, f"2025-0{number - 2}", when)[1]
        changed = {change.figure: (change.old, change.new) for change in found.changes}
        assert changed["unreported"] == (Amount(10 - number, 10), Amount(9 - number, 10))
        assert found.reasons == {"late_report": number - 5}


def test_a_new_issue_of_the_month_itself_leaves_nothing_to_tell(month: Path, make: Any) -> None:
    publish(month, make.site, "2025-03", CUT)
    with connect.writer(month) as connection:
        event = make.event("late", "6", event_at=make.noon + timedelta(days=6, hours=2))
        tell(connection, make, [event], ["absent"], when=LATE - timedelta(days=2))
    assert publish(month, make.site, "2025-03", LATE - timedelta(days=1)) == (2, [])
    assert publish(month, make.site, "2025-04", LATE) == (1, [])


def test_a_study_that_goes_and_a_label_that_changes_have_their_reasons(month: Path, make: Any) -> None:
    publish(month, make.site, "2025-03", CUT)
    with connect.writer(month) as connection:
        connection.execute("delete from instance where study_uid = ?", [make.mask.of("study_uid", "CANARY-9")])
        again = make.label(make.event("0", "0"), "absent")
        make.keep(connection, "report_label", [again], replace=True)
        study.rebuild(connection, make.site)
    [found] = publish(month, make.site, "2025-04", LATE)[1]
    assert found.reasons == {"removed": 1, "relabelled": 1}
    assert {change.figure for change in found.changes} == {
        "volume",
        "positive_rate",
        "doubtful_rate",
        "unreported",
        "agreement",
    }


def test_months_of_other_sites_and_without_figures_are_passed_over(month: Path, make: Any) -> None:
    with connect.writer(month) as connection:
        assert addenda.pending(connection, make.site, "2025-05") == []
        assert addenda.pending(connection, "elsewhere", "2025-05") == []
    freeze.issue(
        month,
        site=make.site,
        month="2025-03",
        data_cut=CUT,
        data_sha256="d",
        figures_sha256="f",
        definition="{}",
        now=CUT,
    )
    assert publish(month, make.site, "2025-04", LATE) == (1, [])
