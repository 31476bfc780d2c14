from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from pipelines import config
from pipelines.errors import ConfigError
from pipelines.init import init

SITE = {
    "name": "Hôpital d'essai",
    "country": "FR",
    "language": "fr",
    "time_zone": "Europe/Paris",
    "sector": "public",
    "sources": [{"name": "images", "type": "folder", "path": "/tmp/x", "content": "dicom"}],
}


def write(home: Path, **changes: object) -> Path:
    (home / "sites").mkdir(parents=True, exist_ok=True)
    (home / "bilan.yaml").write_text("workers: 1\n")
    (home / "sites" / "essai.yaml").write_text(
        yaml.safe_dump({**SITE, **changes}, allow_unicode=True), encoding="utf-8"
    )
    return home


def problems(home: Path) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        config.load(home)
    return [(problem.file, problem.field) for problem in caught.value.problems]


def test_what_init_writes_can_be_read(tmp_path: Path) -> None:
    init(tmp_path / "home")
    loaded = config.load(tmp_path / "home")
    assert list(loaded.sites) == ["example"]
    assert loaded.key("example").stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(loaded.key("example").read_text())) == 32


def test_init_leaves_an_existing_home_alone(tmp_path: Path) -> None:
    init(tmp_path / "home")
    before = (tmp_path / "home" / "keys" / "example.key").read_text()
    with pytest.raises(ConfigError):
        init(tmp_path / "home")
    assert (tmp_path / "home" / "keys" / "example.key").read_text() == before


def test_two_homes_have_different_keys(tmp_path: Path) -> None:
    init(tmp_path / "a")
    init(tmp_path / "b")
    assert (tmp_path / "a/keys/example.key").read_text() != (tmp_path / "b/keys/example.key").read_text()


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    home = write(tmp_path, country="france", time_zone="Paris", langage="fr", sector="mixed")
    (home / "sites" / "Bad Name.yaml").write_text("{}")
    (home / "sites" / "broken.yaml").write_text("name: [\n")
    found = problems(home)
    assert set(found) == {
        ("sites/Bad Name.yaml", "file"),
        ("sites/broken.yaml", "line 2"),
        ("sites/essai.yaml", "country"),
        ("sites/essai.yaml", "time_zone"),
        ("sites/essai.yaml", "langage"),
        ("sites/essai.yaml", "sector"),
    }


def test_a_misspelt_key_is_answered_with_the_right_one(tmp_path: Path) -> None:
    write(tmp_path, oppening={"start": "08:00"})
    with pytest.raises(ConfigError, match="did you mean `opening`"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": {"doubtful": 0.9, "positive": 0.1}}, "model"),
        ({"pacs_link": "javascript:alert(1)"}, "pacs_link"),
        ({"pacs_link": "https://pacs/{patient_name}"}, "pacs_link"),
        ({"night": {"hour": "25:00"}}, "night.hour"),
        ({"report": {"accent": "red; background: url(x)"}}, "report.accent"),
        ({"sources": []}, "sources"),
        ({"sources": SITE["sources"] * 2}, "sources"),
        ({"sources": [{"name": "a", "type": "fax"}]}, "sources.0.type"),
        ({"sources": [{"name": "a", "path": "/tmp/x", "content": "dicom"}]}, "sources.0"),
        ({"sources": [{"name": "a", "type": "cstore", "port": 11112}]}, "sources.0.calling"),
        ({"sources": [{"name": "a", "type": "cstore", "port": 11112, "calling": []}]}, "sources.0.calling"),
        ({"sources": [{"name": "a", "type": "cstore", "port": 1, "calling": ["A\\B"]}]}, "sources.0.calling.0"),
        ({"sources": [{"name": "a", "type": "mllp", "port": 70000}]}, "sources.0.port"),
        ({"sources": [{"name": "a", "type": "mllp", "port": 2575, "tls": {}}]}, "sources.0"),
        ({"disclosure": {"small_cell": 0}}, "disclosure.small_cell"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, object], field: str) -> None:
    assert problems(write(tmp_path, **changes)) == [("sites/essai.yaml", field)]


def test_an_unknown_site_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known sites: essai"):
        config.load(write(tmp_path)).site("other")


def test_the_simulated_clock_reads_the_night_hour_of_the_next_morning(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "bilan.yaml").write_text("simulated_clock: true\n")
    loaded = config.load(tmp_path)
    # 05:00 in Paris: 04:00 UTC in winter, 03:00 in summer, also on the morning the clocks change.
    assert loaded.now("essai", date(2026, 1, 10)) == datetime(2026, 1, 11, 4, tzinfo=UTC)
    assert loaded.now("essai", date(2026, 3, 28)) == datetime(2026, 3, 29, 3, tzinfo=UTC)
