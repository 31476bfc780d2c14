"""What was chosen of a site's monthly report on the screen: kept version by version in the application's store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warehouse.app_store import as_text, as_time, change, rows
from warehouse.errors import WarehouseError


class ChoiceOutdatedError(WarehouseError):
    """Somebody else saved meanwhile. Look at what is in force now, then choose again."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One version; `content` is None where the site's file counts again. `chosen_at` is UTC."""

    version: int
    author: str
    chosen_at: datetime
    content: Mapping[str, Any] | None


def last(app: sqlite3.Connection, site: str) -> Choice | None:
    """Return the version that counts, or None where nothing was ever chosen."""
    found = rows(app, "report_choice_last", {"site": site})
    if not found:
        return None
    row = found[0]
    content = None if row["choice"] is None else json.loads(row["choice"])
    return Choice(row["version"], row["author"], as_time(row["chosen_at"]), content)


def record(
    app: sqlite3.Connection,
    site: str,
    author: str,
    content: Mapping[str, Any] | None,
    now: datetime,
    *,
    seen: int,
) -> int:
    """Keep a choice and return its version; call it within `AppStore.writing`.

    Parameters
    ----------
    content
        What was validated before; None goes back to the site's file.
    seen
        The version that its author had before the eyes; 0 where there was none.

    Raises
    ------
    ChoiceOutdatedError
        If another version came since.
    """
    before = last(app, site)
    if (before.version if before else 0) != seen:
        raise ChoiceOutdatedError("the report's parameters were changed meanwhile")
    given = {
        "site": site,
        "version": seen + 1,
        "author": author,
        "chosen_at": as_text(now),
        "choice": None if content is None else json.dumps(content, ensure_ascii=False, sort_keys=True),
    }
    change(app, "report_choice_add", given)
    return seen + 1
