"""A day's images and messages in any order, some twice, over one to three nights: the same studies in the end."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.records import Instance
from pipelines import config, intake, messages, night
from pipelines.config import Config
from pipelines.init import init
from pipelines.intake import Intake, Read
from pipelines.sources.offered import Offered
from warehouse import connect, ledger, study
from warehouse.pseudonym import Pseudonymiser, read_key

SITE, DAY = "essai", date(2026, 3, 2)
NOW = datetime(2026, 3, 3, 4, tzinfo=UTC)


def head(control: str, sent: str = "1500", kind: str = "ORU^R01") -> str:
    return f"MSH|^~\\&|RIS|H|BILAN||20260302{sent}00||{kind}|{control}|P|2.5.1\r"


def report(control: str, patient: str, accessions: str, status: str, at: str, text: str, sent: str = "1500") -> bytes:
    lines = "".join(
        f"OBR|{n}|||X^X|||202603020900|202603020930||||||||||{one}||||202603{at}00|||{status}\r"
        f"OBX|1|TX|GDT||{text}||||||{status}\r"
        for n, one in enumerate(accessions.split(), 1)
    )
    return (head(control, sent) + f"PID|1||{patient}^^^H^PI\r{lines}").encode()


def merge(control: str, stays: str, goes: str) -> bytes:
    return (head(control, kind="ADT^A40") + f"EVN\rPID|1||{stays}^^^H^PI\rMRG|{goes}^^^H^PI\r").encode()


def order(control: str, patient: str, accession: str, at: str) -> bytes:
    return (
        head(control, kind="ORM^O01")
        + f"PID|1||{patient}^^^H^PI\rORC|NW|{accession}|||||||202603{at}00\rOBR|1|{accession}\r"
    ).encode()


def image(number: int, patient: str, accession: str, picture: int = 0) -> Instance:
    return Instance(
        patient, f"1.2.{number}", f"1.2.{number}.1", f"1.2.{number}.1.{picture}", accession, "1.2", "DX", "wrist", "L",
        "PA", "D", "F", "25-44", 9, 9, 12, "MONOCHROME2", "1.2", datetime(2026, 3, 2, 8, 25 + picture, tzinfo=UTC), "x",
        datetime(2026, 3, 2, 8, tzinfo=UTC), True, (),
    )  # fmt: skip


FRACTURE, NONE = "Fracture du radius.", "Pas de fracture."
ITEMS: list[bytes | Instance] = [
    # Preliminary, final, corrected; an accession number used again for another patient; two orders.
    image(1, "P1", "A1"),
    image(1, "P1", "A1", 1),
    report("C1", "P1", "A1", "P", "021000", NONE),
    report("C2", "P1", "A1", "F", "021100", NONE),
    report("C3", "P1", "A1", "C", "030100", FRACTURE),
    report("C4", "P9", "A1", "F", "021130", FRACTURE),
    order("C5", "P1", "A1", "020700"),
    order("C6", "P1", "A1", "020630"),
    # Final, then withdrawn.
    image(2, "P2", "A2"),
    report("C7", "P2", "A2", "F", "021000", FRACTURE),
    report("C8", "P2", "A2", "X", "021200", FRACTURE),
    # Reported under a number that was merged twice since, in a circle.
    image(3, "P3", "A3"),
    report("C9", "P3OLD", "A3", "F", "021000", FRACTURE),
    merge("C10", "P3MID", "P3OLD"),
    merge("C11", "P3", "P3MID"),
    merge("C12", "P3OLD", "P3"),
    merge("C13", "P3", "P3"),
    # One control id, three contents; the first sent came again later, under another time.
    image(4, "P4", "A4"),
    report("C14", "P4", "A4", "F", "021000", NONE, sent="1100"),
    report("C14", "P4", "A4", "F", "021000", NONE, sent="1400"),
    report("C14", "P4", "A4", "F", "021000", FRACTURE, sent="1200"),
    report("C14", "P4", "A4", "F", "021001", FRACTURE, sent="1130"),
    # One report for two studies, of which one never comes; and one of nothing.
    image(5, "P5", "A5"),
    report("C15", "P5", "A5 A6", "F", "021000", FRACTURE),
    report("C16", "P7", "A7", "F", "021000", FRACTURE),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    init(home, SITE)
    file = home / "sites" / f"{SITE}.yaml"
    given_settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(given_settings, allow_unicode=True), encoding="utf-8")
    (home / "offered").write_bytes(b"x")
    night.begin(config.load(home), SITE, [DAY])
    return home


@contextmanager
def copied(made: Path) -> Iterator[Config]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(shutil.copytree(made, Path(folder) / "home"))
        yield config.load(home)


def deliver(loaded: Config, places: list[tuple[str, bytes | Instance]]) -> None:
    """Take these offers in this order as a night does, and bring the studies up to date."""
    site = loaded.site(SITE)
    mask = Pseudonymiser(read_key(loaded.key(SITE)))
    gate = Intake(site, DAY, NOW, mask, loaded.spool(SITE), loaded.quarantine(SITE), frozenset({"wrist"}))
    chunk: list[Read] = []
    for number, (place, item) in enumerate(places):
        content = item if isinstance(item, bytes) else repr(item).encode()
        path = loaded.home / "inbox" / f"{number}"
        path.write_bytes(content)
        source = "messages" if isinstance(item, bytes) else "images"
        entries: Any = messages.read(item, "hl7", None, site, NOW) if isinstance(item, bytes) else [item]
        chunk.append(Read(Offered(source, path, place, "1"), hashlib.sha256(content).hexdigest(), entries))
    intake._commit(loaded, gate, chunk)
    night.label_reports(loaded, SITE, [DAY])
    with connect.writer(loaded.warehouse) as connection:
        ledger.settle_matches(connection, SITE)
        study.rebuild(connection, SITE)


def state(loaded: Config) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that must not depend on the order; `offer_id` says which of two equal offers came first."""
    queries = {
        "study": "select * from study order by study_uid",
        "report": "select * exclude (offer_id) from report_event order by message_id",
        "label": "select * from report_label order by message_id",
        "match": "select * from report_match order by all",
        "order": "select * exclude (offer_id) from order_event order by message_id",
        "person": "select * from person order by all",
        "ledger": "select kind, outcome, reasons, coalesce(message_id, instance_uid) as what from ledger"
        " where outcome <> 'duplicate' order by all",
    }
    with connect.writer(loaded.warehouse) as connection:
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


