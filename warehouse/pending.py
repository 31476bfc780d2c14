"""What is still to be done: images without a finding, reports without a label, offers not yet known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class PendingImage:
    """An image to be judged, by pseudonyms; which model failed on it before, and why, where one did.

    `burned_in` says that the image is known to hold text: declared, or found by an earlier night.
    """

    study_uid: str
    instance_uid: str
    failed_model: str | None
    failed_reason: str | None
    burned_in: bool


def images(connection: DuckDBPyConnection, site: str) -> list[PendingImage]:
    """Return the accepted in-scope images without a result: new ones, then those that a model failed on."""
    return _images(connection, "pending_images", site=site)


def shadow_images(connection: DuckDBPyConnection, site: str, model_sha256: str, since: date) -> list[PendingImage]:
    """Return the accepted in-scope images of the local days from `since` on that this model has not judged."""
    return _images(connection, "pending_shadow", site=site, model=model_sha256, since=since)


def _images(connection: DuckDBPyConnection, name: str, **given: object) -> list[PendingImage]:
    return [PendingImage(*row) for row in connection.execute(statement(name), given).fetchall()]


def note_text(connection: DuckDBPyConnection, site: str, images: Sequence[str]) -> None:
    """Note on these images (pseudonyms) that text was found in them; noted once, however often it is found."""
    connection.execute(statement("note_text"), {"site": site, "images": list(images)})


def labels(connection: DuckDBPyConnection, site: str, packs: Sequence[str]) -> dict[str, set[str]]:
    """Return by `content_id` the report events without a label of one of these versions of the language packs."""
    given = {"site": site, "packs": list(packs)}
    found = connection.execute(statement("unlabelled_events"), given).fetchall()
    return {content_id: set(messages) for content_id, messages in found}


def files(connection: DuckDBPyConnection, site: str, message_ids: Sequence[str]) -> dict[str, str]:
    """Return for each of these report events the `content_id` of the file that holds its text."""
    given = {"site": site, "wanted": list(message_ids)}
    return dict(connection.execute(statement("report_files"), given).fetchall())


def offers(connection: DuckDBPyConnection, site: str, offer_ids: Sequence[str]) -> set[str]:
    """Return those of these offers that are in the ledger."""
    given = {"site": site, "wanted": list(offer_ids)}
    return {offer for (offer,) in connection.execute(statement("offers"), given).fetchall()}
