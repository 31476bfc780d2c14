"""One simulated site's nights, judged against the simulator's truth; the model is a tiny TorchScript one."""

import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import torch
import yaml

from inference import hl7
from inference.simulation import night as simulated
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN
from inference.simulation.study import CANARIES, SimulatedStudy
from pipelines import config, demo, night
from pipelines.config import Config
from reports import kpi
from warehouse import connect, pseudonym

pytestmark = [
    pytest.mark.slow,
    # TorchScript is one of the formats of other makers' bundles; torch announces its end.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]
DAYS = [date(2026, 10, 24), date(2026, 10, 25)]  # the second has 25 hours in Paris
SITE = replace(SAINT_AUBIN, studies_per_day=7.0)


class Mean(torch.nn.Module):
    """A network whose logit is the mean of the image: quick, and different from image to image."""

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return batch.mean(dim=(1, 2, 3)) * 4 - 1, torch.nn.functional.avg_pool2d(batch, 8)[:, 0]


def tiny_bundle(folder: Path) -> Path:
    folder.mkdir()
    torch.jit.script(Mean()).save(str(folder / "weights.pt"))
    described = json.loads((Path(config.__file__).parent.parent / "inference/models/default/model.json").read_text())
    described.update(
        name="mean",
        format="torchscript",
        architecture="mean",
        weights="weights.pt",
        sha256=hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest(),
        operating_points={"doubtful": 0.3, "positive": 0.45},
        calibration={"slope": 1.0, "intercept": 0.0},
    )
    described["input"].update(size=64, channels=1, flip=False)
    (folder / "model.json").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="module")
def studies() -> list[SimulatedStudy]:
    return plan(SITE, DAYS[0], DAYS[-1])


def make(home: Path) -> Config:
    (home / "sites").mkdir(parents=True)
    (home / "keys").mkdir()
    (home / "bilan.yaml").write_text("simulated_clock: true\nworkers: 1\n")
    # The link to the PACS viewer is made of the real Study Instance UID; without one, no list has any.
    settings = {**demo.site_file(SITE, home), "pacs_link": None, "model": {"bundle": str(tiny_bundle(home / "bundle"))}}
    for source in settings["sources"]:
        Path(source["path"]).mkdir(parents=True)
    (home / "sites" / f"{SITE.site}.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    (home / "keys" / f"{SITE.site}.key").touch(mode=0o600)
    (home / "keys" / f"{SITE.site}.key").write_text("5a" * 32)
    return config.load(home)


def run(loaded: Config, day: date) -> dict[str, int]:
    site = SITE.site
    night.begin(loaded, site, [day])
    taken = Counter(night.take_images(loaded, site, [day]))
    taken.update(night.take_messages(loaded, site, [day]))
    night.infer_images(loaded, site, [day])
    night.label_reports(loaded, site, [day])
    night.assemble(loaded, site, [day])
    night.issue_lists(loaded, site, [day])
    return dict(taken)


def deliver(
    loaded: Config, studies: list[SimulatedStudy], day: date, cases: tuple[str, ...] = ()
) -> simulated.NightTruth:
    inbox = loaded.home / "inbox" / SITE.site
    return simulated.write_night(studies, SITE, day, inbox / "dicom", inbox / "hl7", cases=cases)


def table(loaded: Config, sql: str) -> list[tuple[object, ...]]:
    with connect.reader(loaded.published) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, studies: list[SimulatedStudy]
) -> Iterator[tuple[Config, list[simulated.NightTruth]]]:
    loaded = make(tmp_path_factory.mktemp("night") / "home")
    truths = []
    for day, cases in zip(DAYS, simulated.spread(len(DAYS)), strict=True):
        truths.append(deliver(loaded, studies, day, cases))
        run(loaded, day)
    yield loaded, truths


def test_every_offer_has_the_outcome_that_the_simulator_meant(ran: tuple[Config, list[simulated.NightTruth]]) -> None:
    loaded, truths = ran
    expected = Counter((offer.kind, offer.outcome) for truth in truths for offer in truth.offers)
    found = Counter(
        {
            (kind, outcome): n
            for kind, outcome, n in table(loaded, "select kind, outcome, count(*) from ledger group by all")
        }
    )
    assert found == expected


def test_every_deciding_reason_is_the_one_meant(ran: tuple[Config, list[simulated.NightTruth]]) -> None:
    loaded, truths = ran
    expected = Counter(
        (offer.outcome, offer.reason)
        for truth in truths
        for offer in truth.offers
        if offer.outcome in ("quarantined", "conflict", "duplicate")
    )
    decided = "outcome in ('quarantined', 'conflict', 'duplicate')"
    sql = f"select outcome, reasons[1], count(*) from ledger where {decided} group by all"
    assert Counter({(outcome, reason): n for outcome, reason, n in table(loaded, sql)}) == expected


