"""The calls to Etsy: how many were made for what, what became of them, and how many are left."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from etsy_assets.assets.call_chart import calls_chart
from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, failing_clearly
from etsy_assets.assets.groups import OWNERS, UPKEEP
from etsy_assets.catalog.records import ApiCalls, QuotaReading
from etsy_assets.etsy.call_budget import DAY, CallPurpose, calls_left, of_day, used_of_day
from etsy_assets.resources.stores import CatalogDatabase

NOT_DROPPED = "the_daily_limit_has_not_dropped"
# So long a drop is told of; then the lower limit is the usual one.
TOLD_FOR = timedelta(days=7)


@dg.asset(
    group_name=UPKEEP,
    kinds={"etsy", "sqlite"},
    owners=OWNERS,
    code_version="1",
    retry_policy=RETRY_PASSING_FAULTS,
    check_specs=[
        dg.AssetCheckSpec(
            NOT_DROPPED,
            asset="api_quota",
            description="Etsy allows as many calls a day as in the 7 days before. After a drop, plan for fewer.",
        )
    ],
)
def api_quota(context: dg.AssetExecutionContext, catalog_database: CatalogDatabase) -> dg.MaterializeResult:
    """The calls of the last 24 hours by purpose and outcome, and those that are left. It makes none itself."""
    now = datetime.now(UTC)
    with failing_clearly(), catalog_database.open() as catalog:
        gate, made = catalog.call_gate(), catalog.api_calls(now - 2 * DAY)
        readings = catalog.quota_readings(now - TOLD_FOR)
    used, failed = used_of_day(made, now), failures(made, now)
    newest = readings[-1] if readings else None
    context.log.info("%d calls in 24 hours, %d of them failed", used.total(), failed.total())
    return dg.MaterializeResult(
        metadata={
            "calls_left_today": calls_left(gate, made, now),
            "limit_per_day": newest.limit_per_day if newest else None,
            "limit_per_second": newest.limit_per_second if newest else None,
            "calls": used.total(),
            "failed_calls": failed.total(),
            **{f"calls_{purpose}": used[purpose] for purpose in CallPurpose},
            **{f"failed_{kind}": failed[kind] for kind in sorted(failed)},
            "chart": dg.MetadataValue.md(calls_chart(made, readings, now)),
        },
        check_results=[drop_result(readings)],
    )


def failures(made: Sequence[ApiCalls], now: datetime) -> Counter[str]:
    """{kind of failure: calls} of the time that used_of_day counts."""
    kinds: Counter[str] = Counter()
    for each in of_day(made, now):
        if each.failed:
            kinds[each.outcome] += each.calls
    return kinds


def drop_result(readings: Sequence[QuotaReading]) -> dg.AssetCheckResult:
    """readings: of the days that count, oldest first."""
    limits = [reading.limit_per_day for reading in readings if reading.limit_per_day is not None]
    highest, newest = (max(limits), limits[-1]) if limits else (0, 0)
    return dg.AssetCheckResult(
        check_name=NOT_DROPPED, passed=newest >= highest, metadata={"limit_per_day": newest, "highest": highest}
    )
