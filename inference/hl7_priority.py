"""The message that tells a RIS of a positive study, from our template or the site's.

A template is the message as text, one segment a line, with the names of `FIELDS` in braces. Whatever is filled in
is escaped: no value can write a field or a segment of its own.

References
----------
HL7 v2.5.1 2.7 (escape sequences), 2.14.9 (MSH), 7.3.1 (ORU^R01), table 0008 (acknowledgement codes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FIELDS = frozenset(
    {
        "now",
        "control_id",
        "receiving_application",
        "receiving_facility",
        "patient_id",
        "accession_number",
        "study_uid",
        "exam_at",
        "ai_result",
        "certainty",
        "model",
    }
)
TEMPLATE = """\
MSH|^~\\&|BILAN|BILAN|{receiving_application}|{receiving_facility}\
|{now}||ORU^R01^ORU_R01|{control_id}|P|2.5.1||||||UNICODE UTF-8
PID|1||{patient_id}
OBR|1||{accession_number}|AIFRACTURE^AI fracture detection^99BILAN|||{exam_at}|||||||||||||||{now}|||P
OBX|1|CWE|AIRESULT^AI result^99BILAN||{ai_result}^{ai_result}^99BILAN||||||P|||{now}
OBX|2|NM|111012^Certainty of Finding^DCM||{certainty}|%|||||P
OBX|3|ST|113014^Study Instance UID^DCM||{study_uid}||||||P
NTE|1||{model}: for prioritisation of reading only, not for diagnosis
"""
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_PLACE = re.compile(r"\{([^{}]*)\}")


def problem(template: str) -> str | None:
    """Return what is wrong with a template, in words for whoever wrote it; None if it can be used."""
    if not template.startswith("MSH|^~\\&|"):
        return "it must begin with MSH|^~\\&|"
    unknown = sorted(set(_PLACE.findall(template)) - FIELDS)
    if unknown:
        return f"only these can be filled in: {', '.join(sorted(FIELDS))}"
    if "{control_id}" not in template.splitlines()[0]:
        return "its first line lacks {control_id}"
    return None


def message(values: Mapping[str, str], template: str = TEMPLATE) -> bytes:
    """Return the message; segments end with a carriage return. A value that is missing is empty."""
    filled = _PLACE.sub(lambda found: escaped(values.get(found[1], "")), template)
    return "".join(f"{line}\r" for line in filled.splitlines() if line.strip()).encode()


def escaped(value: str) -> str:
    """Return a value as it may stand in a field: separators as escape sequences, no control characters."""
    return "".join(_ESCAPES.get(char, char) for char in value if char.isprintable())


def acknowledged(answer: bytes, control_id: str) -> str | None:
    """Return the acknowledgement code (MSA-1) of an answer to the message of this control id; None if it is none."""
    for segment in re.split(rb"[\r\n]+", answer):
        fields = segment.decode("latin-1").split("|")
        if fields[0] == "MSA" and len(fields) > 2 and fields[2].strip() == control_id:
            return fields[1].strip().upper()
    return None
