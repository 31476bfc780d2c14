"""One HL7 v2 message from bytes: character set, segments, fields, escapes. Knows no meaning.

Everything is linear in the size of the input and bounded: a message, its segments, fields and
repetitions have limits. A wrong input is a reason code, never an exception.

References
----------
HL7 v2.5.1 chapter 2: 2.5.4 (delimiters), 2.7 (escape sequences), 2.14.9.18 (MSH-18, table 0211).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inference.hl7_batch import Raw

MAX_SEGMENTS = 20_000  # in one message: no report has so many lines
MAX_FIELDS = 300  # in one segment; the longest of the standard has about 50
MAX_REPETITIONS = 5_000  # in one field: a report may repeat OBX-5 once a line

# Names whose segments may stand alone on a line.
_KNOWN = "MSH|MSA|EVN|PID|PD1|PV1|PV2|NK1|ORC|OBR|OBX|NTE|ZDS|AL1|DG1|IN1|MRG|IPC|TQ1|FHS|BHS|BTS|FTS|DSC"
_KNOWN_NAMES = frozenset(_KNOWN.split("|"))
_TEXT_FIELD = {"OBX": 5, "NTE": 3}  # fields in which a bare line end is part of the text
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES = re.compile(rb"[\r\n]")
# C0 and C1 controls but tab and line ends, and the marks that reverse the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARKUP = re.compile(
    r"</?[A-Za-z][A-Za-z0-9]*(?:[ \t/][^<>]{0,200})?>|<(?:script|iframe|object|embed|svg|img)\b|<[!?]|javascript:",
    re.IGNORECASE,
)

# MSH-18 (table 0211, and what is met in its place) by Python codec.
_CODECS = {
    "": "ascii",
    "ASCII": "ascii",
    "USASCII": "ascii",
    "ANSIX341986": "ascii",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "BIG5": "big5",
    "KSX1001": "euc_kr",
    "ISOIR6": "ascii",
    "ISOIR87": "iso2022_jp",
    "ISOIR159": "iso2022_jp_1",
    "ISOIR100": "iso8859-1",
    "CP1252": "cp1252",
    "WINDOWS1252": "cp1252",
    **{f"8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
}
# "UNICODE UTF-16" speaks of the file, which is UTF-8 by the time its header is read.
_CODECS.update(dict.fromkeys(("UNICODEUTF16", "UTF16", "UNICODEUTF32", "UTF32"), "utf-8"))


@dataclass(frozen=True, slots=True)
class Separators:
    """The delimiters that MSH-1 and MSH-2 declare; the last two are empty where a message does without."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment: `values[n]` is field n as sent (``OBX-5`` is ``values[5]``), for MSH too."""

    name: str
    values: tuple[str, ...]

    def raw(self, number: int) -> str:
        """Return a field as sent, without the white space around it; empty when absent or null ("")."""
        value = self.values[number].strip() if number < len(self.values) else ""
        return "" if value == '""' else value


@dataclass(frozen=True, slots=True)
class Message:
    """A message in segments. `flags` are CHARSET and SUSPICIOUS_TEXT where they apply.

    `closed` is whether the last segment has its terminator.
    """

    segments: tuple[Segment, ...]
    separators: Separators
    codec: str
    flags: tuple[str, ...]
    closed: bool

    def component(self, value: str, number: int = 1) -> str:
        """Return a component (from 1) of a field's first repetition, unescaped; empty when absent or null."""
        if value.isalnum():  # most are: codes, numbers, times
            return value if number == 1 else ""
        marks = self.separators
        first = value.split(marks.repetition, 1)[0]
        parts = first.split(marks.component, number)
        part = parts[number - 1] if number <= len(parts) else ""
        part = unescape(part.split(marks.subcomponent, 1)[0] if marks.subcomponent else part, self)[0].strip()
        return "" if part == '""' else part

    def repetitions(self, value: str) -> list[str]:
        """Return a field's repetitions, as sent."""
        return value.split(self.separators.repetition)


