"""Whom a site's alarms are told to, and when: a part of the site's file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipelines.report_settings import Address
from pipelines.source_settings import Strict

Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
# No user, no password, no fragment: what is secret stands in no address.
Webhook = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?$", max_length=200)]


class Alarms(Strict):
    """Addresses on the hospital's own network; `public_addresses` allows others, knowingly.

    `images_by` is the local time from which a night without images is an alarm.
    """

    mail: tuple[Address, ...] = ()
    webhook: Webhook | None = None
    public_addresses: bool = False
    images_by: Clock = "08:00"
