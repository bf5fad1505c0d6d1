"""The gate that every call to Etsy passes: one for all processes with the same catalog."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from etsy_assets.catalog.api_calls import hour_of
from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import CallOutcome, QuotaReading
from etsy_assets.etsy.call_budget import DAY, DEFAULT_SHARES, CallPurpose, admit, answered, refusal


class CatalogGate:
    """Lets a call in when its purpose has calls left and its second has room, and counts what became of it."""

    def __init__(
        self,
        catalog: Catalog,
        purpose: CallPurpose,
        shares: Mapping[CallPurpose, float] = DEFAULT_SHARES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._catalog = catalog
        self._purpose = purpose
        self._shares = shares
        self._sleep = sleep

    def enter(self) -> None:
        """Waits for the call's turn. Raises DailyQuotaExhausted, which says when to come back."""
        now = datetime.now(UTC)
        made = self._catalog.api_calls(now - 2 * DAY)
        gate = self._catalog.change_call_gate(lambda gate: admit(gate, made, self._purpose, self._shares, now))
        if gate.next_call_at is not None:
            self._sleep(max(0.0, (gate.next_call_at - datetime.now(UTC)).total_seconds()))

    def leave(self, outcome: CallOutcome, reading: QuotaReading | None, retry_after: float | None) -> None:
        """After the answer. reading: its rate headers. retry_after: seconds, of an answer that the day is spent."""
        now = datetime.now(UTC)
        spent = now + timedelta(seconds=retry_after) if outcome == "day_spent" and retry_after else None
        self._catalog.change_call_gate(lambda gate: answered(gate, reading, spent))
        self._catalog.record_call(hour_of(now), self._purpose, outcome, reading)


def refused_now(catalog: Catalog, purpose: CallPurpose, shares: Mapping[CallPurpose, float]) -> str | None:
    """Why this purpose may not call now, and when it may again; None when it may. Asks nobody but the catalog."""
    now = datetime.now(UTC)
    return refusal(catalog.call_gate(), catalog.api_calls(now - 2 * DAY), purpose, shares, now)
