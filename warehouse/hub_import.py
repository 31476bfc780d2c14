"""Bundles into the hub: each taken whole, or refused with a reason; a refused one never stops the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import ValidationError

from warehouse import bundle_file, disclosure, hub_sites, signature
from warehouse.aggregates import GENESIS, LAYOUT, SCHEMA, Aggregates, canonical
from warehouse.bundle_file import Bundle, BundleFileError
from warehouse.connect import HUB, transaction, writer
from warehouse.month import span
from warehouse.statement import statement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from duckdb import DuckDBPyConnection

REASONS = (
    "UNREADABLE",
    "TOO_LARGE",
    "SEALED_FOR_ANOTHER",
    "UNSIGNED",
    "UNKNOWN_SITE",
    "OTHER_KEY",
    "BAD_SIGNATURE",
    "OLDER_SCHEMA",
    "NEWER_SCHEMA",
    "OUTSIDE_SCHEMA",
    "BAD_VALUE",
    "OTHER_SITE",
    "SMALL_CELL",
    "SMALL_DIFFERENCE",
    "FUTURE",
    "REPLAYED",
    "RESTARTED",
    "FORKED",
    "MISSING_BUNDLE",
    "OUT_OF_CHAIN",
)
BATCH = 500  # bundles of one transaction
# A site whose clock runs a day ahead is not yet from the future: the world has time zones.
AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: taken (`reason` is None), or refused. `site` only where the hub knows it."""

    file_sha256: str
    site: str | None
    month: str | None
    seq: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What this hub asks: the least threshold of small cells, the key that opens sealed files, the clock (UTC)."""

    small_cell: int
    now: datetime
    opening_key: X25519PrivateKey | None = None


@dataclass(slots=True)
class _Head:
    """The end of a site's chain, and the months that it told."""

    key: str
    seq: int = 0
    sha256: str = GENESIS
    months: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Taken:
    """Rows that wait for the end of the batch."""

    bundles: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)


def take(store: Path, files: Iterable[bytes], rules: Rules, wait_minutes: float = 30.0) -> list[Outcome]:
    """Import files, each as a whole or not at all; return what became of each, in the order in which they were taken.

    Within what is given, the bundles of a site are taken by their numbers, whatever the order of the files.
    """
    read = [_read(content, rules) for content in files]
    read.sort(key=lambda item: (item[1].site, _number(item[1])) if isinstance(item[1], Bundle) else ("", 0))
    outcomes: list[Outcome] = []
    with writer(store, wait_minutes, HUB) as connection:
        heads = {site.site: _Head(site.key) for site in hub_sites.sites(connection)}
        for site, seq, sha256, months in connection.execute(statement("heads", "hub_queries")).fetchall():
            if site in heads:
                heads[site].seq, heads[site].sha256, heads[site].months = seq, sha256, set(months)
        for start in range(0, len(read), BATCH):
            with transaction(connection):
                waiting = _Taken()
                for sha256, found in read[start : start + BATCH]:
                    outcomes.append(_one(connection, sha256, found, heads, rules, waiting))
                _write(connection, waiting)
    return outcomes


def _read(content: bytes, rules: Rules) -> tuple[str, Bundle | str]:
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        return sha256, bundle_file.read(content, rules.opening_key)
    except BundleFileError as error:
        return sha256, error.reason


