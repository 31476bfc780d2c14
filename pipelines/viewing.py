"""What the screens of the clinicians show from the spool: pixels, heat maps, the text of reports, links."""

from __future__ import annotations

import gzip
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from inference.child import Decoders
from inference.labels import engine
from inference.labels.markup import needs_stripping, strip_markup
from inference.pixels import Display
from pipelines import messages, night
from pipelines.config import Config
from reports.web.settings import Pixels, ReportText
from warehouse import pending
from warehouse.pseudonym import Pseudonymiser, is_pseudonym, read_key
from warehouse.published import Published

KEPT_BYTES = 256 << 20
VIEWERS = 2  # images decoded at once: a case has few, and the night's decoders have processes of their own


class Viewing:
    """Reads the spool for the web application; its answers are None where something is missing or unreadable.

    Images are decoded in sandboxed children that start with the first one; the last few are kept in
    memory, compressed.

    Parameters
    ----------
    config
        The home whose spool is read.
    published
        The warehouse's published copy.
    """

    def __init__(self, config: Config, published: Published) -> None:
        self._config = config
        self._published = published
        self._decoders: Decoders | None = None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Pixels] = OrderedDict()

    def close(self) -> None:
        """End the children."""
        with self._lock:
            decoders, self._decoders = self._decoders, None
        if decoders is not None:
            decoders.__exit__(None, None, None)

    def thumbnail(self, site: str, instance_uid: str) -> bytes | None:
        """Return the small picture of an image as the night kept it (PNG)."""
        return self._picture(site, instance_uid, ".png")

    def heat(self, site: str, instance_uid: str) -> bytes | None:
        """Return the model's map of an image as the night kept it (PNG, coarse, edge to edge)."""
        return self._picture(site, instance_uid, ".heat.png")

    def _picture(self, site: str, instance_uid: str, ending: str) -> bytes | None:
        if not is_pseudonym(instance_uid):
            return None
        try:
            return (self._config.spool(site) / "thumbnails" / f"{instance_uid}{ending}").read_bytes()
        except FileNotFoundError:
            return None

    def pixels(self, site: str, study_uid: str, instance_uid: str) -> Pixels | None:
        """Return an image in full size and depth, decoded in a sandboxed child."""
        if not (is_pseudonym(study_uid) and is_pseudonym(instance_uid)):
            return None
        with self._lock:
            found = self._kept.get((site, instance_uid))
            if found is not None:
                self._kept.move_to_end((site, instance_uid))
                return found
        path = self._config.spool(site) / "dicom" / study_uid / f"{instance_uid}.dcm"
        if not path.is_file():
            return None
        shown = self._children().display(path)
        return self._keep(site, instance_uid, shown) if isinstance(shown, Display) else None

    def _children(self) -> Decoders:
        with self._lock:
            if self._decoders is None:
                self._decoders = Decoders(replace(self._config.decode_settings(), workers=VIEWERS))
            return self._decoders

    def _keep(self, site: str, instance_uid: str, shown: Display) -> Pixels:
        head = asdict(shown)
        made = Pixels(head, gzip.compress(head.pop("values"), compresslevel=1))
        with self._lock:
            self._kept[site, instance_uid] = made
            while len(self._kept) > 1 and sum(len(kept.compressed) for kept in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return made

    def report_text(self, site: str, message_id: str) -> ReportText | None:
        """Return what the radiologist wrote, without markup, and where the deciding sentence is."""
        settings = self._config.site(site)
        with self._published.connection() as connection:
            content_id = pending.files(connection, site, [message_id]).get(message_id)
        if content_id is None:
            return None
        mask = Pseudonymiser(read_key(self._config.key(site)))
        for event in messages.reports(self._config, site, content_id):
            if mask.of("message_id", event.message_id) == message_id:
                return _marked(event.text, settings.language)
        return None

    def links(self, site: str, study_uids: Sequence[str]) -> Mapping[str, str]:
        """Return the PACS viewer's address of each study, where it is known."""
        return night.links(self._config, site, study_uids)


def _marked(text: str, language: str) -> ReportText:
    found = engine.label(text, language)
    start, end = found.start, found.end
    if needs_stripping(text):
        text, offsets = strip_markup(text)
        start, end = bisect_left(offsets, start), bisect_left(offsets, end)
    return ReportText(text, start, end) if found.evidence else ReportText(text, None, None)