def parse(raw: Raw, max_bytes: int) -> Message | str:
    """Split a message into segments and fields; return a reason code when it cannot be."""
    if raw.cut:
        return "TRUNCATED"
    if len(raw.data) > max_bytes:
        return "MESSAGE_TOO_LARGE"
    marks = _separators(raw.data)
    if marks is None or raw.data.find(raw.data[:6], 6) > 0:  # a header amid a line: two messages run together
        return "BAD_MSH" if marks is None else "PARSE_ERROR"
    text, codec, flags = _decode(raw.data, marks)
    text, plain = clean(text)
    flags += [] if plain else ["SUSPICIOUS_TEXT"]
    if raw.data.count(b"\r") + raw.data.count(b"\n") > 10 * MAX_SEGMENTS:  # before a list is made of them
        return "MESSAGE_TOO_LARGE"
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    if len(lines) > MAX_SEGMENTS:
        return "MESSAGE_TOO_LARGE"
    joined = _joined(lines, marks, raw.closed)
    if isinstance(joined, str):
        return joined
    if len(joined) < len(lines):
        flags.append("SUSPICIOUS_TEXT")
    found: list[Segment] = []
    for line in joined:
        if line.count(marks.field) > MAX_FIELDS or line.count(marks.repetition) > MAX_REPETITIONS:
            return "MESSAGE_TOO_LARGE"
        values = line.split(marks.field)
        found.append(Segment(values[0].strip(), tuple([values[0], marks.field, *values[1:]] if not found else values)))
    return Message(tuple(found), marks, codec, tuple(dict.fromkeys(flags)), raw.closed)


def _separators(data: bytes) -> Separators | None:
    """Read MSH-1 and MSH-2.

    Two to five characters are legal in MSH-2: the escape character and what follows may be left
    out, and v2.7 adds a truncation character.
    """
    head = _LINE_END_BYTES.split(data, maxsplit=1)[0][3:12].decode("latin-1")
    field, rest = head[:1], head[1:]
    marks = rest.split(field, 1)[0] if field else ""
    every = field + marks
    ended = len(marks) < len(rest)
    printable = all("!" <= mark <= "~" and not mark.isalnum() and mark != '"' for mark in every)
    if not ended or not 2 <= len(marks) <= 5 or len(set(every)) < len(every) or not printable:
        return None
    escape, subcomponent = marks[2:3], marks[3:4]
    return Separators(field, marks[0], marks[1], escape, subcomponent)


def _decode(data: bytes, marks: Separators) -> tuple[str, str, list[str]]:
    """Decode by MSH-18; where the bytes do not follow it, as UTF-8 if they are, else Windows-1252."""
    fields = _LINE_END_BYTES.split(data, maxsplit=1)[0].split(marks.field.encode())
    declared = fields[17].decode("latin-1") if len(fields) > 17 else ""
    codec, *others = (_CODECS.get(re.sub(r"[^A-Z0-9]", "", one)) for one in declared.upper().split(marks.repetition))
    for shifted in (codec, *others):  # sets that are switched to within the text, all in seven bits
        if (
            shifted
            and shifted.startswith("iso2022")
            and b"\x1b" in data
            and (text := _strict(data, shifted)) is not None
        ):
            return text, shifted, []
    if data.isascii():
        return data.decode("ascii"), codec if codec not in (None, "ascii") else "cp1252", [] if codec else ["CHARSET"]
    is_utf8 = _strict(data, "utf-8")
    if is_utf8 is not None and (codec is None or codec in ("ascii", "cp1252", "utf-8") or codec.startswith("iso8859")):
        # Valid multi-byte UTF-8 never arises by chance in text of a single-byte set.
        return is_utf8, "utf-8", [] if codec == "utf-8" else ["CHARSET"]
    text = _strict(data, codec) if codec not in (None, "ascii", "utf-8") else None
    if codec and text is not None and not (codec.startswith("iso8859") and re.search("[\x80-\x9f]", text)):
        return text, codec, []
    return data.decode("cp1252", "replace"), "cp1252", ["CHARSET"]


