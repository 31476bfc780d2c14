"""`bilan serve`: lends the web application what it may not import itself, and runs it."""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from inference import reasons
from pipelines import hub as hubs
from pipelines import retry, trail, users
from pipelines.config import Config
from pipelines.config_hub import hub_published, hub_store
from pipelines.errors import BilanError
from pipelines.shown import Shown
from pipelines.viewing import Viewing
from reports.web.app import create
from reports.web.bundles import with_bundles
from reports.web.settings import Provider, Services, SiteInfo, WebSettings
from warehouse.errors import KeyFileError
from warehouse.published import Published
from warehouse.web_sessions import Limits

LOOPBACK = ("127.0.0.1", "localhost")


class ServeError(BilanError):
    """The application would be served in a way that is not safe; the text says what to set."""


def settings(config: Config) -> WebSettings:
    """Return the application's settings from the home directory."""
    web = config.machine.web
    public = urlsplit(web.public_address or "")
    return WebSettings(
        app_store=config.app_store,
        published=config.published,
        identified=config.identified,
        issued=config.home / "issued",
        sites=tuple(
            SiteInfo(site.site, site.name, site.language, site.time_zone, site.pacs_link)
            for site in config.sites.values()
        ),
        hosts=tuple(name for name in (*LOOPBACK, public.hostname) if name),
        secure=web.certificate is not None or public.scheme == "https",
        limits=Limits(timedelta(minutes=web.idle_minutes), timedelta(hours=web.absolute_hours)),
        second_factor=frozenset(web.second_factor),
        demonstration=config.machine.simulated_clock,
        provider=_provider(config),
        hub=hub_published(config.home) if config.machine.hub or hub_store(config.home).exists() else None,
        model_versions=tuple(model.version for model in config.machine.hub.models) if config.machine.hub else (),
        key=_key(config),
    )


def _key(config: Config) -> bytes:
    try:
        return trail.key(config)
    except (KeyFileError, OSError):
        raise ServeError("keys/_app.key cannot be used; it must be a plain file of mode 0600, restored whole") from None


def _provider(config: Config) -> Provider | None:
    web = config.machine.web
    if web.single_sign_on is None:
        return None
    told = web.single_sign_on
    try:
        secret = (config.home / told.client_secret_file).read_text(encoding="utf-8").strip()
    except OSError:
        raise ServeError(
            "web.single_sign_on.client_secret_file cannot be read; put the client's secret there"
        ) from None
    return Provider(
        issuer=told.issuer,
        client_id=told.client_id,
        client_secret=secret,
        public_address=web.public_address or "",
        label=told.label,
        scopes=told.scopes,
        login_claim=told.login_claim,
        roles_claim=told.roles_claim,
        roles={group: users.granted(config, roles) for group, roles in told.roles.items()},
    )


def services(config: Config) -> Services:
    """Return what the application borrows from the shell."""
    published = Published(config.published)
    viewing, shown = Viewing(config, published), Shown(config, published)
    return Services(
        thumbnail=viewing.thumbnail,
        heat=viewing.heat,
        pixels=viewing.pixels,
        report_text=viewing.report_text,
        links=viewing.links,
        month=shown.month,
        report_chosen=shown.chosen,
        report_problems=shown.problems,
        report_preview=shown.preview,
        doctor=partial(_doctor, config.home),
        runs=partial(_runs, config),
        reason=_reason,
        retry=partial(_retry, config),
    )


def _reason(code: str, language: str) -> str:
    return reasons.sentence(code, language) if code in reasons.REASONS else code


def _retry(config: Config, site: str, content_id: str) -> str:
    return retry.retry(config, site, content_id, datetime.now(UTC))


def _runs(config: Config) -> list[dict[str, Any]]:
    from pipelines import dagster_run  # noqa: PLC0415 - loads much

    return dagster_run.last_runs(config.home)


def _doctor(home: Path) -> list[dict[str, Any]]:
    from pipelines import doctor  # noqa: PLC0415 - loads much

    return [result.as_dict() for result in doctor.examine(home)]


def run(config: Config, host: str, port: int, *, hub: bool = False) -> None:
    """Serve until stopped; as a `hub`, sites' machines can put their bundles too.

    Raises
    ------
    ServeError
        If others could reach the application without TLS.
    """
    web = config.machine.web
    if not (web.certificate or web.trusted_proxies or _loopback(host)):
        raise ServeError(
            "passwords would go over the network unencrypted: set web.certificate and web.key in bilan.yaml, or "
            "web.trusted_proxies behind a proxy with TLS, or listen on 127.0.0.1"
        )
    told = settings(config)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("bilan").setLevel(logging.INFO)
    told = replace(told, hosts=(*told.hosts, host))
    application = create(told, services(config))
    if hub:
        hubs.store(config)  # brings its database to this version
        application = with_bundles(application, told, partial(hubs.receive, config))
    uvicorn.run(application, host=host, port=port, **server_options(config))


def server_options(config: Config) -> dict[str, Any]:
    """Return how the server is run: TLS, whom it believes about addresses, its limits."""
    web = config.machine.web
    certificate, key = (str(config.home / path) if path else None for path in (web.certificate, web.key))
    return {
        "http": "h11",  # the stricter of the two parsers, with a limit on the size of headers
        "h11_max_incomplete_event_size": 32 * 1024,
        "limit_concurrency": 400,
        "timeout_keep_alive": 15,
        "ssl_certfile": certificate,
        "ssl_keyfile": key,
        # Only who is named is believed about the address of the client; by default nobody is.
        "proxy_headers": bool(web.trusted_proxies),
        "forwarded_allow_ips": list(web.trusted_proxies),
        "access_log": False,  # it would write addresses; `reports.web.traffic` writes our own
        "server_header": False,
        "log_config": None,
    }


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