def test_studies_equal_the_truth(ran: tuple[Config, list[simulated.NightTruth]]) -> None:
    loaded, truths = ran
    mask = pseudonym.Pseudonymiser(bytes.fromhex("5a" * 32))
    planned = {
        mask.of("study_uid", item["study_uid"]): item for truth in truths for item in truth.studies if item["in_scope"]
    }
    cutoff = truths[-1].cutoff
    sql = "select study_uid, day, region, sex, age_band, images, exam_completed, report_final, report_state from study"
    rows = {row[0]: row[1:] for row in table(loaded, sql)}
    assert planned.keys() <= rows.keys()
    for study, item in planned.items():
        day, region, sex, age_band, images, completed, final, state = rows[study]
        assert str(day) == item["day"]
        assert (region, sex, age_band, images) == (item["region"], item["sex"], item["age_band"], item["images"])
        assert abs((completed - datetime.fromisoformat(item["exam_completed"])).total_seconds()) < 1
        known = [report for report in item["reports"] if datetime.fromisoformat(report["emitted_at"]) <= cutoff]
        finals = [datetime.fromisoformat(report["at"]) for report in known if report["status"] == "final"]
        assert (final is None) == (not finals)
        if finals:
            assert final.replace(microsecond=0) == min(finals).replace(microsecond=0)
        assert (state == "unreported") == (not known)


def test_the_figures_of_the_month_equal_those_counted_from_the_truth(
    ran: tuple[Config, list[simulated.NightTruth]],
) -> None:
    loaded, truths = ran
    studies = [item for truth in truths for item in truth.studies if item["in_scope"]]
    cutoff = truths[-1].cutoff
    with connect.reader(loaded.published) as connection:
        figures = kpi.month_figures(connection, SITE.site, "2026-10")

    def count(name: str, **stratum: str | int) -> float | None:
        found = figures.one(name, **stratum)
        return found.value if found else 0

    hours, waiting = [], 0
    for item in studies:
        told = [
            datetime.fromisoformat(report["at"])
            for report in item["reports"]
            if report["status"] == "final" and datetime.fromisoformat(report["emitted_at"]) <= cutoff
        ]
        waiting += not told
        if told:
            hours.append((min(told) - datetime.fromisoformat(item["exam_completed"])).total_seconds() / 3600)
    usable = [each for each in hours if each >= 0]
    assert count("volume") == len(studies)
    assert count("images") == sum(item["images"] for item in studies)
    assert count("patients") == len({item["patient_id"] for item in studies})
    for day in DAYS:
        assert count("volume_by_day", day=day.isoformat()) == sum(item["day"] == day.isoformat() for item in studies)
    for (region, modality), n in Counter((item["region"], item["modality"]) for item in studies).items():
        assert count("volume_by_region", region=region, modality=modality) == n
    assert count("unreported", waiting="any") == waiting
    assert count("report_turnaround", quantile="median") == pytest.approx(statistics.median(usable), abs=1 / 3600)
    offered = Counter((offer.kind, offer.outcome) for truth in truths for offer in truth.offers)
    for (kind, outcome), n in offered.items():
        assert count("offered", kind=kind, outcome=outcome) == n


def test_a_second_run_adds_and_changes_nothing(ran: tuple[Config, list[simulated.NightTruth]]) -> None:
    loaded, _ = ran
    tables = ("ledger", "instance", "finding", "report_event", "report_label", "study")
    before = {name: table(loaded, f"select * from {name} order by all") for name in tables}
    assert run(loaded, DAYS[-1]) == {}
    assert {name: table(loaded, f"select * from {name} order by all") for name in tables} == before


def test_no_identity_outside_of_spool_quarantine_and_identified_store(
    ran: tuple[Config, list[simulated.NightTruth]],
) -> None:
    loaded, _ = ran
    leaks = []
    for path in loaded.home.rglob("*"):
        inside = path.relative_to(loaded.home).parts[0]
        if inside in ("inbox", "spool", "quarantine") or path == loaded.identified:
            assert inside == "inbox" or not any(canary in path.name for canary in CANARIES)
            continue
        if path.is_file() and any(canary.encode() in path.read_bytes() for canary in CANARIES):
            leaks.append(str(path.relative_to(loaded.home)))
    assert leaks == []


