"""Measure the labeller on reports that a person has labelled.

The file is JSON lines with `id`, `language`, `text`, `gold` and, if known, `acuity`. Rows whose
gold acuity is ``followup`` are scored apart: there the question is whether a follow-up is known
for one, not whether its fracture is. Reports in a language without a pack are counted and left
out of the score, for the labeller does not read them.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.accuracy import wilson
from inference.errors import EvaluationError
from inference.labels.engine import Label, label
from inference.labels.pack import LANGUAGES

LABELS = ("present", "absent", "uncertain", "not_addressed")


@dataclass(frozen=True)
class Reading:
    """One report: what a person said of it and what the labeller read, with its evidence."""

    id: str
    kind: str
    gold: str
    gold_acuity: str | None
    label: str
    acuity: str
    tier: str
    evidence: str
    start: int
    end: int
    rules: tuple[str, ...]
    pack: str
    language: str


@dataclass(frozen=True)
class Scores:
    """Figures over a group of reports; a ratio is None when its denominator is zero.

    Attributes
    ----------
    n
        Reports scored.
    confusion
        ``confusion[gold][label]``: how many.
    accuracy, macro_f1
        Over the four labels; macro-F1 over those that occur in gold or answer.
    sensitivity, specificity
        Present found among gold present, absent among gold absent, reports that the labeller
        calls ``present`` or ``absent`` only.
    decided
        Share of gold present and absent reports that the labeller calls present or absent.
    flips
        Gold present called absent, or the reverse. `flip_rate` is their share of those decided.
    abstentions
        Reports for a person to read (tier ``review``).
    uncertain_forced
        Share of gold uncertain reports that were called present or absent.
    intervals
        Of each share: numerator, denominator, and the ends of Wilson's 95 % interval; none where the
        denominator is zero.
    """

    n: int
    confusion: Mapping[str, Mapping[str, int]]
    accuracy: float | None
    macro_f1: float | None
    sensitivity: float | None
    specificity: float | None
    decided: float | None
    flips: int
    flip_rate: float | None
    abstentions: int
    uncertain_forced: float | None
    intervals: Mapping[str, tuple[int, int, float, float]]


@dataclass(frozen=True)
class ReportEvaluation:
    """All figures of one file.

    Attributes
    ----------
    scores
        All scored reports together; `by_language` each language apart, `by_kind` each source: the `kind`
        of the row, or what stands before the first hyphen of its id.
    followup
        How many gold follow-ups were labelled present with acuity ``followup``, and of how many;
        `followup_interval` holds the ends of Wilson's 95 % interval.
    old
        Gold absent with acuity ``old``, and how many were given both.
    other_language
        Reports in a language without a pack.
    rejected
        Lines that could not be used: how many for each reason.
    reports_per_second
        Of one core's time, packs loaded before the clock starts.
    """

    scores: Scores
    by_language: Mapping[str, Scores]
    by_kind: Mapping[str, Scores]
    followup: tuple[int, int]
    followup_interval: tuple[float, float] | None
    old: tuple[int, int]
    other_language: int
    rejected: Mapping[str, int]
    reports_per_second: float | None
    packs: tuple[str, ...]
    readings: tuple[Reading, ...]

    def as_json(self) -> str:
        """The whole as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2)


def evaluate_reports(path: Path) -> ReportEvaluation:
    """Label every report of `path` and compare with its gold label.

    Parameters
    ----------
    path
        JSON lines, UTF-8. A line that cannot be used is counted with its reason and passed over.

    Raises
    ------
    OSError
        When the file cannot be read.
    EvaluationError
        When none of its lines is a report.
    """
    rows, rejected = _rows(path.read_bytes().splitlines())
    if rejected and not rows:
        raise EvaluationError("no line of the file is a report in JSON with language, text and gold")
    for language in LANGUAGES:
        label("", language)
    begun = time.process_time()
    answers = [label(row["text"], row["language"]) for row in rows]
    took = time.process_time() - begun
    readings = tuple(_reading(row, answer) for row, answer in zip(rows, answers, strict=True))
    known = [reading for reading in readings if reading.language in LANGUAGES]
    main = [reading for reading in known if reading.gold_acuity != "followup"]
    followup = _recognised(known, "present", "followup")
    return ReportEvaluation(
        scores=score(main),
        by_language={
            language: score([reading for reading in main if reading.language == language]) for language in LANGUAGES
        },
        by_kind={
            kind: score([reading for reading in main if reading.kind == kind])
            for kind in sorted({reading.kind for reading in main})
        },
        followup=followup,
        followup_interval=_interval(*followup)[2:] if followup[1] else None,
        old=_recognised(known, "absent", "old"),
        other_language=len(readings) - len(known),
        rejected=dict(rejected),
        reports_per_second=len(rows) / took if rows and took > 0 else None,
        packs=tuple(sorted({reading.pack for reading in known})),
        readings=readings,
    )


