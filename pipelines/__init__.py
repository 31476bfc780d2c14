"""The shell: configuration, sources, the night, the month, the command line, Dagster."""
