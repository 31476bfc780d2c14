"""Errors for whoever runs Bilan; each text says what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one configuration file."""

    file: str
    field: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.remedy}"


class BilanError(Exception):
    """Base of this package's errors; the text never holds a field value of any input."""


class ConfigError(BilanError):
    """The configuration cannot be used: mend every problem listed, then run `bilan doctor`."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class SourceUnreachableError(BilanError):
    """A source could not be read: mend the folder or the link; the next night catches up."""


class ClusterError(BilanError):
    """Images had no answer from the cluster: see that scheduler and workers run; the next night catches up."""


class NotAListError(BilanError):
    """A file that was given as a list is none: the text says which column it lacks."""


class NightFailedError(BilanError):
    """A night came to nothing: mend what the text says, then run it again."""


class NothingToReportError(BilanError):
    """The month asked for has no data at this site: check the month and the site's name."""


class NotSentError(BilanError):
    """A result was not confirmed by whom it was sent to: mend what the text says; the next night sends it again."""
