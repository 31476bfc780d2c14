"""Text of a header: its character set, markup and control characters in it, identities in free text.

Nothing of a text leaves this module but reason codes and the region words' own names.

References
----------
DICOM PS3.3 C.12.1.1.2 (Specific Character Set), PS3.5 6.1 and annexes H, I, J, K.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import dataclass

from inference.dataset import SPECIFIC_CHARACTER_SET, DataSet
from inference.regions import is_region_word, plain

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
STUDY_DESCRIPTION, SERIES_DESCRIPTION, PROTOCOL = 0x00081030, 0x0008103E, 0x00181030
PROCESSING = 0x00181400  # AcquisitionDeviceProcessingDescription: Fuji and others name the body part here
STEP_DESCRIPTION, REQUEST_DESCRIPTION = 0x00400254, 0x00321060
COMMENTS, _INSTITUTION_ADDRESS = 0x00204000, 0x00080081
# Free text: several lines are allowed in the second group (ST, LT, UT).
_ONE_LINE = (
    STUDY_DESCRIPTION,
    SERIES_DESCRIPTION,
    PROTOCOL,
    PROCESSING,
    STEP_DESCRIPTION,
    REQUEST_DESCRIPTION,
    0x00081080,
    0x00400007,
)
_LINES = (COMMENTS, 0x00104000, 0x001021B0, 0x00082111, 0x00324000, 0x00401400, 0x00400280, 0x00080081, 0x4008010B)
_NAMES = (
    PATIENT_NAME,
    0x00080090,
    0x00081048,
    0x00081050,
    0x00081060,
    0x00081070,
    0x00101001,
    0x00101005,
    0x00101060,
    0x00321032,
)
_OTHERS = (
    PATIENT_ID,
    0x00080050,
    0x00080080,
    0x00081010,
    0x00081040,
    0x00100021,
    0x00101000,
    0x00101040,
    0x00102154,
    0x00102180,
    0x00200010,
    0x00080070,
    0x00081090,
    0x00181000,
    0x00401001,
    0x00400009,
)

_CODECS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 166": "tis-620",
    "ISO_IR 192": "utf-8",
    "ISO_IR 203": "iso8859-15",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 IR 58": "gb2312",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 159": "iso2022_jp_2",
}
_SINGLE_BYTE_2022 = re.compile(r"ISO 2022 IR (6|13|100|101|109|110|126|127|138|144|148|166|203)")

_MARKUP = re.compile(
    r"<\s*(?:/\s*)?(script|img|iframe|svg|html|body|object|embed|a\s|style|link|meta|\?php|!doctype|!entity|%)|javascript:|vbscript:"
    r"|\bon(error|load|click)\s*=|\$\{|\{\{|\{%|<!\[cdata|\.\./|\.\.\\|%2e%2e|/etc/passwd|\\x[0-9a-f]{2}|%s%s|%n%n|%00"
    r"|'\s*(or|and)\s+'?\d+'?\s*=|'\s*;|;\s*--|\bdrop\s+table\b|\bunion\s+(all\s+)?select\b|\bdelete\s+from\b|\binsert\s+into\b"
    r"|\$\(|`[^`]+`|;\s*(rm|cat|curl|wget|nc|bash|sh)\s|\|\s*(sh|bash|nc)\b|&&\s*\w|\bcmd\.exe|powershell"
    r"|^\s*[=@]\s*[a-z]+\s*[(|!]|^\s*[=+-]\s*(cmd|dde|hyperlink)\b|(?<![a-z])(file|http|https|ftp|ldap|data)://?",
    re.IGNORECASE,
)
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]")
_IDENTITY = re.compile(
    r"[\w.+-]@[\w-]+\.[a-z]{2,}"
    r"|(?<!\d)(?:\+33|0)\s?[1-9](?:[ .-]?\d{2}){4}(?!\d)"  # French telephone number
    r"|(?<!\d)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d[\dab] ?\d{3} ?\d{3}(?: ?\d{2})?(?!\d)"  # French social security
    r"|\bn[ée]+e?\s*\(?e?\)?\s+le\b|\bborn\s+(on\b|\d)|\bd\.?o\.?b\.?\b|\bddn\b"
    r"|\bdate\s+(de\s+naissance|of\s+birth)\b|\bnir\b|\bssn\b|\bipp\s*[:=]"
    r"|\b(?:mr|mrs|mme|mlle|monsieur|madame|m\.)\s+[a-zà-ÿ]{3,}|\bpatiente?\s*[:=]\s*[a-zà-ÿ]{3,}"
    r"|\b(?:nom|prénom|prenom|name)\s*[:=]",
    re.IGNORECASE,
)
_LONGEST = 1024
_LONGEST_LINES = 10_240  # characters of an LT (PS3.5 6.2): what is longer is no text, and is not searched for words


@dataclass(frozen=True, slots=True)
class HeaderText:
    """Decoded text that the gate reads further, by tag, and the flags that the text deserves."""

    values: dict[int, str]
    flags: tuple[str, ...]

    def get(self, tag: int) -> str:
        """Return the text of an attribute, empty when absent."""
        return self.values.get(tag, "")


def read_text(dataset: DataSet) -> HeaderText:
    """Decode the text attributes; flags CHARSET, SUSPICIOUS_TEXT and PHI_IN_TEXT."""
    terms = [term.strip() for term in dataset.string(SPECIFIC_CHARACTER_SET).split("\\")]
    known = all(term in _CODECS or _SINGLE_BYTE_2022.fullmatch(term) for term in terms)
    values, faithful = {}, known
    for tag in (*_ONE_LINE, *_LINES, *_NAMES, *_OTHERS):
        raw = dataset.raw(tag)
        if raw:
            values[tag], well = _decode(raw.rstrip(b"\0 "), terms)
            faithful = faithful and well
    flags = []
    if not faithful:
        flags.append("CHARSET")
    if any(_suspicious(text, several_lines=tag in _LINES) for tag, text in values.items()):
        flags.append("SUSPICIOUS_TEXT")
    values = {tag: text[:_LONGEST_LINES] for tag, text in values.items()}
    if _names_patient(values):
        flags.append("PHI_IN_TEXT")
    return HeaderText(values, tuple(flags))


def _decode(raw: bytes, terms: list[str]) -> tuple[str, bool]:
    """Return the text and whether its bytes follow the declared character sets."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii"), True
    if b"\x1b" in raw and any(term.startswith("ISO 2022") for term in terms):
        return _decode_2022(raw, terms)
    first = terms[0].replace("ISO 2022 IR", "ISO_IR") if _SINGLE_BYTE_2022.fullmatch(terms[0]) else terms[0]
    codec = _CODECS.get(first, "utf-8")
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return raw.decode("latin-1"), False
    return text, not (codec.startswith(("latin", "iso8859")) and _is_really_utf8(raw))


