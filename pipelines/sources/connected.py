"""From a source's settings to the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.config import Config, Site
from pipelines.source_settings import DicomwebSource, DimseSource, FolderSource
from pipelines.source_settings import Source as Settings
from pipelines.sources.folder import Folder
from pipelines.sources.inbox import Inbox
from pipelines.sources.landing import Landing
from pipelines.sources.listing import Wanted
from pipelines.sources.offered import Source

if TYPE_CHECKING:
    from pipelines.sources.dicomweb import Dicomweb
    from pipelines.sources.dimse import Dimse


def source(config: Config, site: Site, settings: Settings) -> Source:
    """Return the source that these settings describe; of a receiver, its inbox.

    Raises
    ------
    SourceUnreachableError
        If a secret or certificate that it needs cannot be read.
    """
    if isinstance(settings, FolderSource):
        return Folder(settings.name, settings.path, settings.stable_seconds)
    if isinstance(settings, DicomwebSource | DimseSource):
        return pacs(config, site, settings)
    return Inbox(settings.name, config.inbox(site.site, settings.name))


def pacs(config: Config, site: Site, settings: DicomwebSource | DimseSource) -> Dicomweb | Dimse:
    """Return a source that asks a PACS; the libraries for it are loaded only now."""
    landing = Landing(settings.name, config.landing(site.site, settings.name))
    wanted = Wanted(site.scope.modalities, site.scope.regions, settings.body_parts, settings.compare_days)
    if isinstance(settings, DicomwebSource):
        from pipelines.sources import dicomweb, http  # noqa: PLC0415

        session = dicomweb.session(settings.name, settings.login, settings.tls, config.home)
        web = http.Web(settings.name, settings.url, session, settings.timeout_seconds, settings.attempts)
        return dicomweb.Dicomweb(settings, web, landing, wanted)
    from pipelines.sources import dimse  # noqa: PLC0415

    return dimse.Dimse(settings, config.home, landing, wanted)
