"""Is a night plausible? Each check measures on the published copy and says in a sentence what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scipy.stats import fisher_exact

from warehouse.statement import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAMES = ("conservation", "missing_times", "sudden_silence", "positive_rate_jump", "model_hash")
# More studies than this share with unusable times make turnaround meaningless.
MOST_UNUSABLE = 0.1
# Fewer studies than this share of the usual weekday count as silence, where that is at least 5.
LEAST_VOLUME = 0.3
LEAST_USUAL = 5
# Chance of a jump this large where nothing changed; one false alarm in three years of nights.
ALPHA = 0.001


@dataclass(frozen=True, slots=True)
class Check:
    """What one check measured; `severe` means that figures must not be trusted."""

    name: str
    passed: bool
    severe: bool
    sentence: str
    figures: Mapping[str, float]


def examine(connection: DuckDBPyConnection, site: str, day: date, model_sha256: str) -> list[Check]:
    """Run every check for one site and local day, in the order of `NAMES`."""
    return [
        _conservation(_row(connection, "health_conservation", site=site, day=day)),
        _times(_row(connection, "health_times", site=site, day=day)),
        _silence(_row(connection, "health_silence", site=site, day=day)),
        _jump(_row(connection, "health_positive_rate", site=site, day=day)),
        _model(_row(connection, "health_model", site=site, day=day, model=model_sha256)),
    ]


def _row(connection: DuckDBPyConnection, name: str, **given: object) -> dict[str, float]:
    found = connection.execute(statement(name), given)
    names = [column[0] for column in found.description]
    return {key: float(value or 0) for key, value in zip(names, found.fetchone() or [], strict=True)}


def _conservation(row: dict[str, float]) -> Check:
    sentence = f"{row['lost']:.0f} of {row['accepted']:.0f} accepted images have no row"
    return Check("conservation", row["lost"] == 0, True, sentence, row)


def _times(row: dict[str, float]) -> Check:
    share = row["unusable"] / row["studies"] if row["studies"] else 0.0
    sentence = f"{row['unusable']:.0f} of {row['studies']:.0f} studies have no usable time"
    return Check("missing_times", share <= MOST_UNUSABLE, False, sentence, row)


def _silence(row: dict[str, float]) -> Check:
    silent = row["usual"] >= LEAST_USUAL and row["studies"] < LEAST_VOLUME * row["usual"]
    sentence = f"{row['studies']:.0f} studies, {row['usual']:.0f} on this weekday as a rule"
    return Check("sudden_silence", not silent, False, sentence, row)


def _jump(row: dict[str, float]) -> Check:
    negative, before = row["judged"] - row["positive"], row["judged_before"] - row["positive_before"]
    p_value = float(fisher_exact([[row["positive"], negative], [row["positive_before"], before]]).pvalue)
    sentence = (
        f"{row['positive']:.0f} of {row['judged']:.0f} positive, "
        f"{row['positive_before']:.0f} of {row['judged_before']:.0f} in the 56 days before"
    )
    return Check("positive_rate_jump", p_value >= ALPHA, False, sentence, {**row, "p_value": p_value})


def _model(row: dict[str, float]) -> Check:
    # No reason for distrust: a study keeps the result that it had when the site's model was changed.
    sentence = f"{row['others']:.0f} findings only by another model than the one in use"
    return Check("model_hash", row["others"] == 0, False, sentence, row)