def _strict(data: bytes, codec: str | None) -> str | None:
    try:
        return data.decode(codec or "ascii")
    except UnicodeDecodeError:
        return None


def _joined(lines: list[str], marks: Separators, closed: bool) -> list[str] | str:
    """Join the lines of a text that holds bare line ends; a reason code when a line belongs to none."""
    names = re.compile(rf"\s*([A-Za-z][A-Za-z0-9]{{2}})(?={re.escape(marks.field)})|\s*({_KNOWN})\s*\Z")
    parts: list[list[str]] = []
    bars = 0  # field separators of the last segment so far
    for line in lines:
        match = names.match(line)
        name = (match[1] or match[2]) if match else ""
        last = parts[-1][0][:3] if parts else ""
        in_text = bars <= _TEXT_FIELD.get(last, -1)
        # A line such as "RAS||||||F" is the end of the text of an OBX that stops in its OBX-5.
        stranger = bool(name) and name not in _KNOWN_NAMES and not name.startswith("Z")
        if name.isupper() and not (stranger and last == "OBX" and bars == _TEXT_FIELD["OBX"]):
            parts.append([line.lstrip()])
            bars = 0
        elif in_text and (not name or name.isupper()):
            parts[-1].append(line)
        else:
            return "PARSE_ERROR" if closed or line is not lines[-1] else "TRUNCATED"
        bars += line.count(marks.field)
    return ["\n".join(part) for part in parts]


_ESCAPES: dict[str, re.Pattern[str]] = {}
_FORMAT_BREAKS = (".br", ".sp", ".ce")


def unescape(text: str, message: Message) -> tuple[str, bool]:
    """Return text without escape sequences, and whether all were well formed.

    Line commands become line feeds, highlighting and indents nothing; a malformed or unknown
    sequence is left as it stands.
    """
    escape = message.separators.escape
    if not escape or escape not in text:
        return text, True
    pattern = _ESCAPES.get(escape)
    if pattern is None:
        mark = re.escape(escape)
        pattern = _ESCAPES[escape] = re.compile(
            rf"{mark}(?:(?P<mark>[FSTRE])|(?P<none>[HNP]|[CM][0-9A-Fa-f]{{4,6}}|Z[0-9A-Za-z]{{0,32}})"
            rf"|(?P<format>\.[A-Za-z]{{2}})[ +-]?(?P<times>\d{{0,4}})"
            rf"|X(?P<hex>(?:[0-9A-Fa-f]{{2}})+)){mark}"
        )
    well = True
    pieces: list[str] = []
    last = 0
    for match in pattern.finditer(text):
        plain = text[last : match.start()]
        well = well and escape not in plain
        pieces += (plain, _escaped(match, message))
        last = match.end()
    pieces.append(text[last:])
    return "".join(pieces), well and escape not in pieces[-1]


def _escaped(match: re.Match[str], message: Message) -> str:
    marks = message.separators
    if match["mark"]:
        known = (marks.field, marks.component, marks.subcomponent, marks.repetition, marks.escape)
        return known["FSTRE".index(match["mark"])]
    if match["hex"]:
        data = bytes.fromhex(match["hex"])
        text = _strict(data, message.codec)
        return _LINE_END.sub("\n", data.decode("cp1252", "replace") if text is None else text)
    if match["format"]:
        name = match["format"].lower()
        if name == ".sk":
            return " " * min(int(match["times"] or 1), 80)
        return "\n" * (min(int(match["times"] or 1), 20) if name == ".sp" else 1) if name in _FORMAT_BREAKS else ""
    return ""


def clean(text: str) -> tuple[str, bool]:
    """Return text without control characters, and whether it had none and no markup either."""
    plain = _MARKUP.search(text) is None
    if _CONTROL.search(text) is None:
        return text, plain
    return _CONTROL.sub("", text), False
