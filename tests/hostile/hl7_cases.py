"""HL7 v2 files, hostile, broken, without a report, and unusual but valid, as code: name, bytes, outcome, first reason.

Messages are put together by hand, never with the reader under test nor with the simulator.
Everything that may identify a person holds CANARY.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
UID = "1.2.826.0.1.3680043.10.99.1"
RTF = r"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\f0 Fracture non d\'e9plac\'e9e du radius.\par Pas de luxation.}"


@dataclass(frozen=True)
class Case:
    """What a file is called, its bytes, and what the gate owes it (reason: the deciding one)."""

    name: str
    data: bytes
    outcome: str
    reason: str | None = None


def seg(name: str, fields: dict[int, str]) -> str:
    """A segment of numbered fields."""
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields, default=0) + 1))])


MSH = {
    3: "RIS",
    4: "CANARYSITE",
    5: "BILAN",
    7: "20261119101500",
    9: "ORU^R01^ORU_R01",
    11: "P",
    12: "2.5.1",
    18: "UNICODE UTF-8",
}
PID = {1: "1", 3: "CANARYPID1^^^CANARYSITE^PI", 5: "CANARYNAME^CANARYGIVEN", 7: "19800229", 8: "F"}
PV1 = {1: "1", 2: "E"}
ORC = {1: "RE", 2: "CANARYACC1", 9: "20261119080000"}
OBR = {
    1: "1",
    2: "CANARYACC1",
    4: "XRWRIST^Radiographie du poignet^L",
    7: "20261119093000",
    8: "20261119093500",
    18: "CANARYACC1",
    22: "20261119101000",
    24: "RAD",
    25: "F",
}
OBX = {1: "1", 2: "TX", 3: "GDT^Report^L", 5: "Fracture du radius distal.", 11: "F"}


def msh(changes: dict[int, str] | None = None, marks: str = "|^~\\&") -> str:
    """The header; field 10 must be given in `changes`."""
    fields = {**MSH, **(changes or {})}
    head = "MSH" + marks + marks[0] + marks[0].join(fields.get(number, "") for number in range(3, max(fields) + 1))
    return head.rstrip(marks[0]) if not fields.get(18) else head


def parts(control: str, **changes: dict[int, str] | list[dict[int, str]] | None) -> list[str]:
    """The segments of a valid report; `changes` by segment in lower case, None leaves it out."""
    found = [msh({10: control, **(changes.pop("msh", None) or {})})]
    for name, fields in (("pid", PID), ("pv1", PV1), ("orc", ORC), ("obr", OBR)):
        given = changes.pop(name, {})
        if given is not None:
            found.append(seg(name.upper(), {**fields, **given}))
    lines = changes.pop("obx", [{}])
    lines = [lines] if isinstance(lines, dict) else lines
    found += [seg("OBX", {**OBX, 1: str(number), **line}) for number, line in enumerate(lines or [], 1)]
    assert not changes, changes
    return found


def join(segments: list[str], end: str = "\r", codec: str = "utf-8") -> bytes:
    """Segments as bytes, each ended by `end`."""
    return "".join(part + end for part in segments).encode(codec)


def frame(data: bytes) -> bytes:
    """An MLLP frame."""
    return b"\x0b" + data + b"\x1c\r"


def batch(messages: list[bytes], said: str | None = None, files: str = "1") -> bytes:
    """A batch file of messages."""
    head = b"|^~\\&|RIS|CANARYSITE|BILAN||20261119101500\r"
    count = str(len(messages)) if said is None else said
    return b"FHS" + head + b"BHS" + head + b"".join(messages) + f"BTS|{count}\rFTS|{files}\r".encode()


CASES: list[Case] = []


def add(name: str, outcome: str, reason: str | None, data: bytes) -> None:
    """Register a case."""
    CASES.append(Case(name, data, outcome, reason))


def changed(
    name: str, outcome: str, reason: str | None, **changes: dict[int, str] | list[dict[int, str]] | None
) -> None:
    """Register a message that differs from the valid one in `changes`."""
    add(name, outcome, reason, join(parts(name.upper(), **changes)))


def text(name: str, outcome: str, reason: str | None, value: str, kind: str = "TX") -> None:
    """Register a message with this OBX-5."""
    changed(name, outcome, reason, obx={2: kind, 5: value})


OK, FLAG, NONE, BAD, NOT = "accepted", "accepted_flagged", "accepted_not_inferred", "quarantined", "not_hl7"

# --- Valid, plain and unusual -------------------------------------------------------------------
changed("plain", OK, None)
for label, end in (("lf", "\n"), ("crlf", "\r\n")):
    add(f"ends_{label}", OK, None, join(parts(f"ENDS{label}"), end))
add(
    "ends_mixed",
    OK,
    None,
    "\r\n".join(parts("ENDSMIXED")[:3]).encode() + b"\r" + "\n".join(parts("ENDSMIXED")[3:]).encode() + b"\n",
)
add("no_final_end", OK, None, join(parts("NOFINALEND"))[:-1])
add("blank_lines", OK, None, b"\r\n\r\n" + join(parts("BLANKLINES"), "\r\n\r\n"))
add("byte_order_mark", OK, None, b"\xef\xbb\xbf" + join(parts("BOM")))
add("indented", OK, None, join(["  " + part for part in parts("INDENTED")], "\n"))
add("mllp", OK, None, frame(join(parts("MLLP"))))
add("mllp_two", OK, None, frame(join(parts("MLLPTWO1"))) + frame(join(parts("MLLPTWO2"))))
add("mllp_no_last_cr", OK, None, frame(join(parts("MLLPNOCR")))[:-1])
add("mllp_no_start", OK, None, frame(join(parts("MLLPNOSTART")))[1:])
add("mllp_lf", OK, None, frame(join(parts("MLLPLF"), "\n")) + b"\n")
add("mllp_batch", OK, None, frame(batch([join(parts("MLLPBATCH"))])))
add("concatenated", OK, None, join(parts("CONCAT1")) + join(parts("CONCAT2")) + join(parts("CONCAT3")))
add(
    "concatenated_files",
    OK,
    None,
    b"\xef\xbb\xbf" + b"\r\n\xef\xbb\xbf".join(join(parts(f"FILES{n}CAT")) for n in range(2)),
)
add("batch_of_three", OK, None, batch([join(parts(f"BATCH{n}")) for n in range(3)]))
add("batch_without_counts", OK, None, batch([join(parts("BATCHNOCOUNT"))], "", ""))
add("batch_without_file_header", OK, None, b"BHS|^~\\&|RIS\r" + join(parts("BHSONLY")) + b"BTS|1\r")
add(
    "file_without_batch_header",
    OK,
    None,
    b"FHS|^~\\&|RIS\r" + join(parts("FHSONLY1")) + join(parts("FHSONLY2")) + b"FTS|2\r",
)
add(
    "two_batches",
    OK,
    None,
    b"FHS|^~\\&\r"
    + b"".join(b"BHS|^~\\&\r" + join(parts(f"TWOBATCHES{n}")) + b"BTS|1\r" for n in range(2))
    + b"FTS|2\r",
)
add("batch_other_separators", OK, None, b"FHS#*~\\&\rBHS#*~\\&\r" + join(parts("BATCHOTHER")) + b"BTS#1\rFTS#1\r")
frames = [b"FHS|^~\\&\rBHS|^~\\&\r", *(join(parts(f"BATCHFRAMES{n}")) for n in range(2)), b"BTS|2\r", b"FTS|1\r"]
add("batch_over_frames", OK, None, b"".join(frame(piece) for piece in frames))
add("batch_empty", NONE, "EMPTY_BATCH", batch([]))
for version in ("2.3", "2.3.1", "2.4", "2.5", "2.6", "2.7", "2.8"):
    changed(f"version_{version}", OK, None, msh={12: version})
changed("version_with_country", OK, None, msh={12: "2.5^FRA^2.4"})
changed("v23_without_time_of_message", OK, None, msh={7: "", 12: "2.3"})
changed("type_two_components", OK, None, msh={9: "ORU^R01"})
changed("latin1", OK, None, msh={18: "8859/1"})
add(
    "latin1_accents",
    OK,
    None,
    join(parts("LATIN1ACCENTS", msh={18: "8859/1"}, obx={5: "Fracture déplacée"}), codec="latin-1"),
)
add("latin9_accents", OK, None, join(parts("LATIN9", msh={18: "8859/15"}, obx={5: "Œdème, 10 €"}), codec="iso8859-15"))
add("utf8_accents", OK, None, join(parts("UTF8", obx={5: "Fracture déplacée – œdème"})))
add("utf8_first_of_two_sets", OK, None, join(parts("UTF8TWO", msh={18: "UNICODE UTF-8~8859/1"}, obx={5: "déplacée"})))
add("utf16", OK, None, join(parts("UTF16", msh={18: "UNICODE UTF-16"}, obx={5: "déplacée"})).decode().encode("utf-16"))
add("gb18030", OK, None, join(parts("GB18030", msh={18: "GB 18030-2000"}, pid={5: "王^小东"}), codec="gb18030"))
add("iso2022", OK, None, join(parts("ISO2022", msh={18: "ASCII~ISO IR87"}, pid={5: "山田^太郎"}), codec="iso2022_jp"))
changed("no_set_ascii", OK, None, msh={18: ""})
custom = [part.replace("^", "*").replace("|", "#").replace("&", "@") for part in parts("X")[1:]]
add("separators_custom", OK, None, join([msh({10: "CUSTOM", 9: "ORU*R01"}, "#*~\\@"), *custom]))
add("separators_two_only", OK, None, join([msh({10: "TWOONLY"}, "|^~"), *parts("X")[1:]]))
add("separators_five", OK, None, join([msh({10: "FIVE", 12: "2.7"}, "|^~\\&#"), *parts("X")[1:]]))
text("escapes", OK, None, r"a \F\ b \S\ c \T\ d \R\ e \E\ f\.br\g\.sp2\h \H\gras\N\ ", "FT")
text("escape_hex", OK, None, r"d\XC3A9\plac\XC3A9\e\X0D0A\suite")
text("escape_local_and_sets", OK, None, r"a\Zlocal\ b\C2842\c\M284242\d")
text("formatted", OK, None, r"\.in+4\\.ti-4\Fracture\.ce\du radius\.sk3\.\.fi\ ", "FT")
text("repetitions", OK, None, "Radius : fracture.~Ulna : normale.~Pas de luxation.")
text("component_separator_in_text", OK, None, "Angulation de 10^6 & plus")
text("coded", OK, None, "F1^Fracture du radius^L", "CE")
text("coded_cwe", OK, None, "F1^Fracture du radius^L^^^^^^Fracture", "CWE")
text("string", OK, None, "Pas de fracture.", "ST")
text("rtf_escaped", OK, None, RTF.replace("\\", "\\E\\"), "FT")
text("rtf_bare", OK, None, RTF, "FT")
for label, subtype, body in (
    ("plain", "plain", b"Fracture du radius"),
    ("rtf", "rtf", RTF.encode()),
    ("html", "html", b"<p>Fracture du radius</p>"),
):
    text(f"attached_{label}", OK, None, f"^TEXT^{subtype}^Base64^{base64.b64encode(body).decode()}", "ED")
text("attached_plain_unencoded", OK, None, "RIS^TEXT^plain^A^Fracture du radius", "ED")
changed("many_lines", OK, None, obx=[{5: f"Ligne {number}."} for number in range(400)])
changed("lines_with_blank_ones", OK, None, obx=[{5: "Fracture."}, {5: ""}, {5: '""'}, {5: "Conclusion."}])
changed("study_only_zds", OK, None, orc={2: ""}, obr={2: "", 18: ""})
CASES[-1] = Case(CASES[-1].name, CASES[-1].data + f"ZDS|{UID}^RIS^Application^DICOM\r".encode(), OK)
changed(
    "study_only_obx",
    OK,
    None,
    orc={2: ""},
    obr={2: "", 18: ""},
    obx=[{}, {2: "HD", 3: "113014^DICOM Study^DCM", 5: UID}],
)
changed("accession_filler_only", OK, None, orc={2: ""}, obr={2: "", 3: "CANARYACC2^RIS", 18: ""})
changed("accession_order_only", OK, None, orc={2: "", 3: "CANARYACC3^RIS"}, obr={2: "", 18: ""})
changed("patient_several_ids", OK, None, pid={3: "CANARYINS^^^INS^NH~CANARYPID1^^^HOSP^PI~CANARYX^^^Y^VN"})
changed("patient_external_id_v23", OK, None, msh={12: "2.3"}, pid={2: "CANARYPID1", 3: ""})
changed("patient_nulls", OK, None, pid={5: '""', 7: '""', 8: '""'})
changed("birth_year_only", OK, None, pid={7: "1953"})
changed("birth_zeros", OK, None, pid={7: "19530000"})
changed("birth_with_time", OK, None, pid={7: "198002291230"})
changed("no_visit", OK, None, pv1=None)
changed("no_order_segment", OK, None, orc=None)
changed("status_from_lines", OK, None, obr={25: ""})
changed("status_preliminary", OK, None, obr={25: "P"}, obx={11: "P"})
changed("status_unverified", OK, None, obr={25: "R"}, obx={11: "R"})
changed("status_corrected", OK, None, obr={25: "C"}, obx={11: "C"})
changed("status_partial", OK, None, obr={25: "A"}, obx={11: "P"})
changed("time_with_offset", OK, None, obr={22: "20261119101000+0100"})
changed("time_with_fraction", OK, None, obr={22: "20261119101000.1234-0500"})
changed("time_to_the_minute", OK, None, obr={22: "202611191010"})
changed("time_with_precision", OK, None, msh={12: "2.3"}, obr={22: "20261119^D"})
changed("time_date_only", OK, None, obr={7: "20261119", 8: "", 22: "20261119"})
changed("time_null", OK, None, obr={22: '""'})
changed("time_absent", OK, None, obr={22: ""})
changed(
    "time_shown_twice",
    OK,
    None,
    obr={7: "20261025012000", 8: "", 22: "20261025023000"},
    orc={9: "20261024200000"},
    msh={7: "20261025023500"},
)
changed(
    "time_never_shown",
    OK,
    None,
    obr={7: "20260329012000", 8: "", 22: "20260329023000"},
    orc={9: "20260328200000"},
    msh={7: "20260329033500"},
)
changed(
    "leap_day",
    OK,
    None,
    msh={7: "20240229120000"},
    orc={9: "20240229100000"},
    obr={7: "20240229110000", 8: "", 22: "20240229120000"},
)
add(
    "unknown_segments",
    OK,
    None,
    join([*parts("ZSEG")[:3], "ZAB|1|CANARY", "NTE|1||CANARYNOTE", *parts("ZSEG")[3:], "ZZZ|x"]),
)
add(
    "several_requests",
    OK,
    None,
    join([*parts("SEVERAL"), seg("OBR", {**OBR, 1: "2", 2: "CANARYACC9", 18: "CANARYACC9"}), seg("OBX", OBX)]),
)
add(
    "several_patients",
    OK,
    None,
    join(
        [
            *parts("PATIENTS"),
            seg("PID", {**PID, 3: "CANARYPID2"}),
            seg("OBR", {**OBR, 2: "", 18: "CANARYACC8"}),
            seg("OBX", OBX),
        ]
    ),
)
add("repeated_patient", OK, None, join([*parts("REPEATPID")[:2], seg("PID", PID), *parts("REPEATPID")[2:]]))

add("utf32", OK, None, join(parts("UTF32", msh={18: "UNICODE UTF-32"}, obx={5: "déplacée"})).decode().encode("utf-32"))
add("utf16_no_mark", OK, None, join(parts("U16", msh={18: "UNICODE UTF-16"})).decode().encode("utf-16-le"))
add("utf16_declared_utf8_sent", OK, None, join(parts("U16U8", msh={18: "UNICODE UTF-16"})))
add("utf7_is_text", OK, None, join(parts("UTF7", obx={5: "Fracture +AOk- du radius"})))
pipes = [part.replace("^", "*").replace("|", "#").replace("&", "@") for part in parts("X")[1:-1]]
pipes.append("OBX#1#TX#GDT##Fracture | du radius ^ & distal######F")
add("separators_custom_usual_ones_in_text", OK, None, join([msh({10: "PIPES", 9: "ORU*R01"}, "#*~\\@"), *pipes]))
changed("lines_of_one_number", OK, None, obx=[{5: "Fracture."}, {1: "1", 5: "Suite."}])
changed("lines_out_of_number", OK, None, obx=[{1: "2", 5: "Fracture."}, {1: "1", 5: "Suite."}])
changed("line_without_number", OK, None, obx={1: ""})
add("order_repeated", OK, None, join([*parts("ORCTWICE")[:3], seg("ORC", ORC), *parts("ORCTWICE")[3:]]))
add("request_repeated", OK, None, join([*parts("OBRTWICE"), seg("OBR", {**OBR, 1: "2"}), seg("OBX", OBX)]))
add("trailing_separators", OK, None, join([part + "|||||" for part in parts("TRAILING")]))
changed("line_deleted", OK, None, obx=[{5: "Fracture."}, {5: "Erreur.", 11: "D"}])
changed("field_of_200000_nobody_reads", OK, None, pid={11: "A" * 200_000})
changed("accession_is_a_path", OK, None, orc={2: "../../x"}, obr={2: "../../x", 18: "../../x"})
changed("patient_first_repetition_empty", OK, None, pid={3: "~CANARYPID1^^^CANARYSITE^PI"})
text("escape_of_a_segment", OK, None, r"Fracture.\X0D\OBX\F\9\F\TX\F\x\F\\F\Normal")
text("escape_hex_lower_case", OK, None, r"d\Xc3a9\place")
text("attached_words_in_capitals", OK, None, "^TEXT^PLAIN^BASE64^RnJhY3R1cmU=", "ED")
text("attached_hexadecimal", OK, None, "^TEXT^plain^Hex^4672616374757265", "ED")
text("rtf_nested_5000", OK, None, r"{\rtf1 " + "{" * 5000 + "Fracture" + "}" * 5000 + "}", "FT")
add("batch_count_with_zeros", OK, None, batch([join(parts("ZEROS"))], "0001"))

# --- Usable, with a reason ----------------------------------------------------------------------
add(
    "ascii_declared_latin1_sent",
    FLAG,
    "CHARSET",
    join(parts("ASCIILATIN", msh={18: "ASCII"}, obx={5: "déplacée"}), codec="latin-1"),
)
add("utf8_overlong", FLAG, "CHARSET", join(parts("OVERLONG", obx={5: "XX"})).replace(b"XX|", b"Fracture \xc0\xbc|"))
add(
    "utf8_surrogate",
    FLAG,
    "CHARSET",
    join(parts("SURROGATE", obx={5: "YY"})).replace(b"YY|", b"Fracture \xed\xa0\x80|"),
)
text("path_of_windows", FLAG, "BAD_ESCAPE", r"Voir C:\images\CANARY")
text("escape_open_at_the_end", FLAG, "BAD_ESCAPE", r"Fracture du radius \X0D")
text("form_feed", FLAG, "SUSPICIOUS_TEXT", "Fracture\x0cdu radius")
changed("control_of_markup", FLAG, "SUSPICIOUS_TEXT", msh={10: "<script>alert(1)</script>"})
add(
    "cp1252_undeclared",
    FLAG,
    "CHARSET",
    join(parts("CP1252", msh={18: ""}, obx={5: "L’os est déplacé"}), codec="cp1252"),
)
add("utf8_undeclared", FLAG, "CHARSET", join(parts("UTF8UNDECL", msh={18: ""}, obx={5: "déplacée"})))
add(
    "cp1252_as_latin1",
    FLAG,
    "CHARSET",
    join(parts("CP1252LATIN1", msh={18: "8859/1"}, obx={5: "L’os déplacé"}), codec="cp1252"),
)
add("latin1_as_utf8", FLAG, "CHARSET", join(parts("LATIN1UTF8", obx={5: "Fracture déplacée"}), codec="latin-1"))
add("utf8_as_latin1", FLAG, "CHARSET", join(parts("UTF8LATIN1", msh={18: "8859/1"}, obx={5: "déplacée"})))
changed("set_unknown", FLAG, "CHARSET", msh={18: "KLINGON"})
text("nul_bytes", FLAG, "SUSPICIOUS_TEXT", "Fracture\0 du radius")
text("control_characters", FLAG, "SUSPICIOUS_TEXT", "Fracture \x07\x1b[31m du radius")
text("control_by_escape", FLAG, "SUSPICIOUS_TEXT", r"Fracture \X00\ du radius")
text("writing_reversed", FLAG, "SUSPICIOUS_TEXT", "Fracture \u202e du radius")
text("markup", FLAG, "SUSPICIOUS_TEXT", "Fracture <script>alert(1)</script>")
text("markup_by_escape", FLAG, "SUSPICIOUS_TEXT", r"Fracture \X3C\img src=x onerror=alert(1)>")
changed("markup_in_name", FLAG, "SUSPICIOUS_TEXT", pid={5: "<img src=x>^CANARY"})
add(
    "line_end_in_text",
    FLAG,
    "SUSPICIOUS_TEXT",
    join(parts("LINEEND", obx={5: "Fracture du radius.\nPas de luxation."})),
)
text("escape_unknown", FLAG, "BAD_ESCAPE", r"Fracture \Q\ du radius")
text("escape_open", FLAG, "BAD_ESCAPE", "Fracture \\ du radius")
text("escape_odd_hex", FLAG, "BAD_ESCAPE", r"Fracture \X4\ du radius")
text(
    "attached_pdf",
    FLAG,
    "UNREADABLE_ATTACHMENT",
    f"^application^pdf^Base64^{base64.b64encode(b'%PDF-1.4 CANARY').decode()}",
    "ED",
)
text("attached_link", FLAG, "UNREADABLE_ATTACHMENT", "CANARYHOST/report.pdf^RIS^application^pdf", "RP")
changed("text_and_pdf", FLAG, "UNREADABLE_ATTACHMENT", obx=[{}, {2: "ED", 5: "^application^pdf^Base64^JVBERi0xLjQ="}])
changed("withdrawn", FLAG, "WITHDRAWN", obr={25: "X"}, obx={11: "X"})
changed("withdrawn_without_lines", FLAG, "WITHDRAWN", obr={25: "X"}, obx=None)
changed("withdrawn_wrong_patient", FLAG, "WITHDRAWN", obx={11: "W"})
changed("report_before_exam", FLAG, "CLOCK_SKEW", obr={22: "20261119080000"})
changed("clock_ahead", FLAG, "CLOCK_SKEW", obr={22: "20261120130000"})
changed(
    "six_weeks_late", FLAG, "LATE_REPORT", orc={9: "20261001080000"}, obr={7: "20261001090000", 8: "20261001093000"}
)
add(
    "one_text_for_two",
    FLAG,
    "SHARED_REPORT",
    join([*parts("SHARED")[:4], seg("OBR", {**OBR, 2: "CANARYACC7", 18: "CANARYACC7"}), *parts("SHARED")[4:]]),
)

changed("accession_repeated", FLAG, "SHARED_REPORT", obr={18: "CANARYACC1~CANARYACC2"})
changed("two_studies_zds", FLAG, "SHARED_REPORT")
CASES[-1] = Case(CASES[-1].name, CASES[-1].data + f"ZDS|{UID}\rZDS|{UID}.2\r".encode(), FLAG, "SHARED_REPORT")

# --- Valid, no report ---------------------------------------------------------------------------
for kind in ("ADT^A01", "ADT^A08^ADT_A01", "ORM^O01", "OMI^O23^OMI_O23", "OMG^O19^OMG_O19", "SIU^S12"):
    changed(kind.replace("^", "_").lower(), NONE, "NOT_A_REPORT", msh={9: kind}, obx=None)
MERGED = [
    msh({10: "MERGE", 9: "ADT^A40^ADT_A39"}),
    "EVN||20261119101500",
    seg("PID", PID),
    "MRG|CANARYOLD^^^CANARYSITE^PI",
]
add("adt_merge", NONE, "NOT_A_REPORT", join(MERGED))
add("adt_merge_itself", NONE, "NOT_A_REPORT", join([*MERGED[:3], "MRG|CANARYPID1^^^CANARYSITE^PI"]))
add("adt_merge_twice", NONE, "NOT_A_REPORT", join([*MERGED, seg("PID", {**PID, 3: "CANARYPID3"}), "MRG|CANARYPID1"]))
add(
    "adt_merge_old",
    NONE,
    "NOT_A_REPORT",
    join([msh({10: "OLD", 9: "ADT^A34", 12: "2.3"}), *MERGED[1:3], "MRG||||CANARYOLD"]),
)
add("adt_merge_of_nobody", BAD, "MISSING_IDENTIFIER", join([*MERGED[:3], "MRG|"]))
add("adt_merge_without_other", BAD, "MISSING_SEGMENT", join(MERGED[:3]))
changed("order_time_wrong", BAD, "BAD_DATE", msh={9: "ORM^O01"}, orc={1: "NW", 9: "20261345"}, obx=None)
changed(
    "order_in_future_place",
    NONE,
    "NOT_A_REPORT",
    msh={9: "ORM^O01"},
    orc={1: "NW", 9: ""},
    obr={6: "20270101"},
    obx=None,
)
changed("scheduled_only", NONE, "NOT_A_REPORT", obr={25: "S"}, obx={11: "I"})

# --- Refused ------------------------------------------------------------------------------------
for number, label, reason in (
    (9, "type", "BAD_MSH"),
    (10, "control", "BAD_MSH"),
    (12, "version", "BAD_MSH"),
    (7, "time", "BAD_MSH"),
):
    changed(f"no_{label}", BAD, reason, msh={number: ""})
changed("control_null", BAD, "BAD_MSH", msh={10: '""'})
add("header_alone", BAD, "MISSING_SEGMENT", join(parts("HEADERALONE")[:1]))
add("header_name_alone", BAD, "BAD_MSH", b"MSH\r")
add("header_cut", BAD, "BAD_MSH", b"MSH|^~\\&|RIS|CANARY")
add("header_missing", BAD, "BAD_MSH", join(parts("X")[1:]))
add("header_lower_case", BAD, "BAD_MSH", join([parts("LOWER")[0].lower(), *parts("LOWER")[1:]]))
add("header_no_separators", BAD, "BAD_MSH", join(["MSH||RIS|" + "|" * 6 + "ORU^R01|X|P|2.5", *parts("X")[1:]]))
for label, marks in (
    ("repeated", "|^^\\&"),
    ("letters", "|abcd"),
    ("field", "||~\\&"),
    ("six", "|^~\\&#!"),
    ("one", "|^"),
):
    add(f"separators_{label}", BAD, "BAD_MSH", join([msh({10: label}, marks), *parts("X")[1:]]))
for version in ("2.1", "2.2", "3.0", "2.55", "9.9", "CANARY"):
    changed(f"version_{version}", BAD, "BAD_VERSION", msh={12: version})
for kind in ("ACK", "ACK^R01", "ORU^R02", "ORU^W01", "QRY^Q01", "MDM^T02", "XXX^Y99", "R01^ORU"):
    changed(f"type_{kind.replace('^', '_')}", BAD, "MESSAGE_TYPE", msh={9: kind})
for name in ("pid", "obr", "obx"):
    changed(f"no_{name}", BAD, "MISSING_SEGMENT", **{name: None})
add(
    "adt_without_patient",
    BAD,
    "MISSING_SEGMENT",
    join(parts("ADTNOPID", msh={9: "ADT^A08"}, pid=None, obr=None, obx=None)),
)
add("obx_before_obr", BAD, "PARSE_ERROR", join([*parts("OBXFIRST")[:4], seg("OBX", OBX), parts("OBXFIRST")[4]]))
add("pid_last", BAD, "PARSE_ERROR", join([parts("PIDLAST")[0], *parts("PIDLAST")[2:], parts("PIDLAST")[1]]))
add("garbage_line", BAD, "PARSE_ERROR", join([*parts("GARBAGE")[:2], "@@@ CANARY @@@", *parts("GARBAGE")[2:]]))
add(
    "segment_lower_case",
    BAD,
    "PARSE_ERROR",
    join([*parts("SEGLOWER")[:4], parts("SEGLOWER")[4].replace("OBR", "obr"), parts("SEGLOWER")[5]]),
)
add("segments_run_together", BAD, "MISSING_SEGMENT", "".join(parts("TOGETHER")).encode() + b"\r")
add(
    "other_separator_in_body",
    BAD,
    "PARSE_ERROR",
    join([parts("OTHERSEP")[0], *(part.replace("|", "^") for part in parts("OTHERSEP")[1:])]),
)
add("messages_run_together", BAD, "PARSE_ERROR", join(parts("GLUED1"))[:-1] + join(parts("GLUED2")))
add("junk_before", BAD, "PARSE_ERROR", b"CANARY log line\r\n" + join(parts("JUNK")))
add(
    "two_patients_one_request",
    BAD,
    "PATIENT_MISMATCH",
    join([*parts("TWOPID")[:2], seg("PID", {**PID, 3: "CANARYPID2"}), *parts("TWOPID")[2:]]),
)
add(
    "accession_of_two_patients",
    BAD,
    "PATIENT_MISMATCH",
    join([*parts("ACCTWO"), seg("PID", {**PID, 3: "CANARYPID2"}), seg("OBR", OBR), seg("OBX", OBX)]),
)
add("continued_dsc", BAD, "FRAGMENT", join([*parts("DSC"), "DSC|CANARY|F"]))
add("continued_add", BAD, "FRAGMENT", join([*parts("ADD"), "ADD|suite"]))
changed("continued_header", BAD, "FRAGMENT", msh={14: "CANARY"})
changed("no_accession_no_study", BAD, "MISSING_IDENTIFIER", orc={2: ""}, obr={2: "", 18: ""})
changed("accession_null", BAD, "MISSING_IDENTIFIER", orc={2: ""}, obr={2: "", 18: '""'})
changed("no_patient_number", BAD, "MISSING_IDENTIFIER", pid={3: ""})
changed("patient_number_null", BAD, "MISSING_IDENTIFIER", pid={3: '""'})
changed("patient_only_authority", BAD, "MISSING_IDENTIFIER", pid={3: "^^^CANARYSITE^PI"})
for label, uid in (("path", "../../etc/passwd"), ("long", "1." + "2" * 70), ("word", "CANARY"), ("dots", "1..2")):
    add(f"study_{label}", BAD, "BAD_UID", join([*parts(f"STUDY{label}"), f"ZDS|{uid}"]))
changed("status_unknown", BAD, "BAD_STATUS", obr={25: "Q"})
changed("status_no_record", BAD, "BAD_STATUS", obr={25: "Z"})
changed("status_word", BAD, "BAD_STATUS", obr={25: "FINAL"})
changed("status_absent", BAD, "BAD_STATUS", obr={25: ""}, obx={11: ""})
changed("status_of_lines_unknown", BAD, "BAD_STATUS", obr={25: ""}, obx={11: "Q"})
for label, value in (
    ("month_13", "20261319101000"),
    ("day_30_february", "20260230101000"),
    ("hour_25", "20261119251000"),
    ("minute_61", "20261119106100"),
    ("second_61", "20261119101061"),
    ("leap_day_wrong", "20250229101000"),
    ("words", "CANARY"),
    ("iso", "2026-11-19T10:10:00"),
    ("odd_digits", "2026111910100"),
    ("offset_wrong", "20261119101000+2599"),
    ("zeros", "00000000000000"),
    ("year_2099", "20990101000000"),
    ("next_week", "20261127101000"),
    ("day_next_week", "20261127"),
    ("year_1900", "19000101000000"),
):
    changed(f"time_{label}", BAD, "BAD_DATE", obr={22: value})
changed("exam_in_2099", BAD, "BAD_DATE", obr={7: "20990101000000"})
changed("exam_month_13", BAD, "BAD_DATE", obr={8: "20261301000000"})
changed("order_wrong", BAD, "BAD_DATE", orc={9: "20261119999999"})
changed("message_time_wrong", BAD, "BAD_DATE", msh={7: "CANARY"})
changed("birth_wrong", BAD, "BAD_DATE", pid={7: "19801345"})
changed("birth_in_2099", BAD, "BAD_DATE", pid={7: "20990101"})
changed("text_empty", BAD, "EMPTY_REPORT", obx=[{5: ""}, {5: '""'}])
text("text_spaces", BAD, "EMPTY_REPORT", r"  \.br\  ", "FT")
changed("numbers_only", BAD, "EMPTY_REPORT", obx={2: "NM", 3: "DAP", 5: "12.5"})
text("attached_broken", BAD, "PARSE_ERROR", "^TEXT^plain^Base64^@@@", "ED")
text("attached_too_few_parts", BAD, "PARSE_ERROR", "CANARY", "ED")
add("mllp_cut", BAD, "TRUNCATED", frame(join(parts("MLLPCUT")))[:-2])
add("mllp_cut_in_text", BAD, "TRUNCATED", frame(join(parts("MLLPCUTTEXT")))[:-12])
add("mllp_second_cut", BAD, "TRUNCATED", frame(join(parts("MLLPSECOND1"))) + frame(join(parts("MLLPSECOND2")))[:-9])
add("cut_in_text", BAD, "TRUNCATED", join(parts("CUTINTEXT"))[:-14])
add("cut_in_segment_name", BAD, "TRUNCATED", join(parts("CUTNAME", obx=[{}, {}])).rpartition(b"X|2|")[0])
add("cut_between_lines", BAD, "TRUNCATED", join(parts("CUTLINES", obx=[{}, {}, {}]))[:-40])
add("cut_after_patient", BAD, "MISSING_SEGMENT", join(parts("CUTAFTERPID")[:2]))
add("batch_count_more", BAD, "BATCH_COUNT", batch([join(parts(f"MORE{n}")) for n in range(2)], "5"))
add("batch_count_fewer", BAD, "BATCH_COUNT", batch([join(parts(f"FEWER{n}")) for n in range(2)], "1"))
add("batch_count_word", BAD, "BATCH_COUNT", batch([join(parts("WORD"))], "CANARY"))
add("batch_count_of_files", BAD, "BATCH_COUNT", batch([join(parts("FILES"))], files="4"))
add("batch_count_negative", BAD, "BATCH_COUNT", batch([join(parts("NEGATIVE"))], "-1"))
add("batch_trailer_alone", BAD, "BATCH_COUNT", join(parts("TRAILERALONE")) + b"BTS|5\r")
add("batch_cut_in_second", BAD, "MISSING_SEGMENT", batch([join(parts("CUT1")), join(parts("CUT2"))])[:-120])
add("header_twice", BAD, "MISSING_SEGMENT", join([parts("HEADTWICE")[0], *parts("HEADTWICE")]))
add("batch_with_a_note", BAD, "PARSE_ERROR", b"BHS|^~\\&\rNTE|1||CANARY\r" + join(parts("BNOTE")) + b"BTS|1\r")
changed("time_with_space", BAD, "BAD_DATE", obr={22: "20261119 101000"})
text("type_of_nothing_known", BAD, "EMPTY_REPORT", "Fracture du radius", "ZZ")
add("batch_empty_with_count", BAD, "BATCH_COUNT", batch([], "3"))
add("batch_cut", BAD, "TRUNCATED", batch([join(parts("BATCHCUT"))]).partition(b"BTS")[0])
add("batch_file_cut", BAD, "TRUNCATED", batch([join(parts("BATCHFILECUT"))]).partition(b"FTS")[0])
add("batch_one_bad", BAD, "BAD_STATUS", batch([join(parts("ONEGOOD")), join(parts("ONEBAD", obr={25: "Q"}))]))
add("headers_endless", BAD, "BAD_MSH", b"MSH|\r" * 300_000)
add("frames_endless", NOT, "NOT_HL7", b"\x0b" * 3_000_000)
add("lines_endless", BAD, "MESSAGE_TOO_LARGE", join(parts("LINESENDLESS")) + b"a\r" * 2_000_000)
add("markup_endless", BAD, "MESSAGE_TOO_LARGE", join(parts("MARKUPENDLESS", obx={5: "<a " * 4_000_000})))
add("segments_100000", BAD, "MESSAGE_TOO_LARGE", join([*parts("MANYSEG"), *[seg("OBX", OBX)] * 100_000]))
add("fields_100000", BAD, "MESSAGE_TOO_LARGE", join([*parts("MANYFIELDS"), "ZZZ" + "|" * 100_000]))
text("repetitions_100000", BAD, "MESSAGE_TOO_LARGE", "a~" * 100_000)
text("text_11_megabytes", BAD, "MESSAGE_TOO_LARGE", "a" * 11_000_000)

# --- No HL7 at all ------------------------------------------------------------------------------
for label, data in (
    ("empty", b""),
    ("blank", b" \r\n\r\n\0"[:5]),
    ("web_page", b"<!doctype html><title>CANARY 502</title>"),
    ("version_3", b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'),
    ("json", b'{"resourceType": "DiagnosticReport"}'),
    ("csv", b"accession;status;text\r\nCANARY;F;Fracture\r\n"),
    ("words", b"Fracture du radius, MSH absente."),
    ("pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    ("dicom", b"\0" * 128 + b"DICM\x02\0\0\0UL\x04\0"),
    ("zip", b"PK\x03\x04\x14\0\0\0\x08\0"),
    ("noise", bytes((number * 197 + 31) % 256 for number in range(5000))),
    ("frame_of_nothing", b"\x0b\x1c\r"),
    ("ebcdic", join(parts("EBCDIC")).decode().encode("cp500")),
    ("edifact", b"UNB+UNOC:3+CANARY+BILAN'UNH+1+MEDRPT'"),
):
    add(f"not_{label}", NOT, "NOT_HL7", data)
