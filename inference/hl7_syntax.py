"""HL7 v2 from bytes: frames, batches, character sets, segments, fields, escapes. Knows no meaning.

Everything is linear in the size of the input and bounded: a file, a message, its segments, fields
and repetitions have limits. A wrong input is a reason code, never an exception.

References
----------
HL7 v2.5.1 chapter 2: 2.5.4 (delimiters), 2.7 (escape sequences), 2.10.3 (batch protocol),
2.14.9.18 (MSH-18 and table 0211); HL7 Minimal Lower Layer Protocol, release 1.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

MAX_FILE_BYTES = 128 * 1024 * 1024  # a year of reports in one batch; beyond, split it
MAX_SEGMENTS = 20_000  # in one message: no report has so many lines
MAX_FIELDS = 300  # in one segment; the longest of the standard has about 50
MAX_REPETITIONS = 5_000  # in one field: a report may repeat OBX-5 once a line
SEARCHED = 4096  # bytes in which the first header must come

_HEAD = re.compile(rb"(?:\A|(?<=[\r\n]))[ \t]*(?P<name>MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9 ]|\Z)")
# Names whose segments may stand alone on a line, and that show a message which lost its header.
_KNOWN = "MSH|MSA|EVN|PID|PD1|PV1|PV2|NK1|ORC|OBR|OBX|NTE|ZDS|AL1|DG1|IN1|MRG|IPC|TQ1|FHS|BHS|BTS|FTS|DSC"
_SEGMENT_LIKE = re.compile(rb"\s*(?i:" + _KNOWN.encode() + rb")[|^~&#!$%*@+;]")
_FRAME_START = re.compile(rb"\x0b(?=\s*(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS))")
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES = re.compile(rb"[\r\n]")
# C0 and C1 controls but tab and line ends, and the marks that reverse the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARKUP = re.compile(
    r"</?[A-Za-z][A-Za-z0-9]*(?:[ \t/][^<>]{0,200})?>|<(?:script|iframe|object|embed|svg|img)\b|<[!?]|javascript:",
    re.IGNORECASE,
)
_BOM = b"\xef\xbb\xbf"

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
    "ISOIR100": "iso8859-1",
    "CP1252": "cp1252",
    "WINDOWS1252": "cp1252",
    **{f"8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
}
# "UNICODE UTF-16" speaks of the file, which is UTF-8 by the time its header is read.
_CODECS.update(dict.fromkeys(("UNICODEUTF16", "UTF16", "UNICODEUTF32", "UTF32"), "utf-8"))


@dataclass(frozen=True, slots=True)
class Raw:
    """One message's bytes, from its MSH on.

    `cut` when its frame has no end; `closed` when its last segment ends with its terminator or frame.
    """

    data: bytes
    cut: bool = False
    closed: bool = True


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


def messages(data: bytes) -> Iterator[Raw | str]:
    """Split a file into messages; what is no message comes as its reason code, in its place.

    A file may hold one message, several after each other, batches (FHS/BHS ... BTS/FTS), each bare
    or in MLLP frames. A batch that lacks its trailer (TRUNCATED), or whose trailer announces another
    number (BATCH_COUNT), says so after its messages, which are good all the same: what came is
    kept, what did not come is known to be missing.
    """
    if len(data) > MAX_FILE_BYTES:
        yield "FILE_TOO_LARGE"
        return
    data = _utf8(data)
    found = False
    for frame in _frames(data):
        for item in _unbatched(frame):
            if not found and not isinstance(item, Raw) and item == "PARSE_ERROR" and not _has_head(data):
                yield "BAD_MSH" if _SEGMENT_LIKE.match(data) else "NOT_HL7"
                return
            found = True
            yield item
    if not found:
        yield "NOT_HL7"


def _has_head(data: bytes) -> bool:
    start = _FRAME_START.search(data, 0, SEARCHED)
    return start is not None or _HEAD.search(data, 0, SEARCHED) is not None


def _utf8(data: bytes) -> bytes:
    """Return the file without byte order mark, UTF-16 as UTF-8."""
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[2:].decode(codec, "replace").encode("utf-8")
    for start, codec in ((b"M\0S\0H\0", "utf-16-le"), (b"\0M\0S\0H", "utf-16-be")):
        if data.startswith(start):
            return data.decode(codec, "replace").encode("utf-8")
    return data.removeprefix(_BOM)


def _frames(data: bytes) -> Iterator[Raw]:
    """Yield what each MLLP frame holds; a file without frames as it is."""
    starts = [match.start() for match in _FRAME_START.finditer(data)]
    for start, end in pairwise([*starts, len(data)]):
        payload, block, rest = data[start + 1 : end].partition(b"\x1c")
        if start == starts[0] and data[:start].strip():
            yield Raw(data[:start])
        yield Raw(payload.removeprefix(_BOM), cut=not block)
        if rest.strip():
            yield Raw(rest.strip())
    if not starts:
        bare = data.rstrip()
        # A frame that lost its start byte only: its message is whole.
        framed = bare.endswith(b"\x1c")
        yield Raw(bare[:-1], closed=True) if framed else Raw(data, closed=data[-1:] in (b"\r", b"\n"))


def _unbatched(frame: Raw) -> Iterator[Raw | str]:
    data, cut = frame.data, frame.cut
    heads = list(_HEAD.finditer(data))
    if data[: heads[0].start() if heads else len(data)].strip():
        yield "PARSE_ERROR"
    batch = _Batch()
    for index, head in enumerate(heads):
        last = index == len(heads) - 1
        part = data[head.start("name") : len(data) if last else heads[index + 1].start()]
        if head["name"] == b"MSH":
            batch.messages += 1
            batch.held += 1
            yield Raw(part, cut and last, frame.closed or not last)
        else:
            line, rest = [*_LINE_END_BYTES.split(part, maxsplit=1), b""][:2]
            yield from batch.take(head["name"], line)
            if rest.strip():
                yield "PARSE_ERROR"
    if batch.open_batch or batch.open_file or (cut and heads and heads[-1]["name"] != b"MSH"):
        yield "TRUNCATED"
    elif heads and not batch.held and not batch.wrong:
        yield "EMPTY_BATCH"


@dataclass(slots=True)
class _Batch:
    """What the headers and trailers of a file have said so far."""

    open_file: bool = False
    open_batch: bool = False
    messages: int = 0  # since the last BHS or BTS
    held: int = 0  # since the last FHS or FTS
    batches: int = 0
    wrong: bool = False

    def take(self, name: bytes, line: bytes) -> Iterator[str]:
        """Note a header or trailer; yield a reason code when it contradicts what came before."""
        if name in (b"FHS", b"BHS"):
            if self.open_batch or (name == b"FHS" and self.open_file):
                yield "TRUNCATED"
            self.open_batch = name == b"BHS"
            self.messages = 0
            if name == b"FHS":
                self.open_file, self.held, self.batches = True, 0, 0
            return
        if name == b"BTS":
            self.batches += 1
            expected = {self.messages}
            self.open_batch, self.messages = False, 0
        else:
            if self.open_batch:
                yield "TRUNCATED"
            # Without BHS some senders count messages in FTS-1, others the file's one batch.
            expected = {self.batches} if self.batches else {self.held, 1 if self.held else 0}
            self.open_file = self.open_batch = False
        count = line[4:].split(line[3:4], 1)[0].strip() if len(line) > 4 else b""
        if count and count != b'""' and not (count.isdigit() and len(count) < 10 and int(count) in expected):
            self.wrong = True
            yield "BATCH_COUNT"


def parse(raw: Raw, max_bytes: int) -> Message | str:
    """Split a message into segments and fields; return a reason code when it cannot be."""
    if raw.cut:
        return "TRUNCATED"
    if len(raw.data) > max_bytes:
        return "MESSAGE_TOO_LARGE"
    marks = _separators(raw.data)
    if marks is None:
        return "BAD_MSH"
    text, codec, flags = _decode(raw.data, marks)
    text, plain = clean(text)
    flags += [] if plain else ["SUSPICIOUS_TEXT"]
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    if len(lines) > MAX_SEGMENTS:
        return "MESSAGE_TOO_LARGE"
    joined = _joined(lines, marks)
    if joined is None:
        return "PARSE_ERROR"
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
    declared = declared.split(marks.repetition, 1)[0].upper()
    codec = _CODECS.get(re.sub(r"[^A-Z0-9]", "", declared))
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


def _joined(lines: list[str], marks: Separators) -> list[str] | None:
    """Join the lines of a text that holds bare line ends; None when a line is no segment elsewhere."""
    name = re.compile(rf"\s*([A-Za-z][A-Za-z0-9]{{2}})(?={re.escape(marks.field)})|\s*({_KNOWN})\s*\Z")
    parts: list[list[str]] = []
    for line in lines:
        match = name.match(line)
        if match and (match[1] or match[2]).isupper():
            parts.append([line.lstrip()])
        elif match:
            return None
        elif parts and parts[-1][0][:3] in ("OBX", "NTE"):
            parts[-1].append(line)
        else:
            return None
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
