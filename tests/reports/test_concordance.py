"""Values of agreement from the rows of the queries: strata, bounds, audit, suppression of groups."""

from __future__ import annotations

from typing import Any

import pytest
from statsmodels.stats.proportion import proportion_confint

from reports import concordance
from reports.agreement import Cells
from reports.correction import Audited, correct
from reports.suppression import suppress
from reports.value import Value

FOUR = {
    ("positive", "present"): 60,
    ("doubtful", "present"): 15,
    ("positive", "absent"): 20,
    ("doubtful", "absent"): 25,
    ("negative", "present"): 12,
    ("negative", "absent"): 300,
}
HAND = {
    ("positive", "present"): 40,
    ("doubtful", "absent"): 20,
    ("negative", "present"): 12,
    ("negative", "absent"): 100,
}
EXCLUDED = {
    ("positive", "queued"): 4,
    ("negative", "uncertain"): 6,
    ("doubtful", "not_read"): 1,
    ("positive", "followup"): 9,
}


def rows() -> list[dict[str, Any]]:
    def one(strata: str, stratum: str | None, table: dict[tuple[str, str], int], left_out: dict[tuple[str, str], int]):
        comparable = sum(table.values())
        shared = {
            "strata": strata,
            "stratum": stratum,
            "comparable": comparable,
            "denominator": comparable + sum(left_out.values()),
        }
        return [
            *({**shared, "ai": ai, "label": label, "reason": None, "numerator": n} for (ai, label), n in table.items()),
            *({**shared, "ai": ai, "label": None, "reason": why, "numerator": n} for (ai, why), n in left_out.items()),
        ]

    wrist = {key: n - HAND.get(key, 0) for key, n in FOUR.items()}
    return [
        *one("all", None, FOUR, EXCLUDED),
        *one("region", "wrist", wrist, EXCLUDED),
        *one("region", "hand", HAND, {}),
        *one("region", "knee", {}, {("failed", "failed"): 1}),
        *one("independence", "independent", HAND, {}),
        *one("independence", "unknown", wrist, EXCLUDED),
    ]


TABLES = concordance.agreeing(rows())


def one(name: str, **stratum: str) -> Value:
    (found,) = [value for value in TABLES[name] if dict(value.stratum) == stratum]
    return found


def test_both_readings() -> None:
    wide, narrow = (one("positive_percent_agreement", reading=reading) for reading in concordance.READINGS)
    assert (wide.numerator, wide.denominator) == (75, 87)
    assert (narrow.numerator, narrow.denominator) == (60, 87)
    assert (wide.low, wide.high) == pytest.approx(proportion_confint(75, 87, method="wilson"))
    assert wide.excluded == {"queued": 4, "uncertain": 6, "not_read": 1, "followup": 9}
    assert sum(value.value for value in TABLES["agreement_excluded"]) == 20
    assert TABLES["agreement_excluded"][0].denominator == 452


def test_by_region() -> None:
    values = TABLES["negative_percent_agreement_by_region"]
    assert [(value.stratum["region"], value.stratum["reading"]) for value in values] == [
        ("wrist", "positive_or_doubtful"),
        ("wrist", "positive_only"),
        ("hand", "positive_or_doubtful"),
        ("hand", "positive_only"),
    ]
    hand = one("negative_percent_agreement_by_region", region="hand", reading="positive_or_doubtful")
    assert (hand.numerator, hand.denominator) == (100, 120)
    hand = one("negative_percent_agreement_by_region", region="hand", reading="positive_only")
    assert (hand.numerator, hand.denominator) == (120, 120)
    hand = one("agreement_by_region", region="hand", reading="positive_only")
    assert (hand.numerator, hand.denominator) == (160, 172)
    for name in concordance.STRATIFIED:
        whole = one(name, reading="positive_only")
        parts = [value for value in TABLES[f"{name}_by_region"] if value.stratum["reading"] == "positive_only"]
        assert sum(value.numerator for value in parts) == whole.numerator
        assert sum(value.denominator for value in parts) == whole.denominator


def test_by_independence() -> None:
    value = one("positive_percent_agreement_by_independence", independence="independent", reading="positive_only")
    assert (value.numerator, value.denominator) == (40, 52)