def test_the_table_of_figures_does_not_depend_on_how_the_delivery_was_split(
    tmp_path: Path, studies: list[SimulatedStudy], ran: tuple[Config, list[simulated.NightTruth]]
) -> None:
    loaded, _ = ran
    other = make(tmp_path / "home")
    # Of two contents under one identifier the first one counts: those pairs are left out here.
    ordered = [name for name in simulated.ALL_CASES if name not in ("conflict", "reused_control")]
    for day, cases in zip(DAYS, simulated.spread(len(DAYS), ordered), strict=True):
        deliver(other, studies, day, cases)
    # All of it in the second night, half of it hidden during a first one.
    hidden = [path for path in sorted((other.home / "inbox").rglob("*")) if path.is_file()][::2]
    for path in hidden:
        path.rename(path.with_name(f".{path.name}"))
    run(other, DAYS[0])
    for path in hidden:
        path.with_name(f".{path.name}").rename(path)
    run(other, DAYS[-1])
    columns = (
        "study_uid, day, region, images, exam_completed, report_state, report_label, report_final, ai_result, score"
    )
    sql = f"select {columns} from study order by all"
    assert table(other, sql) == table(loaded, sql)


def test_a_source_that_is_gone_fails_the_night_after_the_list_was_made(
    tmp_path: Path, studies: list[SimulatedStudy]
) -> None:
    loaded = make(tmp_path / "home")
    deliver(loaded, studies, DAYS[0])
    hl7 = loaded.home / "inbox" / SITE.site / "hl7"
    hl7.rename(hl7.with_name("away"))
    run(loaded, DAYS[0])
    result = night.summary(loaded, SITE.site, DAYS[0])
    assert (result["status"], result["error"]) == ("failed", "SOURCE_UNREACHABLE")
    assert result["studies"] > 0
    assert [Path(path).name for path in result["made"]] == ["list.csv", "list.html"]
    hl7.with_name("away").rename(hl7)
    run(loaded, DAYS[0])
    assert night.summary(loaded, SITE.site, DAYS[0])["status"] == "complete"


def test_nothing_is_taken_from_the_future_of_the_clock(ran: tuple[Config, list[simulated.NightTruth]]) -> None:
    loaded, truths = ran
    latest = max(row[0] for row in table(loaded, "select max(received_at) from ledger"))
    assert latest.astimezone(UTC) == truths[-1].cutoff


def test_a_step_that_succeeds_does_not_hide_the_failure_of_another(tmp_path: Path) -> None:
    """As Dagster runs them: each step opens the night again before it runs."""
    loaded, days = make(tmp_path / "home"), DAYS[:1]
    hl7 = loaded.home / "inbox" / SITE.site / "hl7"
    hl7.rename(hl7.with_name("away"))

    def steps() -> tuple[str, str | None]:
        night.begin(loaded, SITE.site, days, ["report_event"])
        night.take_messages(loaded, SITE.site, days)
        night.begin(loaded, SITE.site, days, ["study"])
        night.take_images(loaded, SITE.site, days)
        night.assemble(loaded, SITE.site, days)
        result = night.summary(loaded, SITE.site, days[0])
        return result["status"], result["error"]

    assert steps() == ("failed", "SOURCE_UNREACHABLE")
    hl7.with_name("away").rename(hl7)
    assert steps() == ("complete", None)


def test_a_step_that_raises_is_seen_at_once(tmp_path: Path) -> None:
    loaded = make(tmp_path / "home")
    night.begin(loaded, SITE.site, DAYS[:1])
    with pytest.raises(ZeroDivisionError), night.recorded(loaded, SITE.site, DAYS[:1], "finding"):
        raise ZeroDivisionError
    with connect.writer(loaded.warehouse) as connection:
        found = connection.execute("select status, error from night").fetchall()
    assert found == [("failed", "ZeroDivisionError")]


def test_one_text_for_several_examinations_is_left_to_a_person(tmp_path: Path) -> None:
    loaded = make(tmp_path / "home")
    head = "MSH|^~\\&|RIS|H|BILAN||20261024101500||ORU^R01|C1|P|2.5.1\rPID|1||P1^^^H^PI\r"
    text = "OBX|1|TX|GDT||Fracture du radius distal.||||||F\r"
    site = loaded.site(SITE.site)
    labels = []
    for accession in ("A1", "A1~A2"):
        request = f"OBR|1|O1||XR|||20261024090000|||||||||||{accession}||||20261024101000|||F\r"
        [events] = hl7.read((head + request + text).encode(), site.gate_settings(), datetime(2026, 10, 25, tzinfo=UTC))
        labels.append([night._label(site, event) for event in events])
    [alone], together = labels
    assert (alone.label, alone.tier) == ("present", "decided")
    assert [(one.label, one.tier) for one in together] == [("present", "review")] * 2
    assert all(one.rules[-1] == "night: several studies in one report" for one in together)
