"""`bilan serve`: lends the web application what it may not import itself, and runs it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from pipelines.config import Config
from pipelines.viewing import Viewing
from reports.web.app import create
from reports.web.settings import Services, SiteInfo, WebSettings
from warehouse.published import Published


def settings(config: Config) -> WebSettings:
    """Return the application's settings from the home directory."""
    return WebSettings(
        app_store=config.app_store,
        published=config.published,
        identified=config.identified,
        issued=config.home / "issued",
        sites=tuple(
            SiteInfo(site.site, site.name, site.language, site.time_zone, site.pacs_link)
            for site in config.sites.values()
        ),
        demonstration=config.machine.simulated_clock,
    )


def services(config: Config) -> Services:
    """Return what the application borrows from the shell."""
    viewing = Viewing(config, Published(config.published))
    return Services(
        thumbnail=viewing.thumbnail,
        heat=viewing.heat,
        pixels=viewing.pixels,
        report_text=viewing.report_text,
        links=viewing.links,
        doctor=partial(_doctor, config.home),
    )


def _doctor(home: Path) -> list[dict[str, Any]]:
    from pipelines import doctor  # noqa: PLC0415 - loads much

    return [result.as_dict() for result in doctor.examine(home)]


def run(config: Config, host: str, port: int) -> None:
    """Serve until stopped."""
    told = settings(config)
    uvicorn.run(
        create(replace(told, hosts=(*told.hosts, host)), services(config)),
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        log_level="warning",
    )
