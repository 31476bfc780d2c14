"""Merged identifiers are one patient, whatever the order in which merges, images and reports came."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from inference.records import OrderEvent, PatientMerge
from warehouse import ledger, person, study
from warehouse.person import Persons


def merge(connection: Any, make: Any, *pairs: tuple[str, str]) -> None:
    made = [PatientMerge(f"CANARY-{stays}-{goes}", None, stays, goes) for stays, goes in pairs]
    make.keep(connection, "patient_merge", made, received_at=make.noon)


def together(connection: Any, make: Any) -> set[frozenset[str]]:
    """The groups of identifiers, by name."""
    names = {make.mask.of("patient_id", f"P{n}"): f"P{n}" for n in range(300)}
    groups: dict[str, set[str]] = {}
    for identifier, root in connection.execute("select patient_id, person_id from person").fetchall():
        groups.setdefault(root, set()).add(names[identifier])
    assert all(root in {make.mask.of("patient_id", name) for name in group} for root, group in groups.items())
    return {frozenset(group) for group in groups.values()}


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        ([], set()),
        ([("P1", "P1")], set()),
        ([("P1", "P2")], {frozenset({"P1", "P2"})}),
        ([("P1", "P2"), ("P2", "P1"), ("P1", "P2")], {frozenset({"P1", "P2"})}),
        ([("P1", "P2"), ("P2", "P3"), ("P3", "P1")], {frozenset({"P1", "P2", "P3"})}),
        ([("P1", "P2"), ("P3", "P4")], {frozenset({"P1", "P2"}), frozenset({"P3", "P4"})}),
        ([(f"P{n}", f"P{n + 1}") for n in range(99)], {frozenset(f"P{n}" for n in range(100))}),
    ],
)
def test_groups_do_not_depend_on_order(connection: Any, make: Any, pairs: Any, groups: Any) -> None:
    random.Random(4).shuffle(pairs)
    for pair in pairs:
        merge(connection, make, pair)
    found = person.resolve(connection, make.site)
    assert together(connection, make) == groups
    assert found == Persons(len(groups), sum(map(len, groups)), 0)
    assert person.resolve(connection, make.site) == found


def test_a_dummy_patient_that_swallows_everybody_is_not_believed(connection: Any, make: Any) -> None:
    merge(connection, make, *[("P0", f"P{n}") for n in range(1, 240)], ("P250", "P251"))
    assert person.resolve(connection, make.site) == Persons(1, 2, 240)
    assert together(connection, make) == {frozenset({"P250", "P251"})}


def test_a_report_under_the_old_number_agrees_after_the_merge(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1", patient_id="P1")])
    event = make.event("1", patient_id="P3")
    make.keep(connection, "report_event", [event])
    ledger.record(connection, [make.offer_of(event)])
    assert ledger.settle_matches(connection, make.site).mismatched == 1
    merge(connection, make, ("P2", "P3"))
    assert ledger.settle_matches(connection, make.site).mismatched == 1
    merge(connection, make, ("P1", "P2"))
    assert ledger.settle_matches(connection, make.site).matched == 1
    assert connection.execute("select outcome, reasons from ledger").fetchall() == [("accepted", [])]


def test_merges_are_of_one_site(connection: Any, make: Any) -> None:
    merge(connection, make, ("P1", "P2"))
    assert person.resolve(connection, "elsewhere") == Persons(0, 0, 0)


def test_orders_time_the_studies_that_they_match(connection: Any, make: Any) -> None:
    def order(name: str, **changes: Any) -> OrderEvent:
        given = {"patient_id": "P1", "study_uid": None, "accession_number": "CANARY-A-1", "ordered_at": make.noon}
        return OrderEvent(message_id=f"CANARY-{name}", control_id=None, **{**given, **changes})

    hour = timedelta(hours=1)
    orders = [
        order("later", ordered_at=make.noon - hour),
        order("first", ordered_at=make.noon - 2 * hour),
        order("other patient", patient_id="P2", ordered_at=make.noon - 9 * hour),
        order("other study", accession_number="CANARY-A-2", ordered_at=make.noon - 8 * hour),
    ]
    report = make.event("1", patient_id="P1", ordered_at=make.noon - 5 * hour)
    make.keep(connection, "report_event", [report])
    make.keep(connection, "instance", [make.instance("1", patient_id="P1")])
    study.rebuild(connection, make.site)
    # Without an order, what the report says of it.
    assert connection.execute("select ordered from study").fetchall() == [(make.noon - 5 * hour,)]
    make.keep(connection, "order_event", orders, received_at=make.noon)
    study.rebuild(connection, make.site)
    assert connection.execute("select ordered from study").fetchall() == [(make.noon - 2 * hour,)]
