"""FHIR R4 DiagnosticReports, in bundles and alone."""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import reasons
from inference.fhir import read
from inference.records import Rejection, ReportEvent
from inference.settings import GateSettings

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
PARIS = GateSettings(time_zone=ZoneInfo("Europe/Paris"))
REPORT: dict[str, Any] = {
    "resourceType": "DiagnosticReport",
    "id": "r1",
    "status": "final",
    "subject": {"reference": "Patient/p1"},
    "imagingStudy": [{"reference": "ImagingStudy/s1"}],
    "basedOn": [{"reference": "urn:uuid:order"}],
    "encounter": {"reference": "#visit"},
    "contained": [{"resourceType": "Encounter", "id": "visit", "class": {"code": "EMER"}}],
    "effectiveDateTime": "2026-11-19T09:35:00+01:00",
    "issued": "2026-11-19T10:10:00.000+01:00",
    "presentedForm": [{"contentType": "text/plain", "data": base64.b64encode("Fracture déplacée.".encode()).decode()}],
    "conclusion": "Fracture.",
}
STUDY = {
    "resourceType": "ImagingStudy",
    "id": "s1",
    "identifier": [
        {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"},
        {"type": {"coding": [{"code": "ACSN"}]}, "value": "ACC1"},
    ],
}
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"value": "INS1"}, {"type": {"coding": [{"code": "PI"}]}, "value": "PAT1"}],
}
ORDER = {"resourceType": "ServiceRequest", "id": "o1", "authoredOn": "2026-11-19T08:00:00+01:00"}


def bundle(*reports: object) -> bytes:
    entries = [{"resource": PATIENT}, {"resource": STUDY}, {"fullUrl": "urn:uuid:order", "resource": ORDER}]
    return json.dumps({"resourceType": "Bundle", "entry": [*entries, *({"resource": one} for one in reports)]}).encode()


def report(**changes: object) -> dict[str, Any]:
    return {**copy.deepcopy(REPORT), **changes}


def event(**changes: object) -> ReportEvent:
    (found,) = read(bundle(report(**changes)), PARIS, NOW)
    assert isinstance(found, tuple), found
    return found[0]


def test_a_bundle() -> None:
    found = event()
    assert found == ReportEvent(
        message_id=found.message_id,
        control_id=None,
        patient_id="PAT1",
        study_uid="1.2.3.4",
        accession_number="ACC1",
        status="final",
        event_at=datetime(2026, 11, 19, 9, 10, tzinfo=UTC),
        ordered_at=datetime(2026, 11, 19, 7, 0, tzinfo=UTC),
        exam_at=datetime(2026, 11, 19, 8, 35, tzinfo=UTC),
        patient_class="E",
        text="Fracture déplacée.",
        flags=(),
        named=("INS1", "PAT1"),
    )


def test_what_names_persons_is_gathered() -> None:
    patient = {
        **PATIENT,
        "name": [{"family": "Le Gall", "given": ["Anne", "Marie"]}, {"text": "Anne Le Goff"}],
        "telecom": [{"value": "0298010203"}],
        "address": [{"line": ["12 rue X"], "city": "Brest", "postalCode": "29200"}],
    }
    text = report(performer=[{"display": "Dr Sign"}])
    file = json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in (patient, STUDY, text)]})
    [[found]] = read(file.encode(), PARIS, NOW)
    assert {
        "INS1",
        "Le Gall",
        "Anne",
        "Marie",
        "Anne Le Goff",
        "0298010203",
        "12 rue X",
        "Brest",
        "29200",
        "Dr Sign",
    } == set(found.named) - {"PAT1"}


def test_several_reports_keep_their_order() -> None:
    found = read(bundle(report(id="a"), report(id="b", status="unknown"), report(id="c", status="amended")), PARIS, NOW)
    assert [one[0].status if isinstance(one, tuple) else one.reasons for one in found] == [
        "final",
        ("BAD_STATUS",),
        "corrected",
    ]


