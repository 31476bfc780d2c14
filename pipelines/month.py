"""One site's month: the figures, and the report made from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from inference import reasons
from pipelines.config import Config, Site
from pipelines.errors import ConfigError, NothingToReportError, Problem
from reports import kpi, monthly
from reports.definition import Accuracy, Provenance, ReportDefinition, installed_versions
from warehouse import connect, freeze

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


def require_data(config: Config, site: str, month: str) -> None:
    """Raise `NothingToReportError` where a site has nothing in a month: no study, no night."""
    config.site(site)
    with connect.reader(config.published) as connection:
        if not freeze.has_data(connection, site, month):
            raise NothingToReportError(
                f"site {site} has no studies and no nights in {month}; check the month and the site's name"
            )


def run(config: Config, site: str, month: str, out: Path | None = None) -> dict[str, Any]:
    """Make the month's report and return what was made.

    A report into the home is an issue: its data cut and hashes are kept, and a changed month gets
    the next issue number beside the one before, never in its place. With `out`, nothing is kept.
    """
    require_data(config, site, month)
    settings = config.site(site)
    with connect.reader(config.published) as connection:
        computed = kpi.month_figures(connection, site, month)
        data_sha256 = freeze.data_sha256(connection, site, month)
    definition = _definition(config, settings)
    issue = 1
    if out is None:
        now = (
            config.now(site, computed.end - timedelta(days=1)) if config.machine.simulated_clock else datetime.now(UTC)
        )
        issue = freeze.issue(
            config.warehouse,
            site=site,
            month=month,
            data_cut=computed.data_cut,
            data_sha256=data_sha256,
            figures_sha256=_sha256(kpi.to_json(computed)),
            definition=_as_json(definition),
            now=now,
            wait_minutes=config.machine.writer_wait_minutes,
        ).issue
    provenance = Provenance(
        reason_sentences={code: reasons.sentence(code, settings.language) for code in reasons.REASONS},
        accuracy=(*_model_accuracy(config, site), *_labeller_accuracy(settings.language)),
        versions=installed_versions(),
        data_sha256=data_sha256,
    )
    folder = config.month_folder(site, month) if out is None else out
    report = monthly.render(computed, definition, provenance, folder, issue=issue)
    made = [str(path) for path in (report.pdf, report.json, report.csv)]
    return {"site": site, "month": month, "status": "complete", "issue": issue, "pages": report.pages, "made": made}


def _as_json(definition: ReportDefinition) -> str:
    logo = hashlib.sha256(definition.logo).hexdigest() if definition.logo else None
    return json.dumps({**asdict(definition), "logo": logo}, sort_keys=True)


def _sha256(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _model_accuracy(config: Config, site: str) -> list[Accuracy]:
    """Return what the bundle states of its own measured performance on the held-out images."""
    from inference import bundle  # noqa: PLC0415 - loads torch

    described = bundle.describe(config.bundle(site))
    test = described["performance"].get("test", {})
    points = {
        f"{point}: {measure}": test.get(point, {}).get(measure)
        for point in ("doubtful", "positive")
        for measure in ("sensitivity", "specificity")
    }
    measures = {"auroc": test.get("auroc"), **points}
    data = " + ".join(entry["name"] for entry in described["training"]["data"])
    return [
        Accuracy("model", name, found["value"], found.get("low"), found.get("high"), test.get("images", 0), data)
        for name, found in measures.items()
        if isinstance(found, dict)
    ]


def _labeller_accuracy(language: str) -> list[Accuracy]:
    return []


def _definition(config: Config, site: Site) -> ReportDefinition:
    logo = None
    if site.report.logo is not None:
        try:
            logo = (config.home / site.report.logo).read_bytes()
        except OSError:
            raise ConfigError(
                [Problem(f"sites/{site.site}.yaml", "report.logo", "the file cannot be read; correct the path")]
            ) from None
    return ReportDefinition(sections=site.report.sections, accent=site.report.accent, logo=logo)
