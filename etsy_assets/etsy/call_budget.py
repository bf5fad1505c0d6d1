"""Which work may call Etsy now: a day's calls parted among purposes, and spread over the seconds. Pure functions.

Etsy counts a day as the last 24 hours (developers.etsy.com, "Rate Limits"), so calls come back hour by hour, as they
were made. Every process that has the same catalog goes by the same counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from etsy_assets.catalog.api_calls import hour_of
from etsy_assets.catalog.records import ApiCalls, CallGate, QuotaReading
from etsy_assets.etsy.faults import DailyQuotaExhausted


class CallPurpose(StrEnum):
    """What a call is made for, the most urgent first."""

    NEWEST_LISTINGS = "newest_listings"
    BATCHES = "batches"
    PLANNED_CRAWL = "planned_crawl"
    REFRESH = "refresh"
    REVIEWS = "reviews"


# Of a day's calls. A crawl of all furniture needs a page and a batch call for each 100 listings.
DEFAULT_SHARES: Mapping[CallPurpose, float] = {
    CallPurpose.NEWEST_LISTINGS: 0.05,
    CallPurpose.BATCHES: 0.40,
    CallPurpose.PLANNED_CRAWL: 0.40,
    CallPurpose.REFRESH: 0.10,
    CallPurpose.REVIEWS: 0.05,
}
DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
# Of the calls a second that Etsy allows: those of two processes may arrive closer together than they were sent.
_PACE = 0.9
# Until the first answer tells: the least that a key was seen to have.
_PER_SECOND = 5
# A call that has no answer for so long has none coming: its process was killed.
_ANSWERED_WITHIN = timedelta(minutes=2)


def calls_left(gate: CallGate, made: Iterable[ApiCalls], now: datetime) -> int | None:
    """The calls that are left of the last 24 hours' at least; None while Etsy has not said.

    made: the calls of the last 48 hours. Those that have left the window since Etsy's last answer have come back.
    """
    quota = gate.quota
    if quota is None or quota.remaining_today is None:
        return None
    first = hour_of(quota.read_at - DAY)
    back = sum(each.calls for each in made if each.hour >= first and each.hour + HOUR + DAY <= now)
    left = max(quota.remaining_today, 0) + back
    return left if quota.limit_per_day is None else min(left, quota.limit_per_day)


def of_day(made: Iterable[ApiCalls], now: datetime) -> list[ApiCalls]:
    """Those of the last 24 hours, with the whole of the hour that they begin in."""
    return [each for each in made if each.hour >= hour_of(now - DAY)]


def used_of_day(made: Iterable[ApiCalls], now: datetime) -> Counter[str]:
    """{purpose: calls}, of the time that of_day takes."""
    used: Counter[str] = Counter()
    for each in of_day(made, now):
        used[each.purpose] += each.calls
    return used


def kept_for_others(
    purpose: CallPurpose, used: Mapping[str, int], limit: int, shares: Mapping[CallPurpose, float]
) -> int:
    """The calls that this purpose must leave to others.

    Within its own share of the day, what more urgent ones have not used of theirs; beyond it, what all others have not.
    """
    order = list(CallPurpose)
    within = used.get(purpose, 0) < shares.get(purpose, 0.0) * limit
    others = order[: order.index(purpose)] if within else [each for each in order if each != purpose]
    return sum(max(0, int(shares.get(each, 0.0) * limit) - used.get(each, 0)) for each in others)


def resumes_at(gate: CallGate, made: Iterable[ApiCalls], now: datetime) -> datetime:
    """When calls come back: as Etsy has said, or when the oldest of ours leave its window."""
    if gate.spent_until is not None and gate.spent_until > now:
        return gate.spent_until
    hours = [each.hour for each in of_day(made, now)]
    # Without any of ours they were made by another program with the same key.
    return min(hours) + HOUR + DAY if hours else now + HOUR


def refusal(
    gate: CallGate, made: Iterable[ApiCalls], purpose: CallPurpose, shares: Mapping[CallPurpose, float], now: datetime
) -> str | None:
    """Why this purpose may not call now, and when it may again; None when it may."""
    made = list(made)
    left = calls_left(gate, made, now)
    again = f"it goes on at {resumes_at(gate, made, now):%Y-%m-%d %H:%M} UTC, from where it stopped"
    if (gate.spent_until is not None and now < gate.spent_until) or (left is not None and left < 1):
        return f"No API calls are left of this day's (the last 24 hours): {again}."
    limit = gate.quota.limit_per_day if gate.quota else None
    if left is None or limit is None:
        return None
    kept = kept_for_others(purpose, used_of_day(made, now), limit, shares)
    if left > kept:
        return None
    return f"{left} API calls are left of this day's {limit}, and they are kept for other work than {purpose}: {again}."


def admit(
    gate: CallGate, made: Iterable[ApiCalls], purpose: CallPurpose, shares: Mapping[CallPurpose, float], now: datetime
) -> CallGate:
    """The gate after one more call was let in; it is to be made at next_call_at. Raises DailyQuotaExhausted."""
    made = list(made)
    reason = refusal(gate, made, purpose, shares, now)
    if reason is not None:
        raise DailyQuotaExhausted(reason, (resumes_at(gate, made, now) - now).total_seconds())
    left = calls_left(gate, made, now)
    quota = gate.quota
    if quota is not None and left is not None:
        # Counted before it is made: no other process may count on the same call.
        quota = replace(quota, remaining_today=quota.remaining_today - 1 if quota.remaining_today is not None else None)
    per_second = (quota.limit_per_second if quota else None) or _PER_SECOND
    alive = gate.last_call_at is not None and now - gate.last_call_at < _ANSWERED_WITHIN
    turn = max(now, gate.free_at) if gate.free_at is not None else now
    return replace(
        gate,
        quota=quota,
        unanswered=(gate.unanswered if alive else 0) + 1,
        last_call_at=now,
        next_call_at=turn,
        free_at=turn + timedelta(seconds=1 / (_PACE * per_second)),
        spent_until=None,
    )


def answered(gate: CallGate, reading: QuotaReading | None, spent_until: datetime | None) -> CallGate:
    """The gate after an answer. spent_until: given when Etsy has said that the day is spent."""
    unanswered = max(0, gate.unanswered - 1)
    quota = gate.quota
    if reading is not None:
        before = quota or reading
        remaining = reading.remaining_today
        quota = replace(
            reading,
            limit_per_second=reading.limit_per_second or before.limit_per_second,
            limit_per_day=reading.limit_per_day or before.limit_per_day,
            # Etsy has not counted those that are on their way.
            remaining_today=before.remaining_today if remaining is None else max(0, remaining - unanswered),
        )
    return replace(gate, quota=quota, unanswered=unanswered, spent_until=spent_until or gate.spent_until)
