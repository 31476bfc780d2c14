"""What a hub gives back to a site: annotations, and the site's figures beside those of its anonymous peers.

A file that somebody carries, or that lies in a shared folder: no connection is opened into a site. `Returned` is its
schema, published as ``warehouse/schemas/return-1.json``. A month's peers are told once: two tellings that differ
would say something of the one peer that came in between.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from warehouse import signature
from warehouse.connect import transaction, writer
from warehouse.errors import WarehouseError
from warehouse.month import span
from warehouse.statement import statement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from duckdb import DuckDBPyConnection

SCHEMA = "bilan-return/1"
SCHEMA_FILE = "return-1.json"
FORMAT = "bilan-return-file/1"
LIMIT = 256 * 1024  # bytes
FEWEST_PEERS = 5
LONGEST = 120  # letters of an annotation
AHEAD = timedelta(days=1)  # the world has time zones
_FIELDS = {"format", "key", "payload", "signature"}
_MONTH = "^20[0-9]{2}-(0[1-9]|1[0-2])$"
_HEX = re.compile(r"[0-9a-f]+")

Month = Annotated[str, Field(pattern=_MONTH)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=10**9)]


class ReturnError(WarehouseError):
    """A file that came back from a hub is refused; `reason` is its code, `reports.refusals` has the sentence."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the file is refused: {reason}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Annotation(_Strict):
    """An event in a site's history, such as a new room or a strike, with its month ``YYYY-MM``."""

    month: Month
    text: Annotated[str, Field(min_length=1, max_length=LONGEST)]

    @field_validator("text")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not value.isprintable() or not value.strip():
            raise ValueError("write one line of plain text")
        return value


class Beside(_Strict):
    """A site's share of a month, from its own bundle, with its 95 % interval; and the middle half of its peers'.

    `exact` is false where the denominator is the nearest count that the bundle tells.
    """

    month: Month
    figure: Literal["positive", "within_24", "confirmed"]
    value: Share
    low: Share
    high: Share
    numerator: Count
    denominator: Annotated[int, Field(ge=1, le=10**9)]
    exact: bool
    peers_low: Share
    peers_median: Share
    peers_high: Share
    peers: Annotated[int, Field(ge=FEWEST_PEERS, le=10**6)]


