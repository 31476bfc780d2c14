"""TLS contexts from a site's settings: 1.2 and newer, certificates checked."""

from __future__ import annotations

import ssl
from pathlib import Path

from pipelines.errors import SourceUnreachableError
from pipelines.source_settings import Tls


def at_home(settings: Tls | None, home: Path) -> Tls | None:
    """Return the settings with their paths below the home directory; absolute ones stay."""
    if settings is None:
        return None
    paths = {key: path and home / path for key, path in settings}
    return settings.model_copy(update=paths)


def server(name: str, settings: Tls | None) -> ssl.SSLContext | None:
    """Return the context of a receiver, None without TLS; with `authorities` callers need a certificate.

    Raises
    ------
    SourceUnreachableError
        If a certificate or key cannot be read.
    """
    if settings is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if settings.authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return _loaded(name, context, settings)


def client(name: str, settings: Tls | None) -> ssl.SSLContext | None:
    """Return the context with which we call a server, None without TLS.

    Raises
    ------
    SourceUnreachableError
        If a certificate or key cannot be read.
    """
    if settings is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.authorities is None:
        context.load_default_certs()
    return _loaded(name, context, settings)


def _loaded(name: str, context: ssl.SSLContext, settings: Tls) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
        if settings.authorities is not None:
            context.load_verify_locations(settings.authorities)
    except (OSError, ssl.SSLError):
        raise SourceUnreachableError(
            f"source {name}: a certificate or key of its tls cannot be read; check the paths and their rights"
        ) from None
    return context
