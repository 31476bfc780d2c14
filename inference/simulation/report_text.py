"""The narrative of simulated reports, in French and English, from phrases kept in texts/<language>.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from inference.simulation.region import described
from inference.simulation.study import ReportState, SimulatedStudy


@cache
def _phrases(language: str) -> dict[str, Any]:
    text = files("inference.simulation").joinpath("texts", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def lines(study: SimulatedStudy, report: ReportState, language: str) -> list[str]:
    """Return the report's text, line by line; what it says is `report.label` and `report.acuity`.

    The same study and state give the same text. The fracture is at the same place in all states.
    """
    words = _phrases(language)
    rng = Random(f"text/{study.study_uid}/{report.control_id}")  # noqa: S311 - a simulation, nothing secret
    if report.status == "withdrawn":
        return [words["withdrawn"]]
    place = Random(f"place/{study.study_uid}").choice(words["region"][study.region])  # noqa: S311
    kind = study.region if not study.in_scope else (report.acuity or "none")
    says = words[report.label or "not_addressed"]["none" if report.label == "uncertain" else kind]
    result, conclusion = rng.choice(says["result"]), rng.choice(says["conclusion"])
    found_later = report.status == "corrected" and report.label == "present"
    if found_later:
        result = rng.choice(words["found_later"])
    # What is said of soft tissue may speak of bone; a report that leaves bones out has none of it.
    more = report.label != "not_addressed" and rng.random() < 0.6
    parts = {
        "indication": rng.choice(words["indication"]),
        "technique": rng.choice(words["technique"]),
        "result": f"{result} {rng.choice(words['soft'])}" if more else result,
        "conclusion": conclusion,
    }
    if rng.random() < 0.12:
        del parts["technique"], parts["conclusion"]
    text = [
        f"{words['headings'][name]}{part.format(site=place, views=len(study.views))}" for name, part in parts.items()
    ]
    head = [described(study.region, study.laterality, language)]
    if report.status == "corrected":
        head.append(words["addendum"])
    return [*head, *text, words["signature"].format(name=study.patient.given.split()[-1])]
