"""Every figure on an empty warehouse, and on one of which the truth is computed here in plain Python."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from warehouse.connect import migrate, writer
from warehouse.errors import WarehouseError
from warehouse.figure import FigureHeaderError, Period, answers, definitions, figures, markdown, parse, rows
from warehouse.load import load

ROOT = Path(__file__).parents[2]
PARIS = ZoneInfo("Europe/Paris")
# March 2025 has the change to summer time on the 30th.
START, END = date(2025, 3, 1), date(2025, 4, 1)
CUT = datetime(2025, 4, 3, 6, tzinfo=UTC)
# How every query begins: what it is asked for.
ASKED = """with asked as (
    select
        unnest($sites) as site,
        unnest($starts::date[]) as since,
        unnest($ends::date[]) as until,
        unnest($cuts::timestamptz[]) as cut
)"""
COUNTED = ("positive", "doubtful", "negative")
DAY = timedelta(days=1)


def pseudonym(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Study:
    site: str
    day: date
    study_uid: str
    patient_id: str | None
    modality: str
    region: str | None
    laterality: str | None
    device: str | None
    sex: str | None
    age_band: str | None
    patient_class: str | None
    images: int
    images_inferred: int
    ordered: datetime | None
    exam_started: datetime | None
    exam_completed: datetime | None
    received: datetime
    ai_completed: datetime | None
    report_preliminary: datetime | None
    report_final: datetime | None
    report_corrected: datetime | None
    score: float | None
    ai_result: str
    model_sha256: str | None
    report_state: str
    report_label: str | None
    report_acuity: str | None
    report_message_id: str | None
    verdict: str | None
    verdict_at: datetime | None
    clock_skew: bool
    origin: str


@dataclass(frozen=True)
class Site:
    site: str
    valid_from: date
    time_zone: str
    opening_start: str = "08:00"
    opening_end: str = "18:30"
    name: str = "CANARY"
    country: str = "FR"
    language: str = "fr"
    sector: str = "public"
    opening_weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    turnaround_target_hours: float = 24.0
    small_cell: int = 1


def a_study(number: int, at_local: datetime, site: str = "a") -> Study:
    """One study whose facts vary with `number`, in cycles without a common period."""
    at = at_local.astimezone(UTC)
    ai = ("negative", "positive", "negative", "doubtful", "negative", "failed", "negative")[number % 7]
    score = {"negative": 0.11, "doubtful": 0.55, "positive": 0.93}.get(ai)
    label = ("absent", "present", "absent", "uncertain", "absent", "not_addressed", "present", "absent")[number % 8]
    final = at + timedelta(hours=(number * 37) % 61 + 0.25) if number % 11 else None
    state = "unreported" if final is None else ("corrected" if number % 9 == 0 else "final")
    received = at + timedelta(minutes=40)
    return Study(
        site=site,
        day=at_local.date(),
        study_uid=pseudonym("study", site, number),
        patient_id=pseudonym("patient", number // 2) if number % 13 else None,
        modality="CR" if number % 4 == 0 else "DX",
        region=("hand", "wrist", "foot", None, "hand")[number % 5],
        laterality=None,
        device=pseudonym("device", number % 2) if number % 6 else None,
        sex="F",
        age_band=("0-4", "5-14", "80+", None)[number % 4],
        patient_class=("E", "I", "O", None, "E", "E")[number % 6],
        images=2 + number % 3,
        images_inferred=0 if score is None else 2 + number % 3 - (number % 17 == 1),
        ordered=at - timedelta(hours=number % 30) if number % 3 else None,
        exam_started=at - timedelta(minutes=10),
        exam_completed=at,
        received=received,
        ai_completed=None if score is None else received + timedelta(hours=number % 12 + 0.5),
        report_preliminary=None,
        report_final=final,
        report_corrected=None,
        score=None if score is None else score + (number % 5) / 100,
        ai_result=ai,
        model_sha256=None if score is None else "f" * 64,
        report_state=state,
        report_label=None if final is None else label,
        report_acuity=None if final is None else ("followup" if number % 10 == 1 else "acute"),
        report_message_id=None,
        verdict=("fracture", "no_fracture", None, "unsure")[number % 4],
        verdict_at=None if number % 4 == 2 else at + timedelta(hours=70 + number),
        clock_skew=False,
        origin="simulated" if number % 5 == 0 else "measured",
    )


def the_studies() -> list[Study]:
    first = datetime(2025, 3, 1, 0, 5, tzinfo=PARIS)
    ordinary = [a_study(number, first + timedelta(hours=17.3 * number)) for number in range(1, 43)]
    edge = [
        a_study(101, datetime(2025, 2, 28, 23, 59, tzinfo=PARIS)),
        a_study(102, datetime(2025, 4, 1, 0, 0, tzinfo=PARIS)),
        a_study(103, datetime(2025, 3, 31, 23, 59, 59, tzinfo=PARIS)),
        a_study(104, datetime(2025, 3, 30, 1, 59, tzinfo=PARIS)),
        a_study(105, datetime(2025, 3, 30, 3, 0, tzinfo=PARIS)),
        a_study(106, datetime(2025, 3, 10, 12, tzinfo=PARIS), site="b"),
        replace(a_study(107, datetime(2025, 3, 11, 9, tzinfo=PARIS)), exam_completed=None, exam_started=None),
        replace(a_study(108, datetime(2025, 3, 12, 9, tzinfo=PARIS)), report_final=None, report_state="final"),
        replace(a_study(109, datetime(2025, 3, 13, 9, tzinfo=PARIS)), clock_skew=True),
        replace(a_study(111, datetime(2025, 3, 14, 9, tzinfo=PARIS)), report_final=datetime(2025, 3, 13, tzinfo=UTC)),
        replace(a_study(112, datetime(2025, 3, 15, 9, tzinfo=PARIS)), report_final=datetime(2025, 12, 1, tzinfo=UTC)),
        replace(a_study(113, datetime(2025, 3, 17, 9, tzinfo=PARIS)), report_final=CUT + timedelta(hours=1)),
        replace(a_study(114, datetime(2025, 3, 18, 9, tzinfo=PARIS)), report_state="withdrawn", report_label=None),
        replace(a_study(115, datetime(2025, 3, 19, 9, tzinfo=PARIS)), report_label=None),
        replace(a_study(116, datetime(2025, 3, 20, 9, tzinfo=PARIS)), ai_completed=datetime(2025, 3, 19, tzinfo=UTC)),
        replace(a_study(117, datetime(2025, 3, 21, 9, tzinfo=PARIS)), ordered=datetime(2025, 3, 22, tzinfo=UTC)),
        replace(
            a_study(118, datetime(2025, 3, 22, 9, tzinfo=PARIS)), score=1.0, ai_result="positive", report_acuity="old"
        ),
        replace(
            a_study(119, datetime(2025, 3, 24, 9, tzinfo=PARIS)),
            ai_result="positive",
            report_label="absent",
            report_acuity="none",
            verdict="fracture",
            verdict_at=CUT + DAY,
        ),
        replace(
            a_study(120, datetime(2025, 3, 25, 9, tzinfo=PARIS)),
            ai_result="not_processed",
            score=None,
            model_sha256=None,
        ),
        replace(
            a_study(121, datetime(2025, 3, 26, 9, tzinfo=PARIS)),
            ai_result="doubtful",
            report_label="absent",
            verdict="fracture",
        ),
    ]
    return [*ordinary, *edge]


STUDIES = the_studies()
MONTH = [study for study in STUDIES if study.site == "a" and study.day.month == 3]
SITES = [
    Site("a", date(2024, 1, 1), "America/New_York", opening_start="23:00"),
    Site("a", date(2025, 2, 1), "Europe/Paris"),
    Site("a", date(2025, 4, 1), "Asia/Tokyo"),
    Site("b", date(2024, 1, 1), "Europe/London"),
]


@dataclass(frozen=True)
class Offer:
    offer_id: str
    kind: str
    night: date
    outcome: str
    reasons: tuple[str, ...]
    source: str = "s"
    received_at: datetime = datetime(2025, 3, 2, tzinfo=UTC)
    content_id: str = pseudonym("content")
    place_id: str = pseudonym("place")
    stamp: str = "s"
    key_id: str = "k"


OFFERS = [
    Offer(pseudonym("offer", index), kind, date(2025, 3, 1) + (index % 35) * DAY, outcome, reasons)
    for index, (kind, outcome, reasons) in enumerate(
        [("dicom", "accepted", ())] * 40
        + [("dicom", "duplicate", ("DUPLICATE",))] * 5
        + [("dicom", "quarantined", ("TRUNCATED", "LOSSY"))] * 3
        + [("dicom", "conflict", ("UID_CONFLICT",))] * 2
        + [("dicom", "not_dicom", ())]
        + [("message", "accepted", ())] * 20
        + [("message", "accepted_flagged", ("CHARSET",))] * 4
        + [("message", "unmatched", ("UNMATCHED",))] * 6
        + [("message", "quarantined", ("BAD_MSH",))] * 2
        + [("message", "duplicate", ("DUPLICATE",))]
    )
]


@dataclass(frozen=True)
class Night:
    day: date
    status: str
    started_at: datetime = datetime(2025, 3, 9, 4, tzinfo=UTC)
    completed_at: datetime | None = None
    error: str | None = None


NIGHTS = [
    *(Night(date(2025, 3, 8) + index * DAY, "complete") for index in range(10)),
    Night(date(2025, 3, 18), "late"),
    Night(date(2025, 3, 20), "failed"),
]


@dataclass(frozen=True)
class Model:
    model_sha256: str = "f" * 64
    model_name: str = "m"
    model_version: str = "1.0"
    threshold_doubtful: float = 0.5
    threshold_positive: float = 0.8
    first_used: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    regions: tuple[str, ...] = ("hand", "wrist")


@dataclass(frozen=True)
class Finding:
    study_uid: str
    instance_uid: str
    model_sha256: str = "e" * 64
    code: str = "fracture"
    status: str = "ok"
    score: float = 0.9
    boxes: tuple[object, ...] = ()
    reason: str | None = None
    model_name: str = "shadow"
    model_version: str = "1"
    ai_completed: datetime = datetime(2025, 3, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    path = tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb"
    migrate(path)
    with writer(path) as opened:
        load(opened, "site", SITES)
        load(opened, "study", STUDIES)
        load(opened, "ledger", OFFERS, site="a")
        load(opened, "night", NIGHTS, site="a")
        load(opened, "model", [Model(), Model("e" * 64, "shadow")])
        shadow = [Finding(MONTH[0].study_uid, pseudonym("image"))]
        load(opened, "finding", shadow, site="a", key_id="k", role="shadow")
        yield opened


# Another site with the same identifiers throughout and other facts, and what `connection` lacks.
TWINS = """
insert into instance by name
select site, day, study_uid, study_uid as series_uid, md5(study_uid || number) as instance_uid, '1' as sop_class_uid,
    modality, 100 as rows, 100 as columns, 12 as bits_stored, 'MONOCHROME2' as photometric, '1' as transfer_syntax_uid,
    received as received_at, hash(study_uid, number) % 3 > 0 as in_scope, [] as flags, 'k' as key_id
