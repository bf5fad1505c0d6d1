"""The calls to Etsy: how many were made for what and what became of them, what Etsy allows, and who calls next."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etsy_assets.catalog.database import Database, upsert
from etsy_assets.catalog.records import ApiCalls, CallGate, CallOutcome, QuotaReading
from etsy_assets.catalog.schema import api_call, api_quota, crawl_state

_GATE = "call_gate"
_MOMENTS = ("next_call_at", "free_at", "last_call_at", "spent_until")


def hour_of(moment: datetime) -> datetime:
    """When its hour began, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class ApiCallQueries(Database):
    def call_gate(self) -> CallGate:
        """As it stands; one that was never passed knows nothing."""
        with self._read() as connection:
            return _read_gate(connection)

    def change_call_gate(self, change: Callable[[CallGate], CallGate]) -> CallGate:
        """Stores what `change` makes of the gate, and no other process gets in between. If it raises, nothing changes.

        The gate counts from second to second, so it is kept apart from what is recorded for good.
        """
        with self._write(alone=True) as connection:
            gate = change(_read_gate(connection))
            row = {"key": _GATE, "value": _gate_json(gate), "updated_at": datetime.now(UTC)}
            upsert(connection, crawl_state, [row])
        return gate

    def record_call(self, hour: datetime, purpose: str, outcome: CallOutcome, reading: QuotaReading | None) -> None:
        """Counts one call. reading: replaces the newest stored one unless its limits or its hour are others."""
        with self._write(alone=True) as connection:
            upsert(
                connection,
                api_call,
                [{"hour": hour, "purpose": purpose, "outcome": outcome, "calls": 1}],
                changes=lambda new: {"calls": api_call.c.calls + 1},
            )
            if reading is not None:
                _store_reading(connection, reading)

    def api_calls(self, since: datetime) -> list[ApiCalls]:
        """By hour, purpose and outcome, oldest first: of every hour that begins then or later."""
        query = (
            sa.select(api_call)
            .where(api_call.c.hour >= since)
            .order_by(api_call.c.hour, api_call.c.purpose, api_call.c.outcome)
        )
        with self._read() as connection:
            return [ApiCalls(**row) for row in connection.execute(query).mappings()]

    def latest_quota(self) -> QuotaReading | None:
        """The newest reading; None before the first API answer."""
        with self._read() as connection:
            row = _latest_reading(connection)
        return None if row is None else QuotaReading(**{name: row[name] for name in QuotaReading.__slots__})

    def quota_readings(self, since: datetime) -> list[QuotaReading]:
        """Oldest first: one for each hour, and one for each change of a limit."""
        columns = [api_quota.c[name] for name in QuotaReading.__slots__]
        query = sa.select(*columns).where(api_quota.c.read_at >= since).order_by(api_quota.c.read_at)
        with self._read() as connection:
            return [QuotaReading(**row) for row in connection.execute(query).mappings()]


def _store_reading(connection: Connection, reading: QuotaReading) -> None:
    before = _latest_reading(connection)
    row = asdict(reading)
    if (
        before is None
        or any(before[name] != row[name] for name in ("limit_per_second", "limit_per_day"))
        or hour_of(before["read_at"]) < hour_of(reading.read_at)
    ):
        connection.execute(sa.insert(api_quota), [row])
    elif before["read_at"] <= reading.read_at:
        connection.execute(sa.update(api_quota).where(api_quota.c.reading_id == before["reading_id"]).values(**row))


def _latest_reading(connection: Connection) -> sa.RowMapping | None:
    order = (api_quota.c.read_at.desc(), api_quota.c.reading_id.desc())
    return connection.execute(sa.select(api_quota).order_by(*order).limit(1)).mappings().one_or_none()


def _read_gate(connection: Connection) -> CallGate:
    value = connection.execute(sa.select(crawl_state.c.value).where(crawl_state.c.key == _GATE)).scalar_one_or_none()
    if value is None:
        return CallGate()
    moments = {name: _moment(value[name]) for name in _MOMENTS}
    quota = value["quota"]
    if quota is not None:
        quota = QuotaReading(**{**quota, "read_at": datetime.fromisoformat(quota["read_at"])})
    return CallGate(quota=quota, unanswered=value["unanswered"], **moments)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _gate_json(gate: CallGate) -> Any:
    return json.loads(json.dumps(asdict(gate), default=datetime.isoformat))
