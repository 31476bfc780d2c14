"""Handing a message to the mail server of `bilan.yaml`."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from pipelines.config import Config
from pipelines.errors import ConfigError, Problem
from pipelines.report_settings import Smtp


class NotTakenError(Exception):
    """The server was not reached, or refused before the message was handed over."""


NOT_TAKEN = (
    NotTakenError,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPHeloError,
)


def post(server: Smtp, password: str | None, made: EmailMessage) -> None:
    """Send a message.

    Raises
    ------
    NOT_TAKEN
        If the server certainly did not take it; other errors of the connection leave that open.
    """
    context = ssl.create_default_context()
    try:
        connection: smtplib.SMTP = (
            smtplib.SMTP_SSL(server.host, server.port, timeout=server.seconds, context=context)
            if server.security == "tls"
            else smtplib.SMTP(server.host, server.port, timeout=server.seconds)
        )
    except (OSError, smtplib.SMTPException):
        raise NotTakenError("connect") from None
    with connection:
        try:
            if server.security == "starttls":
                connection.starttls(context=context)
            if server.user is not None:
                connection.login(server.user, password or "")
        except (OSError, smtplib.SMTPException):
            raise NotTakenError("login") from None
        connection.send_message(made)


def password_of(config: Config, server: Smtp) -> str | None:
    """Return the password of the mail server, None where it asks for none.

    Raises
    ------
    ConfigError
        If its file cannot be read.
    """
    if server.password_file is None:
        return None
    try:
        return (config.home / server.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        problem = Problem("bilan.yaml", "smtp.password_file", "the file cannot be read; correct the path or its mode")
        raise ConfigError([problem]) from None
