"""A figure explained, against the rows that it was made from; its studies only for those who may see them."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from typer.testing import CliRunner

from pipelines import explain, trail, users
from pipelines.cli import app
from pipelines.config import Config
from reports.web import second_factor
from warehouse import accounts, audit, connect, sign_in_failures
from warehouse.figure import definitions, figures
from warehouse.publish import publish

HOME = Callable[..., Config]
MONTH, SITE = "2026-06", "young"
LAST = date(2026, 6, 4)
PASSWORD = "a-Long-enough-phrase-7"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, month_home: HOME) -> Config:
    machine = {"workers": 2, "web": {"second_factor": []}}
    made = month_home(tmp_path_factory.mktemp("explain") / "home", (SITE, "tiny"), machine)
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


def second_factor_of(config: Config, *roles: str) -> Config:
    """Return the configuration with a second factor asked of these roles."""
    web = config.machine.web.model_copy(update={"second_factor": roles})
    return replace(config, machine=config.machine.model_copy(update={"web": web}))


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
    if figure == "report_turnaround":
        told = {part.study_uid: part.counted[0]["hours"] for part in found.studies or () if part.counted}
        for row in rows():
            if row.study_uid in told and row.report_final and row.report_final <= datetime(2026, 7, 8, tzinfo=UTC):
                waited = (row.report_final - row.exam_completed).total_seconds() / 3600
                assert told[row.study_uid] == pytest.approx(waited)
        assert len(told) > 3
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


@pytest.fixture
def enrolled(config: Config) -> Iterator[tuple[str, pyotp.TOTP]]:
    """An account with a second factor, enrolled as the web application does."""
    login = f"{secrets.token_hex(4)}@h.example"
    users.add(config, login, login, [f"clinician@{SITE}"], password=PASSWORD)
    store, account = users.find(config, login)
    (config.home / "keys").mkdir(exist_ok=True)
    secret = second_factor.new_secret()
    locked = second_factor.locked(trail.key(config), account.user_id, secret)
    accounts.set_totp(store, account.user_id, locked, step=None, by=users.actor())
    yield login, pyotp.TOTP(secret)
    users.set_disabled(config, login, disabled=True)


def refusals(config: Config) -> list[dict[str, Any]]:
    found = audit.latest(users.store(config), audit.Filter(event="signed_in"), 100)
    return [dict(row) for row in found if row["outcome"] == 4]


def test_the_code_of_the_second_factor_is_asked_for_and_good_once(
    config: Config, enrolled: tuple[str, pyotp.TOTP]
) -> None:
    login, codes = enrolled
    options = ("--figure", "positive_rate", "--json", "--studies-as", login)
    now = codes.now()
    code, text = asked(config, *options, typed=f"{PASSWORD}\n{now}\n")
    assert code == 0
    assert {part["study"] for part in json.loads(text)["studies"]} == {row.study_uid for row in rows()}
    before = len(refusals(config))
    code, text = asked(config, *options, typed=f"{PASSWORD}\n{now}\n")
    assert (code, text.strip()) == (2, "")
    assert len(refusals(config)) == before + 1


def test_a_wrong_code_is_refused_and_told_in_the_trail(config: Config, enrolled: tuple[str, pyotp.TOTP]) -> None:
    login, codes = enrolled
    before = len(refusals(config))
    right = {codes.at(datetime.now(UTC) + timedelta(seconds=30 * shift)) for shift in (-2, -1, 0, 1, 2)}
    wrong = next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in right)
    with pytest.raises(explain.RightError, match="code"):
        explain.admitted(config, login, PASSWORD, SITE, lambda: wrong)
    with pytest.raises(explain.RightError, match="code"):
        explain.admitted(config, login, PASSWORD, SITE)
    assert len(refusals(config)) == before + 2
    assert all("second_factor" in str(row["detail"]) for row in refusals(config)[:2])
    assert explain.admitted(config, login, PASSWORD, SITE, codes.now).login == login


def test_no_code_is_asked_for_before_the_password_is_right(config: Config, enrolled: tuple[str, pyotp.TOTP]) -> None:
    def never() -> str:
        raise AssertionError

    with pytest.raises(explain.RightError, match="password"):
        explain.admitted(config, enrolled[0], "wrong", SITE, never)


def test_guessing_is_slowed_with_the_count_of_the_web_application(
    config: Config, enrolled: tuple[str, pyotp.TOTP]
) -> None:
    login, codes = enrolled
    store, account = users.find(config, login)
    for _ in range(sign_in_failures.ACCOUNT_LIMIT):
        sign_in_failures.note(store, f"code of {account.user_id}", "192.0.2.7", datetime.now(UTC))
    with pytest.raises(explain.RightError, match="too many"):
        explain.admitted(config, login, PASSWORD, SITE, codes.now)


def test_a_role_that_needs_a_second_factor_needs_it_here_too(config: Config) -> None:
    strict = second_factor_of(config, "department_head")
    with pytest.raises(explain.RightError, match="no second factor yet"):
        explain.admitted(strict, "head@h.example", PASSWORD, SITE)
