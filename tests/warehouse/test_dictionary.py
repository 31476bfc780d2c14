"""The data dictionary: complete, and the one in docs."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from warehouse import dictionary
from warehouse.connect import apply_migrations
from warehouse.dictionary import UndocumentedError

ROOT = Path(__file__).parents[2]


def test_the_dictionary_in_docs_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert dictionary.main(["--check"]) == 0, "run python -m warehouse.dictionary"


def test_every_table_and_column_is_in_it() -> None:
    text = dictionary.current()
    with duckdb.connect(":memory:") as connection:
        apply_migrations(connection)
        tables = [name for (name,) in connection.execute("show tables").fetchall()]
        assert {"study", "report_match", "schema_version"} <= set(tables)
        for table in tables:
            section = text.split(f"## `{table}`")[1].split("\n## ")[0]
            for name, *_ in connection.execute(f"describe {table}").fetchall():
                assert section.count(f"| `{name}` |") == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("create table bare (a integer); comment on column bare.a is 'A.'", "bare"),
        ("comment on column study.score is null", "study.score"),
        ("comment on view report_match is null", "report_match"),
    ],
)
def test_what_has_no_comment_is_refused(change: str, named: str) -> None:
    with duckdb.connect(":memory:") as connection:
        apply_migrations(connection)
        connection.execute(change)
        with pytest.raises(UndocumentedError, match=f": {named}$"):
            dictionary.markdown(connection)


def test_it_is_written_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dictionary.main(["--check"]) == 1
    assert dictionary.main([]) == 0 and dictionary.main(["--check"]) == 0
    with dictionary.PATH.open("a", encoding="utf-8") as file:
        file.write("edited by hand\n")
    assert dictionary.main(["--check"]) == 1
