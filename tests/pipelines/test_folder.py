import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.errors import SourceUnreachableError
from pipelines.sources.folder import stable

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def put(path: Path, age: float, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (NOW.timestamp() - age,) * 2)
    return path


def places(root: Path, seconds: float = 30) -> list[str]:
    return [offered.place for offered in stable("images", root, NOW, seconds)]


def test_any_nesting_and_any_ending_in_path_order(tmp_path: Path) -> None:
    for name in ("b/2/IM0001", "a.dcm", "b/1/x.bin", "Étude 1/é.dcm"):
        put(tmp_path / name, 60)
    assert places(tmp_path) == ["a.dcm", "b/1/x.bin", "b/2/IM0001", "Étude 1/é.dcm"]


def test_a_file_still_being_written_waits(tmp_path: Path) -> None:
    put(tmp_path / "new.dcm", 5)
    put(tmp_path / "old.dcm", 31)
    put(tmp_path / "old.dcm.part", 1000)
    put(tmp_path / ".hidden", 1000)
    assert places(tmp_path) == ["old.dcm"]


def test_a_file_from_a_wrong_clock_is_not_lost(tmp_path: Path) -> None:
    put(tmp_path / "future.dcm", -86400)
    assert places(tmp_path) == ["future.dcm"]


def test_links_out_of_the_source_are_not_followed(tmp_path: Path) -> None:
    secret = put(tmp_path / "elsewhere" / "secret", 60)
    root = tmp_path / "in"
    put(root / "a.dcm", 60)
    (root / "link").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "loop").symlink_to(root)
    assert places(root) == ["a.dcm"]


def test_a_pipe_does_not_stop_the_night(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.utime(tmp_path / "pipe", (0, 0))
    assert places(tmp_path) == []


def test_a_missing_folder_is_an_unreachable_source(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachableError, match="source images"):
        places(tmp_path / "nowhere")


def test_the_stamp_tells_a_changed_file_from_the_same(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dcm", 60, "one")
    first = next(stable("images", tmp_path, NOW, 30)).stamp
    assert next(stable("images", tmp_path, NOW, 30)).stamp == first
    put(path, 50, "two")
    assert next(stable("images", tmp_path, NOW, 30)).stamp != first
