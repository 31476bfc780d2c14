"""Logos: redrawn or stripped to their drawing, or refused."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image, PngImagePlugin

from reports.logo import PIXELS, LogoError, address, clean

HOSTILE = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"
 onload="alert(1)"><script>alert(1)</script><style>@import url(https://evil.example/x.css); path{fill:url(file:///etc/passwd)}</style>
<image href="file:///etc/passwd" width="9" height="9"/><image xlink:href="https://evil.example/x.png"/>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><link rel="attachment" href="file:///etc/passwd"/></body></foreignObject>
<a href="javascript:alert(1)"><rect width="1" height="1"/></a><use href="https://evil.example/s.svg#x"/>
<rect id="r" width="3" height="3" style="fill: url(https://evil.example/)" fill="URL( 'file:///etc/passwd')"/>
<linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient>
<path d="M0 0L9 9" fill="url(#g)" onclick="alert(1)"/><use xlink:href="#r"/><?xml-stylesheet href="https://evil.example"?></svg>"""


def opened(uri: str) -> bytes:
    return base64.b64decode(uri.partition("base64,")[2])


def test_of_an_svg_only_the_drawing_is_kept() -> None:
    kept = clean(HOSTILE).decode()
    for word in ("evil", "passwd", "script", "style", "image", "foreign", "javascript", "onload", "onclick", "file:"):
        assert word not in kept, word
    assert 'd="M0 0L9 9"' in kept
    assert 'fill="url(#g)"' in kept
    assert "linearGradient" in kept
    assert kept.count('href="#r"') == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7",
        b"<html><svg/></html>",
        b"<svg>no namespace</svg>",
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        b"\x89PNG\r\n\x1a\nbroken",
        b"\xff\xd8broken",
        b" " * 2_000_001,
    ],
)
def test_what_cannot_be_shown_is_refused(content: bytes) -> None:
    with pytest.raises(LogoError):
        address(content)


def test_pixels_are_drawn_anew_without_their_metadata() -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", "CANARY-7f3a")
    out = io.BytesIO()
    Image.new("RGB", (2400, 300), "red").save(out, "PNG", pnginfo=told)
    assert b"CANARY" in out.getvalue()
    made = opened(address(out.getvalue()))
    assert b"CANARY" not in made
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.size == (PIXELS, 125)
        assert picture.getpixel((9, 9)) == (255, 0, 0, 255)