from study, (select unnest([1, 2]) as number)
where site = 'a';
insert into instance by name
select * replace (md5(study_uid) as study_uid, md5(instance_uid) as instance_uid, false as in_scope)
from instance
where site = 'a' and hash(study_uid) % 3 = 0;
insert into finding by name
select site, study_uid, instance_uid, 'fracture' as code, 'ok' as status, (hash(instance_uid) % 100) / 100 as score,
    [] as boxes, 'm' as model_name, '1' as model_version, sha256 as model_sha256, received_at as ai_completed,
    'k' as key_id, role
from instance, (values ('f', 'flag'), ('e', 'shadow')) as made (letter, role), (select repeat(letter, 64) as sha256)
where site = 'a' and in_scope;
insert into audit_sample by name
select site, '2025-03' as month, study_uid, coalesce(report_message_id, study_uid) as message_id, 'flagged' as cell_ai,
    'present' as cell_label, 1 as place, 70 as population, timestamptz '2025-04-01' as drawn_at, 'k' as key_id
from study
where site = 'a' and report_label in ('present', 'absent');
update study set report_message_id = study_uid where report_label is not null and report_message_id is null;
insert into report_reading by name
select site, study_uid, message_id, 'reader' as author,
    ['present', 'absent'][1 + (hash(study_uid) % 2)::integer] as label,
    'acute' as acuity, timestamptz '2025-04-02' as read_at, 'k' as key_id
