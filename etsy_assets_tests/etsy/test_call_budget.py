"""Who may call Etsy: by purpose, over a day that is always the last 24 hours, and at which moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsy_assets.catalog.records import ApiCalls, CallGate, QuotaReading
from etsy_assets.etsy.call_budget import (
    DEFAULT_SHARES,
    CallPurpose,
    admit,
    answered,
    calls_left,
    kept_for_others,
    refusal,
    resumes_at,
    used_of_day,
)
from etsy_assets.etsy.faults import DailyQuotaExhausted

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = NOW.replace(minute=0)
NEWEST, BATCHES, CRAWL, REFRESH, REVIEWS = CallPurpose


def gate_with(left: int | None, limit: int | None = 5000, **changes) -> CallGate:
    return replace(CallGate(QuotaReading(10, 9, limit, left, NOW)), **changes)


def made(hours_ago: int, calls: int, purpose: CallPurpose = BATCHES) -> ApiCalls:
    return ApiCalls(HOUR - timedelta(hours=hours_ago), purpose, "ok", calls)


def may_call(purpose: CallPurpose, left: int, *calls: ApiCalls) -> bool:
    return refusal(gate_with(left), calls, purpose, DEFAULT_SHARES, NOW) is None


def test_before_etsy_has_said_anything_a_call_may_be_made():
    assert admit(CallGate(), [], REVIEWS, DEFAULT_SHARES, NOW).unanswered == 1
    assert refusal(gate_with(None), [], REVIEWS, DEFAULT_SHARES, NOW) is None


@pytest.mark.parametrize(
    ("purpose", "used", "kept"),
    [
        # Within its share it leaves what more urgent ones have not used of theirs.
        (NEWEST, {}, 0),
        (BATCHES, {}, 250),
        (CRAWL, {}, 250 + 2000),
        (REVIEWS, {}, 250 + 2000 + 2000 + 500),
        (CRAWL, {NEWEST: 100, BATCHES: 5000}, 150),
        # Beyond it, what all others have not.
        (NEWEST, {NEWEST: 250}, 4750),
        (CRAWL, {CRAWL: 2000, BATCHES: 1999, REFRESH: 500}, 250 + 1 + 250),
        (CRAWL, {CRAWL: 2000, NEWEST: 250, BATCHES: 2000, REFRESH: 500, REVIEWS: 250}, 0),
    ],
)
def test_each_purpose_leaves_the_others_their_shares(purpose: CallPurpose, used: dict, kept: int):
    assert kept_for_others(purpose, used, 5000, DEFAULT_SHARES) == kept


def test_with_few_calls_left_only_the_most_urgent_work_goes_on():
    assert [purpose for purpose in CallPurpose if may_call(purpose, 251)] == [NEWEST, BATCHES]
    assert [purpose for purpose in CallPurpose if may_call(purpose, 250)] == [NEWEST]
    assert [purpose for purpose in CallPurpose if may_call(purpose, 0)] == []


def test_what_nobody_else_will_need_may_be_used_up():
    others = [made(1, 250, NEWEST), made(1, 2000, BATCHES), made(1, 500, REFRESH), made(1, 250, REVIEWS)]
    assert may_call(CRAWL, 1, *others, made(1, 3000, CRAWL))


def test_calls_come_back_hour_by_hour_as_they_leave_the_window():
    calls = [made(23, 100), made(22, 7)]
    gate = gate_with(0)
    assert calls_left(gate, calls, NOW) == 0
    # Some of the hour that began 23.5 hours ago are not 24 hours old before it has ended.
    assert calls_left(gate, calls, NOW + timedelta(hours=1, minutes=29)) == 0
    assert calls_left(gate, calls, NOW + timedelta(hours=1, minutes=30)) == 100
    assert calls_left(gate, calls, NOW + timedelta(hours=3)) == 107


def test_never_are_more_calls_left_than_a_day_has():
    assert calls_left(gate_with(4999), [made(23, 100)], NOW + timedelta(hours=3)) == 5000


def test_a_spent_day_says_when_calls_come_back():
    calls = [made(5, 10), made(3, 10)]
    expected = HOUR - timedelta(hours=5) + timedelta(hours=25)
    assert resumes_at(gate_with(0), calls, NOW) == expected
    with pytest.raises(DailyQuotaExhausted, match=r"No API calls are left .* goes on at 2026-11-21 08:00 UTC") as spent:
        admit(gate_with(0), calls, NEWEST, DEFAULT_SHARES, NOW)
    assert spent.value.retry_after == (expected - NOW).total_seconds()


def test_calls_that_another_program_used_up_are_asked_for_again_in_an_hour():
    assert resumes_at(gate_with(0), [], NOW) == NOW + timedelta(hours=1)


def test_what_etsy_says_of_a_spent_day_is_kept_to_and_then_forgotten():
    gate = answered(gate_with(9), replace(gate_with(0).quota, read_at=NOW), NOW + timedelta(hours=24))
    assert "2026-11-21 12:30" in refusal(gate, [made(23, 4000)], NEWEST, DEFAULT_SHARES, NOW + timedelta(hours=23))
    later = NOW + timedelta(hours=25)
    assert admit(gate, [made(23, 4000)], NEWEST, DEFAULT_SHARES, later).spent_until is None


def test_a_call_is_counted_before_it_is_made_so_that_no_two_count_on_the_last():
    gate = admit(gate_with(1), [], NEWEST, DEFAULT_SHARES, NOW)
    with pytest.raises(DailyQuotaExhausted):
        admit(gate, [], NEWEST, DEFAULT_SHARES, NOW)


def test_an_answer_does_not_give_back_the_calls_that_are_on_their_way():
    gate = gate_with(3)
    for _ in range(3):
        gate = admit(gate, [], NEWEST, DEFAULT_SHARES, NOW)
    gate = answered(gate, QuotaReading(10, 9, 5000, 2, NOW), None)
    assert (gate.quota.remaining_today, gate.unanswered) == (0, 2)


def test_calls_of_a_process_that_was_killed_are_not_waited_for_for_ever():
    gate = admit(gate_with(9), [], NEWEST, DEFAULT_SHARES, NOW)
    later = admit(gate, [], NEWEST, DEFAULT_SHARES, NOW + timedelta(minutes=3))
    assert later.unanswered == 1


def test_an_answer_without_headers_leaves_the_limits_as_they_are():
    assert answered(gate_with(9, unanswered=1), None, None) == gate_with(9)
    partly = answered(gate_with(9), QuotaReading(None, None, None, None, NOW), None)
    assert (partly.quota.limit_per_second, partly.quota.limit_per_day, partly.quota.remaining_today) == (10, 5000, 9)


@given(st.integers(1, 150), st.lists(st.floats(0, 0.5), min_size=2, max_size=60))
def test_in_no_second_more_calls_are_let_in_than_etsy_allows(per_second: int, pauses: list[float]):
    gate = replace(CallGate(), quota=QuotaReading(per_second, None, None, None, NOW))
    now, moments = NOW, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        gate = admit(gate, [], NEWEST, DEFAULT_SHARES, now)
        assert gate.next_call_at >= now
        moments.append(gate.next_call_at)
    for first in moments:
        assert sum(first <= moment < first + timedelta(seconds=1) for moment in moments) <= per_second


def test_without_a_known_limit_five_calls_a_second_are_made():
    gate = admit(CallGate(), [], NEWEST, DEFAULT_SHARES, NOW)
    assert timedelta(seconds=0.2) <= gate.free_at - gate.next_call_at <= timedelta(seconds=0.25)


def test_the_day_counts_all_purposes_and_nothing_older():
    calls = [made(25, 1), made(24, 2), made(0, 3), made(0, 4, REVIEWS)]
    assert used_of_day(calls, NOW) == {BATCHES: 5, REVIEWS: 4}
