"""What a site wants its monthly report to be, and what the report says of its own making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from reports.blocks import SECTIONS, USUAL, Block

if TYPE_CHECKING:
    from warehouse.addenda import Addendum
    from warehouse.returned import Annotation

__all__ = ["SECTIONS", "Accuracy", "Provenance", "ReportDefinition", "installed_versions"]

ACCENT = "#0b6e75"
# Whose version can change a page: our own, the store, the statistics, the charts and the PDF.
COMPONENTS = ("bilan", "duckdb", "statsmodels", "scipy", "plotly", "weasyprint")


@dataclass(frozen=True, slots=True)
class ReportDefinition:
    """The monthly report as one site wants it.

    Attributes
    ----------
    sections
        Names of `SECTIONS`, in the order in which they are printed; those left out are not.
    blocks
        The blocks of each section, in the order in which they are printed (see `reports.blocks`).
    accent
        Colour of the site, ``#rrggbb``.
    logo
        Content of a PNG, JPEG or SVG file shown on the first page, or None.
    language
        ``fr`` or ``en``; None: the language of the site.
    notes
        Annotations of the site's own, beside those that the hub gives back.
    """

    sections: tuple[str, ...] = SECTIONS
    blocks: Mapping[str, tuple[Block, ...]] = field(default_factory=lambda: USUAL)
    accent: str = ACCENT
    logo: bytes | None = None
    language: str | None = None
    notes: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One measured performance of the model or of the labeller, with its 95 % interval.

    `subject` is ``model`` or ``labeller``; `measure` is ``auroc``, ``sensitivity``,
    ``specificity``, ``macro_f1`` or another name, printed as it is; `n` is the number of images or
    reports; `data` names what it was measured on.
    """

    subject: str
    measure: str
    value: float
    low: float | None
    high: float | None
    n: int
    data: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the method page states besides the figures themselves.

    Attributes
    ----------
    reason_sentences
        Sentence of each reason code in the language of the site; a code without one is shown as it is.
    accuracy
        Measured performance of model and labeller.
    thresholds
        The model's operating points, ``doubtful`` and ``positive``; empty where they are not known.
    versions
        Version of each component by name; `installed_versions` gives the usual ones.
    data_sha256
        Hash of the month's studies at the data cut, or None while the month is not frozen.
    addenda
        What changed in months published earlier and has not been told yet.
    """

    reason_sentences: Mapping[str, str] = field(default_factory=dict)
    accuracy: tuple[Accuracy, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    data_sha256: str | None = None
    addenda: tuple[Addendum, ...] = ()


def installed_versions() -> dict[str, str]:
    """Return the version of each of `COMPONENTS` that is installed as a distribution."""
    versions = {}
    for name in COMPONENTS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
