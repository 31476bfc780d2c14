"""Recovery codes: what a person signs in with, once each, when the second factor's device is lost."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse import audit
from warehouse.app_store import AppStore, as_text, change, rows
from warehouse.audit import Actor


def replace(store: AppStore, user_id: str, hashes: Sequence[str], by: Actor) -> None:
    """Keep new codes, as hashes, numbered from 1; those before are worth nothing any more."""
    with store.writing() as connection:
        change(connection, "recovery_codes_forget", {"user_id": user_id})
        for place, code_hash in enumerate(hashes, 1):
            given = {"user_id": user_id, "place": place, "code_hash": code_hash, "now": as_text(by.now)}
            change(connection, "recovery_code_add", given)
        audit.append(connection, "recovery_codes_made", by, about=user_id)


def left(store: AppStore, user_id: str) -> dict[int, str]:
    """Return the hashes of the codes that were not used, by their number."""
    with store.reading() as connection:
        return {row["place"]: row["code_hash"] for row in rows(connection, "recovery_codes_left", {"user_id": user_id})}


def use(store: AppStore, user_id: str, place: int, code_hash: str, by: Actor) -> bool:
    """Use a code up; False if it was used or replaced in the meantime."""
    given = {"user_id": user_id, "place": place, "code_hash": code_hash, "now": as_text(by.now)}
    with store.writing() as connection:
        used = change(connection, "recovery_code_use", given) > 0
        if used:
            audit.append(connection, "recovery_code_used", by, about=user_id, detail={"code": place})
        return used