def test_bounds_count_what_is_not_decided() -> None:
    def bound(measure: str, undecided: str, reading: str = "positive_or_doubtful") -> tuple[float, float]:
        value = one("agreement_bound", measure=measure, reading=reading, undecided=undecided)
        assert value.value == pytest.approx(value.numerator / value.denominator)
        return value.numerator, value.denominator

    # Queued and not read, flagged: 5; uncertain, negative: 6; the follow-ups are no part of it.
    assert bound("agreement", "against") == (375, 443)
    assert bound("agreement", "for") == (386, 443)
    assert bound("positive_percent_agreement", "against") == (75, 93)
    assert bound("positive_percent_agreement", "for") == (80, 92)
    assert bound("positive_percent_agreement", "against", "positive_only") == (60, 94)
    assert bound("npv", "for", "positive_only") == (332, 359)


def audit(errors: dict[tuple[str, str], int], read: int = 60, population: float = 240.0) -> list[dict[str, Any]]:
    found = []
    weight = population / read
    for ai in ("positive", "doubtful", "negative"):
        for label in ("present", "absent"):
            wrong = errors.get((ai, label), 1)
            present = read - wrong if label == "present" else wrong
            found.append(
                {
                    "ai": ai,
                    "label": label,
                    "numerator": read,
                    "denominator": read + 3,
                    "excluded": {"not_read": 2, "undecided": 1},
                    "changed": 4,
                    "drawn": 6 * (read + 3) + 4,
                    "present": present,
                    "absent": read - present,
                    "weight_present": present * weight,
                    "weight_absent": (read - present) * weight,
                    "weight_squares": read * weight**2,
                }
            )
    return found


def test_audit() -> None:
    tables = concordance.audited(audit({("negative", "present"): 9}), rows(), "a/2025-03")
    assert [value.value for value in tables["labeller_audit"]] == [60] * 6
    assert {str(v.stratum["reason"]): v.value for v in tables["labeller_audit_excluded"]} == {
        "not_read": 12,
        "undecided": 6,
        "changed": 4,
    }
    predictive = {value.stratum["label"]: value for value in tables["labeller_predictive_value"]}
    # Equal cells: 11 of 180 labelled as a fracture say none, 3 of 180 the other way.
    assert predictive["present"].value == pytest.approx(169 / 180, abs=1e-6)
    assert predictive["absent"].value == pytest.approx(177 / 180, abs=1e-6)
    assert predictive["present"].denominator == 180
    recognised = {value.stratum["label"]: value for value in tables["labeller_recognition"]}
    assert recognised["present"].value == pytest.approx(169 / 172, abs=1e-6)
    assert recognised["absent"].denominator == 188
    for reading, cells, flagged in (
        ("positive_or_doubtful", Cells(75, 45, 12, 300), 2),
        ("positive_only", Cells(60, 20, 27, 325), 1),
    ):
        merged = {(row, label): Audited() for row in ("flagged", "negative") for label in ("present", "absent")}
        for row in audit({("negative", "present"): 9}):
            key = ("flagged" if row["ai"] in concordance.READINGS[reading] else "negative", row["label"])
            merged[key] += Audited(
                row["present"], row["absent"], row["weight_present"], row["weight_absent"], row["weight_squares"]
            )
        assert merged["flagged", "present"].n == 60 * flagged
        truth = correct(cells, merged, f"a/2025-03/{reading}")
        assert truth.refusal is None
        for value in (*tables["corrected_agreement"], *tables["corrected_coefficient"]):
            if value.stratum["reading"] == reading:
                assert value.value == truth.measures[str(value.stratum["measure"])].value
                assert value.denominator == 432


def test_cost_with_and_without_an_audit() -> None:
    def costs(found: list[dict[str, Any]]) -> dict[str, float]:
        tables = concordance.audited(found, rows(), "a/2025-03")
        return {
            str(value.stratum["labeller"]): value.value
            for value in tables["labeller_cost"]
            if value.stratum["reading"] == "positive_or_doubtful"
        }

    with_audit = costs(audit({}))
    named, in_report = 75 * 0.95 + 45 * 0.02, 87 * 0.95 + 345 * 0.02
    assert with_audit["reference"] == pytest.approx(75 / 87 - named / in_report)
    assert with_audit["audited"] != with_audit["reference"]
    none = [row | {"present": 0, "absent": 0, "weight_present": 0.0, "weight_absent": 0.0} for row in audit({})]
    assert set(costs(none)) == {"reference"}


