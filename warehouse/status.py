"""The daily sign of life of a site: how its last nights went, versions, alarms by cause. No count of patients.

It takes the way of the bundles, signed with the same key, and is numbered on its own: a status that is lost is no
loss, one that comes twice or late is refused. `Status` is its schema, published as
``warehouse/schemas/status-1.json``. Site and hub keep the last one in `app.sqlite`: a night that hangs with the
writer's lock must not keep its own sign of life from being sent, and ten thousand a day publish no copy of the hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from warehouse import signature
from warehouse.app_store import AppStore, as_text, as_time, change, rows
from warehouse.bundle_file import Bundle

SCHEMA = "bilan-status/1"
SCHEMA_FILE = "status-1.json"
NIGHTS = 7  # the last ones due
STATES = ("complete", "late", "failed", "running", "missed")
CAUSES = ("no_images", "ris_silent", "source_unreachable", "quarantine_rising", "positive_rate", "night_late")
AHEAD = timedelta(days=1)  # the world has time zones
_DAY = "^20[0-9]{2}-[01][0-9]-[0-3][0-9]$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Night(_Strict):
    """A night that was due, by the local day that it is of, and how it went."""

    day: Annotated[str, Field(pattern=_DAY)]
    state: Literal["complete", "late", "failed", "running", "missed"]


class Status(_Strict):
    """What a site's machine says of itself on a day: its last nights, versions, and which alarms are open."""

    schema_name: Annotated[Literal["bilan-status/1"], Field(alias="schema")]
    site: Annotated[str, Field(pattern="^[a-z0-9-]{1,41}$")]
    seq: Annotated[int, Field(ge=1, le=10**6)]
    made_on: Annotated[str, Field(pattern=_DAY)]
    program: Annotated[str, Field(pattern="^[0-9A-Za-z.+-]{1,40}$")]
    model: Annotated[str, Field(max_length=80)]
    model_version: Annotated[str, Field(max_length=40)]
    nights: Annotated[tuple[Night, ...], Field(max_length=NIGHTS, strict=False)]
    alarms: Annotated[
        tuple[
            Literal[
                "no_images", "ris_silent", "source_unreachable", "quarantine_rising", "positive_rate", "night_late"
            ],
            ...,
        ],
        Field(max_length=len(CAUSES), strict=False),
    ]


@dataclass(frozen=True, slots=True)
class Heard:
    """The last status of a site, and when it came (UTC)."""

    status: Status
    received_at: datetime

    @property
    def last_night(self) -> date | None:
        """The last night that ran to its end; None where none of those told did."""
        ran = [night.day for night in self.status.nights if night.state in ("complete", "late")]
        return date.fromisoformat(max(ran)) if ran else None


def keep(store: AppStore, site: str, content: Mapping[str, Any], day: date) -> str:
    """Number a status and keep it; return the signed text. What says the same on the same day is the one it was."""
    with store.writing() as connection:
        before = rows(connection, "status_sent", {"site": site})
        seq, made_on = (before[0]["seq"], before[0]["made_on"]) if before else (0, "")
        if before and before[0]["payload"] == (same := as_payload({**content, "seq": seq, "made_on": day.isoformat()})):
            return same
        # A clock that was set back must not make the hub take today's for an older one.
        text = as_payload({**content, "seq": seq + 1, "made_on": max(made_on, day.isoformat())})
        told = {"site": site, "seq": seq + 1, "made_on": day.isoformat(), "payload": text}
        change(connection, "status_sent_put", told)
    return text


def sent_on(store: AppStore, site: str) -> date | None:
    """Return the local day on which a site made its last status."""
    with store.reading() as connection:
        found = rows(connection, "status_sent", {"site": site})
    return date.fromisoformat(found[0]["made_on"]) if found else None


def as_payload(content: Mapping[str, Any]) -> str:
    """Return a status as the text that is signed.

    Raises
    ------
    pydantic.ValidationError
        If anything is not as the schema says.
    """
    Status.model_validate(content)
    return _canonical(content)


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def is_status(bundle: Bundle) -> bool:
    """Say whether what a bundle carries calls itself a status, of whatever version."""
    try:
        found = json.loads(bundle.payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and str(found.get("schema", "")).startswith("bilan-status/")


def take(store: AppStore, keys: Mapping[str, str], bundle: Bundle, now: datetime) -> str | None:
    """Keep a site's status at the hub; return why not, or None.

    Parameters
    ----------
    keys
        The public key registered for each site.
    now
        Our clock, UTC.
    """
    if bundle.site not in keys:
        return "UNKNOWN_SITE"
    if bundle.key != keys[bundle.site]:
        return "OTHER_KEY"
    if not signature.signed_by(bundle.key, bundle.payload.encode(), bytes.fromhex(bundle.signature)):
        return "BAD_SIGNATURE"
    told = _told(bundle, now)
    if isinstance(told, str):
        return told
    with store.writing() as connection:
        known = rows(connection, "site_statuses", {"site": told.site})
        if known and known[0]["payload"] == bundle.payload:
            return "REPLAYED"
        # The day before the number: a site whose back-up was restored numbers anew, and goes on the next day.
        if known and (told.made_on, told.seq) <= (known[0]["made_on"], known[0]["seq"]):
            return "OLDER_STATUS"
        given = {"site": told.site, "seq": told.seq, "made_on": told.made_on}
        change(connection, "site_status_put", {**given, "received_at": as_text(now), "payload": bundle.payload})
    return None


def _told(bundle: Bundle, now: datetime) -> Status | str:
    found = json.loads(bundle.payload)
    if found.get("schema") != SCHEMA:
        return "NEWER_SCHEMA"
    try:
        told = Status.model_validate(found)
        days = [date.fromisoformat(day) for day in (told.made_on, *(night.day for night in told.nights))]
        same = _canonical(found) == bundle.payload
    except ValidationError as error:
        outside = any(item["type"] == "extra_forbidden" for item in error.errors(include_input=False))
        return "OUTSIDE_SCHEMA" if outside else "BAD_VALUE"
    except ValueError:
        return "BAD_VALUE"
    if not same:
        return "BAD_VALUE"
    if told.site != bundle.site:
        return "OTHER_SITE"
    return "FUTURE" if max(days) > now.astimezone(UTC).date() + AHEAD else told


def heard(store: AppStore, site: str | None = None) -> dict[str, Heard]:
    """Return the last status of each site, or of one."""
    with store.reading() as connection:
        found = rows(connection, "site_statuses", {"site": site})
    return {
        row["site"]: Heard(Status.model_validate(json.loads(row["payload"])), as_time(row["received_at"]))
        for row in found
    }


def schema() -> str:
    """Return the JSON Schema as it is published."""
    found = Status.model_json_schema(by_alias=True)
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA}", **found}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
