"""The simulator keeps its promises: deterministic, plausible, and every truth it states is what the files say."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames

from inference import dicom, hl7
from inference.check import check_dicom
from inference.labels import engine
from inference.records import Instance, ReportEvent
from inference.settings import DecodeSettings, GateSettings
from inference.simulation import (
    broken,
    broken_messages,
    dicom_writer,
    history,
    hl7_writer,
    pictures,
    radiograph,
    report_text,
)
from inference.simulation.night import ALL_CASES, night_of, spread, write_night
from inference.simulation.plan import plan
from inference.simulation.region import REGIONS
from inference.simulation.site import DEMO_SITES, GROUPE_ARMOR, SAINT_AUBIN, ST_BRIGID, SiteModel
from inference.simulation.study import CANARIES, SimulatedStudy, age_band
from warehouse import rows
from warehouse.study import StudyRow

DAY = date(2026, 11, 20)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
SITE_IDS = [site.site for site in DEMO_SITES]
UID = re.compile(r"2\.25\.[1-9][0-9]{0,38}")


def gate_settings(site: SiteModel) -> GateSettings:
    return GateSettings(time_zone=site.zone)


@pytest.fixture(scope="module")
def months() -> dict[str, list[SimulatedStudy]]:
    return {site.site: plan(site, date(2026, 8, 1), date(2026, 11, 30)) for site in DEMO_SITES}


@pytest.fixture(scope="module", params=DEMO_SITES, ids=SITE_IDS)
def delivery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """One night of a site (few studies, drawn small) with every broken case."""
    site = replace(request.param, studies_per_day=6.0)
    folder = tmp_path_factory.mktemp(site.site)
    studies = plan(site, DAY, DAY + timedelta(days=1))
    truth = write_night(studies, site, DAY, folder / "dicom", folder / "hl7", cases=ALL_CASES)
    return site, studies, truth, folder


class TestPlan:
    def test_same_arguments_same_studies(self):
        assert plan(SAINT_AUBIN, DAY, DAY, 5) == plan(SAINT_AUBIN, DAY, DAY, 5)
        assert plan(SAINT_AUBIN, DAY, DAY, 5) != plan(SAINT_AUBIN, DAY, DAY, 6)

    def test_a_longer_stretch_has_the_same_days(self):
        long = plan(ST_BRIGID, DAY - timedelta(days=3), DAY + timedelta(days=3))
        assert [study for study in long if study.day == DAY] == plan(ST_BRIGID, DAY, DAY)

    @pytest.mark.parametrize("site", DEMO_SITES, ids=SITE_IDS)
    def test_shares_are_plausible(self, months, site):
        studies = months[site.site]
        scope = [study for study in studies if study.in_scope]
        assert 0.08 < sum(study.fracture for study in scope) / len(scope) < 0.25
        assert 0.02 < sum(not study.reports for study in studies) / len(studies) < 0.08
        assert abs(len(studies) / 122 - site.studies_per_day) < 0.12 * site.studies_per_day
        labels = {report.label for study in scope if (report := study.last_reading())}
        assert labels == {"present", "absent", "uncertain", "not_addressed"}
        assert {report.status for study in studies for report in study.reports} == {
            "preliminary", "final", "corrected", "withdrawn",
        }  # fmt: skip

    def test_radiologists_miss_a_few_fractures(self, months):
        broken_bones = [study for site in months.values() for study in site if study.fracture and study.in_scope]
        missed = [study for study in broken_bones if study.missed]
        assert 0.02 < len(missed) / len(broken_bones) < 0.06
        first = [next(r for r in study.reports if r.status == "final") for study in missed if study.reports]
        assert not any(report.label == "present" for report in first)

    def test_nights_and_weekends_wait(self, months):
        hours: dict[bool, list[float]] = {True: [], False: []}
        for study in months["saint-aubin"]:
            final = next((report.at for report in study.reports if report.status == "final"), None)
            if final is not None:
                local = study.exam_completed.astimezone(SAINT_AUBIN.zone)
                hours[SAINT_AUBIN.is_open(local)].append((final - study.exam_completed).total_seconds() / 3600)
        assert median(hours[False]) > 2 * median(hours[True])
        assert 0.01 < sum(value > 24 for value in hours[True]) / len(hours[True]) < 0.15

    def test_times_are_utc_whole_seconds_and_days_are_local(self, months):
        for site in DEMO_SITES:
            for study in months[site.site]:
                assert study.day == study.exam_completed.astimezone(ZoneInfo(site.time_zone)).date()
                times = [study.exam_started, study.exam_completed, study.ordered, *(r.at for r in study.reports)]
                assert all(moment.tzinfo is UTC and moment.microsecond == 0 for moment in times if moment)
                assert study.exam_started <= study.exam_completed

    def test_uids_are_valid_and_unique(self, months):
        studies = months["saint-aubin"]
        uids = [uid for s in studies for uid in (s.study_uid, *(view.instance_uid for view in s.views))]
        assert all(UID.fullmatch(uid) and int(uid[5:]) < 2**128 for uid in uids)
        assert len(set(uids)) == len(uids)


class TestDrawing:
    @pytest.mark.parametrize(
        ("region", "view"), [(name, view) for name, item in REGIONS.items() for view in item.views]
    )
    def test_every_view_is_drawn(self, region, view):
        drawn = radiograph.draw(region, view, 11, laterality="L")
        assert drawn.image.dtype == np.float32
        assert drawn.box is None
        assert 350 < min(drawn.image.shape) < max(drawn.image.shape) <= 1500
        assert 0 <= drawn.image.min() < 0.2
        assert 0.6 < drawn.image.max() <= 1

    def test_same_arguments_same_pixels(self):
        first, again = (radiograph.draw("wrist", "PA", 4, fracture=True) for _ in range(2))
        assert np.array_equal(first.image, again.image)
        assert first.box == again.box

    @pytest.mark.parametrize("region", [name for name, item in REGIONS.items() if item.in_scope])
    @pytest.mark.parametrize("seed", [1, 2])
    def test_a_fracture_is_boxed_where_bone_is(self, region, seed):
        for view in REGIONS[region].views:
            drawn = radiograph.draw(region, view, seed, fracture=True, laterality="R")
            assert drawn.box is not None
            x0, y0, x1, y1 = drawn.box
            rows, columns = drawn.image.shape
            assert 0 <= x0 < x1 <= columns
            assert 0 <= y0 < y1 <= rows
            assert (x1 - x0) * (y1 - y0) < 0.25 * rows * columns
            inside = drawn.image[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
            assert inside.mean() > 1.3 * np.median(drawn.image) or inside.mean() > 0.3


class TestDicom:
    @pytest.mark.parametrize("syntax", dicom_writer.SYNTAXES)
    @pytest.mark.parametrize("bits", [8, 12])
    def test_every_transfer_syntax_gives_back_the_pixels(self, tmp_path, syntax, bits):
        study = plan(SAINT_AUBIN, DAY, DAY)[0]
        view = replace(study.views[0], transfer_syntax=syntax)
        kind = np.uint8 if bits == 8 else np.uint16
        pixels = np.random.default_rng(3).integers(0, 2**bits, (37, 53)).astype(kind)
        dataset = dicom_writer.wrap(pixels, replace(study, views=(view,)), view, SAINT_AUBIN)
        dicom_writer.write(dataset, tmp_path / "image")
        found = pydicom.dcmread(tmp_path / "image")
        assert found.file_meta.TransferSyntaxUID == dicom_writer.SYNTAXES[syntax]
        assert found.BitsStored == bits
        decoders = {"jpeg_lossless": imagecodecs.ljpeg_decode, "jpeg_ls": imagecodecs.jpegls_decode}
        if syntax in decoders:
            frame = next(generate_frames(found.PixelData, number_of_frames=1))
            assert np.array_equal(decoders[syntax](frame), pixels)
        else:
            assert np.array_equal(found.pixel_array, pixels)

    def test_monochrome1_is_stored_the_other_way_round(self):
        image = np.array([[0.0, 1.0]], np.float32)
        assert dicom_writer.stored(image, monochrome1=False).tolist() == [[0, 4095]]
        assert dicom_writer.stored(image, monochrome1=True).tolist() == [[4095, 0]]

    def test_every_identifying_attribute_holds_a_canary(self):
        study = plan(GROUPE_ARMOR, DAY, DAY)[0]
        dataset = dicom_writer.wrap(np.zeros((8, 8), np.uint16), study, study.views[0], GROUPE_ARMOR)
        names = (
            "PatientName", "PatientID", "PatientAddress", "PatientTelephoneNumbers", "PatientComments", "ImageComments",
            "ReferringPhysicianName", "OperatorsName", "InstitutionName", "InstitutionAddress", "AccessionNumber",
            "DeviceSerialNumber", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID",
        )  # fmt: skip
        assert all(any(canary in str(getattr(dataset, name)).upper() for canary in CANARIES) for name in names)

    def test_the_gate_reads_what_was_planned(self, delivery):
        site, studies, truth, folder = delivery
        known = {view.instance_uid: (study, view) for study in studies for view in study.views}
        assert truth.images
        for image in truth.images:
            study, view = known[image.instance_uid]
            found = dicom.gate(folder / "dicom" / image.file, gate_settings(site), NOW)
            assert isinstance(found, Instance)
            assert (found.study_uid, found.series_uid) == (study.study_uid, view.series_uid)
            assert (found.patient_id, found.accession_number) == (study.patient.patient_id, study.accession_number)
            assert (found.modality, found.in_scope) == (study.modality, study.in_scope)
            assert found.acquired_at == view.acquired_at
            assert found.acquired_from.startswith(study.device.time_from)
            assert found.study_at == study.exam_started
            assert (found.laterality, found.sex) == (study.laterality, study.patient.sex)
            assert found.age_band == age_band(study.age())
            assert (found.rows, found.columns, found.device) == (image.rows, image.columns, study.device.serial)
            if study.in_scope:
                assert found.region == study.region

    def test_every_file_gets_the_outcome_owed(self, delivery):
        site, _, truth, folder = delivery
        root = folder / "dicom"
        judged = {
            path.relative_to(root).as_posix(): (outcome, reasons)
            for path, outcome, reasons in check_dicom([root], gate_settings(site), DecodeSettings(workers=1), NOW)
        }
        offers = [offer for offer in truth.offers if offer.kind == "dicom"]
        assert {offer.case for offer in offers} == {"study", *broken.CASES}
        assert judged.keys() == {offer.file for offer in offers}
        for offer in offers:
            outcome, reasons = judged[offer.file]
            assert outcome == offer.outcome, offer.case
            assert offer.reason is None or reasons[0] == offer.reason, offer.case

    def test_file_names_tell_nothing(self, delivery):
        folder = delivery[3]
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
        assert not [name for name in names for canary in CANARIES if canary in name]


class TestMessages:
    def test_every_message_gets_the_outcome_owed(self, delivery):
        site, _, truth, folder = delivery
        seen: set[str] = set()
        controls: set[str | None] = set()
        found = {}
        # `unmatched` and PATIENT_MISMATCH are told by the store, not by the gate.
        later = {"unmatched", "patient_mismatch"}
        for path in sorted((folder / "hl7").rglob("*.hl7")):
            for position, entry in enumerate(hl7.read(path.read_bytes(), gate_settings(site), NOW)):
                outcome, reasons = hl7.outcome(entry)
                if isinstance(entry, tuple):
                    if entry[0].message_id in seen:
                        outcome, reasons = "duplicate", ("DUPLICATE",)
                    elif entry[0].control_id in controls:
                        outcome, reasons = "conflict", ("UID_CONFLICT",)
                    seen.add(entry[0].message_id)
                    controls.add(entry[0].control_id)
                found[path.relative_to(folder / "hl7").as_posix(), position] = outcome, reasons
        offers = [offer for offer in truth.offers if offer.kind == "message"]
        assert {offer.case for offer in offers} == {"report", *broken_messages.MESSAGE_CASES}
        assert found.keys() == {(offer.file, offer.position) for offer in offers}
        for offer in offers:
            outcome, reasons = found[offer.file, offer.position]
            if offer.case in later or offer.outcome == "unmatched":
                assert outcome.startswith("accepted"), offer.case
            else:
                assert outcome == offer.outcome, offer.case
                assert offer.reason is None or reasons[0] == offer.reason, offer.case

    @pytest.mark.parametrize("site", DEMO_SITES, ids=SITE_IDS)
    def test_the_gate_reads_what_was_reported(self, months, site):
        for study in months[site.site][:120]:
            for report in study.reports:
                (entry,) = hl7.read(
                    hl7_writer.message(study, report, site), gate_settings(site), NOW + timedelta(days=60)
                )
                assert isinstance(entry, tuple)
                (event,) = entry
                assert isinstance(event, ReportEvent)
                assert (event.status, event.event_at, event.ordered_at) == (report.status, report.at, study.ordered)
                assert event.exam_at == study.exam_completed
                assert (event.patient_id, event.accession_number) == (study.patient.patient_id, study.accession_number)
                assert event.patient_class == study.patient_class
                assert event.study_uid in (None, study.study_uid)
                said = report_text.lines(study, report, site.language)
                assert all(line in event.text for line in said)

    def test_texts_say_their_label(self, months):
        wrong = total = 0
        for site in DEMO_SITES:
            for study in months[site.site][:150]:
                for report in study.reports:
                    if report.status != "withdrawn":
                        text = "\n".join(report_text.lines(study, report, site.language))
                        total += 1
                        wrong += engine.label(text, site.language).label != report.label
        assert total > 300
        assert wrong / total < 0.03

    def test_all_ways_of_writing_occur(self, months):
        def first(site: SiteModel) -> list[bytes]:
            return [
                hl7_writer.message(study, study.reports[0], site) for study in months[site.site][:40] if study.reports
            ]

        assert all(b"\r" in data and b"\n" not in data for data in first(SAINT_AUBIN))
        assert all(b"\n" in data and b"\r" not in data for data in first(GROUPE_ARMOR))
        assert all(b"\r\n" in data for data in first(ST_BRIGID))
        assert any("é".encode("latin-1") in data for data in first(SAINT_AUBIN))
        assert any("é".encode() in data for data in first(GROUPE_ARMOR))

    def test_batches_and_frames_occur(self, tmp_path):
        starts: Counter[bytes] = Counter()
        for site in (SAINT_AUBIN, ST_BRIGID):
            studies = [replace(study, views=()) for study in plan(site, DAY, DAY)]
            write_night(studies, site, DAY, tmp_path / "dicom", tmp_path / site.site)
            starts.update(path.read_bytes()[:3] for path in (tmp_path / site.site).rglob("*.hl7"))
        assert starts[b"FHS"] > 0
        assert starts[b"\x0bMS"] > 0
        assert starts[b"MSH"] > 0

    def test_every_message_belongs_to_one_night(self, months):
        for study in months["st-brigid"]:
            for report in study.reports:
                night = night_of(ST_BRIGID, study, report)
                assert night >= study.day
                assert report.emitted_at <= ST_BRIGID.cutoff(night)
                assert night == study.day or report.emitted_at > ST_BRIGID.cutoff(night - timedelta(days=1))

    def test_an_hour_shown_twice_gets_its_offset(self):
        zone = ZoneInfo("Europe/Paris")
        stamps = [
            hl7_writer.timestamp(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), zone, offset=False) for hour in (0, 1, 2)
        ]
        assert stamps == ["20261025023000+0200", "20261025023000+0100", "20261025033000"]


class TestNight:
    def test_offers_and_files_are_the_same(self, delivery):
        _, _, truth, folder = delivery
        for kind, name in (("dicom", "dicom"), ("message", "hl7")):
            root = folder / name
            files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
            assert files == {offer.file for offer in truth.offers if offer.kind == kind}

    def test_truth_is_json(self, delivery):
        truth = delivery[2]
        data = json.loads(truth.to_json())
        assert data["night"] == DAY.isoformat()
        assert len(data["offers"]) == len(truth.offers)
        assert datetime.fromisoformat(data["cutoff"]) == truth.cutoff
        assert {study["day"] for study in data["studies"]} == {DAY.isoformat()}

    def test_written_twice_the_bytes_are_the_same(self, delivery, tmp_path):
        site, studies, truth, folder = delivery
        again = write_night(studies, site, DAY, tmp_path / "dicom", tmp_path / "hl7", cases=ALL_CASES)
        assert again == truth
        for offer in truth.offers:
            name = "dicom" if offer.kind == "dicom" else "hl7"
            assert (tmp_path / name / offer.file).read_bytes() == (folder / name / offer.file).read_bytes()

    @pytest.mark.parametrize("parts", [1, 3, 9, 40])
    def test_each_case_is_dealt_once(self, parts):
        dealt = spread(parts)
        assert len(dealt) == parts
        assert sorted(name for part in dealt for name in part) == sorted(ALL_CASES)


class TestPictures:
    def test_real_pixels_get_made_up_headers(self, tmp_path):
        folder = tmp_path / "pictures"
        folder.mkdir()
        rng = np.random.default_rng(1)
        for name in ("a.png", "b.png", "c.PNG", "d.jpg"):
            Image.fromarray(rng.integers(0, 255, (40, 30), dtype=np.uint8)).save(folder / name)
        (folder / "notes.txt").write_text("no picture")
        (tmp_path / "labels.csv").write_text(
            "image_id,label,hand,leg\na.png,1,1,0\nb.png,0,0,1\nc.PNG,0,1,1\ngone.png,1,0,0\n"
        )
        found = pictures.read(folder, tmp_path / "labels.csv")
        assert [(item.path.name, item.fracture, item.region) for item in found] == [
            ("a.png", True, "hand"), ("b.png", False, "lower_leg"), ("c.PNG", False, None), ("d.jpg", None, None),
        ]  # fmt: skip
        studies = plan(SAINT_AUBIN, DAY, DAY)
        shown = pictures.cast(studies, found)
        assert len(shown) == len(studies)
        answers = {item.path: item.fracture for item in found}
        used = [(study, view) for study in shown for view in study.views if view.picture]
        assert used
        assert all(answers[view.picture] in (study.fracture, None) for study, view in used)
        assert not any(view.picture for study in shown if not study.in_scope for view in study.views)
        study, view = next(item for item in used if item[1].picture.name == "b.png")
        dataset = dicom_writer.wrap_picture(view.picture, study, view, SAINT_AUBIN)
        assert "made-up headers" in dataset.ImageComments
        dicom_writer.write(dataset, tmp_path / "b.dcm")
        stored = pydicom.dcmread(tmp_path / "b.dcm").pixel_array if "jpeg" not in view.transfer_syntax else None
        original = np.asarray(Image.open(view.picture))
        if stored is not None:
            assert np.array_equal(255 - stored if study.device.monochrome1 else stored, original)


READER = history.reader(0.05, 0.4, "f" * 64)


@pytest.fixture(scope="module")
def past() -> dict[str, history.History]:
    last = date(2026, 10, 28)
    return {
        site.site: history.history(history.eventful(site, last), date(2026, 6, 1), last, READER) for site in DEMO_SITES
    }


class TestHistory:
    @pytest.mark.parametrize(
        ("made", "stored"),
        [
            (history.HistoryStudy, StudyRow),
            (history.HistoryOffer, rows.LedgerRow),
            (history.HistoryNight, rows.NightRow),
            (history.HistoryVerdict, rows.VerdictRow),
        ],
    )
    def test_rows_have_the_tables_columns(self, made, stored):
        assert {field.name for field in fields(made)} == {field.name for field in fields(stored)}

    def test_identifiers_look_like_pseudonyms_and_nothing_leaks(self, past):
        for site in past.values():
            assert all(re.fullmatch("[0-9a-f]{32}", row.study_uid) for row in site.studies)
            assert all(re.fullmatch("[0-9a-f]{32}", row.offer_id) for row in site.offers)
            text = repr(site.studies[:200]) + repr(site.offers[:200]) + repr(site.verdicts)
            assert not any(canary in text for canary in CANARIES)

    def test_results_follow_from_scores(self, past):
        for row in past["saint-aubin"].studies:
            assert row.origin == "simulated"
            if row.score is None:
                assert row.ai_result in ("failed", "not_processed")
                assert row.images_inferred == 0
            else:
                bound = "positive" if row.score >= 0.4 else "doubtful" if row.score >= 0.05 else "negative"
                assert row.ai_result == bound

    def test_the_simulated_reader_has_the_accuracy_asked_for(self, past):
        rows_ = [row for site in past.values() for row in site.studies if row.score is not None]
        truth = [
            row.study_uid in site.fractures for site in past.values() for row in site.studies if row.score is not None
        ]
        found = [row.score for row, broken_bone in zip(rows_, truth, strict=True) if broken_bone]
        clear = [row.score for row, broken_bone in zip(rows_, truth, strict=True) if not broken_bone]
        assert abs(np.mean(np.array(found) >= 0.4) - 0.76) < 0.05
        assert abs(np.mean(np.array(found) >= 0.05) - 0.93) < 0.04
        assert abs(np.mean(np.array(clear) < 0.4) - 0.965) < 0.015

    def test_report_columns_agree_with_the_state(self, past):
        for site in past.values():
            for row in site.studies:
                assert (row.report_label is not None) == (row.report_state in ("final", "corrected"))
                assert (row.report_message_id is None) == (row.report_label is None)
                if row.report_state == "unreported":
                    assert row.report_final is None
                    assert row.patient_class is None
                if row.report_final is not None:
                    assert row.clock_skew == (row.report_final < row.exam_completed)

    def test_the_ledger_has_each_image_once(self, past):
        site = past["st-brigid"]
        accepted = Counter(row.outcome for row in site.offers if row.kind == "dicom")
        assert accepted["accepted"] == sum(row.images for row in site.studies)
        share = accepted["quarantined"] / accepted.total()
        assert 0 < share < 0.03
        assert len({row.offer_id for row in site.offers}) == len(site.offers)

    def test_verdicts_are_about_discordant_cases(self, past):
        for site in past.values():
            by_study = {row.study_uid: row for row in site.studies}
            assert site.verdicts
            for verdict in site.verdicts:
                row = by_study[verdict.study_uid]
                assert (row.ai_result, row.report_label) in (("positive", "absent"), ("negative", "present"))
                assert (row.verdict, row.verdict_at) == (verdict.verdict, verdict.decided_at)
                assert verdict.decided_at > row.ai_completed

    def test_nights_are_all_there_and_a_few_are_late(self, past):
        nights = [night for site in past.values() for night in site.nights]
        assert len(nights) == 3 * 150
        states = Counter(night.status for night in nights)
        assert 0.92 < states["complete"] / len(nights) < 1
        assert states["late"] > 0

    def test_a_spell_of_slow_reporting_shows(self):
        last = date(2026, 10, 28)
        slow = history.history(history.eventful(SAINT_AUBIN, last), date(2026, 5, 1), last, READER)

        def middle(first: date, final: date) -> float:
            return median(
                (row.report_final - row.exam_completed).total_seconds()
                for row in slow.studies
                if row.report_final and first <= row.day <= final
            )

        assert middle(date(2026, 6, 20), date(2026, 8, 5)) > 1.4 * middle(date(2026, 8, 15), last)

    def test_same_arguments_same_rows(self, past):
        last = date(2026, 10, 28)
        again = history.history(history.eventful(ST_BRIGID, last), date(2026, 6, 1), last, READER)
        assert again == past["st-brigid"]

    def test_what_is_sent_later_is_not_known_yet(self):
        site, last = GROUPE_ARMOR, date(2026, 10, 28)
        early = datetime(2026, 10, 20, tzinfo=UTC)
        known = history.history(site, date(2026, 10, 1), last, READER, until=early)
        assert all(row.report_final is None or row.report_final <= early for row in known.studies)
        assert any(row.report_state == "unreported" for row in known.studies if row.day < date(2026, 10, 19))
