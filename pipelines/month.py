"""One site's month: the figures, and the report made from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference import description, reasons
from pipelines import report_choice
from pipelines.config import Config, Site
from pipelines.errors import ConfigError, NothingToReportError, Problem
from reports import benchmark, kpi, monthly
from reports import logo as logos
from reports.blocks import Block
from reports.definition import Accuracy, Provenance, ReportDefinition, installed_versions
from reports.drawing import Drawing
from reports.logo import LogoError
from warehouse import addenda, connect, freeze

if TYPE_CHECKING:
    from reports.language import Language
    from warehouse.figure import Connection

Draw = Callable[[monthly.Composition], Mapping[str, Drawing]]
MEASURES = ("auroc", "sensitivity", "specificity", "macro_f1", "peak_in_box", "calibration_error")


def figures(config: Config, site: str, month: str) -> dict[str, Any]:
    """Return every figure of a month with its interval, denominator, exclusions and SQL file.

    Raises
    ------
    NothingToReportError
        If the site has no study in that month.
    """
    require_data(config, site, month)
    with connect.reader(config.published) as connection:
        return kpi.to_json(kpi.month_figures(connection, site, month))


def all_figures(config: Config, month: str) -> list[dict[str, Any]]:
    """Return `figures` of every configured site with a study or a night in the month, in the order of their names.

    Raises
    ------
    NothingToReportError
        If no site has any.
    """
    with connect.reader(config.published) as connection:
        sites = [site for site in sorted(config.sites) if freeze.has_data(connection, site, month)]
        if not sites:
            raise NothingToReportError(f"no site has studies or nights in {month}; check the month")
        return [kpi.to_json(found) for found in kpi.sites_figures(connection, sites, month).values()]


def require_data(config: Config, site: str, month: str) -> None:
    """Raise `NothingToReportError` where a site has nothing in a month: no study, no night."""
    config.site(site)
    with connect.reader(config.published) as connection:
        if not freeze.has_data(connection, site, month):
            raise NothingToReportError(
                f"site {site} has no studies and no nights in {month}; check the month and the site's name"
            )


def run(
    config: Config, site: str, month: str, out: Path | None = None, draw: Draw = monthly.draw_one
) -> dict[str, Any]:
    """Make the month's report and return what was made; `draw` draws its charts.

    A report into the home is an issue: its data cut and hashes are kept, and a changed month gets
    the next issue number beside the one before, never in its place. With `out`, nothing is kept.
    """
    require_data(config, site, month)
    with connect.reader(config.published) as connection:
        composition, data_sha256, late = compose(config, connection, site, month)
        shown = addenda.snapshot(connection, site, month, composition.figures.data_cut)
    drawings = draw(composition)
    folder, number = out, 1
    if folder is None:
        folder, number = config.month_folder(site, month), _issue(config, composition, data_sha256, shown, late)
    report = monthly.publish(composition, drawings, folder, number)
    made = [str(path) for path in (report.pdf, report.json, report.csv)]
    return {
        "site": site,
        "month": month,
        "status": "complete",
        "issue": number,
        "data_cut": report.data_cut.isoformat(),
        "pages": report.pages,
        "made": made,
    }


def compose(
    config: Config,
    connection: Connection,
    site: str,
    month: str,
    words: Language | None = None,
    settings: Site | None = None,
) -> tuple[monthly.Composition, str, list[addenda.Addendum]]:
    """Return the report before its charts are drawn, the hash of its data, and what it tells of earlier months.

    It is in its own language, unless for a reader of another one (`words`), and by the settings in force, unless to try
    others (`settings`).
    """
    settings = settings or report_choice.of(config, site)
    spoken = words.code if words else settings.report.language or settings.language
    definition = _definition(config, settings)
    described = description.describe(config.bundle(site))
    data_sha256 = freeze.data_sha256(connection, site, month)
    late = freeze.late_changes(connection, site, month, data_sha256, _as_json(definition))
    provenance = Provenance(
        reason_sentences={code: reasons.sentence(code, spoken) for code in reasons.REASONS},
        accuracy=(*_model_accuracy(described), *_labeller_accuracy(spoken)),
        thresholds=described["operating_points"],
        versions=installed_versions(),
        data_sha256=data_sha256,
        # Small changes of a month that was told before would show what its report withheld.
        addenda=tuple(late) if settings.disclosure.small_cell == 1 else (),
    )
    return monthly.compose(connection, site, month, definition, provenance, words=words), data_sha256, late


def _issue(
    config: Config,
    composition: monthly.Composition,
    data_sha256: str,
    shown: addenda.Snapshot,
    late: Sequence[addenda.Addendum],
) -> int:
    figures = composition.figures
    return freeze.issue(
        config.warehouse,
        site=figures.site.site,
        month=figures.month,
        data_cut=figures.data_cut,
        data_sha256=data_sha256,
        figures_sha256=kpi.sha256(figures),
        definition=_as_json(composition.definition),
        now=figures.data_cut if config.machine.simulated_clock else datetime.now(UTC),
        wait_minutes=config.machine.writer_wait_minutes,
        shown=shown,
        late=late,
    ).issue


def _as_json(definition: ReportDefinition) -> str:
    logo = hashlib.sha256(definition.logo).hexdigest() if definition.logo else None
    plain = {**asdict(definition), "logo": logo}
    if definition.language is None:
        del plain["language"]  # as it was written before there was a choice: no new issue of an old month
    # Likewise. As data: what is stored must not depend on how a note is kept.
    notes = [note.model_dump() for note in plain.pop("notes")]
    if notes:
        plain["notes"] = notes
    return json.dumps(plain, sort_keys=True)


def _model_accuracy(described: dict[str, Any]) -> list[Accuracy]:
    """Return what the bundle states of its own measured performance on the held-out images."""
    test = described["performance"].get("test", {})
    points = {
        f"{point}: {measure}": test.get(point, {}).get(measure)
        for point in ("doubtful", "positive")
        for measure in ("sensitivity", "specificity")
    }
    measures = {"auroc": test.get("auroc"), **points}
    # The bundle's first set of data is that of the task; those after it are of pretraining.
    data = described["training"]["data"][0]["name"]
    return [
        Accuracy("model", name, found["value"], found.get("low"), found.get("high"), test.get("images", 0), data)
        for name, found in measures.items()
        if isinstance(found, dict)
    ]


def _labeller_accuracy(language: str) -> list[Accuracy]:
    """Return what `bilan eval reports` measured of the labeller, as `docs/labeller.md` says."""
    found = json.loads((files("inference") / "labels" / "measured.json").read_text(encoding="utf-8"))
    data = found["data"][language]
    return [
        Accuracy("labeller", item["measure"], item["value"], item["low"], item["high"], item["n"], data)
        for item in found["measures"]
    ]


def _definition(config: Config, site: Site) -> ReportDefinition:
    logo = None
    if site.report.logo is not None:
        try:
            logo = (config.home / site.report.logo).read_bytes()
            logos.address(logo)
        except LogoError as error:
            raise ConfigError([Problem(f"sites/{site.site}.yaml", "report.logo", str(error))]) from None
        except OSError:
            raise ConfigError(
                [Problem(f"sites/{site.site}.yaml", "report.logo", "the file cannot be read; correct the path")]
            ) from None
    told = site.report
    blocks = dict(told.blocks)
    if site.partnership.peers and all(block.name != benchmark.BLOCK for block in blocks["activity"]):
        blocks["activity"] = (*blocks["activity"], Block(benchmark.BLOCK, {}))
    return ReportDefinition(told.sections, blocks, told.accent, logo, told.language, told.notes)
