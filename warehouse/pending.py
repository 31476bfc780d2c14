"""What is still to be done: images without a finding, reports without a label, offers not yet known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def images(connection: DuckDBPyConnection, site: str, model_sha256: str) -> list[tuple[str, str]]:
    """Return (study, image) pseudonyms of accepted in-scope images that this model has not judged."""
    return connection.execute(statement("pending_images"), {"site": site, "model": model_sha256}).fetchall()


def labels(connection: DuckDBPyConnection, site: str) -> dict[str, set[str]]:
    """Return report events without a label, by the `content_id` of the file that holds their text."""
    found = connection.execute(statement("unlabelled_events"), {"site": site}).fetchall()
    return {content_id: set(messages) for content_id, messages in found}


def files(connection: DuckDBPyConnection, site: str, message_ids: Sequence[str]) -> dict[str, str]:
    """Return for each of these report events the `content_id` of the file that holds its text."""
    given = {"site": site, "wanted": list(message_ids)}
    return dict(connection.execute(statement("report_files"), given).fetchall())


def controls(connection: DuckDBPyConnection, site: str, control_ids: Sequence[str]) -> set[str]:
    """Return those of these message control ids (pseudonyms) that were used before."""
    given = {"site": site, "wanted": list(control_ids)}
    return {control for (control,) in connection.execute(statement("known_controls"), given).fetchall()}


def offers(connection: DuckDBPyConnection, site: str, offer_ids: Sequence[str]) -> set[str]:
    """Return those of these offers that are in the ledger."""
    given = {"site": site, "wanted": list(offer_ids)}
    return {offer for (offer,) in connection.execute(statement("offers"), given).fetchall()}
