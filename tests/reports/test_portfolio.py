"""Shares, times and reasons from counts of which some are withheld; peers that nobody can name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from statsmodels.stats.proportion import proportion_confint

from reports import small_charts
from reports.attention import RULES, Reason, lag, next_step, reasons, sentence
from reports.hub_month import HubMonth, hub_month, quantile
from reports.language import language
from reports.portfolio import Line, Portfolio, months_up_to, peers, with_statuses
from reports.portfolio_book import workbook
from reports.trend import Point, signals
from warehouse import hub_sites
from warehouse.hub_sites import PartnerSite
from warehouse.status import Heard, Status

EN = language("en")
LAST_THREE = ("2026-08", "2026-09", "2026-10")
TODAY = date(2026, 11, 20)
SITE = PartnerSite(
    "north", "Nord", "FR", "fr", "public", "armor", "p.novak", 400, None, "live", True, "0" * 64,
    datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip
FREE = replace(SITE, contract_studies_per_month=None)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "site": "north", "month": "2026-10", "studies": 400, "flagged": 100, "not_flagged": 300, "positive": 80,
        "doubtful": 20, "negative": 296, "flagged_fracture": 50, "flagged_no_fracture": 40, "flagged_not_compared": 10,
        "not_flagged_fracture": 12, "not_flagged_no_fracture": 250, "not_flagged_not_compared": 38, "within_24": 300,
        "not_within_24": 100, "within_hours": [100, 100, 50, 50], "later_hours": [50, 20, 10], "later": 80,
        "unreported": 20, "regions": [0, 0, 200, *[0] * 10, 200, *[0] * 5], "files": 900, "files_accepted": 860,
        "files_flagged": None, "files_out_of_scope": 20, "sign_ins": None, "cases_opened": 100, "judged": 60,
        "nights_complete": 30, "nights_late": 1, "nights_failed": 0, "nights_missed": 0, "missed_at_end": 0,
        "failed_steps": 0, "restored": 0, "turnaround_target_hours": 24.0, "model": "default", "model_version": "0.4.0",
        "program": "0.1.0", "restated": False,
    } | changes  # fmt: skip


def test_a_month_with_every_count_is_as_computed_by_hand() -> None:
    month = hub_month(row())
    low, high = proportion_confint(80, 396, method="wilson")
    assert month.positive is not None and month.positive.exact
    assert (month.positive.value, month.positive.low, month.positive.high) == pytest.approx((80 / 396, low, high))
    assert month.agreement == pytest.approx((300 / 352, 300 / 352))
    assert month.confirmed and month.confirmed.value == pytest.approx(50 / 90)
    # 380 reported; the 190th is the 90th of the 100 between one and four hours.
    assert month.median_hours == pytest.approx(1 + 3 * 0.9)
    assert month.complete == pytest.approx(880 / 900)


def test_what_is_withheld_widens_and_never_invents() -> None:
    unsure = hub_month(row(negative=None))
    assert unsure.positive and not unsure.positive.exact and unsure.positive.denominator == 400
    assert hub_month(row(positive=None, doubtful=None)).positive is None
    # Missed fractures and studies not compared are withheld together: 50 in all.
    month = hub_month(row(not_flagged_fracture=None, not_flagged_not_compared=None))
    assert month.agreement == pytest.approx((300 / (300 + 40 + 50), 300 / (300 + 40)))
    # All of the flagged ones' reports but the fractures: too wide to say.
    assert hub_month(row(flagged_fracture=None, flagged_no_fracture=None)).agreement is None
    assert hub_month(row(flagged=None, flagged_fracture=None)).agreement is None
    # Two bins withheld: 100 between them.
    assert hub_month(row(within_hours=[None, None, 100, 100])).median_hours == pytest.approx(4 + 8 * 0.9)
    assert hub_month(row(within_24=None)).median_hours is None
    assert hub_month(row(studies=None, within_24=None)).within_24 is None


def test_a_quantile_beyond_what_is_known_is_not_given() -> None:
    assert quantile([10, 10], 100, 0.5) is None
    assert quantile([], 0, 0.5) is None
    assert quantile([0, 10], 10, 0.5) == pytest.approx(2.5)


def history(n: int = 13, **last: Any) -> list[HubMonth]:
    names = months_up_to("2026-10", n)
    volumes = [395 + 10 * (place % 3) for place in range(n)]
    months = [hub_month(row(month=name, studies=volume)) for name, volume in zip(names, volumes, strict=True)]
    return [*months[:-1], hub_month(row(**last))]


def found(
    months: list[HubMonth], site: PartnerSite = SITE, today: date = TODAY, versions: tuple[str, ...] = ("0.4.0",)
) -> list[Reason]:
    trends = {
        "volume": signals([Point(m.month, m.studies) for m in months if m.studies is not None], "xmr"),
        "positive": signals(
            [Point(m.month, m.positive.value, m.positive.denominator) for m in months if m.positive], "p"
        ),
    }
    return reasons(site, months, trends, versions, datetime(2026, 11, 10, tzinfo=UTC), today)


def test_a_site_that_is_well_has_no_reason() -> None:
    assert found(history()) == []


@pytest.mark.parametrize(
    ("rule", "months", "more"),
    [
        ("silent", history(), {"today": date(2026, 12, 20)}),
        ("silent_nights", history(missed_at_end=3, nights_missed=3), {}),
        ("volume", history(studies=200, within_24=None, flagged=None, positive=None), {"site": FREE}),
        ("contract", history(), {"site": replace(SITE, contract_studies_per_month=700)}),
        ("usage", [*history(6)[:3], *(hub_month(row(month=name, cases_opened=None)) for name in LAST_THREE)], {}),
        ("turnaround", history(turnaround_target_hours=2.0), {}),
        ("drift", history(positive=170, negative=226), {}),
        ("nights", history(nights_failed=2, nights_missed=2), {}),
        ("completeness", history(files_accepted=700), {}),
        ("model", history(), {"versions": ("0.3.0", "0.4.0", "0.5.0", "0.6.0")}),
        ("onboarding", history(), {"site": replace(SITE, stage="shadow")}),
    ],
)
def test_each_rule_is_met_alone_and_said_in_both_languages(
    rule: str, months: list[HubMonth], more: dict[str, Any]
) -> None:
    (reason,) = found(months, **more)
    assert reason.rule == rule
    for code in ("fr", "en"):
        words = language(code)
        assert "%(" not in sentence(words, reason) and len(sentence(words, reason)) > 20
        assert next_step(words, reason)
    assert rule in RULES


def test_a_drop_without_a_signal_and_a_signal_without_a_drop_are_no_reason() -> None:
    few = history(8, studies=200, within_24=None, flagged=None, positive=None)
    assert found(few, replace(SITE, contract_studies_per_month=None)) == []  # no chart before twelve months
    assert found(history(studies=340, within_24=None, flagged=None, positive=None)) == []


def test_versions_behind() -> None:
    month = hub_month(row())
    assert lag(month, ("0.3.0", "0.4.0")) == 0 and lag(month, ("0.4.0", "0.5.0")) == 1
    assert lag(month, ("1.0",)) is None and lag(month, ()) is None


def line(name: str, month: HubMonth, **changes: Any) -> Line:
    return Line(replace(SITE, site=name, name=name, **changes), (month,), {}, (), None, None)


class Hub:
    """What `peers` asks of the hub: sites and rows of the month."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, others: list[tuple[PartnerSite, dict[str, Any]]]) -> None:
        monkeypatch.setattr(hub_sites, "sites", lambda _: [SITE, *(site for site, _ in others)])
        monkeypatch.setattr(hub_sites, "months", lambda *_: [row(), *(each for _, each in others)])