def _is_really_utf8(raw: bytes) -> bool:
    """Bytes above 127 that form valid UTF-8 are UTF-8: by chance, accented Latin text never does."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode_2022(raw: bytes, terms: list[str]) -> tuple[str, bool]:
    from pydicom.charset import convert_encodings, decode_bytes  # noqa: PLC0415 - slow to load, rarely needed

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            text = decode_bytes(raw, convert_encodings(terms), {"\\", "^", "=", "\r", "\n", "\f", "\t"})
        except (LookupError, ValueError):
            return raw.decode("latin-1"), False
    return text, not caught


def _suspicious(text: str, several_lines: bool) -> bool:
    allowed = "\t\r\n\f\x1b" if several_lines else "\x1b"
    if any((char < " " and char not in allowed) or char == "\x7f" for char in text):
        return True
    if len(text) > (_LONGEST_LINES if several_lines else _LONGEST):
        return True
    # Not one pattern for both ends of a comment: it would search the rest of the text from each beginning.
    opened = text.find("/*")
    return 0 <= opened < text.rfind("*/") or bool(_MARKUP.search(text) or _HIDDEN.search(text))


def _names_patient(values: dict[int, str]) -> bool:
    """Whether free text holds an identity.

    A description names a procedure: one part of the patient's name in it is enough. Comments are
    about a patient anyway: two parts, or a telltale form (born on..., a telephone number).
    """
    descriptions = " \n ".join(values.get(tag, "") for tag in _ONE_LINE)
    comments = " \n ".join(values.get(tag, "") for tag in _LINES if tag != _INSTITUTION_ADDRESS)
    if _IDENTITY.search(unicodedata.normalize("NFC", f"{descriptions} \n {comments}")):
        return True
    parts = {
        part for part in plain(values.get(PATIENT_NAME, "")).split() if len(part) >= 4 and not is_region_word(part)
    }
    parts -= _ORDINARY
    return bool(parts & set(plain(descriptions).split())) or len(parts & set(plain(comments).split())) > 1


# Words that are names of test patients and of ordinary things alike.
_ORDINARY = frozenset(
    {
        "test",
        "patient",
        "anonymous",
        "anonyme",
        "phantom",
        "name",
        "unknown",
        "inconnu",
        "droit",
        "droite",
        "gauche",
        "left",
        "right",
    }
)
