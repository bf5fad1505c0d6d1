"""The quota as it is shown, and the reviews, as assets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from etsy_assets.assets.api_quota import drop_result
from etsy_assets.catalog.api_calls import hour_of
from etsy_assets.catalog.records import QuotaReading
from etsy_assets_tests.assets.deployment import Deployment, checks_of, metadata_of
from etsy_assets_tests.assets.hasty import hasty_resources

NOW = datetime.now(UTC)


def readings(*limits: int | None) -> list[QuotaReading]:
    first = NOW - timedelta(hours=len(limits))
    return [QuotaReading(10, 9, limit, 5, first + timedelta(hours=hour)) for hour, limit in enumerate(limits)]


@pytest.mark.parametrize(
    ("limits", "passed"),
    [((), True), ((5000,), True), ((5000, 10_000), True), ((100_000, 5000), False), ((100_000, None), True)],
)
def test_a_limit_that_dropped_raises_an_alarm(limits: tuple, passed: bool) -> None:
    assert drop_result(readings(*limits)).passed == passed


def test_the_quota_shows_the_calls_by_purpose_what_failed_and_what_is_left(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    shop = open_shop()
    deployed = copied(shop.url, resources=hasty_resources(shop.url))
    calls = sum(shop.requests().operations.values())
    assert deployed.run("crawl_newest").success
    with deployed.catalog() as catalog:
        for reading in readings(100_000):
            catalog.record_call(hour_of(NOW), "batches", "throttled", reading)
    made = sum(shop.requests().operations.values()) - calls
    run = deployed.run("report_quota")
    shown = metadata_of(run, "api_quota")
    assert shown["calls_newest_listings"] >= made > 0
    assert (shown["failed_calls"], shown["failed_throttled"]) == (1, 1)
    assert shown["calls_left_today"] == shop.site.quota.per_day - made
    assert shown["chart"].startswith("![calls of the last 24 hours](data:image/jpeg;base64,")
    assert len(shown["chart"]) < 100_000
    assert checks_of(run)["api_quota", "the_daily_limit_has_not_dropped"].passed

    shop.site.quota.per_day = 5000
    assert deployed.run("crawl_newest").success
    run = deployed.run("report_quota")
    check = checks_of(run)["api_quota", "the_daily_limit_has_not_dropped"]
    assert (check.passed, check.metadata["limit_per_day"].value, check.metadata["highest"].value) == (
        False,
        5000,
        100_000,
    )
    assert metadata_of(run, "api_quota")["limit_per_day"] == 5000


def test_the_quota_of_a_new_catalog_is_empty_and_not_an_error(deploy: Callable[..., Deployment]) -> None:
    run = deploy().run("report_quota")
    assert run.success
    assert metadata_of(run, "api_quota")["calls"] == 0


def test_reviews_of_known_shops_are_read_and_the_stage_says_how_far(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    shop = open_shop()
    deployed = copied(shop.url, resources=hasty_resources(shop.url))
    config = {"ops": {"reviews": {"config": {"most_shops": 2}}}}
    shown = metadata_of(deployed.run("crawl_reviews", config=config), "reviews")
    assert (shown["shops_read"], shown["shops_scanned"]) == (2, 2)
    shown = metadata_of(deployed.run("crawl_reviews"), "reviews")
    assert shown["dagster/row_count"] == sum(len(stocked.reviews) for stocked in shop.shop.listings())
    assert shown["stopped_because"] == "every shop that was due is read"


@pytest.mark.parametrize(("setting", "running"), [("on", True), ("off", False)])
def test_reviews_can_be_switched_off(deploy: Callable[..., Deployment], setting: str, running: bool) -> None:
    schedules = deploy(REVIEWS=setting).definitions.get_repository_def().schedule_defs
    (reviews,) = [schedule for schedule in schedules if schedule.name == "crawl_reviews_schedule"]
    assert (reviews.default_status is dg.DefaultScheduleStatus.RUNNING) == running
