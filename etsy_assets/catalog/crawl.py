"""What the crawl must remember between runs: its cursors."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from etsy_assets.catalog.database import Database, upsert
from etsy_assets.catalog.schema import crawl_state


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
