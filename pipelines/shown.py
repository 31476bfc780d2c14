"""The month of a site as the screens show it: composed once for each publication, language and choice of blocks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pipelines import month as one
from pipelines.config import Config
from reports.language import language as words_of
from warehouse import freeze

if TYPE_CHECKING:
    from reports.monthly import Composition
    from warehouse.published import Published

KEPT = 24  # months; each takes a second to compute and some hundred kilobytes


class Shown:
    """Composes months from the published copy; safe to use from many threads."""

    def __init__(self, config: Config, published: Published) -> None:
        self._config, self._published = config, published
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], Composition] = OrderedDict()

    def month(self, site: str, month: str, language: str) -> Composition | None:
        """Return the report of a month in a language, its charts not yet drawn; None where there is nothing of it."""
        key = (self._published.identity, site, month, language)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._published.connection() as connection:
            if not freeze.has_data(connection, site, month):
                return None
            made, _, _ = one.compose(self._config, connection, site, month, words_of(language))
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made