def test_reports_without_id_are_all_read() -> None:
    bare = report()
    del bare["id"]
    assert len(read(bundle(bare, {**bare, "status": "amended"}), PARIS, NOW)) == 2


def test_identifiers_of_the_references_themselves() -> None:
    alone = report(
        subject={"identifier": {"value": "PAT9"}},
        imagingStudy=[],
        identifier=[{"type": {"coding": [{"code": "ACSN"}]}, "value": "ACC9"}],
    )
    (found,) = read(json.dumps(alone).encode(), PARIS, NOW)
    assert isinstance(found, tuple)
    assert (found[0].patient_id, found[0].accession_number, found[0].study_uid) == ("PAT9", "ACC9", None)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {
                "presentedForm": [
                    {"contentType": "text/html", "data": base64.b64encode(b"<p>Une <b>fracture</b></p>").decode()}
                ]
            },
            "Une fracture",
        ),
        ({"presentedForm": [], "text": {"div": "<div><p>Fracture.</p></div>"}}, "Fracture."),
        ({"presentedForm": None}, "Fracture."),
    ],
)
def test_text(changes: dict[str, object], text: str) -> None:
    assert " ".join(event(**changes).text.split()) == text


def test_a_pdf_is_flagged() -> None:
    found = event(presentedForm=[{"contentType": "application/pdf", "data": "JVBERi0="}], conclusion="")
    assert (found.text, found.flags) == ("", ("UNREADABLE_ATTACHMENT",))


@pytest.mark.parametrize(("issued", "want"), [("2026-11-19", None), ("2026-11", None), (None, None)])
def test_a_partial_time_is_unknown(issued: str | None, want: None) -> None:
    assert event(issued=issued).event_at is want


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "registered"}, "NOT_A_REPORT"),
        ({"status": 3}, "BAD_STATUS"),
        ({"subject": {}}, "MISSING_IDENTIFIER"),
        ({"imagingStudy": []}, "MISSING_IDENTIFIER"),
        ({"issued": "2026-13-01T00:00:00Z"}, "BAD_DATE"),
        ({"issued": "2099-01-01T00:00:00Z"}, "BAD_DATE"),
        ({"issued": "2026-11-19T10:10:00"}, "BAD_DATE"),
        ({"presentedForm": [], "conclusion": ""}, "EMPTY_REPORT"),
    ],
)
def test_refused(changes: dict[str, object], code: str) -> None:
    (found,) = read(bundle(report(**changes)), PARIS, NOW)
    assert found == Rejection(reasons.REASONS[code].outcome, (code,))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "NOT_HL7"),
        (b"<html>", "NOT_HL7"),
        (b"[1]", "NOT_HL7"),
        (b'{"a": 1}', "NOT_HL7"),
        (b'{"resourceType": "Bundle"', "PARSE_ERROR"),
        (b'{"resourceType": "Patient"}', "NOT_A_REPORT"),
        (b'{"resourceType": ' + b"[" * 200_000, "PARSE_ERROR"),
    ],
)
def test_what_is_no_report(data: bytes, code: str) -> None:
    assert read(data, PARIS, NOW) == [Rejection(reasons.REASONS[code].outcome, (code,))]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "reference",
                    "identifier",
                    "value",
                    "type",
                    "coding",
                    "code",
                    "data",
                    "contentType",
                    "div",
                    "end",
                    "id",
                    "resource",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(REPORT)), JUNK, max_size=5))
def test_no_resource_raises(changes: dict[str, object]) -> None:
    whole = {**report(**changes), "resourceType": "DiagnosticReport"}
    assert len(read(bundle(whole), PARIS, NOW)) == 1
    assert len(read(json.dumps({"resourceType": "Bundle", "entry": [changes, whole, 3]}).encode(), PARIS, NOW)) == 1


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assert len(read(data, PARIS, NOW)) == 1