def test_peers_are_like_live_willing_and_at_least_five(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(
        name: str, stage: str = "live", benchmark: bool = True, **changes: Any
    ) -> tuple[PartnerSite, dict[str, Any]]:
        return replace(SITE, site=name, stage=stage, benchmark=benchmark), row(site=name, **changes)

    here = line("north", hub_month(row(positive=80)))
    alike = [other(f"p{n}", positive=70 + 5 * n) for n in range(5)]
    unlike = [
        other("large", studies=900),
        other("other mix", regions=[400, *[0] * 18]),
        other("shadow", stage="shadow"),
        other("unwilling", benchmark=False),
        other("earlier", month="2026-09"),
    ]
    connection: Any = Hub(monkeypatch, [*alike[:4], *unlike])
    assert peers(connection, here) == []
    connection = Hub(monkeypatch, [*alike, *unlike])
    shown = {each.figure: each for each in peers(connection, here)}
    positive = shown["positive"]
    # 70, 75, 80, 85, 90 of 396, in whole points: 18, 19, 20, 21, 23.
    assert (positive.low, positive.median, positive.high, positive.n) == (0.19, 0.2, 0.21, 5)


def test_a_workbook_holds_no_formula_whatever_the_names_are() -> None:
    hostile = replace(line("a", hub_month(row())), reasons=(Reason("nights", {"nights": 4, "month": "2026-10"}),))
    hostile = replace(hostile, site=replace(SITE, name='=HYPERLINK("http://x")', site_group="+1+1", manager="@SUM(A1)"))
    with ZipFile(BytesIO(workbook([hostile], EN))) as book:
        names = book.namelist()
        sheets = [book.read(name).decode() for name in names if name.startswith("xl/worksheets/sheet")]
        texts = book.read("xl/sharedStrings.xml").decode()
    assert len(sheets) == 3 and not any("<f>" in sheet or "hyperlink" in sheet for sheet in sheets)
    assert "=HYPERLINK(&quot;" in texts or '=HYPERLINK("' in texts


def test_drawings_say_what_they_show_and_escape_names() -> None:
    assert small_charts.sparkline([None, None], "x") == ""
    drawn = small_charts.sparkline([1, None, 3], 'a"<b>')
    assert 'aria-label="a&#34;&lt;b&gt;"' in drawn and "style=" not in drawn
    dots = [
        small_charts.Dot(400, 0.2, "<script>"),
        small_charts.Dot(900, 0.2, "b"),
        small_charts.Dot(300, 0.45, "odd"),
        small_charts.Dot(2000, 0.2, "d"),
    ]
    assert [dot.name for dot in small_charts.outside(dots)] == ["odd"]
    assert (
        "<script>" not in small_charts.funnel(dots, "x", "n")
        and small_charts.funnel(dots, "x", "n").count('class="odd"') == 1
    )
    series = small_charts.Series(
        months=["2026-01", "2026-02", "2026-03"],
        values=[1, None, 2],
        labels=["", "", "c"],
        tips=["1", "", "2"],
        ticks=[(2, "2")],
        mean=1.5,
        limits=[(0, 3), None, (0, 3)],
        odd=frozenset({"2026-03"}),
        notes=frozenset({"2026-01"}),
    )
    chart = small_charts.history(series, "x")
    # A month that is not known leaves a gap: two moves, no line across.
    assert chart.count("M") == 3 and chart.count('class="odd"') == 1 and chart.count('class="note"') == 1


def heard(day: str, nights: dict[str, str], alarms: tuple[str, ...] = ()) -> Heard:
    told = {
        "schema": "bilan-status/1", "site": "north", "seq": 1, "made_on": day, "program": "0.1.0", "model": "default",
        "model_version": "0.4.0", "nights": [{"day": name, "state": state} for name, state in nights.items()],
        "alarms": list(alarms),
    }  # fmt: skip
    return Heard(Status.model_validate(told), datetime.fromisoformat(f"{day}T08:00:00+00:00"))


RAN = {"2026-11-15": "complete", "2026-11-16": "late"}


@pytest.mark.parametrize(
    ("told", "rules"),
    [
        # Today is the 20th; the night of the 19th has not told anything yet.
        (heard("2026-11-20", {"2026-11-18": "complete", "2026-11-19": "failed"}), []),
        (heard("2026-11-18", {"2026-11-17": "complete"}), []),
        (heard("2026-11-17", RAN), ["quiet"]),  # the machine said nothing any more
        (heard("2026-11-20", {**RAN, "2026-11-17": "failed", "2026-11-18": "missed"}, ("night_late",)), ["quiet"]),
        (heard("2026-11-20", {"2026-11-16": "failed", "2026-11-17": "running"}), ["quiet"]),
        (heard("2026-11-20", {"2026-11-19": "complete"}, ("ris_silent", "no_images")), ["alarms"]),
        (heard("2026-11-20", {}), []),  # before its first night
    ],
)
def test_three_silent_nights_are_seen_within_the_month(told: Heard, rules: list[str]) -> None:
    site = line("north", hub_month(row()))
    monthly = replace(site, reasons=(Reason("silent_nights", {"nights": 3, "month": "2026-10"}), Reason("contract")))
    (after,) = with_statuses(Portfolio((monthly,), ()), {"north": told}, TODAY).lines
    # What the month said of its last nights is old news.
    assert [reason.rule for reason in after.reasons] == [*rules, "contract"]
    assert after.contact == told.received_at
    for reason in after.reasons[:-1]:
        for code in ("fr", "en"):
            assert "%(" not in sentence(language(code), reason)
    setting_up = replace(monthly, site=replace(SITE, stage="set_up"))
    (waiting,) = with_statuses(Portfolio((setting_up,), ()), {"north": told}, TODAY).lines
    assert [reason.rule for reason in waiting.reasons] == ["contract"]
    assert with_statuses(Portfolio((monthly,), ()), {"south": told}, TODAY).lines == (monthly,)