def _number(bundle: Bundle) -> int:
    """Return the number that a bundle gives itself; only for the order of reading."""
    try:
        found = json.loads(bundle.payload)["seq"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return 0
    return found if isinstance(found, int) and 0 < found < 10**6 else 0


def _one(
    connection: DuckDBPyConnection,
    sha256: str,
    found: Bundle | str,
    heads: Mapping[str, _Head],
    rules: Rules,
    waiting: _Taken,
) -> Outcome:
    site = found.site if isinstance(found, Bundle) and found.site in heads else None
    told: dict[str, Any] = {}
    reason = found if isinstance(found, str) else _refusal(connection, found, heads, rules, waiting, told)
    outcome = Outcome(sha256, site, told.get("month"), told.get("seq"), reason)
    if reason is not None or isinstance(found, str):
        row = {"refused_at": rules.now, "file_sha256": sha256, "site": site, "seq": outcome.seq, "reason": reason}
        waiting.refusals.append(row)
        return outcome
    head = heads[found.site]
    head.seq, head.sha256 = told["seq"], hashlib.sha256(found.payload.encode()).hexdigest()
    head.months.add(told["month"])
    waiting.bundles.append(
        {
            "site": found.site,
            "seq": told["seq"],
            "month": told["month"],
            "payload_sha256": head.sha256,
            "made_on": date.fromisoformat(told["made_on"]),
            "imported_at": rules.now,
            "payload": found.payload,
        }
    )
    return outcome


def _refusal(
    connection: DuckDBPyConnection,
    bundle: Bundle,
    heads: Mapping[str, _Head],
    rules: Rules,
    waiting: _Taken,
    told: dict[str, Any],
) -> str | None:
    """Return why a bundle is refused, or None; `told` is filled with what it says once that can be believed."""
    if bundle.site not in heads:
        return "UNKNOWN_SITE"
    head = heads[bundle.site]
    if bundle.key != head.key:
        return "OTHER_KEY"
    if not signature.signed_by(head.key, bundle.payload.encode(), bytes.fromhex(bundle.signature)):
        return "BAD_SIGNATURE"
    reason = _form(bundle, told)
    if reason is not None:
        told.clear()
        return reason
    return (
        _numbers(told, rules)
        or _chain(connection, bundle, told, head, waiting)
        or _difference(connection, told, head, waiting)
    )


def _form(bundle: Bundle, told: dict[str, Any]) -> str | None:
    try:
        found = json.loads(bundle.payload)
    except (ValueError, RecursionError):
        return "BAD_VALUE"
    if not isinstance(found, dict):
        return "BAD_VALUE"
    if found.get("schema") != SCHEMA:
        return _version(found.get("schema"))
    try:
        Aggregates.model_validate(found)
        same = canonical(found) == bundle.payload.encode()
    except ValidationError as error:
        outside = any(item["type"] == "extra_forbidden" for item in error.errors(include_input=False))
        return "OUTSIDE_SCHEMA" if outside else "BAD_VALUE"
    if not same:
        return "BAD_VALUE"  # a key given twice, blanks: not what the site's own page showed
    if found["site"] != bundle.site:
        return "OTHER_SITE"
    told.update(found)
    return None


def _version(named: object) -> str:
    stem, _, number = str(named).rpartition("/")
    if stem != SCHEMA.rpartition("/")[0] or not number.isdigit() or len(number) > 4:
        return "BAD_VALUE"
    return "OLDER_SCHEMA" if int(number) < int(SCHEMA.rpartition("/")[2]) else "NEWER_SCHEMA"


def _numbers(told: Mapping[str, Any], rules: Rules) -> str | None:
    today = rules.now.astimezone(UTC).date()
    try:
        made_on, cut = date.fromisoformat(told["made_on"]), date.fromisoformat(told["data_cut"])
    except ValueError:
        return "BAD_VALUE"
    if made_on > today + AHEAD or cut > today + AHEAD or span(told["month"])["end"] > made_on + AHEAD:
        return "FUTURE"
    if told["small_cell"] < rules.small_cell or disclosure.problems(LAYOUT, told["tables"], told["small_cell"]):
        return "SMALL_CELL"
    if told["images"] is not None and (told["images"] % 10 or told["tables"]["studies"]["all"] is None):
        return "SMALL_CELL"
    return None


def _chain(
    connection: DuckDBPyConnection, bundle: Bundle, told: Mapping[str, Any], head: _Head, waiting: _Taken
) -> str | None:
    seq = told["seq"]
    if seq > head.seq + 1:
        return "MISSING_BUNDLE"
    if seq == head.seq + 1:
        return None if told["previous"] == head.sha256 else "OUT_OF_CHAIN"
    asked = {"site": bundle.site, "seq": seq}
    known = [row["payload_sha256"] for row in waiting.bundles if (row["site"], row["seq"]) == (bundle.site, seq)]
    known += [row[0] for row in connection.execute(statement("bundle_at", "hub_queries"), asked).fetchall()]
    if hashlib.sha256(bundle.payload.encode()).hexdigest() in known:
        return "REPLAYED"
    return "RESTARTED" if seq == 1 else "FORKED"


def _difference(connection: DuckDBPyConnection, told: Mapping[str, Any], head: _Head, waiting: _Taken) -> str | None:
    if told["restates"] != (told["month"] in head.months):
        return "BAD_VALUE"
    if not told["restates"]:
        return None
    asked = {"site": told["site"], "month": told["month"]}
    earlier = [row[0] for row in connection.execute(statement("told_of_month", "hub_queries"), asked).fetchall()]
    earlier += [
        row["payload"] for row in waiting.bundles if (row["site"], row["month"]) == (told["site"], told["month"])
    ]
    for text in earlier:
        before = json.loads(text)
        if disclosure.difference_problems(LAYOUT, before["tables"], told["tables"], told["small_cell"]):
            return "SMALL_DIFFERENCE"
    return None


def _write(connection: DuckDBPyConnection, waiting: _Taken) -> None:
    if waiting.bundles:
        connection.register("taken", _table(waiting.bundles))
        connection.execute(statement("add_bundles", "hub_queries"))
        connection.execute(statement("add_months", "hub_queries"))
        connection.unregister("taken")
    if waiting.refusals:
        connection.register("refused", _table(waiting.refusals))
        connection.execute(statement("add_refusals", "hub_queries"))
        connection.unregister("refused")


_TYPES = {"seq": pa.int32(), "refused_at": pa.timestamp("us", "UTC"), "imported_at": pa.timestamp("us", "UTC"),
          "made_on": pa.date32()}  # fmt: skip


def _table(found: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in found], _TYPES.get(name, pa.string())) for name in found[0]})
