"""Smaller parts of a site's file: the partnership, and how long each store keeps what it holds."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from pipelines.source_settings import Strict

Days = Annotated[int, Field(ge=14, le=36600)]


class Partnership(Strict):
    """What the partnership manager agreed with the site."""

    since: date | None = None
    contract_studies_per_month: Annotated[int, Field(ge=0)] | None = None
    contact: str | None = None
    # Whether the site's own report shows it beside the anonymous peers that the hub gives back (`bilan peers import`).
    peers: bool = False


class Retention(Strict):
    """Days after which a store lets go; null keeps for good. GDPR art. 5(1)(e): no longer than the purpose needs."""

    images_days: Days | None = 90  # the PACS keeps the originals; time for a late report, a second look, a new model
    thumbnails_days: Days | None = 400  # as long as the lists and cases that show them: a year and a late month
    messages_days: Days | None = 400  # a report is read again when the labeller or a person's sample needs it
    quarantine_days: Days | None = 90  # time to mend the source and try again
    identified_days: Days | None = 400  # the link from a case to the PACS
    lists_days: Days | None = 400  # flagged lists, one folder a day
    studies_days: Days | None = 1830  # five years: a trend needs one, drift and contracts several
