"""The monthly report as a page for the browser of whoever adjusts it, that loads itself anew on a change."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from reports import monthly, pages
from reports.drawing import Drawing
from reports.monthly import Composition

_FRAME = """
@media screen {
  html { background: #e4e9ed; font-family: Inter, system-ui, sans-serif; font-size: 12px; }
  body { width: 178mm; margin: 8mm auto; background: none; }
  section { background: #fff; width: 210mm; margin: 0 -16mm 8mm; padding: 14mm 16mm; box-shadow: 0 1px 4px #0003; }
  .run { display: none; }
}
"""
_SCRIPT = """
let seen = null;
async function look() {
  try {
    const now = await (await fetch("/version", {cache: "no-store"})).text();
    if (seen !== null && seen !== now) location.reload();
    seen = now;
  } catch (error) {}
  setTimeout(look, 700);
}
look();
"""


def page(composition: Composition, drawings: Mapping[str, Drawing], nonce: str) -> str:
    """Return the report as HTML: the templates of the PDF, with what makes it load itself anew."""
    return _watched(monthly.page(composition, drawings, "0" * 64), nonce)


def mistake(text: str, nonce: str) -> str:
    """Return a page that says what has to be mended first."""
    body = Markup('<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bilan</title></head>'
                  '<body><section><h1>To be mended</h1><pre>{}</pre></section></body></html>').format(text)  # fmt: skip
    return _watched(str(body), nonce)


def faces() -> str:
    """Return the style that names the bundled fonts, which the server gives at ``/fonts/``."""
    return "".join(
        f'@font-face {{ font-family: Inter; font-weight: {weight}; src: url("/fonts/{file}"); }}'
        for weight, file in pages.FONTS.items()
    )


def _watched(markup: str, nonce: str) -> str:
    head = f'<style>{faces()}{_FRAME}</style><script nonce="{nonce}">{_SCRIPT}</script></head>'
    # What comes from data is escaped, so the first end of a head is that of the template.
    return markup.replace("</head>", head, 1)
