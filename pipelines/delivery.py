"""Monthly reports by mail: to each recipient of a site once for each issue."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

from pipelines import mail, report_choice
from pipelines.config import Config
from pipelines.errors import BilanError
from pipelines.report_settings import Smtp
from reports.cover import Cover, cover
from warehouse import delivery
from warehouse.delivery import Claim

SENT = "sent"


class DeliveryError(BilanError):
    """A report was made and not sent. Mend what the text says, then run `bilan month --send` or the run again."""


def send(config: Config, result: dict[str, Any]) -> list[str]:
    """Send the report that `pipelines.month.run` made to those recipients who do not have this issue yet.

    Returns one line for each recipient: sent, or had before. Without `smtp` in ``bilan.yaml`` or without
    recipients nothing is sent.

    Raises
    ------
    DeliveryError
        If the mail server does not take it; what it certainly did not take is sent the next time.
    """
    site, month, issue = str(result["site"]), str(result["month"]), int(result["issue"])
    settings, server = report_choice.of(config, site), config.machine.smtp
    if server is None or not settings.report.recipients:
        return []
    pdf = Path(next(path for path in result["made"] if path.endswith(".pdf")))
    words = cover(settings.report.language or settings.language, settings.name, month, issue)
    wait = config.machine.writer_wait_minutes
    told = []
    for address in settings.report.recipients:
        wanted = Claim(site, month, issue, address)
        if not delivery.claim(config.warehouse, wanted, datetime.now(UTC), wait):
            told.append("had this issue before: not sent again")
            continue
        try:
            mail.post(server, mail.password_of(config, server), message(server, address, words, pdf))
        except mail.NOT_TAKEN as error:
            delivery.release(config.warehouse, wanted, wait)
            raise DeliveryError(_remedy(error)) from None
        except (OSError, smtplib.SMTPException):
            # The connection broke after the message was handed over: it may have been taken.
            raise DeliveryError(
                "the mail server went away while it took the report: it may have been sent, and is not sent again"
            ) from None
        delivery.settle(config.warehouse, wanted, datetime.now(UTC), wait)
        told.append(SENT)
    return told


def message(server: Smtp, address: str, words: Cover, pdf: Path) -> EmailMessage:
    """Return the mail: a few words and the PDF, which has the figures attached."""
    made = EmailMessage()
    made["From"], made["To"] = server.sender, address
    made["Subject"] = words.subject
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(words.text)
    made.add_attachment(pdf.read_bytes(), maintype="application", subtype="pdf", filename=words.file)
    return made


def _remedy(error: Exception) -> str:
    if isinstance(error, mail.NotTakenError) and str(error) == "connect":
        return "the mail server cannot be reached; see smtp.host, port and security in bilan.yaml"
    if isinstance(error, mail.NotTakenError):
        return "the mail server refuses encryption or login; see smtp.security, user and password_file in bilan.yaml"
    return "the mail server refuses sender, recipient or message; ask whoever runs it, or see report.recipients"
