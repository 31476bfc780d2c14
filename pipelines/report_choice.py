"""What a head of department chose of the report on the screen, over the site's file.

The web application writes `app.sqlite` alone: a choice is a row there, and never touches the file, which also names
sources, folders and the model. What can be chosen is named here, one by one; logo and recipients stay with the file.
A choice has sections, blocks, accent, language and turnaround_hours, as they would stand in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.config import Config, Site, Targets
from pipelines.report_settings import Report
from warehouse import report_choice
from warehouse.app_store import AppStore

FIELDS = ("sections", "blocks", "accent", "language")


def of(config: Config, site: str) -> Site:
    """Return a site's settings with what was chosen on the screen, where that can be used; else those of its file.

    A choice that this version of Bilan does not understand stops no night and no report; `bilan doctor` tells it.
    """
    settings = config.site(site)
    chosen = _last(config, site)
    if chosen is None or chosen.content is None:
        return settings
    return applied(settings, chosen.content) or settings


def applied(settings: Site, content: Mapping[str, Any]) -> Site | None:
    """Return settings with a choice, or None if it cannot be used."""
    return None if problems(settings, content) else _applied(settings, content)


def problems(settings: Site, content: Mapping[str, Any]) -> list[str]:
    """Return the names of what cannot be used as it was chosen; empty if all can."""
    try:
        _applied(settings, content)
    except ValidationError as error:
        return sorted({str(item["loc"][0]) for item in error.errors()})
    return []


def plain(settings: Site) -> dict[str, Any]:
    """Return what is in force as a choice."""
    report = settings.report
    return {
        "sections": list(report.sections),
        "blocks": {
            section: [{block.name: _plain(block.options)} for block in blocks]
            for section, blocks in report.blocks.items()
        },
        "accent": report.accent,
        "language": report.language,
        "turnaround_hours": settings.targets.turnaround_hours,
    }


def unusable(config: Config, site: str) -> bool:
    """Tell whether the last choice of a site cannot be used by this version."""
    chosen = _last(config, site)
    return chosen is not None and chosen.content is not None and bool(problems(config.site(site), chosen.content))


def _applied(settings: Site, content: Mapping[str, Any]) -> Site:
    kept = {"logo": settings.report.logo, "recipients": settings.report.recipients}
    wanted = {name: value for name, value in content.items() if name != "turnaround_hours"}
    report = Report.model_validate({**wanted, **kept})
    targets = Targets.model_validate({"turnaround_hours": content.get("turnaround_hours")})
    return settings.model_copy(update={"report": report, "targets": targets})


def _last(config: Config, site: str) -> report_choice.Choice | None:
    if not config.app_store.exists():
        return None
    with _store(config.app_store).reading() as app:
        return report_choice.last(app, site)


@cache
def _store(path: Path) -> AppStore:
    # Brought to this version once: the web application asks at each page, and a migration waits for writers.
    store = AppStore(path)
    store.migrate()
    return store


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
