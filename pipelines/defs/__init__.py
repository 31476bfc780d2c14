"""Dagster definitions: thin wrappers over the use cases in `pipelines.night` and `pipelines.month`."""