@pytest.fixture(scope="module")
def expected(made: Path) -> dict[str, list[tuple[Any, ...]]]:
    with copied(made) as loaded:
        deliver(loaded, [(str(number), item) for number, item in enumerate(ITEMS)])
        return state(loaded)


def test_the_day_is_what_it_should_be(made: Path, expected: Any) -> None:
    with copied(made) as loaded:
        deliver(loaded, [(str(number), item) for number, item in enumerate(ITEMS)])
        mask = Pseudonymiser(read_key(loaded.key(SITE)))
        with connect.writer(loaded.warehouse) as connection:
            found = connection.execute("select study_uid, report_state, report_label, ordered from study").fetchall()
            outcomes = connection.execute(
                "select outcome, count(*) from ledger where kind = 'message' group by all"
            ).fetchall()
    studies = {uid: tuple(rest) for uid, *rest in found}
    ordered = datetime(2026, 3, 2, 5, 30, tzinfo=UTC)
    assert studies == {
        mask.of("study_uid", "1.2.1"): ("corrected", "present", ordered),
        mask.of("study_uid", "1.2.2"): ("withdrawn", None, None),
        mask.of("study_uid", "1.2.3"): ("final", "present", None),
        mask.of("study_uid", "1.2.4"): ("final", "absent", None),
        mask.of("study_uid", "1.2.5"): ("final", "present", None),
    }
    assert dict(outcomes) == {
        "accepted": 6,  # C1, C2, C3, C7, C9, one C14
        "accepted_flagged": 2,  # C8 withdraws, C15 has one of its two studies
        "accepted_not_inferred": 6,  # orders and merges
        "conflict": 2,  # the other contents of C14
        "duplicate": 1,
        "quarantined": 1,  # C4 is another patient's
        "unmatched": 1,
    }
    assert expected["person"] and len(expected["person"]) == 3


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_order_of_arrival_changes_nothing(made: Path, expected: Any, data: st.DataObject) -> None:
    offers = [(str(number), item) for number, item in enumerate(ITEMS)]
    again = data.draw(st.lists(st.sampled_from(offers), max_size=6))
    offers += [(f"again {number}", item) for number, (_, item) in enumerate(again)]
    shuffled = data.draw(st.permutations(offers))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(offers)), max_size=2)))
    with copied(made) as loaded:
        for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
            deliver(loaded, shuffled[start:end])
        assert state(loaded) == expected
        with connect.writer(loaded.warehouse) as connection:
            assert connection.execute("select count(*) from ledger").fetchall() == [(len(offers),)]