def test_too_few_readings_correct_nothing() -> None:
    tables = concordance.audited(audit({}, read=20), rows(), "a/2025-03")
    assert all(value.value is None for value in tables["corrected_agreement"])
    assert all(value.value is not None for value in tables["labeller_predictive_value"])


def test_an_empty_month() -> None:
    tables = concordance.agreeing([])
    assert all(value.value is None for value in tables["agreement"])
    assert all(value.value is None for value in tables["agreement_bound"])
    assert tables["agreement_by_region"] == []
    empty = [dict.fromkeys(row, 0) | {"ai": row["ai"], "label": row["label"], "excluded": {}} for row in audit({})]
    tables = concordance.audited(empty, [], "a/2025-03")
    assert all(value.value is None for value in tables["labeller_cost"])
    assert all(value.value is None for value in tables["corrected_coefficient"])
    assert all(value.value is None for value in tables["labeller_recognition"])


# ---- small counts ----


def part(region: str, *cells: int) -> dict[str, Value]:
    """Agreement by region for one reading, from the four cells."""
    both, ai_only, report_only, neither = cells
    fractions = {
        "agreement_by_region": (both + neither, sum(cells)),
        "positive_percent_agreement_by_region": (both, both + report_only),
        "negative_percent_agreement_by_region": (neither, neither + ai_only),
    }
    stratum = {"region": region, "reading": "positive_only"}
    return {
        name: Value(
            name, stratum, n / d if d else None, None, None, float(n), float(d), {}, "share", "agreement_cells.sql"
        )
        for name, (n, d) in fractions.items()
    }


def shown(*parts: dict[str, Value], threshold: int = 11) -> dict[str, list[str]]:
    tables = {name: [found[name] for found in parts] for name in parts[0]}
    kept = suppress(tables, threshold)
    return {
        name: [str(value.stratum["region"]) for value in values if not value.suppressed]
        for name, values in kept.items()
    }


def test_a_region_with_a_small_cell_is_withheld_whole() -> None:
    large = [part(name, 50, 40, 30, 200) for name in "abc"]
    # Its four cells can be told from the three measures together: none of them stays.
    kept = shown(*large, part("small", 90, 80, 3, 400), part("next", 40, 20, 15, 90))
    assert set(map(tuple, kept.values())) == {("a", "b", "c")}


def test_hidden_regions_do_not_add_up_to_a_small_cell() -> None:
    # Hiding two would leave 3 + 4 = 7 for the total less what is shown; a third region is hidden with them.
    kept = shown(
        part("a", 50, 40, 30, 200), part("b", 50, 40, 3, 60), part("c", 50, 40, 4, 60), part("d", 40, 40, 20, 99)
    )
    assert set(map(tuple, kept.values())) == {("a",)}


def test_regions_without_a_small_cell_are_shown() -> None:
    assert set(map(tuple, shown(part("a", 50, 40, 30, 200), part("b", 11, 11, 0, 60)).values())) == {("a", "b")}
    assert set(map(tuple, shown(part("a", 5, 4, 3, 2), threshold=1).values())) == {("a",)}


def test_a_small_cell_of_the_month_withholds_what_is_computed_from_it() -> None:
    cell = Value("agreement_cells", {"ai": "positive", "label": "absent"}, 3.0, None, None, 3.0, 300.0, {}, "studies",
                 "agreement_cells.sql")  # fmt: skip
    corrected = Value("corrected_agreement", {}, 0.8, 0.7, 0.9, None, 300.0, {}, "share", "labeller_audit.sql")
    predictive = Value("labeller_predictive_value", {}, 0.8, 0.7, 0.9, None, 300.0, {}, "share", "labeller_audit.sql")
    bound = Value("agreement_bound", {}, 0.8, None, None, 240.0, 300.0, {}, "share", "agreement_cells.sql")
    tables = {
        "agreement_cells": [cell],
        "corrected_agreement": [corrected],
        "labeller_predictive_value": [predictive],
        "agreement_bound": [bound],
    }
    found = suppress(tables, 11)
    assert found["corrected_agreement"][0].suppressed
    assert found["agreement_bound"][0].suppressed
    assert not found["labeller_predictive_value"][0].suppressed
