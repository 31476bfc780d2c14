"""Which images are still to be judged, by the model that flags and by one in its shadow; whose findings count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from warehouse import cases, models, pending, study
from warehouse.load import load
from warehouse.rows import ModelRow

SHADOW = {"model_sha256": "bb", "model_name": "second", "model_version": "2"}


@pytest.fixture
def images(connection: Any, make: Any) -> list[Any]:
    """Four images of two studies in scope, on two days, and one out of scope."""
    load(connection, "model", [ModelRow("bb", "second", "2", 0.05, 0.1, datetime(2025, 2, 1, tzinfo=UTC))])
    first = [make.instance("1", number) for number in range(2)]
    later = make.noon + timedelta(days=1)
    second = [make.instance("2", number, acquired_at=later) for number in range(2)]
    out = make.instance("3", in_scope=False)
    days = [date(2025, 3, 10)] * 2 + [date(2025, 3, 11)] * 2 + [date(2025, 3, 10)]
    make.keep(connection, "instance", [*first, *second, out], day=days)
    return [*first, *second]


def masked(make: Any, *found: Any) -> list[str]:
    return [make.mask.of("instance_uid", image.instance_uid) for image in found]


def test_an_image_is_judged_once_and_a_failure_is_tried_again_after_the_new_ones(
    connection: Any, make: Any, images: list[Any]
) -> None:
    make.keep(connection, "finding", [make.finding(images[0], None), make.finding(images[1], 0.7)])
    found = pending.images(connection, make.site)
    assert [image.instance_uid for image in found[:2]] == sorted(masked(make, *images[2:]))
    assert [image.instance_uid for image in found[2:]] == masked(make, images[0])
    assert [(image.failed_model, image.failed_reason) for image in found] == [
        (None, None),
        (None, None),
        ("aa", "MODEL_FAILED"),
    ]
    # Another model that succeeds ends it; the shadow's finding never does.
    make.keep(connection, "finding", [make.finding(images[0], 0.2, model_sha256="cc")])
    make.keep(connection, "finding", [make.finding(images[2], 0.9, **SHADOW)], role="shadow")
    assert {image.instance_uid for image in pending.images(connection, make.site)} == set(masked(make, *images[2:]))


def test_a_shadow_judges_the_days_from_its_start_on_whatever_was_flagged(
    connection: Any, make: Any, images: list[Any]
) -> None:
    make.keep(connection, "finding", [make.finding(image, 0.7) for image in images])
    make.keep(connection, "finding", [make.finding(images[2], None, **SHADOW)], role="shadow")
    found = pending.shadow_images(connection, make.site, "bb", date(2025, 3, 11))
    assert [image.instance_uid for image in found] == masked(make, images[3], images[2])
    assert [image.failed_reason for image in found] == [None, "MODEL_FAILED"]
    assert len(pending.shadow_images(connection, make.site, "bb", date(2025, 3, 10))) == 4
    # The model that flags has judged them already, and needs no shadow of itself.
    assert pending.shadow_images(connection, make.site, "aa", date(2025, 3, 10)) == []


def test_a_shadow_reaches_neither_the_studys_result_nor_its_pictures(
    connection: Any, make: Any, images: list[Any]
) -> None:
    make.keep(connection, "finding", [make.finding(image, 0.2) for image in images[:2]])
    later = make.noon + timedelta(days=9)
    shadow = [make.finding(image, 0.99, ai_completed=later, **SHADOW) for image in images]
    make.keep(connection, "finding", shadow, role="shadow")
    study.rebuild(connection, make.site)
    rows = connection.execute(
        "select ai_result, score, images_inferred, model_sha256, ai_completed from study order by day"
    ).fetchall()
    assert rows[0][:4] == ("negative", 0.2, 2, "aa")
    assert rows[0][4] == make.noon + timedelta(hours=16)
    assert rows[1] == ("not_processed", None, 0, None, None)
    for number, scores in (("1", [0.2, 0.2]), ("2", [None, None])):
        found = cases.case(connection, make.site, make.mask.of("study_uid", f"CANARY-{number}"))
        assert found is not None
        assert [image.score for image in found.images] == scores


@pytest.mark.parametrize(
    ("regions", "region", "outside"),
    [
        (("wrist",), "wrist", False),
        (("hand",), "wrist", True),
        (("hand",), None, True),
        (None, "wrist", False),
    ],
)
def test_a_region_that_the_model_was_not_validated_on_is_outside_its_scope(
    connection: Any, make: Any, regions: Any, region: Any, outside: bool
) -> None:
    models.remember(connection, ModelRow("dd", "fourth", "4", 0.3, 0.6, make.noon, regions))
    image = make.instance("1", region=region)
    make.keep(connection, "instance", [image])
    make.keep(connection, "finding", [make.finding(image, 0.7, model_sha256="dd")])
    study.rebuild(connection, make.site)
    found = cases.case(connection, make.site, make.mask.of("study_uid", "CANARY-1"))
    assert found is not None
    assert found.outside_scope is outside


def test_what_is_known_of_a_model_stays_and_what_was_not_kept_is_filled_in(connection: Any, make: Any) -> None:
    first = connection.execute("select * exclude regions from model where model_sha256 = 'aa'").fetchall()
    models.remember(connection, ModelRow("aa", "renamed", "9", 0.1, 0.2, make.noon, ("hand",)))
    models.remember(connection, ModelRow("aa", "renamed", "9", 0.1, 0.2, make.noon, ("foot",)))
    assert connection.execute("select * exclude regions from model where model_sha256 = 'aa'").fetchall() == first
    assert connection.execute("select regions from model where model_sha256 = 'aa'").fetchall() == [(["hand"],)]