def score(readings: Iterable[Reading]) -> Scores:
    """Figures over `readings`; see `Scores` for the definitions."""
    readings = list(readings)
    pairs = Counter((reading.gold, reading.label) for reading in readings)
    binary = {(g, a): pairs[g, a] for g in LABELS[:2] for a in LABELS[:2]}
    yes, no = binary["present", "present"], binary["absent", "absent"]
    flips = binary["present", "absent"] + binary["absent", "present"]
    uncertain = sum(pairs["uncertain", answer] for answer in LABELS)
    decidable = sum(pairs[gold, answer] for gold in LABELS[:2] for answer in LABELS)
    right = sum(pairs[name, name] for name in LABELS)
    forced = pairs["uncertain", "present"] + pairs["uncertain", "absent"]
    shares = {
        "accuracy": (right, len(readings)),
        "sensitivity": (yes, yes + binary["present", "absent"]),
        "specificity": (no, no + binary["absent", "present"]),
        "decided": (yes + no + flips, decidable),
        "flip_rate": (flips, yes + no + flips),
        "uncertain_forced": (forced, uncertain),
    }
    return Scores(
        n=len(readings),
        confusion={gold: {answer: pairs[gold, answer] for answer in LABELS} for gold in LABELS},
        accuracy=_ratio(*shares["accuracy"]),
        macro_f1=_macro_f1(pairs),
        sensitivity=_ratio(*shares["sensitivity"]),
        specificity=_ratio(*shares["specificity"]),
        decided=_ratio(*shares["decided"]),
        flips=flips,
        flip_rate=_ratio(*shares["flip_rate"]),
        abstentions=sum(reading.tier == "review" for reading in readings),
        uncertain_forced=_ratio(*shares["uncertain_forced"]),
        intervals={name: _interval(*share) for name, share in shares.items() if share[1]},
    )


def _interval(part: int, whole: int) -> tuple[int, int, float, float]:
    rate = wilson(part, whole)
    return part, whole, rate.low, rate.high


def _macro_f1(pairs: Counter[tuple[str, str]]) -> float | None:
    values = []
    for name in LABELS:
        gold = sum(pairs[name, answer] for answer in LABELS)
        answered = sum(pairs[truth, name] for truth in LABELS)
        if gold + answered:
            values.append(2 * pairs[name, name] / (gold + answered))
    return _ratio(sum(values), len(values))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _recognised(readings: list[Reading], answer: str, acuity: str) -> tuple[int, int]:
    asked = [r for r in readings if r.gold == answer and r.gold_acuity == acuity]
    return sum(r.label == answer and r.acuity == acuity for r in asked), len(asked)


def _rows(lines: list[bytes]) -> tuple[list[dict[str, str]], Counter[str]]:
    rows: list[dict[str, str]] = []
    rejected: Counter[str] = Counter()
    for line in lines:
        if not line.strip():
            continue
        row = _row(line)
        if isinstance(row, str):
            rejected[row] += 1
        else:
            rows.append(row)
    return rows, rejected


def _row(line: bytes) -> dict[str, str] | str:
    """The fields of one line, or the reason why it cannot be used."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(row, dict):
        return "not an object"
    if not isinstance(row.get("text"), str):
        return "no text"
    if row.get("gold") not in LABELS:
        return "gold is none of the four labels"
    language = row.get("language")
    acuity = row.get("acuity")
    return {
        "id": str(row.get("id", "")),
        "language": language if isinstance(language, str) else "auto",
        "kind": _kind(row),
        "text": row["text"],
        "gold": row["gold"],
        **({"acuity": acuity} if isinstance(acuity, str) else {}),
    }


def _kind(row: dict[str, object]) -> str:
    kind = row.get("kind")
    return kind if isinstance(kind, str) else str(row.get("id", "")).partition("-")[0]


def _reading(row: dict[str, str], answer: Label) -> Reading:
    return Reading(id=row["id"], kind=row["kind"], gold=row["gold"], gold_acuity=row.get("acuity"), **asdict(answer))
