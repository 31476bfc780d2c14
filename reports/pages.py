"""Templates to HTML: everything is escaped unless it was made here."""

from __future__ import annotations

import base64
import os
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.language import Language
from reports.terms import term

FONTS = {400: "Inter-Regular.otf", 500: "Inter-Medium.otf", 600: "Inter-SemiBold.otf"}


@cache
def environment(words: Language) -> Environment:
    """Return the templates in one language: `_` and `ngettext`, and `words` for numbers and dates."""
    made = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,  # `select_autoescape` would miss names that end in .j2
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(words.catalogue, newstyle=True)  # type: ignore[attr-defined]
    made.globals["words"] = words
    made.globals["colon"] = words.typeset(" :") if words.code == "fr" else ":"
    made.globals["term"] = lambda kind, code: term(words, kind, code)
    return made


def page(words: Language, template: str, **context: object) -> str:
    """Return a filled-in template."""
    return environment(words).get_template(template).render(**context)


def asset(name: str) -> str:
    """Return a text file of `static`, for a style sheet within the page."""
    return resources.files("reports").joinpath("static", name).read_text(encoding="utf-8")


def trusted(text: str) -> Markup:
    """Mark text that was made here, and is markup, as safe."""
    return Markup(text)  # noqa: S704 - only for files of `static` and SVG made by `drawing`


def data_uri(content: bytes, media_type: str) -> str:
    """Return content as a ``data:`` address."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def readable(accent: str, contrast: float = 4.5) -> str:
    """Return `accent` (``#rrggbb``), darkened until it can be read on white (WCAG contrast)."""
    red, green, blue = (int(accent[index : index + 2], 16) / 255 for index in (1, 3, 5))
    while 1.05 / (_luminance(red, green, blue) + 0.05) < contrast:
        red, green, blue = 0.95 * red, 0.95 * green, 0.95 * blue
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))


def tint(accent: str, share: float) -> str:
    """Return `accent` mixed with white; `share` is the part of the accent."""
    parts = (int(accent[index : index + 2], 16) for index in (1, 3, 5))
    return "#" + "".join(f"{round(255 + share * (part - 255)):02x}" for part in parts)


def _luminance(*parts: float) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def write(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(content)
    aside.replace(path)
