"""Telling someone on the hospital's own network: a mail through the site's server, or a webhook.

Where a name leads is looked up here, and the connection goes to the very address that was judged: an
answer of the name service that changes in between opens no way out.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import smtplib
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any
from urllib.parse import urlsplit

from pipelines import mail
from pipelines.config import Config, Site
from pipelines.errors import BilanError

SECONDS = 20.0
# Loopback, RFC 1918, RFC 6598 and RFC 4193: nobody on the internet has these.
OWN = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
)


class NotToldError(BilanError):
    """An alarm was noted and could not be told: mend what the text says; the next round tries again."""


class PerhapsToldError(BilanError):
    """The connection broke while a message was handed over: it may have been taken, and is not sent again."""


def own_address(host: str, port: int, *, public: bool) -> str:
    """Return the address that a host's name leads to, if all that it leads to is the hospital's own.

    Own are the ranges of `OWN`; `public` allows others.

    Raises
    ------
    NotToldError
        If the name leads nowhere, or to a public address.
    """
    try:
        found = [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise NotToldError("the name of the host is not known here; see alarms and smtp") from None
    if not public and not all(_is_own(text) for text in found):
        raise NotToldError(
            "the host has a public address: nothing was sent; name one on your own network, or set "
            "alarms.public_addresses"
        )
    return found[0]


def _is_own(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in OWN if network.version == address.version)


def by_mail(config: Config, site: Site, address: str, subject: str, text: str) -> None:
    """Send a mail through the server of `bilan.yaml`.

    Raises
    ------
    NotToldError
        If there is no server, it is not on the own network, or it does not take the mail.
    PerhapsToldError
        If the connection broke while it took it.
    """
    server = config.machine.smtp
    if server is None:
        raise NotToldError("bilan.yaml has no smtp: alarms.mail needs it")
    where = own_address(server.host, server.port, public=site.alarms.public_addresses)
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = server.sender, address, subject
    made["Date"], made["Message-ID"] = format_datetime(datetime.now(UTC)), make_msgid(domain="bilan.invalid")
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    # Encrypted, the certificate is of the name; without encryption the judged address itself is used.
    chosen = server if server.security != "none" else server.model_copy(update={"host": where})
    try:
        mail.post(chosen, mail.password_of(config, server), made)
    except mail.NOT_TAKEN:
        raise NotToldError("the mail server does not take it; see smtp in bilan.yaml and alarms.mail") from None
    except (OSError, smtplib.SMTPException):
        raise PerhapsToldError("the mail server went away while it took the message") from None


def by_webhook(site: Site, address: str, content: Mapping[str, Any]) -> None:
    """Post JSON to an address; a redirection is an error, and is not followed.

    Raises
    ------
    NotToldError
        If the host is not on the own network, cannot be reached, or does not answer 2xx.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    where = own_address(host, port, public=site.alarms.public_addresses)
    made = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = made(host, port, timeout=SECONDS)
    # The name stays for TLS and for the header Host; the connection goes where it was judged to lead.
    connection._create_connection = lambda *_args, **_named: socket.create_connection((where, port), SECONDS)  # type: ignore[attr-defined] # noqa: SLF001
    try:
        body = json.dumps(content, ensure_ascii=False).encode()
        connection.request("POST", parts.path or "/", body, {"Content-Type": "application/json; charset=utf-8"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        raise NotToldError("the webhook cannot be reached; see alarms.webhook") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise NotToldError(f"the webhook answers {status}; see alarms.webhook")
