"""What the crawl must remember between runs: its cursors, and what the API said about the quota."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from etsy_assets.catalog.database import Database, upsert
from etsy_assets.catalog.records import QuotaReading
from etsy_assets.catalog.schema import api_quota, crawl_state


class CrawlQueries(Database):
    def set_crawl_state(self, key: str, value: Any) -> None:
        """Stores a JSON value under the key."""
        with self._write() as connection:
            upsert(connection, crawl_state, [{"key": key, "value": value, "updated_at": datetime.now(UTC)}])

    def crawl_state(self, key: str) -> Any | None:
        """The stored value; None when there is none."""
        with self._read() as connection:
            return connection.execute(
                sa.select(crawl_state.c.value).where(crawl_state.c.key == key)
            ).scalar_one_or_none()

    def delete_crawl_states(self, prefix: str) -> None:
        """Of all keys that begin so."""
        with self._write() as connection:
            connection.execute(sa.delete(crawl_state).where(crawl_state.c.key.startswith(prefix, autoescape=True)))

    def record_quota(self, reading: QuotaReading, purpose: str | None = None) -> None:
        """Stores what one API answer said. purpose: which work made the call."""
        row = {name: getattr(reading, name) for name in reading.__slots__} | {"purpose": purpose}
        with self._write() as connection:
            connection.execute(sa.insert(api_quota), [row])

    def latest_quota(self) -> QuotaReading | None:
        """The newest reading; None before the first API answer."""
        query = (
            sa.select(*(api_quota.c[name] for name in QuotaReading.__slots__))
            .order_by(api_quota.c.read_at.desc(), api_quota.c.reading_id.desc())
            .limit(1)
        )
        with self._read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else QuotaReading(**row)
