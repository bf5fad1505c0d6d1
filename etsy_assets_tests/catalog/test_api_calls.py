"""The calls to Etsy as the catalog counts them, and the gate that its processes share."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from etsy_assets.catalog.api_calls import hour_of
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import ApiCalls, CallGate, QuotaReading
from etsy_assets_tests.catalog.samples import NOW, after

MORNING = QuotaReading(10, 9, 100_000, 99_999, NOW)


def test_calls_are_counted_by_hour_purpose_and_outcome(catalog: Catalog):
    for outcome in ("ok", "ok", "throttled"):
        catalog.record_call(hour_of(NOW), "batches", outcome, None)
    catalog.record_call(hour_of(after(hours=1)), "reviews", "ok", None)
    assert catalog.api_calls(NOW) == [
        ApiCalls(NOW, "batches", "ok", 2),
        ApiCalls(NOW, "batches", "throttled", 1),
        ApiCalls(after(hours=1), "reviews", "ok", 1),
    ]
    assert [calls.purpose for calls in catalog.api_calls(after(minutes=1))] == ["reviews"]


def test_the_latest_quota_is_the_newest_reading(catalog: Catalog):
    assert catalog.latest_quota() is None
    cut = QuotaReading(None, None, 5_000, 4_999, after(hours=9))
    for reading in (cut, MORNING):
        catalog.record_call(hour_of(reading.read_at), "batches", "ok", reading)
    assert catalog.latest_quota() == cut
    again = replace(cut, remaining_today=4_998)
    catalog.record_call(hour_of(NOW), "batches", "ok", again)
    assert catalog.latest_quota() == again


def test_readings_are_kept_one_an_hour_and_one_for_each_other_limit(catalog: Catalog):
    readings = [
        replace(MORNING, remaining_today=left, limit_per_day=limit, read_at=after(minutes=minutes))
        for minutes, limit, left in [(0, 100_000, 9), (1, 100_000, 8), (2, 5_000, 7), (3, 5_000, 6), (61, 5_000, 5)]
    ]
    for reading in readings:
        catalog.record_call(hour_of(reading.read_at), "batches", "ok", reading)
    assert catalog.quota_readings(NOW) == [readings[1], readings[3], readings[4]]


def test_the_gate_comes_back_as_it_was_stored(catalog: Catalog):
    assert catalog.call_gate() == CallGate()
    gate = CallGate(MORNING, 2, NOW, after(seconds=1), after(seconds=2), after(hours=24))
    assert catalog.change_call_gate(lambda _: gate) == gate
    assert catalog.call_gate() == gate


def test_a_change_that_raises_leaves_the_gate_as_it_was(catalog: Catalog):
    catalog.change_call_gate(lambda gate: replace(gate, unanswered=3))
    with pytest.raises(ZeroDivisionError):
        catalog.change_call_gate(lambda gate: replace(gate, unanswered=1 // 0))
    assert catalog.call_gate().unanswered == 3


def test_no_change_of_the_gate_is_lost_when_many_come_at_once(catalog: Catalog):
    def count(_: int) -> None:
        catalog.change_call_gate(lambda gate: replace(gate, unanswered=gate.unanswered + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(40)))
    assert catalog.call_gate().unanswered == 40
