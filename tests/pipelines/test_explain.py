"""A figure explained, against the rows that it was made from; its studies only for those who may see them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines import explain, users
from pipelines.cli import app
from pipelines.config import Config
from warehouse import audit, connect
from warehouse.figure import definitions, figures
from warehouse.publish import publish

HOME = Callable[..., Config]
MONTH, SITE = "2026-06", "young"
LAST = date(2026, 6, 4)
PASSWORD = "a-Long-enough-phrase-7"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, month_home: HOME) -> Config:
    made = month_home(tmp_path_factory.mktemp("explain") / "home", (SITE, "tiny"))
    # A few days are enough: each study is asked for by itself.
    with connect.writer(made.warehouse) as connection:
        connection.execute("delete from study where site = 'young' and day > ?", [LAST])
    publish(made.warehouse, made.published)
    for login, role in (
        ("head@h.example", f"department_head@{SITE}"),
        ("other@h.example", "clinician@tiny"),
        ("admin@h.example", "administrator"),
        ("closed@h.example", f"clinician@{SITE}"),
    ):
        users.add(made, login, login, [role], password=PASSWORD)
    users.set_disabled(made, "closed@h.example", disabled=True)
    return made


def asked(config: Config, *options: str, typed: str = "") -> tuple[int, str]:
    command = ["explain", "--site", SITE, "--month", MONTH, "--home", str(config.home), *options]
    done = CliRunner().invoke(app, command, input=typed)
    return done.exit_code, done.stdout


def rows() -> list[Any]:
    made = sys.modules["simulated_sites"]
    (plan,) = [plan for plan in made.PLANS if plan.site == SITE]
    return [row for row in made.studies(plan) if row.day <= LAST]


def test_it_prints_definition_query_counts_and_exclusions_and_no_study(config: Config) -> None:
    code, text = asked(config, "--figure", "positive_rate")
    assert code == 0
    definition = definitions()["positive_rate"]
    for part in (definition.title.en, definition.definition.en.replace("'", "’"), figures()["positive_rate"].query):
        assert part in text
    results = [row.ai_result for row in rows()]
    judged = [result for result in results if result in ("positive", "doubtful", "negative")]
    assert f"= {judged.count('positive')} / {len(judged)}" in text
    assert f"left out, analysis failed: {results.count('failed')}" in text
    assert not any(row.study_uid in text for row in rows())


def test_as_data_it_holds_both_languages_and_no_study(config: Config) -> None:
    code, text = asked(config, "--figure", "positive_percent_agreement", "--json")
    told = json.loads(text)
    assert code == 0
    assert told["file"] == "agreement_cells.sql"
    assert set(told["definition"]) == {"fr", "en"}
    assert len(told["values"]) == 2
    assert "studies" not in told


def test_the_studies_behind_it_are_those_of_the_rows(config: Config) -> None:
    options = ("--figure", "positive_rate", "--json", "--studies-as", "head@h.example")
    code, text = asked(config, *options, typed=PASSWORD + "\n")
    assert code == 0
    told = {part["study"]: part for part in json.loads(text)["studies"]}
    assert set(told) == {row.study_uid for row in rows()}
    for row in rows():
        assert told[row.study_uid]["in_numerator"] is (row.ai_result == "positive")
        assert told[row.study_uid]["excluded"] == [row.ai_result] * (row.ai_result in ("failed", "not_processed"))
    (last,) = audit.latest(users.store(config), audit.Filter(event="studies_explained"), 1)
    assert last["site"] == SITE
    assert f"{MONTH} positive_rate" in last.values()


def test_a_region_is_told_of_its_own_studies(config: Config) -> None:
    account = explain.admitted(config, "head@h.example", PASSWORD, SITE)
    found = explain.explain(config, SITE, MONTH, "positive_rate_by_region", account=account)
    assert found.studies is not None
    for row, part in zip(sorted(rows(), key=lambda row: (row.day, row.study_uid)), found.studies, strict=True):
        assert part.counted == (({"region": row.region},) if row.ai_result == "positive" else ())


@pytest.mark.parametrize("figure", ["nights", "kappa", "report_turnaround", "discordances", "offered", "unreported"])
def test_where_studies_add_up_they_are_told_and_else_it_says_so(config: Config, figure: str) -> None:
    account = explain.admitted(config, "head@h.example", PASSWORD, SITE)
    found = explain.explain(config, SITE, MONTH, figure, account=account)
    assert found.asked
    if figure in ("nights", "offered"):
        assert found.studies is None
    else:
        assert found.studies is not None
        assert len(found.studies) == len(rows())
    if figure == "discordances":
        expected = {
            row.study_uid
            for row in rows()
            if (row.ai_result, row.report_label)
            in {("positive", "absent"), ("doubtful", "absent"), ("negative", "present")}
            and row.report_acuity != "followup"
            and row.report_final <= datetime(2026, 7, 8, tzinfo=UTC)
        }
        assert {part.study_uid for part in found.studies or () if part.counted} == expected


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("head@h.example", "wrong"),
        ("nobody@h.example", PASSWORD),
        ("other@h.example", PASSWORD),
        ("admin@h.example", PASSWORD),
        ("closed@h.example", PASSWORD),
    ],
)
def test_the_studies_need_the_right_and_the_password(config: Config, login: str, password: str) -> None:
    options = ("--figure", "positive_rate", "--json", "--studies-as", login)
    code, text = asked(config, *options, typed=password + "\n")
    assert code == 2
    assert text.strip() == ""


def test_a_name_that_is_none_is_answered_with_those_like_it(config: Config) -> None:
    with pytest.raises(explain.FigureError, match="positive_rate"):
        explain.explain(config, SITE, MONTH, "positive_rat")
    assert asked(config, "--figure", "no_figure")[0] == 2


def test_the_readers_copy_is_as_it_was(config: Config) -> None:
    before = Path(config.published).read_bytes()
    account = explain.admitted(config, "head@h.example", PASSWORD, SITE)
    explain.explain(config, SITE, MONTH, "volume", account=account)
    assert Path(config.published).read_bytes() == before
