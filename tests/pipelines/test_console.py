"""What a command says when something is wrong: one sentence, what to do, and no traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.init import init

SITE = "north"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    init(tmp_path / "home", SITE)
    return tmp_path / "home"


def said(*arguments: object) -> str:
    told = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert told.exit_code == 2, told.output
    assert told.exception is None or isinstance(told.exception, SystemExit)
    return told.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("backup", "--to", "/nowhere/at/all/x.tar"), "No such file or directory, in the folder /nowhere/at/all"),
        (("night", "--site", SITE, "--date", "2100-01-01"), "nights can be run from 2024-01-01 to today"),
        (("night", "--site", SITE, "--date", "1999-12-31"), "older ones by `bilan backfill`"),
        (("backfill", "--site", SITE, "--from", "1900-01", "--to", "2026-09"), "is the year right?"),
        (("figures", "--site", SITE, "--month", "2026-10"), "nothing has been published yet"),
    ],
)
def test_one_sentence_says_what_to_do(home: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in said(*arguments, "--home", home)


def test_a_file_named_for_a_patient_is_not_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "CANARI.csv").mkdir()
    told = said("withdraw", tmp_path / "inside" / "CANARI.csv", "--site", SITE, "--home", home)
    assert "Traceback" not in told


@pytest.mark.parametrize(("command", "column"), [("withdraw", "study_uid"), ("oppose", "patient_id")])
def test_a_list_without_its_column_is_refused(home: Path, tmp_path: Path, command: str, column: str) -> None:
    (tmp_path / "list.csv").write_text("other\nCANARI\n")
    told = said(command, tmp_path / "list.csv", "--site", SITE, "--home", home)
    assert column in told
    assert "CANARI" not in told


def test_what_is_not_there_is_judged_and_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = said("check", "dicom", tmp_path / "gone.dcm", tmp_path / "empty")
    assert "no such file or folder" in told
    assert "nothing in the folder" in told
    assert "PARSE_ERROR: Unreadable" in told


def test_a_run_that_fails_is_not_hidden_by_one_that_did_not(home: Path) -> None:
    night = ["night", "--site", SITE, "--date", "2026-11-22", "--home", str(home)]
    assert CliRunner().invoke(app, night).exit_code == 0
    key = home / "keys" / f"{SITE}.key"
    away = key.rename(home / "keys" / "away")
    told = CliRunner().invoke(app, night)
    assert told.exit_code == 1
    assert "Night failed" in told.output
    assert "KeyFileError: the pseudonym key cannot be opened" in told.output
    away.rename(key)
    assert CliRunner().invoke(app, night).exit_code == 0


def test_a_night_that_can_write_nothing_names_the_folder(home: Path) -> None:
    (home / "data").rmdir() if (home / "data").is_dir() else None
    (home / "data").write_text("")  # a file where a folder must be: of root's writes a mode would stop none
    told = CliRunner().invoke(app, ["night", "--site", SITE, "--date", "2026-11-22", "--home", str(home)])
    assert told.exit_code == 2
    assert "bilan night` first" not in told.output
    assert f"({home / 'data'})" in told.output