class Returned(_Strict):
    """What a hub gives back to one site: all annotations and peer figures, in place of the return before."""

    schema_name: Annotated[Literal["bilan-return/1"], Field(alias="schema")]
    site: Annotated[str, Field(pattern="^[a-z0-9-]{1,41}$")]
    seq: Annotated[int, Field(ge=1, le=10**6)]
    made_on: Annotated[str, Field(pattern="^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
    notes: Annotated[tuple[Annotation, ...], Field(max_length=500, strict=False)]
    peers: Annotated[tuple[Beside, ...], Field(max_length=300, strict=False)]


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read and may be kept: its content, and the text that was signed."""

    told: Returned
    payload: str

    @property
    def sha256(self) -> str:
        """Hash of the signed text."""
        return hashlib.sha256(self.payload.encode()).hexdigest()


def as_payload(content: Mapping[str, Any]) -> str:
    """Return what is signed: JSON, sorted keys, no blanks.

    Raises
    ------
    pydantic.ValidationError
        If anything is not as the schema says.
    """
    Returned.model_validate(content)
    return _canonical(content)


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def as_file(payload: str, key: Ed25519PrivateKey) -> bytes:
    """Return the file's content, signed by the hub."""
    signed = signature.sign(key, payload.encode(), signature.BY_HUB).hex()
    fields = {"format": FORMAT, "key": signature.public_text(key), "payload": payload, "signature": signed}
    return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()


def read(content: bytes, hub_key: str | None, sites: Collection[str], now: datetime) -> Read:
    """Return what a file tells, once it is certain who made it and for whom.

    Parameters
    ----------
    hub_key
        The hub's public signing key as this machine's settings have it, None where they have none.
    sites
        The sites of this machine.
    now
        Our clock, UTC.

    Raises
    ------
    ReturnError
        If the file is not from that hub, was altered, is for another site, tells of fewer peers than
        `FEWEST_PEERS`, or comes from the future.
    """
    if hub_key is None:
        raise ReturnError("NO_HUB_KEY")
    fields = _fields(content)
    if fields["key"] != hub_key:
        raise ReturnError("OTHER_HUB")
    payload = fields["payload"]
    if not signature.signed_by(hub_key, payload.encode(), bytes.fromhex(fields["signature"]), signature.BY_HUB):
        raise ReturnError("ALTERED")
    told = _told(payload)
    if told.site not in sites:
        raise ReturnError("WRONG_SITE")
    _dated(told, now.astimezone(UTC).date() + AHEAD)
    return Read(told, payload)


def _fields(content: bytes) -> dict[str, str]:
    if len(content) > LIMIT:
        raise ReturnError("NO_RETURN")
    try:
        fields = json.loads(content.decode("utf-8", errors="strict"))
    except (ValueError, RecursionError):
        raise ReturnError("NO_RETURN") from None
    if not isinstance(fields, dict) or fields.keys() != _FIELDS or fields["format"] != FORMAT:
        raise ReturnError("NO_RETURN")
    if not all(isinstance(value, str) for value in fields.values()):
        raise ReturnError("NO_RETURN")
    try:
        fields["payload"].encode()
    except UnicodeEncodeError:  # a lone surrogate
        raise ReturnError("ALTERED") from None
    if len(fields["signature"]) != 128 or not _HEX.fullmatch(fields["signature"]):
        raise ReturnError("ALTERED")
    return fields


def _told(payload: str) -> Returned:
    try:
        found = json.loads(payload)
        named = found["schema"] if isinstance(found, dict) else None
    except (ValueError, RecursionError, KeyError):
        raise ReturnError("OTHER_CONTENT") from None
    if named != SCHEMA:
        raise ReturnError("OTHER_VERSION")
    try:
        told = Returned.model_validate(found)
        same = _canonical(found) == payload
    except ValidationError as error:
        few = any(item["loc"][-1] == "peers" and item["type"] == "greater_than_equal" for item in error.errors())
        raise ReturnError("FEW_PEERS" if few else "OTHER_CONTENT") from None
    if not same:
        raise ReturnError("OTHER_CONTENT")
    return told


def _dated(told: Returned, latest: date) -> None:
    try:
        made_on = date.fromisoformat(told.made_on)
    except ValueError:
        raise ReturnError("OTHER_CONTENT") from None
    over = [span(each.month)["end"] for each in told.peers]
    if made_on > latest or any(end > made_on + AHEAD for end in over):
        raise ReturnError("FUTURE")


def keep(warehouse: Path, found: Read, now: datetime, wait_minutes: float = 30.0) -> None:
    """Keep what came back.

    Raises
    ------
    ReturnError
        If it, or a later one, was kept before.
    """
    with writer(warehouse, wait_minutes) as connection, transaction(connection):
        site = found.told.site
        rows = connection.execute(statement("returned_numbers"), {"site": site}).fetchall()
        if any(row[1] == found.sha256 for row in rows):
            raise ReturnError("REPLAYED")
        if rows and found.told.seq <= rows[-1][0]:
            raise ReturnError("OLDER")
        given = {
            "site": site,
            "seq": found.told.seq,
            "imported_at": now,
            "payload": found.payload,
            "payload_sha256": found.sha256,
        }
        connection.execute(statement("returned_add"), given)


def at(connection: DuckDBPyConnection, site: str, cut: datetime) -> Returned | None:
    """Return the last return of a site that was there at `cut`; later ones change no report that was made before."""
    row = connection.execute(statement("returned_at"), {"site": site, "cut": cut}).fetchone()
    return Returned.model_validate(json.loads(row[0])) if row else None


def schema() -> str:
    """Return the JSON Schema as it is published."""
    found = Returned.model_json_schema(by_alias=True)
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA}", **found}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
