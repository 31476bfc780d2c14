"""The SVG of plotly.js without what is not seen, so that a page with it is laid out and drawn sooner."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

_SVG = "http://www.w3.org/2000/svg"
_CLIP = re.compile(r"url\(#([^)]*)\)")
_NOTHING = re.compile(r"(?:translate\(0,\s*0\)|rotate\(0(?:,[-\d.]+,[-\d.]+)?\)|scale\(1\))\s*")
_SHIFT = re.compile(r"translate\((-?[\d.]+),\s*(-?[\d.]+)\)")
# Attributes that say nothing to whoever draws it, and values that go without saying.
_UNREAD = frozenset({"class", "data-notex", "data-unformatted", "data-math", "data-index", "pointer-events"})
_UNREAD |= {"white-space", "shape-rendering", "vector-effect", "cursor"}
_USUAL = {"opacity": "1", "fill-opacity": "1", "stroke-opacity": "1", "transform": ""}


def tidy(svg: str) -> str:
    """Return an SVG that looks the same, with a third of the elements.

    Empty groups, groups that do nothing, transparent rectangles and shifts by nothing go; shifts of
    texts alone are added to their places; paths that are drawn alike, one after the other, become one.
    """
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)  # noqa: S314 - made by our own page
    _clean(root)
    root[:] = _inside(root)
    _merge(root)
    used = set(_CLIP.findall(ET.tostring(root, encoding="unicode")))
    for element in list(root.iter()):
        element[:] = [child for child in element if _tag(child) != "clipPath" or child.get("id") in used]
    root[:] = [child for child in root if len(child) or _tag(child) != "defs"]
    return ET.tostring(root, encoding="unicode")


def _tag(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{_SVG}}}")


def _clean(element: ET.Element) -> None:
    # WeasyPrint parses each style as CSS, and reads attributes as they are.
    for entry in element.attrib.pop("style", "").split(";"):
        name, _, value = entry.partition(":")
        if value.strip():
            element.set(name.strip(), value.strip())
    if "transform" in element.attrib:
        element.set("transform", _NOTHING.sub("", element.attrib["transform"]).strip())


def _inside(element: ET.Element) -> list[ET.Element]:
    """Return what has to be drawn of the children of an element."""
    return [kept for child in element for kept in _kept(child)]


def _kept(element: ET.Element) -> list[ET.Element]:
    """Return what has to be drawn in the place of an element: itself, what is within it, or nothing."""
    _clean(element)
    tag = _tag(element)
    clear = "0" in (element.get("opacity"), element.get("fill-opacity")) and element.get("stroke-opacity") != "1"
    if (tag == "rect" and clear) or (tag == "path" and not element.get("d")):
        return []
    if element.get("stroke-width") == "0px":
        for name in ("stroke-width", "stroke", "stroke-opacity"):
            element.attrib.pop(name, None)
    for name, value in list(element.attrib.items()):
        if name in _UNREAD or _USUAL.get(name) == value:
            del element.attrib[name]
    element[:] = _inside(element)
    if tag != "g":
        return [element]
    shift = _SHIFT.fullmatch(element.get("transform", ""))
    if shift and set(element.attrib) == {"transform"} and all(map(_is_placed_text, element)):
        for text in element:
            _move(text, float(shift[1]), float(shift[2]))
        return list(element)
    return [element] if element.attrib and len(element) else list(element)


def _is_placed_text(element: ET.Element) -> bool:
    return _tag(element) == "text" and "transform" not in element.attrib and {"x", "y"} <= set(element.attrib)


def _move(text: ET.Element, right: float, down: float) -> None:
    for part in text.iter():
        for name, step in (("x", right), ("y", down)):
            if name in part.attrib:
                part.set(name, f"{round(float(part.attrib[name]) + step, 2):g}")


def _merge(element: ET.Element) -> None:
    before: ET.Element | None = None
    for child in list(element):
        _merge(child)
        if before is not None and _is_drawn_as(child, before):
            before.set("d", before.attrib["d"] + child.attrib["d"])
            element.remove(child)
        else:
            before = child


def _is_drawn_as(path: ET.Element, other: ET.Element) -> bool:
    """Say whether two paths can be one; those that can be seen through show where they lie one on the other."""
    if _tag(path) != "path" or _tag(other) != "path" or any("opacity" in name for name in path.attrib):
        return False
    plain = {name: value for name, value in path.attrib.items() if name != "d"}
    return plain == {name: value for name, value in other.attrib.items() if name != "d"}
