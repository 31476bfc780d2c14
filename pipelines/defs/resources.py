"""The home directory as a Dagster resource."""

from pathlib import Path

import dagster as dg

from pipelines import config
from pipelines.config import Config


class BilanHome(dg.ConfigurableResource[Config]):
    """Where this installation keeps everything; its files are read anew for each step."""

    path: str

    def load(self) -> Config:
        """Read and validate the configuration; raises `ConfigError` with every problem."""
        return config.load(Path(self.path))
