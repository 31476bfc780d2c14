"""The month of a site as the screens show it: composed once for each publication, language and choice of blocks."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines import month as one
from pipelines import report_choice
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
        settings = report_choice.of(self._config, site)
        key = (self._published.identity, site, month, language, json.dumps(report_choice.plain(settings)))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._published.connection() as connection:
            if not freeze.has_data(connection, site, month):
                return None
            made, _, _ = one.compose(self._config, connection, site, month, words_of(language), settings)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def chosen(self, site: str) -> dict[str, Any]:
        """Return what is in force of the site's report, as a choice."""
        return report_choice.plain(report_choice.of(self._config, site))

    def problems(self, site: str, content: Mapping[str, Any]) -> list[str]:
        """Return the names of what cannot be used of a choice."""
        return report_choice.problems(self._config.site(site), content)

    def preview(self, site: str, month: str, content: Mapping[str, Any]) -> Composition | None:
        """Return the report of a month as a choice would make it; None where there is nothing of the month.

        But for the target: figures take it from the next night on.
        """
        settings = report_choice.applied(self._config.site(site), content)
        with self._published.connection() as connection:
            if settings is None or not freeze.has_data(connection, site, month):
                return None
            return one.compose(self._config, connection, site, month, settings=settings)[0]
