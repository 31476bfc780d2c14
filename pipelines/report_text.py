"""The text of reports, redacted, for who audits the labeller: read anew from the spool, stored nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from inference.redaction import redact
from pipelines import messages
from pipelines.config import Config
from warehouse import connect, pending
from warehouse.pseudonym import Pseudonymiser, read_key


def texts(config: Config, site: str, message_ids: Iterable[str]) -> dict[str, str]:
    """Return the redacted text of these report events by pseudonym.

    A report whose file is no longer in the spool is left out, and so are all where the site keeps no
    text of reports (``evidence: none``).
    """
    settings = config.site(site)
    if settings.evidence != "redacted":
        return {}
    wanted = set(message_ids)
    with connect.reader(config.published) as connection:
        files = pending.files(connection, site, sorted(wanted))
    by_file: dict[str, set[str]] = defaultdict(set)
    for message_id, content_id in files.items():
        by_file[content_id].add(message_id)
    mask = Pseudonymiser(read_key(config.key(site)))
    found: dict[str, str] = {}
    for content_id, asked in by_file.items():
        for event in messages.reports(config, site, content_id):
            pseudonym = mask.of("message_id", event.message_id)
            if pseudonym in asked:
                found[pseudonym] = redact(event.text, event.personal)
    return found
