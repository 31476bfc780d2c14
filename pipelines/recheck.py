"""What a PACS says of what was taken from it before: a study that it corrected, and one that it deleted.

A study whose patient or examination is listed otherwise than before is fetched again; what then has another
content is a `conflict`, like any second content under one SOP Instance UID, and what came first stands. A
study is taken back (if the site wants that) when two nights, each with a whole listing, did not find it,
nor the PACS itself when asked for it by name; it counts again when it is listed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from pipelines.config import Config
from pipelines.errors import SourceUnreachableError
from pipelines.source_settings import Remote
from pipelines.source_settings import Source as Settings
from pipelines.sources.listing import Heard
from pipelines.sources.offered import Offered
from warehouse import audit, connect, listed_studies, withdrawals
from warehouse.app_store import AppStore
from warehouse.pseudonym import Pseudonymiser
from warehouse.rows import ListedStudyRow

# A PACS that lacks more than this share of what it had, and more than these few, is ill, or empties itself.
MOST_MISSING, FEW_MISSING = 0.1, 3


@dataclass
class Recheck:
    """One source's studies as it listed them before. `failed` are those that were not fetched again."""

    settings: Settings
    site: str
    night: date
    mask: Pseudonymiser
    before: Mapping[str, ListedStudyRow]
    failed: set[str] = field(default_factory=set)

    def again(self, listed: Offered) -> bool:
        """Say whether an image that was taken before is to be fetched once more."""
        seen = self.before.get(self.mask.of("study_uid", listed.study_uid or ""))
        return listed.compare or (seen is not None and seen.content_id != self.mask.of("content_id", listed.told))

    def fetched(self, listed: Offered, offered: Offered | None) -> None:
        """Note what became of it: what was not handed over is asked for the next night too."""
        if offered is None or offered.refusal is not None:
            self.failed.add(self.mask.of("study_uid", listed.study_uid or ""))

    def settle(self, config: Config, source: Any, named: Callable[[Sequence[str]], Mapping[str, Any]]) -> int:
        """Note what the source listed, after a listing that came to its end; return how many studies it deleted.

        `named` gives the real identifiers of studies by pseudonym, as far as they are known.

        Raises
        ------
        SourceUnreachableError
            If it lacks more than can be believed, or does not answer for a study by name.
        """
        if not isinstance(self.settings, Remote):
            return 0
        heard: Heard = source.heard
        rows = [self._listed(uid, day, told) for uid, (day, told) in heard.told.items()]
        listed = {self.mask.of("study_uid", uid) for uid in heard.studies}
        seen = [row for study, row in self.before.items() if study in listed]
        back = [row.study_uid for row in seen if row.withdrawn]
        gone = self._gone(source, heard, listed, named) if self.settings.withdraw_deleted else []
        lost = {row.study_uid for row in gone if row.missing_since is not None and row.missing_since < self.night}
        told = {row.study_uid for row in rows}
        rows += [replace(row, missing_since=None, withdrawn=False) for row in seen if row.study_uid not in told]
        now = config.now(self.site, self.night)
        wait = config.machine.writer_wait_minutes
        with connect.writer(config.warehouse, wait) as connection, connect.transaction(connection):
            # What a person took back stays so, whatever the PACS does later.
            deleted = lost - withdrawals.withdrawn(connection, self.site)
            rows += [replace(row, withdrawn=row.study_uid in deleted) for row in gone]
            listed_studies.note(connection, rows)
            withdrawn = withdrawals.withdraw(connection, self.site, sorted(deleted), now, self.mask.key_id)
            restored = withdrawals.restore(connection, self.site, back)
        for event, count in (("study_withdrawn", withdrawn), ("study_restored", restored)):
            if count:
                store = AppStore(config.app_store)
                store.migrate()
                detail = {"studies": count, "source": self.settings.name}
                audit.record(store, event, audit.Actor("", "night", now, self.site), detail=detail)
        return withdrawn

    def _listed(self, uid: str, day: date, told: str) -> ListedStudyRow:
        study = self.mask.of("study_uid", uid)
        content = self.mask.of("content_id", told)
        if study in self.failed and study in self.before:
            content = self.before[study].content_id
        return ListedStudyRow(self.site, self.settings.name, study, day, content, None, False, self.mask.key_id)

    def _gone(
        self, source: Any, heard: Heard, listed: set[str], named: Callable[[Sequence[str]], Mapping[str, Any]]
    ) -> list[ListedStudyRow]:
        """Return the studies that the source has no more, each with the first night in which it was missing."""
        if not heard.whole or not listed:
            return []
        expected = [row for row in self.before.values() if row.day in heard.days and not row.withdrawn]
        missing = [row for row in expected if row.study_uid not in listed]
        if len(missing) > max(FEW_MISSING, MOST_MISSING * len(expected)):
            raise SourceUnreachableError(
                f"source {self.settings.name}: the PACS lists {len(missing)} of {len(expected)} studies no more, which"
                " is not believed; if it does not keep studies, set withdraw_deleted: false"
            )
        real = named([row.study_uid for row in missing])
        # Whose identifier was forgotten in time cannot be asked for: it stays.
        held = {
            row.study_uid for row in missing if row.study_uid in real and source.holds(real[row.study_uid].study_uid)
        }
        since = [
            None if row.study_uid in held or row.study_uid not in real else row.missing_since or self.night
            for row in missing
        ]
        return [replace(row, missing_since=first) for row, first in zip(missing, since, strict=True)]


def begin(config: Config, site: str, settings: Settings, night: date, mask: Pseudonymiser) -> Recheck:
    """Return what a source listed before; of a folder or a receiver, nothing."""
    before: Mapping[str, ListedStudyRow] = {}
    if isinstance(settings, Remote):
        with connect.writer(config.warehouse, config.machine.writer_wait_minutes) as connection:
            before = listed_studies.known(connection, site, settings.name)
    return Recheck(settings, site, night, mask, before)
