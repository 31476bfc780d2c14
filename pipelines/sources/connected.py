"""From a source's settings to the source."""

from __future__ import annotations

from pipelines.config import Config, Site
from pipelines.source_settings import FolderSource
from pipelines.sources.folder import Folder
from pipelines.sources.offered import Source


def source(config: Config, site: Site, settings: FolderSource) -> Source:
    """Return the source that these settings describe."""
    return Folder(settings.name, settings.path, settings.stable_seconds)
