"""From a source's settings to the source."""

from __future__ import annotations

from pipelines.config import Config, Site
from pipelines.source_settings import FolderSource
from pipelines.source_settings import Source as Settings
from pipelines.sources.folder import Folder
from pipelines.sources.inbox import Inbox
from pipelines.sources.offered import Source


def source(config: Config, site: Site, settings: Settings) -> Source:
    """Return the source that these settings describe; of a receiver, its inbox."""
    if isinstance(settings, FolderSource):
        return Folder(settings.name, settings.path, settings.stable_seconds)
    return Inbox(settings.name, config.inbox(site.site, settings.name))
