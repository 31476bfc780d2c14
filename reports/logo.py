"""A site's logo as something that a page may show: pixels drawn anew, or an SVG with nothing but its drawing."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

from PIL import Image, UnidentifiedImageError

from reports.errors import ReportError
from reports.pages import data_uri

LARGEST = 2_000_000  # bytes of the file
PIXELS = 1000  # of the longer side, as it is kept
_SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "defs",
        "title",
        "desc",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "linearGradient",
        "radialGradient",
        "stop",
        "clipPath",
        "mask",
        "use",
        "symbol",
    ]
)
_REFERENCE = re.compile(r"url\s*\(\s*['\"]?\s*(?!['\"]?#)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\|/\*|@import|expression|javascript:|data:", re.IGNORECASE)


class LogoError(ReportError):
    """The logo is not a PNG, JPEG or SVG picture that can be shown. Save it again as PNG and name that file."""


def address(content: bytes) -> str:
    """Return a logo as a ``data:`` address.

    PNG and JPEG are drawn anew, without their metadata, at most `PIXELS` wide and high. Of an SVG only
    shapes, text and gradients are kept: no script, no style sheet, no picture, no reference outside of it.

    Raises
    ------
    LogoError
        If it is neither, too large, or cannot be read.
    """
    if len(content) > LARGEST:
        raise LogoError(f"the logo is larger than {LARGEST} bytes; save a smaller one")
    if content.startswith((b"\x89PNG", b"\xff\xd8")):
        return data_uri(_pixels(content), "image/png")
    return data_uri(clean(content), "image/svg+xml")


def _pixels(content: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > 50_000_000:
                raise LogoError("the logo has more than 50 million pixels; save a smaller one")
            drawn = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise LogoError("the logo cannot be read as a picture; save it again as PNG") from None
    drawn.thumbnail((PIXELS, PIXELS))
    plain = Image.new("RGBA", drawn.size)
    plain.paste(drawn)
    out = io.BytesIO()
    plain.save(out, "PNG", optimize=True)
    return out.getvalue()


def clean(content: bytes) -> bytes:
    """Return an SVG with nothing but its drawing.

    Raises
    ------
    LogoError
        If it is not SVG, or declares entities or a document type.
    """
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\x00" in content:
        raise LogoError("the logo declares a document type; save it again as plain SVG, or as PNG")
    try:
        root = ET.fromstring(content)  # noqa: S314 - without document type there are no entities
    except (ET.ParseError, ValueError, LookupError):
        raise LogoError("the logo is not a PNG, JPEG or SVG picture; save it again as PNG") from None
    if root.tag != f"{{{_SVG}}}svg":
        raise LogoError("the logo is not a PNG, JPEG or SVG picture; save it again as PNG")
    _strip(root)
    ET.register_namespace("", _SVG)
    return ET.tostring(root)


def _strip(element: ET.Element) -> None:
    for name, value in list(element.attrib.items()):
        bare = name.rpartition("}")[2].lower()
        outside = bare == "href" and not value.startswith("#")
        foreign = "}" in name and bare != "href"
        if bare.startswith("on") or outside or foreign or _REFERENCE.search(value) or _ESCAPE.search(value):
            del element.attrib[name]
    for child in list(element):
        tag = child.tag if isinstance(child.tag, str) else ""
        if tag.removeprefix(f"{{{_SVG}}}") in _ELEMENTS and tag.startswith(f"{{{_SVG}}}"):
            _strip(child)
        else:
            element.remove(child)
