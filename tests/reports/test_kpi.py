"""A month's figures on fifteen simulated months, against truth from plain Python, scipy and statsmodels."""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from reports import drift
from reports.history import KINDS, bounds, months_up_to
from reports.kpi import QUERIES, Value, month_figures, sites_figures, to_json
from reports.suppression import suppress, table
from warehouse.connect import migrate, writer
from warehouse.data_cut import data_cut, latest_commit
from warehouse.figure import definitions, figures
from warehouse.load import load
from warehouse.site import UnknownSiteError, site_facts

MADRID = ZoneInfo("Europe/Madrid")
MONTH = "2025-06"
CUT = datetime(2025, 7, 3, 8, tzinfo=UTC)


def pseudonym(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Study:
    site: str
    day: date
    study_uid: str
    patient_id: str
    region: str
    age_band: str
    patient_class: str
    exam_completed: datetime
    received: datetime
    ai_completed: datetime
    report_final: datetime | None
    score: float
    ai_result: str
    report_state: str
    report_label: str | None
    verdict: str | None
    verdict_at: datetime | None
    modality: str = "DX"
    images: int = 2
    images_inferred: int = 2
    clock_skew: bool = False
    origin: str = "simulated"
    report_acuity: str | None = "acute"


@dataclass(frozen=True)
class Site:
    site: str
    valid_from: date = date(2024, 1, 1)
    name: str = "CANARY"
    country: str = "ES"
    language: str = "en"
    time_zone: str = "Europe/Madrid"
    sector: str = "private"
    opening_start: str = "08:00"
    opening_end: str = "20:00"
    opening_weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    turnaround_target_hours: float = 12.0
    small_cell: int = 1


def simulate(site: str, months: int, each: int) -> list[Study]:
    dice = random.Random(7)
    studies = []
    for index in range(months):
        first = datetime(2024 + (3 + index) // 12, (3 + index) % 12 + 1, 1, tzinfo=MADRID)
        for number in range(each + dice.randrange(20)):
            at = (first + timedelta(minutes=dice.randrange(28 * 24 * 60))).astimezone(UTC)
            score = dice.betavariate(0.6, 1.4)
            ai = "positive" if score >= 0.7 else "doubtful" if score >= 0.5 else "negative"
            wait = timedelta(hours=dice.expovariate(1 / 9))
            reported = dice.random() < 0.93
            truly = dice.random() < (0.8 if ai == "positive" else 0.3 if ai == "doubtful" else 0.05)
            verdict = dice.choice([None, "fracture", "no_fracture"])
            studies.append(
                Study(
                    site=site,
                    day=at.astimezone(MADRID).date(),
                    study_uid=pseudonym(site, index, number),
                    patient_id=pseudonym(site, dice.randrange(500)),
                    region=dice.choice(["hand", "wrist", "foot"]),
                    age_band=dice.choice(["0-4", "25-44", "80+"]),
                    patient_class=dice.choice(["E", "I", "O"]),
                    exam_completed=at,
                    received=at + timedelta(minutes=5),
                    ai_completed=at + timedelta(hours=dice.uniform(1, 20)),
                    report_final=at + wait if reported else None,
                    score=score,
                    ai_result=ai,
                    report_state="final" if reported else "unreported",
                    report_label=("present" if truly else "absent") if reported else None,
                    verdict=verdict,
                    verdict_at=at + timedelta(hours=90) if verdict else None,
                )
            )
    return studies


STUDIES = simulate("big", 15, 60)
JUNE = [study for study in STUDIES if study.day.strftime("%Y-%m") == MONTH]
SMALL = simulate("small", 15, 12)


@dataclass(frozen=True)
class Night:
    site: str
    day: date
    started_at: datetime
    completed_at: datetime
    status: str = "complete"
    error: str | None = None


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    path = tmp_path_factory.mktemp("kpi") / "warehouse.duckdb"
    migrate(path)
    with writer(path) as opened:
        load(opened, "site", [Site("big"), Site("small", small_cell=11), Site("silent")])
        load(opened, "study", STUDIES + SMALL)
        load(opened, "night", [Night(s, date(2025, 7, 2), CUT, CUT) for s in ("big", "small")])
        yield opened


@pytest.fixture(scope="module")
def june(connection):
    return month_figures(connection, "big", MONTH)


def test_every_query_and_every_measure_is_shown(june):
    assert set(QUERIES) == set(figures())
    assert len(QUERIES) == len(set(QUERIES))
    # The raw durations are a frame; all else that is defined has its values.
    assert set(june.values) | {"turnaround_durations"} == set(definitions())
    assert june.definitions["kappa"].title.fr == "Kappa de Cohen"


def test_values_carry_name_unit_and_file(june):
    for name, values in june.values.items():
        for value in values:
            definition = june.definitions[name]
            assert (value.name, value.unit, value.sql) == (name, definition.unit, definition.sql)
            assert not value.suppressed


def test_bounds_and_months():
    assert bounds("2024-02") == (date(2024, 2, 1), date(2024, 3, 1))
    assert bounds("2024-12") == (date(2024, 12, 1), date(2025, 1, 1))
    assert months_up_to("2025-01") == [
        *(f"2024-{month:02d}" for month in range(1, 13)),
        "2025-01",
    ]
    with pytest.raises(ValueError, match="month"):
        bounds("2025-13")


def test_volume_and_rates(june):
    assert june.one("volume").value == len(JUNE)
    for result in ("positive", "doubtful"):
        value = june.one(f"{result}_rate")
        truth = sum(study.ai_result == result for study in JUNE)
        assert (value.numerator, value.denominator) == (truth, len(JUNE))
        assert value.value == pytest.approx(truth / len(JUNE))
        assert (value.low, value.high) == pytest.approx(proportion_confint(truth, len(JUNE), method="wilson"))
    assert june.one("positive_rate_by_region", region="hand").denominator == sum(s.region == "hand" for s in JUNE)


def observed(study: Study) -> bool:
    return study.report_final is not None and study.report_final <= CUT


def hours(study: Study) -> float:
    end = study.report_final if observed(study) else CUT
    return (end - study.exam_completed).total_seconds() / 3600


def test_turnaround(june):
    waits = sorted(hours(study) for study in JUNE if observed(study))
    n = len(waits)
    for label, probability in (("median", 0.5), ("p90", 0.9)):
        value = june.one("report_turnaround", quantile=label)
        assert value.value == pytest.approx(np.percentile(waits, 100 * probability))
        assert value.denominator == n
        assert value.excluded == {"unreported": len(JUNE) - n}
        # The limits are order statistics whose ranks cover the quantile with 95 % or more.
        low, high = waits.index(pytest.approx(value.low)), waits.index(pytest.approx(value.high))
        weights = [math.comb(n, i) * probability**i * (1 - probability) ** (n - i) for i in range(n + 1)]
        assert sum(weights[low + 1 : high + 1]) >= 0.95
        assert sum(weights[low + 2 : high + 1]) < 0.9751
    by_result = june.values["report_turnaround_by_ai_result"]
    assert sum(v.denominator for v in by_result if v.stratum["quantile"] == "median") == n
    assert [v.stratum["opening"] for v in june.values["report_turnaround_by_opening"]] == ["open", "open"] + [
        "closed"
    ] * 2
    by_hour = june.values["report_turnaround_by_hour"]
    assert sum(v.denominator for v in by_hour) == n
    at = [study for study in JUNE if study.exam_completed.astimezone(MADRID).hour == by_hour[0].stratum["hour"]]
    assert by_hour[0].value == pytest.approx(np.median([hours(s) for s in at if observed(s)]))


def test_reported_within(june):
    truth = SurvfuncRight(np.array([hours(s) for s in JUNE]), np.array([int(observed(s)) for s in JUNE]))
    strata = [value.stratum["hours"] for value in june.values["reported_within"]]
    assert strata == [1, 4, 24, 48, "target"]
    for value in june.values["reported_within"]:
        limit = 12.0 if value.stratum["hours"] == "target" else float(value.stratum["hours"])
        step = np.searchsorted(truth.surv_times, limit, side="right") - 1
        assert value.value == pytest.approx(1 - truth.surv_prob[step])
        assert value.low < value.value < value.high
        assert value.numerator == sum(observed(s) and hours(s) <= limit for s in JUNE)
        assert value.denominator == len(JUNE)


@pytest.mark.parametrize("reading", ["positive_or_doubtful", "positive_only"])
def test_agreement(june, reading):
    positive = ("positive",) if reading == "positive_only" else ("positive", "doubtful")
    compared = [study for study in JUNE if observed(study)]
    cells = Counter((study.ai_result in positive, study.report_label == "present") for study in compared)
    a, b, c, d = (cells[key] for key in ((True, True), (True, False), (False, True), (False, False)))
    truth = {
        "agreement": (a + d, len(compared)),
        "ppv": (a, a + b),
        "npv": (d, c + d),
        "positive_percent_agreement": (a, a + c),
        "negative_percent_agreement": (d, b + d),
    }
    for name, (numerator, denominator) in truth.items():
        value = june.one(name, reading=reading)
        assert (value.numerator, value.denominator) == (numerator, denominator)
        assert (value.low, value.high) == pytest.approx(proportion_confint(numerator, denominator, method="wilson"))
        assert value.excluded == {"unreported": len(JUNE) - len(compared)}
    kappa = cohens_kappa([[a, b], [c, d]])
    value = june.one("kappa", reading=reading)
    assert (value.value, value.low, value.high) == pytest.approx((kappa.kappa, kappa.kappa_low, kappa.kappa_upp))
    assert june.one("gwet_ac1", reading=reading).value is not None


def test_cells_and_exclusions_add_up_to_the_volume(june):
    cells = sum(value.value for value in june.values["agreement_cells"])
    assert len(june.values["agreement_cells"]) == 6
    assert cells + sum(value.value for value in june.values["agreement_excluded"]) == len(JUNE)


def test_discordances(june):
    group = [s for s in JUNE if observed(s) and s.ai_result != "negative" and s.report_label == "absent"]
    direction = {"direction": "ai_positive_report_absent"}
    reviewed = [s for s in group if s.verdict and s.verdict_at <= CUT]
    assert june.one("discordances", **direction).value == len(group)
    assert june.one("discordances_reviewed", **direction).numerator == len(reviewed)
    caught = sum(s.verdict == "fracture" for s in reviewed)
    assert june.one("discordances_confirmed", **direction).numerator == caught
    assert june.one("discordance_verdicts", **direction, verdict="fracture").value == caught
    assert june.one("caught_by_safety_net").value == caught > 0
    waits = [(s.verdict_at - max(s.ai_completed, s.report_final)).total_seconds() / 3600 for s in reviewed]
    assert june.one("discordance_review_hours", **direction).value == pytest.approx(
        np.median([wait for wait in waits if wait >= 0])
    )


def test_drift(june):
    def bins(studies):
        counted = Counter(min(int(study.score * 20), 19) for study in studies)
        return [counted[index] for index in range(20)]

    baseline = [study for study in STUDIES if study.day < date(2024, 7, 1)]
    here, there = bins(JUNE), bins(baseline)
    used = [(x, y) for x, y in zip(here, there, strict=True) if x or y]
    size = len(used) / 2
    truth = 0.0
    for x, y in used:
        p, q = (x + 0.5) / (len(JUNE) + size), (y + 0.5) / (len(baseline) + size)
        truth += (p - q) * math.log(p / q)
    value = june.one("score_drift")
    assert value.value == pytest.approx(truth)
    assert (value.numerator, value.denominator) == (len(JUNE), len(baseline))
    assert june.one("score_drift_limit").value > 0
    mixes = [value.stratum["mix"] for value in june.values["case_mix_drift"]]
    assert mixes == ["age_band", "modality", "patient_class", "region"]
    assert june.one("case_mix_drift", mix="modality").value == 0.0


def test_drift_is_not_given_within_the_baseline(connection):
    early = month_figures(connection, "big", "2024-05")
    assert early.one("score_drift").value is None
    assert early.one("score_drift").numerator > 0
    assert early.frames["score_distribution"]["baseline_share"].isna().all()


def test_drift_limit_is_exceeded_one_time_in_twenty():
    generator = np.random.default_rng(5)
    shares = np.array([0.4, 0.2, 0.15, 0.15, 0.1])
    exceeded = 0
    for _ in range(2000):
        month, baseline = generator.multinomial(400, shares), generator.multinomial(1200, shares)
        exceeded += drift.psi(month.tolist(), baseline.tolist()) > drift.chance_limit(month.tolist(), baseline.tolist())
    assert exceeded / 2000 == pytest.approx(0.05, abs=0.02)


def test_drift_of_nothing():
    assert drift.psi([0, 0], [1, 2]) is None
    assert drift.psi([1, 2], [1, 2]) == 0.0
    assert drift.chance_limit([5], [5]) is None
    assert drift.psi([10, 0], [0, 10]) > 2


def test_history(june):
    assert set(june.history) == set(KINDS) == set(june.trends)
    for name, entries in june.history.items():
        assert [month for month, _ in entries] == months_up_to(MONTH), name
    counted = Counter(study.day.strftime("%Y-%m") for study in STUDIES)
    for month, value in june.history["volume"]:
        assert value.value == counted[month]
    last = {name: entries[-1][1] for name, entries in june.history.items()}
    assert last["positive_rate"] == june.one("positive_rate")
    assert last["report_turnaround_p90"] == june.one("report_turnaround", quantile="p90")
    assert last["reported_within_24h"] == june.one("reported_within", hours=24)
    assert last["reported_within_target"] == june.one("reported_within", hours="target")
    assert last["agreement"] == june.one("agreement", reading="positive_or_doubtful")
    assert all(trend.reason is None for trend in june.trends.values())
    assert june.trends["volume"].mean == pytest.approx(np.mean([v.value for _, v in june.history["volume"]]))


def test_months_before_the_first_study_are_unknown(connection):
    early = month_figures(connection, "big", "2024-06")
    values = [value for _, value in early.history["volume"]]
    assert values[:10] == [None] * 10
    assert all(value is not None for value in values[10:])
    assert early.trends["volume"].reason == "not enough months"


def test_past_months_do_not_change_when_later_data_come(connection, june):
    may = month_figures(connection, "big", "2025-05")
    assert may.data_cut == datetime(2025, 6, 7, 22, tzinfo=UTC)
    for name in KINDS:
        assert dict(june.history[name])["2025-05"] == dict(may.history[name])["2025-05"]


def test_data_cut(connection, june):
    assert june.data_cut == CUT == latest_commit(connection, "big")
    assert data_cut(None, date(2025, 7, 1), "Europe/Madrid") == datetime(2025, 7, 7, 22, tzinfo=UTC)
    assert data_cut(CUT + timedelta(days=99), date(2025, 7, 1), "UTC") == datetime(2025, 7, 8, tzinfo=UTC)
    assert latest_commit(connection, "silent") is None
    earlier = month_figures(connection, "big", MONTH, data_cut=datetime(2025, 6, 20, tzinfo=UTC))
    assert earlier.one("unreported", waiting="any").value > june.one("unreported", waiting="any").value
    assert len(earlier.values["volume_by_day"]) == 20
    # The month is not over: its volume is not compared with whole months.
    assert MONTH not in earlier.trends["volume"].months
    assert MONTH in earlier.trends["positive_rate"].months


def test_frames(june):
    curve = june.frames["time_to_report"]
    assert list(curve.columns) == ["hours", "share", "low", "high", "at_risk"]
    assert curve.iloc[0].tolist()[:2] == [0.0, 0.0]
    assert curve["hours"].max() <= 168
    assert curve["share"].is_monotonic_increasing
    assert set(june.frames["time_to_report_by_ai_result"]["ai_result"]) == {"positive", "doubtful", "negative"}
    scores = june.frames["score_distribution"]
    assert scores["share"].sum() == pytest.approx(1)
    assert scores["baseline_share"].sum() == pytest.approx(1)
    assert len(june.frames["turnaround"]) == len(JUNE)


def test_json_is_stable_and_plain(connection, june):
    text = json.dumps(to_json(june), allow_nan=False)
    assert text == json.dumps(to_json(month_figures(connection, "big", MONTH)), allow_nan=False)
    plain = json.loads(text)
    fields = {"name", "stratum", "value", "low", "high", "numerator", "denominator", "excluded", "unit", "sql"}
    assert all(fields | {"suppressed"} == set(figure) for figure in plain["figures"])
    assert plain["figures"][0]["name"] == "volume"
    assert plain["figures"][0]["value"] == len(JUNE)
    assert len(plain["history"]["volume"]) == 13
    assert "CANARY" not in text
    assert not any(study.patient_id in text or study.study_uid in text for study in JUNE)


def test_sites_together_are_each_alone(connection):
    together = sites_figures(connection, ["small", "silent", "big"], MONTH)
    assert list(together) == ["small", "silent", "big"]
    for site, found in together.items():
        assert to_json(found) == to_json(month_figures(connection, site, MONTH))
    assert together["big"].one("volume").value == len(JUNE)
    assert together["silent"].one("volume").value == 0


def test_a_site_without_a_study(connection):
    silent = month_figures(connection, "silent", MONTH)
    assert silent.one("volume").value == 0
    assert silent.one("positive_rate").value is None
    assert silent.one("report_turnaround", quantile="median").value is None
    assert silent.one("reported_within", hours=24).value is None
    assert silent.one("agreement", reading="positive_only").value is None
    assert silent.one("score_drift").value is None
    assert all(value is None for entries in silent.history.values() for _, value in entries)
    assert silent.frames["time_to_report"].empty
    assert sum(value.value for value in silent.values["volume_by_day"]) == 0
    json.dumps(to_json(silent), allow_nan=False)


def test_a_site_with_three_studies(connection):
    three = replace(Site("three"))
    load(connection, "site", [three])
    load(connection, "study", [replace(s, site="three", study_uid=pseudonym("3", s.study_uid)) for s in JUNE[:3]])
    found = month_figures(connection, "three", MONTH)
    assert found.one("volume").value == 3
    json.dumps(to_json(found), allow_nan=False)


def test_an_unknown_site_is_refused(connection):
    with pytest.raises(UnknownSiteError):
        month_figures(connection, "nowhere", MONTH)


def test_site_facts_of_a_day(connection):
    load(connection, "site", [Site("moved", date(2025, 1, 1), name="A"), Site("moved", date(2025, 3, 1), name="B")])
    assert site_facts(connection, "moved", date(2025, 2, 1)).name == "A"
    assert site_facts(connection, "moved", date(2025, 3, 1)).name == "A"
    assert site_facts(connection, "moved", date(2025, 4, 1)).name == "B"
    assert site_facts(connection, "moved", date(2024, 6, 1)).name == "A"
    assert site_facts(connection, "moved", date(2025, 4, 1)).opening_weekdays == (1, 2, 3, 4, 5)


def test_a_month_takes_little_time(connection):
    start = time.process_time()
    month_figures(connection, "big", MONTH)
    assert time.process_time() - start < 5  # well under one second on a quiet machine


# ---- small counts ----


def count(number, total, **stratum):
    return Value("volume_by_region", stratum, float(number), None, None, float(number), float(total))


def test_small_counts_of_a_site_are_withheld(connection):
    figures = month_figures(connection, "small", MONTH)
    shown = [value for values in figures.values.values() for value in values if not value.suppressed]
    for value in shown:
        if value.unit in ("items", "nights"):
            continue
        if value.unit in ("studies", "patients", "share"):
            assert value.numerator is None or not 0 < value.numerator < 11
        assert value.denominator is None or not 0 < value.denominator < 11
        assert all(number is None or not 0 < number < 11 for number in value.excluded.values())
    assert any(value.suppressed for values in figures.values.values() for value in values)
    for entries in figures.history.values():
        for _, value in entries:
            assert value is None or value.suppressed or value.numerator is None or not 0 < value.numerator < 11
    text = json.dumps(to_json(figures), allow_nan=False)
    assert '"suppressed": true' in text


def test_a_lone_small_cell_takes_another_with_it():
    cells = [count(100, 138, region="hand"), count(35, 138, region="foot"), count(3, 138, region="rib")]
    found = table(cells, 11)
    assert [value.suppressed for value in found] == [False, True, True]
    assert found[2].value is None
    assert found[2].numerator is None
    # Two small cells that add up to less than the threshold would still show a small sum.
    cells = [count(100, 137, region="hand"), count(33, 137, region="foot"), count(3, 137, region="a")]
    cells.append(count(1, 137, region="b"))
    assert [value.suppressed for value in table(cells, 11)] == [False, True, True, True]
    cells = [count(100, 116, region="hand"), count(9, 116, region="a"), count(7, 116, region="b")]
    assert [value.suppressed for value in table(cells, 11)] == [False, True, True]


def test_an_empty_cell_does_not_hide_a_small_one():
    cells = [count(100, 103, region="hand"), count(0, 103, region="foot"), count(3, 103, region="rib")]
    assert [value.suppressed for value in table(cells, 11)] == [True, False, True]


def test_a_share_with_a_small_complement_is_withheld():
    share = Value("ppv", {}, 0.95, 0.9, 0.99, 95.0, 100.0, unit="share")
    assert table([share], 11)[0].suppressed
    assert not table([share], 5)[0].suppressed
    assert not table([replace(share, numerator=100.0)], 11)[0].suppressed


def test_a_small_cell_withholds_every_measure_of_the_four():
    cells = [
        replace(count(number, 200), name="agreement_cells", sql="agreement_cells.sql") for number in (90, 3, 60, 47)
    ]
    kappa = Value("kappa", {}, 0.5, 0.4, 0.6, None, 200.0, unit="kappa", sql="agreement_cells.sql")
    found = suppress({"agreement_cells": cells, "kappa": [kappa], "volume": [count(200, 200)]}, 11)
    assert found["kappa"][0].suppressed
    assert found["kappa"][0].value is None
    assert not found["volume"][0].suppressed
    open_cells = [replace(value, numerator=50.0) for value in cells]
    assert not suppress({"agreement_cells": open_cells, "kappa": [kappa]}, 11)["kappa"][0].suppressed


def test_a_threshold_of_one_withholds_nothing():
    cells = [count(1, 2), count(1, 2)]
    assert suppress({"volume_by_region": cells}, 1)["volume_by_region"] == cells


def test_files_and_nights_are_no_studies():
    nights = replace(count(1, 30), name="nights", unit="nights")
    assert not table([nights, replace(nights, numerator=29.0)], 11)[0].suppressed
