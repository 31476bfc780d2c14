"""The ledger: every offer once, every message where the studies known now put it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from warehouse import ledger
from warehouse.errors import NotPseudonymError
from warehouse.ledger import Settlement


def outcomes(connection: Any) -> list[tuple[str, list[str]]]:
    return connection.execute("select outcome, reasons from ledger order by outcome, reasons").fetchall()


def arrive(connection: Any, make: Any, *events: Any) -> None:
    make.keep(connection, "report_event", list(events))
    ledger.record(connection, [make.offer_of(event) for event in events])


def test_an_offer_counts_once_and_keeps_its_outcome(connection: Any, make: Any) -> None:
    first = make.offer("a", "dicom", outcome="quarantined", reasons=("TRUNCATED", "CHARSET"))
    assert ledger.record(connection, [first, make.offer("b", "dicom")]) == 2
    assert ledger.record(connection, [replace(first, outcome="accepted"), make.offer("c")]) == 1
    assert outcomes(connection) == [
        ("accepted", []),
        ("quarantined", ["TRUNCATED", "CHARSET"]),
        ("unmatched", ["UNMATCHED"]),
    ]


def test_real_identifiers_are_refused(connection: Any, make: Any) -> None:
    with pytest.raises(NotPseudonymError):
        ledger.record(connection, [make.offer("a", message_id="CANARY-M-1")])


def test_the_sums_equal_what_was_offered(connection: Any, make: Any) -> None:
    offers = [make.offer(f"d{n}", "dicom", outcome=outcome) for n, outcome in enumerate(ledger.OUTCOMES)]
    offers += [make.offer("m1"), make.offer("m2"), make.offer("m3", night=date(2025, 3, 11))]
    ledger.record(connection, offers)
    sums = ledger.outcome_sums(connection, make.site, date(2025, 3, 10))
    assert sums["dicom"] == dict.fromkeys(ledger.OUTCOMES, 1)
    assert sums["message"] == {**dict.fromkeys(ledger.OUTCOMES, 0), "unmatched": 2}
    whole = ledger.outcome_sums(connection, make.site)
    assert sum(sum(kind.values()) for kind in whole.values()) == len(offers)
    empty = ledger.outcome_sums(connection, "elsewhere")
    assert set(empty) == {"dicom", "message"} and not any(sum(kind.values()) for kind in empty.values())


def test_what_is_known_is_of_this_site_and_what_was_accepted(connection: Any, make: Any) -> None:
    image = {name: make.mask.of("instance_uid", name) for name in ("in", "out", "bad")}
    rows = [
        make.offer("1", "dicom", instance_uid=image["in"], outcome="accepted_flagged"),
        make.offer("2", "dicom", instance_uid=image["out"], outcome="accepted_not_inferred", stamp="2-2"),
        make.offer("3", "dicom", instance_uid=image["bad"], outcome="quarantined"),
        make.offer("4", "dicom", instance_uid=image["in"], outcome="conflict"),
        make.offer("5", "dicom", instance_uid=image["in"], site="elsewhere"),
    ]
    ledger.record(connection, rows)
    assert ledger.known_instances(connection, make.site, image.values()) == {
        image["in"]: rows[0].content_id,
        image["out"]: rows[1].content_id,
    }
    assert ledger.known_instances(connection, make.site, [image["bad"]]) == {}
    assert ledger.known_offers(connection, make.site) == {row.offer_id for row in rows[:4]}
    places = ledger.known_places(connection, make.site)
    assert (rows[1].place_id, "2-2") in places and (rows[1].place_id, "1-1") not in places
    make.keep(connection, "report_event", [make.event("1")])
    ids = [make.mask.of("message_id", name) for name in ("CANARY-M-1", "CANARY-M-2")]
    assert ledger.known_messages(connection, make.site, ids) == {ids[0]}


@pytest.mark.parametrize(
    ("changes", "outcome", "reasons"),
    [
        ({}, "accepted", []),
        ({"flags": ("CHARSET", "LATE_REPORT")}, "accepted_flagged", ["CHARSET", "LATE_REPORT"]),
        ({"patient_id": None}, "accepted", []),
        ({"patient_id": "CANARY-P2"}, "quarantined", ["PATIENT_MISMATCH"]),
        ({"patient_id": "CANARY-P2", "flags": ("CHARSET",)}, "quarantined", ["PATIENT_MISMATCH", "CHARSET"]),
        ({"accession_number": "CANARY-A-9", "flags": ("CHARSET",)}, "unmatched", ["UNMATCHED", "CHARSET"]),
        ({"accession_number": None, "study_uid": "CANARY-1"}, "accepted", []),
        ({"accession_number": "CANARY-A-1", "study_uid": "CANARY-9"}, "accepted", []),
        # The study identifier goes first, also when the accession number is another patient's.
        ({"accession_number": "CANARY-A-2", "study_uid": "CANARY-1"}, "accepted", []),
        ({"accession_number": "CANARY-A-1", "study_uid": "CANARY-2"}, "quarantined", ["PATIENT_MISMATCH"]),
    ],
)
def test_a_message_settles_by_study_then_accession_then_patient(
    connection: Any, make: Any, changes: dict[str, Any], outcome: str, reasons: list[str]
) -> None:
    make.keep(connection, "instance", [make.instance("1"), make.instance("2", patient_id="CANARY-P2")])
    arrive(connection, make, make.event("1", **changes))
    assert ledger.settle_matches(connection, make.site).changed == (outcome != "unmatched")
    assert outcomes(connection) == [(outcome, reasons)]
    assert ledger.settle_matches(connection, make.site).changed == 0
    assert outcomes(connection) == [(outcome, reasons)]


def test_a_later_study_turns_unmatched_into_accepted(connection: Any, make: Any) -> None:
    arrive(connection, make, make.event("1"), make.event("2", "2", flags=("CHARSET",)))
    assert ledger.settle_matches(connection, make.site) == Settlement(0, 2, 0, 0)
    make.keep(connection, "instance", [make.instance("1", in_scope=False)])
    assert ledger.settle_matches(connection, make.site) == Settlement(1, 1, 0, 1)
    make.keep(connection, "instance", [make.instance("2", patient_id=None)])
    assert ledger.settle_matches(connection, make.site) == Settlement(2, 0, 0, 1)
    assert outcomes(connection) == [("accepted", []), ("accepted_flagged", ["CHARSET"])]


def test_a_later_study_can_also_bring_a_mismatch_and_its_removal_undo_it(connection: Any, make: Any) -> None:
    arrive(connection, make, make.event("1"))
    foreign = make.instance("1", patient_id="CANARY-P2")
    make.keep(connection, "instance", [foreign])
    ledger.record(
        connection, [make.offer("i", "dicom", instance_uid=make.mask.of("instance_uid", foreign.instance_uid))]
    )
    assert ledger.settle_matches(connection, make.site) == Settlement(0, 0, 1, 1)
    ledger.set_outcome(
        connection, make.site, "quarantined", {make.mask.of("instance_uid", foreign.instance_uid): ("PIXEL_DECODE",)}
    )
    assert ledger.settle_matches(connection, make.site) == Settlement(0, 1, 0, 1)


def test_an_accession_shared_by_patients_needs_a_report_that_names_one(connection: Any, make: Any) -> None:
    shared = {"accession_number": "CANARY-A-1"}
    make.keep(connection, "instance", [make.instance("1"), make.instance("2", patient_id="CANARY-P2", **shared)])
    arrive(connection, make, make.event("1"), make.event("2", patient_id=None))
    ledger.settle_matches(connection, make.site)
    assert outcomes(connection) == [("accepted", []), ("quarantined", ["PATIENT_MISMATCH"])]
    matched = connection.execute("select study_uid from report_match where agrees").fetchall()
    assert matched == [(make.mask.of("study_uid", "CANARY-1"),)]


def test_other_outcomes_are_never_settled(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    event = make.event("1")
    make.keep(connection, "report_event", [event])
    message = make.mask.of("message_id", event.message_id)
    fixed = [
        ("duplicate", ("DUPLICATE",)),
        ("conflict", ("UID_CONFLICT",)),
        ("quarantined", ("BAD_DATE",)),
        ("not_hl7", ("NOT_HL7",)),
    ]
    rows = [make.offer(outcome, message_id=message, outcome=outcome, reasons=codes) for outcome, codes in fixed]
    ledger.record(connection, [*rows, make.offer_of(event)])
    assert ledger.settle_matches(connection, make.site).changed == 1
    assert outcomes(connection) == sorted([("accepted", []), *((outcome, list(codes)) for outcome, codes in fixed)])


def test_a_message_with_several_reports_is_judged_by_all_of_them(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1"), make.instance("2", patient_id="CANARY-P2")])
    events = [make.event("a", "9", flags=("CHARSET",)), make.event("b", "2"), make.event("c", "1")]
    offer = make.offer_of(events[0])
    make.keep(connection, "report_event", events, offer_id=[offer.offer_id] * 3)
    ledger.record(connection, [offer])
    ledger.settle_matches(connection, make.site)
    assert outcomes(connection) == [("accepted_flagged", ["PATIENT_MISMATCH", "UNMATCHED", "CHARSET"])]
    assert ledger.settle_matches(connection, make.site).changed == 0


def test_other_sites_are_left_alone(connection: Any, make: Any) -> None:
    make.keep(connection, "instance", [make.instance("1")])
    ledger.record(connection, [make.offer_of(make.event("1"), site="elsewhere")])
    assert ledger.settle_matches(connection, make.site) == Settlement(0, 0, 0, 0)
    assert outcomes(connection) == [("unmatched", ["UNMATCHED"])]


def test_an_image_that_cannot_be_decoded_is_taken_back(connection: Any, make: Any) -> None:
    images = [make.instance("1", number) for number in range(3)]
    ids = [make.mask.of("instance_uid", image.instance_uid) for image in images]
    make.keep(connection, "instance", images)
    ledger.record(
        connection,
        [
            make.offer("0", "dicom", instance_uid=ids[0], outcome="accepted_flagged", reasons=("LOSSY",)),
            make.offer("1", "dicom", instance_uid=ids[1]),
            make.offer("2", "dicom", instance_uid=ids[2], outcome="accepted_not_inferred", reasons=("DERIVED_IMAGE",)),
            make.offer("0 again", "dicom", instance_uid=ids[0], outcome="duplicate", reasons=("DUPLICATE",)),
        ],
    )
    refused = {ids[0]: ("PIXEL_DECODE", "TRUNCATED"), ids[2]: ("PIXEL_DECODE",), "f" * 32: ("PIXEL_DECODE",)}
    assert ledger.set_outcome(connection, make.site, "quarantined", refused) == 1
    assert ledger.set_outcome(connection, make.site, "quarantined", refused) == 0
    assert ledger.set_outcome(connection, make.site, "quarantined", {}) == 0
    assert outcomes(connection) == [
        ("accepted", []),
        ("accepted_not_inferred", ["DERIVED_IMAGE"]),
        ("duplicate", ["DUPLICATE"]),
        ("quarantined", ["PIXEL_DECODE", "TRUNCATED", "LOSSY"]),
    ]
    left = connection.execute("select instance_uid from instance").fetchall()
    assert set(left) == {(ids[1],), (ids[2],)}


def test_an_image_taken_back_can_come_again_whole(connection: Any, make: Any) -> None:
    image = make.instance("1")
    image_id = make.mask.of("instance_uid", image.instance_uid)
    make.keep(connection, "instance", [image])
    ledger.record(connection, [make.offer("0", "dicom", instance_uid=image_id)])
    ledger.set_outcome(connection, make.site, "quarantined", {image_id: ("PIXEL_DECODE",)})
    assert ledger.known_instances(connection, make.site, [image_id]) == {}
    assert make.keep(connection, "instance", [image]) == 1
