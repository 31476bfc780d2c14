"""Take HL7 escapes, RTF and HTML out of a report's text, keeping each character's origin."""

from __future__ import annotations

import html
import re
from array import array

_MARKUP = re.compile(r"\\(?:\.|[A-Z]|x|n|r|')|&#?\w{1,8};|<[/!a-zA-Z]|\{\\rtf")
_TOKEN = re.compile(
    r"\\\.(?P<format>[a-z]{2})[^\\\n]{0,8}\\"
    r"|\\(?P<delimiter>[EFSTRHN])\\"
    r"|\\X(?P<hex>[0-9A-Fa-f]{2,16})\\"
    r"|\\(?P<line>r\\n|[rn](?![a-z]))"
    r"|(?P<entity>&\#?\w{1,8};)"
    r"|<(?P<tag>/?[a-zA-Z]{1,10}|!--)[^<>]{0,400}>"
)
_DELIMITERS = {"E": "\\", "F": "|", "S": "^", "T": "&", "R": "~", "H": "", "N": ""}
_BLOCKS = "br p div li tr ul ol table h1 h2 h3 h4 h5 h6 hr"
_BLOCK_TAGS = frozenset(_BLOCKS.split())
_RTF_TOKEN = re.compile(
    r"(?P<open>\{(?:\\\*)?)|(?P<close>\})"
    r"|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})?\ ?"
    r"|\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-zA-Z])|(?P<plain>[^{}\\\r\n])"
)
_RTF_NOT_TEXT = """
    fonttbl colortbl stylesheet info pict object header footer generator themedata listtable
    listoverridetable rsidtbl xmlnstbl latentstyles datastore
"""
_RTF_SILENT = frozenset(_RTF_NOT_TEXT.split())
_RTF_BREAKS = frozenset(("par", "line", "sect", "page", "row", "cell"))


def needs_stripping(text: str) -> bool:
    """Whether `text` holds anything that looks like an escape, a tag or RTF."""
    return _MARKUP.search(text) is not None


def strip_markup(text: str) -> tuple[str, array[int]]:
    """Text without markup, and the original offset of each of its characters.

    References
    ----------
    HL7 v2.5.1 chapter 2, section 2.7 (escape sequences); RTF specification 1.9.1.
    """
    if text.lstrip()[:5] == "{\\rtf":
        return _strip_rtf(text)
    pieces: list[str] = []
    offsets: array[int] = array("l")
    last = 0
    for match in _TOKEN.finditer(text):
        pieces.append(text[last : match.start()])
        offsets.extend(range(last, match.start()))
        new = _replacement(match)
        pieces.append(new)
        offsets.extend([match.start()] * len(new))
        last = match.end()
    pieces.append(text[last:])
    offsets.extend(range(last, len(text)))
    return "".join(pieces), offsets


def _replacement(match: re.Match[str]) -> str:
    kind = match.lastgroup
    value = match.group(kind) if kind else ""
    if kind == "format":
        return "\n" if value in ("br", "sp", "ce", "in", "ti") else " "
    if kind == "delimiter":
        return _DELIMITERS[value]
    if kind == "hex":
        return bytes.fromhex(value[: len(value) // 2 * 2]).decode("cp1252", "replace")
    if kind == "line":
        return "\n"
    if kind == "entity":
        return html.unescape(value)
    return "\n" if value.strip("/").lower() in _BLOCK_TAGS else " "


class _Groups:
    """How deep the RTF groups are, and from which depth they hold no text."""

    def __init__(self) -> None:
        self.depth = 0
        self.silent_from = 0

    def follow(self, match: re.Match[str]) -> None:
        if opening := match["open"]:
            self.depth += 1
            if opening != "{":
                self.silence()
        elif match["close"]:
            if self.silent_from == self.depth:
                self.silent_from = 0
            self.depth = max(self.depth - 1, 0)
        elif match["word"] in _RTF_SILENT:
            self.silence()

    def silence(self) -> None:
        self.silent_from = self.silent_from or max(self.depth, 1)


def _strip_rtf(text: str) -> tuple[str, array[int]]:
    pieces: list[str] = []
    offsets: array[int] = array("l")
    groups, fallback = _Groups(), False
    for match in _RTF_TOKEN.finditer(text):
        groups.follow(match)
        new = _rtf_text(match)
        if fallback and (match["plain"] or match["byte"]):
            # The character after \\u is for readers that do not know Unicode.
            new, fallback = "", False
        fallback = fallback or match["word"] == "u"
        if new and not groups.silent_from:
            pieces.append(new)
            offsets.extend([match.start()] * len(new))
    return "".join(pieces), offsets


def _rtf_text(match: re.Match[str]) -> str:
    word, number = match["word"], match["number"]
    if match["plain"]:
        return match["plain"]
    if match["byte"]:
        return bytes.fromhex(match["byte"]).decode("cp1252", "replace")
    if symbol := match["symbol"]:
        return {"~": " ", "_": "-", "\n": "\n", "\r": "\n"}.get(symbol, symbol if symbol in "\\{}" else "")
    if word == "u" and number:
        code = int(number) % 65536
        return " " if 0xD800 <= code < 0xE000 else chr(code)
    return "\n" if word in _RTF_BREAKS else " " if word == "tab" else ""