from audit_sample
where hash(study_uid, 1) % 3 > 0;
delete from site where site = 'b';
delete from study where site = 'b';
"""
OTHERWISE = """
update study set ai_result = 'positive', score = 0.97, region = 'knee', patient_class = 'O', age_band = '80+',
    device = 'd', patient_id = null, images = 3, images_inferred = 2, ordered = null, report_label = 'present',
    report_state = 'corrected', verdict = 'unsure', model_sha256 = repeat('e', 64), origin = 'simulated',
    exam_completed = exam_completed + interval 5 hour, ai_completed = ai_completed + interval 9 hour
where site = 'b' and hash(study_uid, 2) % 3 > 0;
delete from study where site = 'b' and hash(study_uid, 6) % 5 = 0;
update instance set in_scope = not in_scope where site = 'b' and hash(instance_uid, 3) % 2 = 0;
update finding set score = 1 - score where site = 'b';
update audit_sample set population = 40 where site = 'b';
delete from audit_sample where site = 'b' and hash(study_uid, 4) % 4 = 0;
update report_reading set label = 'absent', message_id = 'another' where site = 'b' and hash(study_uid, 5) % 2 = 0;
update ledger set outcome = 'unmatched', reasons = ['BAD_DATE'] where site = 'b' and hash(offer_id) % 2 = 0;
update night set status = 'late' where site = 'b' and day(day) % 2 = 0;
update site set time_zone = 'America/Martinique', opening_start = '12:00' where site = 'b';
"""


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """Three warehouses: sites `a` and `b` together, each alone."""
    folder = tmp_path_factory.mktemp("twins")
    with ExitStack() as opened:
        made = {}
        for name in ("both", "a", "b"):
            migrate(folder / f"{name}.duckdb")
            made[name] = one = opened.enter_context(writer(folder / f"{name}.duckdb"))
            load(one, "site", SITES)
            load(one, "study", STUDIES)
            load(one, "ledger", OFFERS, site="a")
            load(one, "night", NIGHTS, site="a")
            load(one, "model", [Model(), Model("e" * 64, "shadow")])
            one.execute(TWINS)
            of_sites = ("site", "study", "ledger", "night", "instance", "finding", "audit_sample", "report_reading")
            for table in of_sites:
                one.execute(f"insert into {table} select * replace ('b' as site) from {table} where site = 'a'")
            one.execute(OTHERWISE)
            for table in of_sites if name != "both" else ():
                one.execute(f"delete from {table} where site <> ?", [name])
        yield made


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    path = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    migrate(path)
    with writer(path) as opened:
        yield opened


@pytest.fixture
def ask(connection):
    return lambda name: rows(connection, name, "a", START, END, cut=CUT)


def local(at: datetime) -> datetime:
    return at.astimezone(PARIS)


def tally(result, *strata):
    return {tuple(row[key] for key in strata): row["numerator"] for row in result}


# ---- the files ----


def test_at_least_25_studies_are_in_the_month():
    assert len(MONTH) >= 50


@pytest.mark.parametrize("name", sorted(figures()))
def test_runs_on_an_empty_warehouse(empty, name):
    answer = rows(empty, name, "nobody", START, END, cut=CUT)
    assert all(not row.get("numerator") for row in answer)
    assert all(not row.get("denominator") for row in answer)


@pytest.mark.parametrize("name", sorted(figures()))
def test_result_carries_its_denominator(connection, name):
    answer = rows(connection, name, "a", START, END, cut=CUT)
    assert answer
    assert all("denominator" in row for row in answer)


@pytest.mark.parametrize("name", sorted(figures()))
def test_query_is_one_statement_in_lower_case_with_named_parameters(name):
    query = figures()[name].query
    assert ";" not in query
    assert set(re.findall(r"\$(\w+)", query)) == {"sites", "starts", "ends", "cuts"}
    assert query.startswith(ASKED)
    assert "select" in query
    assert "SELECT" not in query


@pytest.mark.parametrize("name", sorted(figures()))
def test_another_site_and_another_month_change_nothing(connection, name):
    quiet = rows(connection, name, "a", date(2023, 1, 1), date(2023, 2, 1), cut=CUT)
    assert sum(row.get("numerator") or 0 for row in quiet) == 0


@pytest.mark.parametrize("name", sorted(figures()))
def test_several_months_and_sites_at_once_are_each_alone(connection, name):
    starts = [START - timedelta(days=30), START, END]
    periods = [
        Period(site, start, end, CUT - timedelta(days=late))
        for start, end, late in zip(starts, [*starts[1:], END + timedelta(days=31)], (90, 0, 2), strict=True)
        for site in ("b", "a", "nobody")
    ]
    together = answers(connection, {name: periods})[name]
    assert together == [rows(connection, name, each.site, each.start, each.end, cut=each.cut) for each in periods]
    assert together[4]
    assert together[4] != together[1] or name == "labeller_audit"  # no report of these was drawn for it


@pytest.mark.parametrize("name", sorted(figures()))
def test_no_row_of_another_site_counts_though_all_identifiers_are_alike(twins, name):
    together = answers(twins["both"], {name: [Period(site, START, END, CUT) for site in "ab"]})[name]
    assert together == [rows(twins[site], name, site, START, END, CUT) for site in "ab"]
    assert together[0] != together[1]


def test_a_period_is_asked_once(connection):
    with pytest.raises(ValueError, match="ask for each once"):
        answers(connection, {"images": [Period("a", START, END, CUT), Period("a", START, END + DAY, CUT)]})


def test_figures_asked_side_by_side_are_each_alone(connection):
    here = Period("a", START, END, CUT)
    together = answers(connection, {name: [here] for name in figures()})
    assert together == {name: [rows(connection, name, "a", START, END, cut=CUT)] for name in figures()}


def test_definitions_are_unique_and_bilingual():
    for name, definition in definitions().items():
        for words in (definition.title, definition.definition, definition.numerator, definition.exclusions):
            assert words.fr
            assert words.en
            assert words.fr != words.en or words.en == "Patients", name


HEADER = """-- figure: volume
-- title fr: a
-- title en: b
-- definition fr: c
--    plus
-- definition en: d
-- numerator fr: e
-- numerator en: f
-- denominator fr: g
-- denominator en: h
-- exclusions fr: i
-- exclusions en: j
-- unit: studies
-- source: study
select 1 as numerator
"""


def test_header_is_read():
    figure = parse(HEADER, "volume.sql")
    assert figure.definition.definition.fr == "c plus"
    assert figure.definition.title.of("fr") == "a"
    assert figure.definition.title.of("de") == "b"
    assert figure.query == ASKED + "\nselect 1 as numerator"


@pytest.mark.parametrize(
    "broken",
    [
        HEADER.replace("-- unit: studies\n", ""),
        HEADER.replace("-- title en: b\n", ""),
        HEADER.replace("-- unit: studies\n", "-- unit: studies\n-- unit: share\n"),
        HEADER.replace("-- unit: studies\n", "-- unit: studies\n-- colour: red\n"),
        HEADER.replace("figure: volume", "figure: images"),
        HEADER.replace("select 1 as numerator\n", ""),
        HEADER.replace("-- unit: studies\n", "-- unit: studies\n-- measure x title fr: y\n"),
        HEADER.replace("-- unit: studies\n", "--no field\n"),
    ],
)
def test_broken_header_is_refused(broken):
    with pytest.raises(FigureHeaderError, match=r"volume\.sql") as caught:
        parse(broken, "volume.sql")
    assert isinstance(caught.value, WarehouseError)


def test_documentation_is_up_to_date():
    assert (ROOT / "docs" / "figures.md").read_text(encoding="utf-8") == markdown()
    for name in definitions():
        assert f"`{name}`" in markdown()


def test_check_fails_when_the_documentation_is_stale(tmp_path):
    command = [sys.executable, "-m", "warehouse.figure", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 1


# ---- volume ----


def test_volume(ask):
    (row,) = ask("volume")
    assert row["numerator"] == len(MONTH)


def test_images_and_patients(ask):
    (images,) = ask("images")
    assert images["numerator"] == sum(study.images for study in MONTH)
    assert images["excluded"] == {"without_result": sum(s.images - s.images_inferred for s in MONTH)}
    (patients,) = ask("patients")
    known = [study.patient_id for study in MONTH if study.patient_id]
    assert patients["numerator"] == len(set(known))
    assert patients["denominator"] == len(known)
    assert patients["excluded"] == {"no_patient_id": len(MONTH) - len(known)}


def test_volume_by_day_has_every_day_up_to_the_cut(connection, ask):
    days = {START + index * DAY: 0 for index in range(31)}
    for study in MONTH:
        days[study.day] += 1
    assert tally(ask("volume_by_day"), "day") == {(day,): number for day, number in days.items()}
    # 23:30 UTC on the 9th is already the 10th in Paris.
    early = rows(connection, "volume_by_day", "a", START, END, cut=datetime(2025, 3, 9, 23, 30, tzinfo=UTC))
    assert early[-1]["day"] == date(2025, 3, 10)


@pytest.mark.parametrize(
    ("name", "strata"),
    [
        ("volume_by_region", ("region", "modality")),
        ("volume_by_patient_class", ("patient_class",)),
        ("volume_by_device", ("device",)),
    ],
)
def test_volume_by(ask, name, strata):
    truth = Counter(tuple(getattr(study, key) or "unknown" for key in strata) for study in MONTH)
    assert tally(ask(name), *strata) == truth
    assert {row["denominator"] for row in ask(name)} == {len(MONTH)}


def test_volume_by_hour_is_local_across_the_change_to_summer_time(ask):
    times = [local(study.exam_completed) for study in MONTH if study.exam_completed]
    answer = ask("volume_by_hour")
    assert tally(answer, "weekday", "hour") == Counter((at.isoweekday(), at.hour) for at in times)
    assert answer[0]["excluded"] == {"no_exam_time": 1}
    assert tally(answer, "weekday", "hour")[7, 1] >= 1  # before the change
    assert tally(answer, "weekday", "hour")[7, 3] >= 1  # after it


# ---- AI results ----


@pytest.mark.parametrize("result", ["positive", "doubtful"])
def test_rates(ask, result):
    (row,) = ask(f"{result}_rate")
    assert row["numerator"] == sum(study.ai_result == result for study in MONTH)
    assert row["denominator"] == sum(study.ai_result in COUNTED for study in MONTH)
    assert row["excluded"] == {
        "failed": sum(study.ai_result == "failed" for study in MONTH),
        "not_processed": sum(study.ai_result == "not_processed" for study in MONTH),
    }
    assert row["denominator"] + sum(row["excluded"].values()) == len(MONTH)


@pytest.mark.parametrize(
    ("name", "result", "stratum"),
    [
        ("positive_rate_by_region", "positive", "region"),
        ("doubtful_rate_by_region", "doubtful", "region"),
        ("positive_rate_by_age_band", "positive", "age_band"),
    ],
)
def test_rates_by(ask, name, result, stratum):
    answer = ask(name)
    for row in answer:
        part = [study for study in MONTH if (getattr(study, stratum) or "unknown") == row[stratum]]
        assert row["numerator"] == sum(study.ai_result == result for study in part)
        assert row["denominator"] == sum(study.ai_result in COUNTED for study in part)
    assert {row[stratum] for row in answer} == {getattr(study, stratum) or "unknown" for study in MONTH}
    assert answer[-1][stratum] == "unknown"


def test_age_bands_are_in_the_order_of_age(ask):
    assert [row["age_band"] for row in ask("positive_rate_by_age_band")] == ["0-4", "5-14", "80+", "unknown"]


def test_score_distribution(ask):
    scores = [study.score for study in MONTH if study.score is not None]
    truth = Counter(min(int(score * 20 + 1e-12), 19) for score in scores)
    answer = ask("score_distribution")
    assert [row["bin"] for row in answer] == list(range(20))
    assert {row["bin"]: row["numerator"] for row in answer if row["numerator"]} == truth
    assert answer[0]["excluded"] == {"no_score": len(MONTH) - len(scores)}
    assert truth[19] >= 1  # the score of 1.0


# ---- times ----


def unusable(study: Study) -> str | None:
    if study.exam_completed is None:
        return "no_exam_time"
    if study.report_final is None and study.report_state in ("final", "corrected"):
        return "no_report_time"
    if study.clock_skew or (study.report_final and study.report_final < study.exam_completed):
        return "clock_skew"
    if study.report_final and study.report_final - study.exam_completed > timedelta(days=180):
        return "too_long"
    return None


def test_turnaround_durations(ask):
    truth = []
    for study in MONTH:
        if unusable(study):
            continue
        observed = study.report_final is not None and study.report_final <= CUT
        end = study.report_final if observed else CUT
        at = local(study.exam_completed)
        opened = at.isoweekday() <= 5 and "08:00" <= at.strftime("%H:%M") < "18:30"
        hours = (end - study.exam_completed).total_seconds() / 3600
        truth.append((round(hours, 9), observed, study.ai_result, not opened, at.hour))
    found = [
        (round(hours, 9), row["observed"], row["ai_result"], row["out_of_hours"], row["hour"])
        for row in ask("turnaround_durations")
        for hours in row["hours"]
    ]
    assert sorted(found) == sorted(truth)
    assert sum(not observed for _, observed, *_ in truth) >= 4
    assert {row["denominator"] for row in ask("turnaround_durations")} == {len(MONTH)}
    reasons = Counter()
    for row in ask("turnaround_durations"):
        reasons[row["unusable"]] += row["numerator"]
    del reasons[None]
    assert reasons == Counter(filter(None, map(unusable, MONTH)))
    assert set(reasons) == {"no_exam_time", "no_report_time", "clock_skew", "too_long"}


def test_unusable_times_agree_with_the_durations(ask):
    answer = tally(ask("unusable_times"), "duration", "reason")
    truth = {
        ("report_turnaround", reason): number for reason, number in Counter(filter(None, map(unusable, MONTH))).items()
    }
    truth["ai_delay", "clock_skew"] = 1
    truth["order_to_exam", "clock_skew"] = sum(
        bool(s.ordered and s.exam_started and s.exam_started < s.ordered) for s in MONTH
    )
    truth["order_to_exam", "no_exam_time"] = sum(bool(s.ordered) and s.exam_started is None for s in MONTH)
    assert answer == {key: number for key, number in truth.items() if number}


def test_a_study_after_the_cut_is_not_usable(connection):
    cut = datetime(2025, 3, 10, tzinfo=UTC)
    answer = rows(connection, "turnaround_durations", "a", START, END, cut=cut)
    later = [s for s in MONTH if not unusable(s) and s.exam_completed > cut]
    assert sum(row["numerator"] for row in answer if row["unusable"] == "after_cut") == len(later) > 0
    assert all(hours >= 0 for row in answer for hours in row["hours"])


def test_unreported(ask):
    waiting = [
        study
        for study in MONTH
        if (study.report_final is None and study.report_state not in ("final", "corrected"))
        or (study.report_final is not None and study.report_final > CUT)
    ]
    long = [study for study in waiting if CUT - (study.exam_completed or study.received) > DAY]
    assert tally(ask("unreported"), "waiting") == {("any",): len(waiting), ("over_24h",): len(long)}
    assert len(waiting) >= 5


def test_delays(ask):
    (ai,) = ask("ai_delay")
    truth = sorted(
        (study.ai_completed - study.received).total_seconds() / 3600
        for study in MONTH
        if study.ai_completed and study.ai_completed >= study.received
    )
    assert ai["hours"] == pytest.approx(truth)
    assert ai["excluded"] == {"no_result": sum(study.ai_completed is None for study in MONTH), "unusable": 1}
    (order,) = ask("order_to_exam")
    kept = sorted(
        (study.exam_started - study.ordered).total_seconds() / 3600
        for study in MONTH
        if study.ordered and study.exam_started and study.exam_started >= study.ordered
    )
    assert order["hours"] == pytest.approx(kept)
    absent = sum(study.ordered is None for study in MONTH)
    assert order["excluded"] == {"no_order_time": absent, "unusable": len(MONTH) - absent - len(kept)}


# ---- agreement ----


def left_out(study: Study) -> str | None:
    if study.ai_result in ("failed", "not_processed"):
        return study.ai_result
    if study.report_state == "withdrawn":
        return "withdrawn"
    if study.report_state == "unreported" or (study.report_final and study.report_final > CUT):
        return "unreported"
    if study.report_label is None:
        return "not_read"
    if study.report_acuity in ("followup", "old"):
        return study.report_acuity
    return study.report_label if study.report_label in ("uncertain", "not_addressed") else None


COMPARED = [study for study in MONTH if left_out(study) is None]


def test_agreement_cells(ask):
    answer = [row for row in ask("agreement_cells") if row["strata"] == "all"]
    cells = {(row["ai"], row["label"]): row["numerator"] for row in answer if row["reason"] is None}
    assert cells == Counter((study.ai_result, study.report_label) for study in COMPARED)
    reasons = Counter({(row["ai"], row["reason"]): row["numerator"] for row in answer if row["reason"]})
    assert reasons == Counter((study.ai_result, left_out(study)) for study in MONTH if left_out(study))
    reasons = {reason: sum(n for (_, name), n in reasons.items() if name == reason) for _, reason in reasons}
    assert {"withdrawn", "not_read", "followup", "old", "uncertain", "failed", "unreported"} <= set(reasons)
    assert sum(cells.values()) + sum(reasons.values()) == len(MONTH)
    assert {(row["comparable"], row["denominator"]) for row in answer} == {(len(COMPARED), len(MONTH))}


def test_discordances(ask):
    answer = {row["direction"]: row for row in ask("discordances")}
    for direction, group in {
        "ai_positive_report_absent": [s for s in COMPARED if s.ai_result != "negative" and s.report_label == "absent"],
        "ai_negative_report_present": [
            s for s in COMPARED if s.ai_result == "negative" and s.report_label == "present"
        ],
    }.items():
        reviewed = [s for s in group if s.verdict and s.verdict_at <= CUT]
        row = answer[direction]
        assert row["numerator"] == len(group) > 0
        assert row["denominator"] == len(COMPARED)
        assert row["reviewed"] == len(reviewed)
        assert row["confirmed"] == sum(s.verdict == "fracture" for s in reviewed)
        assert row["refuted"] == sum(s.verdict == "no_fracture" for s in reviewed)
        assert row["unsure"] == sum(s.verdict == "unsure" for s in reviewed)
        waits = [
            (s.verdict_at - max(s.ai_completed or s.report_final, s.report_final)).total_seconds() / 3600
            for s in reviewed
            if s.report_final
        ]
        assert row["hours"] == pytest.approx(sorted(wait for wait in waits if wait >= 0))


def test_caught_by_safety_net(ask):
    group = [s for s in COMPARED if s.ai_result != "negative" and s.report_label == "absent"]
    (row,) = ask("caught_by_safety_net")
    caught = [s for s in group if s.verdict == "fracture" and s.verdict_at <= CUT]
    assert row["numerator"] == len(caught) > 0
    assert row["denominator"] == len(group)
    assert row["excluded"] == {"not_reviewed": sum(not s.verdict or s.verdict_at > CUT for s in group)}


# ---- completeness ----

TAKEN = [offer for offer in OFFERS if offer.night < END]


def test_outcomes_add_up_to_what_was_offered(ask):
    answer = ask("offered")
    assert tally(answer, "kind", "outcome") == Counter((offer.kind, offer.outcome) for offer in TAKEN)
    assert sum(row["numerator"] for row in answer) == len(TAKEN) < len(OFFERS)
    assert {(row["kind"], row["denominator"]) for row in answer} == set(Counter(o.kind for o in TAKEN).items())


def test_quarantine_reasons(ask):
    aside = [o for o in TAKEN if o.outcome in ("quarantined", "conflict", "not_dicom", "not_hl7")]
    truth = Counter((o.kind, o.reasons[0] if o.reasons else "UNKNOWN") for o in aside)
    assert tally(ask("quarantine_reasons"), "kind", "reason") == truth


def test_unmatched_reports(ask):
    messages = Counter(o.outcome for o in TAKEN if o.kind == "message")
    (row,) = ask("unmatched_reports")
    assert row["numerator"] == messages["unmatched"]
    assert row["denominator"] == messages["accepted"] + messages["accepted_flagged"] + messages["unmatched"]
    assert row["excluded"] == {"duplicate": messages["duplicate"], "set_aside": messages["quarantined"]}


def test_nights_are_expected_from_the_first_on(connection, ask):
    answer = ask("nights")
    # From the 8th to the 31st: 24 nights, of which 12 left a trace.
    assert {row["denominator"] for row in answer} == {24}
    assert tally(answer, "status") == {
        ("complete",): 10,
        ("late",): 1,
        ("failed",): 1,
        ("running",): 0,
        ("missed",): 12,
    }
    # In the morning of the 22nd the night of the 21st should be there, that of the 22nd not yet.
    early = rows(connection, "nights", "a", START, END, cut=datetime(2025, 3, 22, 5, tzinfo=UTC))
    assert tally(early, "status")["missed",] == 2
    assert early[0]["denominator"] == 14


def test_studies_without_report_and_simulated_share(ask):
    (row,) = ask("studies_without_report")
    assert (row["numerator"], row["denominator"]) == (sum(s.report_state == "unreported" for s in MONTH), len(MONTH))
    (row,) = ask("simulated_share")
    assert (row["numerator"], row["denominator"]) == (sum(s.origin == "simulated" for s in MONTH), len(MONTH))


def test_models(ask):
    (row,) = ask("models")
    days = [s.day for s in MONTH if s.model_sha256]
    assert (row["model"], row["version"]) == ("m", "1.0")
    assert (row["first_day"], row["last_day"], row["numerator"]) == (min(days), max(days), len(days))
    assert row["excluded"] == {"no_model": len(MONTH) - len(days)}


def test_analysed_studies_outside_the_validated_regions(ask):
    analysed = [s for s in MONTH if s.ai_result in COUNTED]
    outside = Counter(s.region or "unknown" for s in analysed if s.model_sha256 and s.region not in ("hand", "wrist"))
    assert set(outside) == {"foot", "unknown"}
    assert tally(ask("outside_scope"), "region") == {(region,): n for region, n in outside.items()}
    assert {row["denominator"] for row in ask("outside_scope")} == {len(analysed)}
    unknown = sum(s.model_sha256 is None for s in analysed)
    assert all(row["excluded"] == {"scope_unknown": unknown} for row in ask("outside_scope"))


def test_studies_of_which_a_shadow_saw_other_images_are_left_out(ask):
    # Of the one study that the shadow saw, no image has a finding of the model that flags; see
    # tests/reports/test_shadow.py for studies that both saw.
    found = tally(ask("shadow_cells"), "shadow", "reason")
    without = sum(s.ai_result in ("failed", "not_processed") for s in MONTH)
    assert MONTH[0].ai_result in COUNTED
    assert found == {
        ("shadow 1.0", "no_result"): without,
        ("shadow 1.0", "other_images"): 1,
        ("shadow 1.0", "no_shadow"): len(MONTH) - without - 1,
    }
    assert {row["denominator"] for row in ask("shadow_cells")} == {len(MONTH)}


# ---- drift ----


def test_drift_baseline_is_the_first_three_months(connection):
    # The first study is of February: the baseline ends with April, and May is the first month judged.
    answer = rows(connection, "score_drift", "a", START, END, cut=CUT)
    assert all(row["in_baseline"] for row in answer)
    later = rows(connection, "score_drift", "a", date(2025, 5, 1), date(2025, 6, 1), cut=CUT)
    assert not any(row["in_baseline"] for row in later)
    scored = [s for s in STUDIES if s.site == "a" and s.score is not None]
    assert sum(row["denominator"] for row in later) == len(scored)
    assert sum(row["numerator"] for row in answer) == sum(s.score is not None for s in MONTH)


@pytest.mark.parametrize("mix", ["region", "age_band", "modality", "patient_class"])
def test_case_mix(ask, mix):
    part = [row for row in ask("case_mix_drift") if row["mix"] == mix]
    truth = Counter(getattr(study, mix) or "unknown" for study in MONTH)
    assert {row["category"]: row["numerator"] for row in part if row["numerator"]} == truth
