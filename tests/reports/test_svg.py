"""Tidied charts look as they did: what is drawn stays, in its order and its place."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import pypdfium2
import pytest

from reports.svg import tidy

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60" viewBox="0 0 60 60">'
CLIP = '<defs><clipPath id="c"><rect width="30" height="30"/></clipPath><clipPath id="d"><rect/></clipPath></defs>'
DRAWINGS = {
    "nothing to see": '<g class="a"><g/></g><rect style="opacity: 0;" width="9" height="9"/><path/>',
    "clipped": CLIP + '<g clip-path="url(#c)"><rect width="50" height="9" style="opacity: 1; fill: #555;"/></g>',
    "no stroke": '<path d="M5,5H50V50H5Z" style="fill: #ccc; stroke: #000; stroke-opacity: 1; stroke-width: 0px;"/>',
    "bars": "".join(f'<g><path d="M{x},50V{x}H{x + 6}V50Z" style="fill: #333; opacity: 1;"/></g>' for x in (5, 20, 40)),
    "one over the other": "".join(
        f'<path d="M{x},50V5H{x + 20}V50Z" style="fill: #000; fill-opacity: 0.3;"/>' for x in (5, 15)
    ),
    "order": '<path d="M0,0H40V40H0Z" fill="#000"/><path d="M9,9H30V30H9Z" fill="#fff"/>'
    '<path d="M14,14H20V20H14Z" fill="#000"/>',
    "shifted text": '<g transform="rotate(0,20,20)"><g transform="translate(8,30)">'
    '<text x="2" y="3" font-size="9px">a &lt; b<tspan x="4" y="14">c</tspan></text></g></g>',
    "turned text": '<g transform="rotate(90,20,20)"><g transform="translate(8,20)">'
    '<text x="2" y="3" font-size="9px">turned</text></g></g>',
    "turned by itself": '<g transform="translate(8,30)"><text x="2" y="3" transform="rotate(-40)">ab</text></g>',
    "shifted line": '<g transform="translate(10,10)"><path d="M0,0L30,30" stroke="#000" fill="none"/></g>',
}


def seen(svg: str) -> bytes:
    import weasyprint  # noqa: PLC0415

    page = f"<style>@page {{ size: 60px; margin: 0 }} body {{ margin: 0 }}</style>{svg}"
    made = pypdfium2.PdfDocument(io.BytesIO(weasyprint.HTML(string=page).write_pdf()))
    return bytes(made[0].render(scale=4).to_numpy().tobytes())


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS)
def test_it_looks_the_same(drawing: str) -> None:
    svg = f"{HEAD}{drawing}</svg>"
    assert seen(tidy(svg)) == seen(svg)


def test_the_drawings_are_seen() -> None:
    blank = seen(f"{HEAD}</svg>")
    assert [name for name, drawing in DRAWINGS.items() if seen(f"{HEAD}{drawing}</svg>") == blank] == ["nothing to see"]


def test_what_is_not_seen_goes() -> None:
    tags = {
        name: [element.tag.rpartition("}")[2] for element in ET.fromstring(tidy(f"{HEAD}{drawing}</svg>")).iter()]
        for name, drawing in DRAWINGS.items()
    }
    assert tags["nothing to see"] == ["svg"]
    assert tags["clipped"] == ["svg", "defs", "clipPath", "rect", "g", "rect"]
    assert tags["bars"] == ["svg", "path"]
    assert tags["one over the other"] == ["svg", "path", "path"]
    assert tags["shifted text"] == ["svg", "text", "tspan"]
