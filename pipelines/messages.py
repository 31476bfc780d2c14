"""Messages by the settings of their source: bytes to entries, and the reports in a spooled file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from inference import fhir, hl7, report_csv
from inference import without as strip
from inference.hl7 import Entry
from inference.records import Rejection, ReportEvent
from inference.report_csv import Export
from pipelines.config import Config, Site
from pipelines.errors import ConfigError, Problem
from pipelines.source_settings import CsvExport, FolderSource

# How a spooled file is to be read again is in its ending.
ENDINGS = {"hl7": ".hl7", "fhir": ".fhir", "csv": ".csv"}


def read(data: bytes, content: str, export: CsvExport | None, site: Site, now: datetime) -> list[Entry]:
    """Read a file of a message source: one entry for each message, report or row; never empty, never raises."""
    settings = site.gate_settings()
    found: list[Entry]
    if content == "csv" and export is not None:
        found = [*report_csv.read(data, export.export(), settings, now)]
    elif content == "fhir":
        found = [*fhir.read(data, settings, now)]
    else:
        found = hl7.read(data, settings, now)
    return found or [Rejection("not_hl7", ("NOT_HL7",))]


def reports(config: Config, site: str, content_id: str) -> Iterator[ReportEvent]:
    """Yield the reports in a spooled file; none where the file is gone.

    The rows of an export are read by each of the site's mappings: only the right one gives events
    that the warehouse knows, so the caller asks for those by `message_id`.
    """
    settings = config.site(site)
    # As at the intake, a date is judged by the machine's clock: what was taken then is read alike now.
    now = datetime.now(UTC)
    for content, ending in ENDINGS.items():
        path = config.spool(site) / "messages" / f"{content_id}{ending}"
        if not path.is_file():
            continue
        exports = [source.csv for source in settings.sources if isinstance(source, FolderSource) and source.csv]
        for export in exports if content == "csv" else [None]:
            for entry in read(path.read_bytes(), content, export, settings, now):
                yield from _reports(entry)


def _reports(entry: Entry) -> Iterator[ReportEvent]:
    if not isinstance(entry, Rejection):
        yield from (event for event in entry if isinstance(event, ReportEvent))


def without(data: bytes, content: str, site: Site, now: datetime, refused: Callable[[Entry], bool]) -> bytes | None:
    """Return a file of messages without those that are refused; None where it holds none that anyone needs.

    Whatever cannot be told apart goes with them: what is left is read again and must hold every other
    message as it was.
    """
    exports = [source.csv for source in site.sources if isinstance(source, FolderSource) and source.csv]
    for mapping in exports if content == "csv" else [None]:
        before = read(data, content, mapping, site, now)
        if not any(map(refused, before)):
            continue
        settings = site.gate_settings()
        if mapping is not None:
            left = strip.without_csv(data, mapping.export(), settings, now, refused)
        elif content == "fhir":
            left = strip.without_fhir(data, settings, now, refused)
        else:
            left = strip.without_hl7(data, settings, now, refused)
        after = read(left, content, mapping, site, now)
        facts = [entry for entry in after if not isinstance(entry, Rejection)]
        return left if facts and strip.same(before, after, refused) else None
    return data


def export(site: Site, source: str = "") -> Export:
    """Return how the exports of a site's CSV source are written; without a name, of its only one.

    Raises
    ------
    ConfigError
        If the site has no such source, or several and none is named.
    """
    known = {one.name: one.csv for one in site.sources if isinstance(one, FolderSource) and one.csv}
    chosen = known.get(source) if source else next(iter(known.values()), None) if len(known) == 1 else None
    if chosen is None:
        names = ", ".join(known) or "none yet"
        remedy = f"name a source of CSV files; there are: {names}"
        raise ConfigError([Problem(f"sites/{site.site}.yaml", "sources", remedy)])
    return chosen.export()
