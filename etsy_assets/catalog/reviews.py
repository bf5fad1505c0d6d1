"""Reviews, each once: the answer for a listing does not give the transaction that the answer for its shop gives."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from etsy_assets.catalog.database import Columns, Database, chunks, upsert
from etsy_assets.catalog.purges import without_purged
from etsy_assets.catalog.records import ReviewRecord, ShopReviews
from etsy_assets.catalog.schema import review, shop


def natural_key(record: ReviewRecord) -> str:
    """What names a review without its transaction: listing, second, rating and a hash of the text."""
    digest = hashlib.sha256(record.text.encode()).hexdigest()[:16]
    return f"{record.listing_id}:{record.created_timestamp}:{record.rating}:{digest}"


class ReviewQueries(Database):
    def record_reviews(self, records: Iterable[ReviewRecord]) -> None:
        """Stores the reviews: an edited one overwrites itself, one known by its transaction is not repeated.

        What was purged is passed over.
        """
        with self._read() as connection:
            records = without_purged(connection, list(records))
        identified: list[Columns] = []
        anonymous: list[Columns] = []
        now = datetime.now(UTC)
        for record in records:
            known = record.transaction_id is not None
            row = {name: getattr(record, name) for name in record.__slots__}
            row |= {"natural_key": natural_key(record), "fetched_at": now}
            row["review_key"] = f"transaction:{record.transaction_id}" if known else row["natural_key"]
            (identified if known else anonymous).append(row)
        with self._write(alone=True) as connection:
            upsert(connection, review, identified)
            named: set[str] = set()
            for keys in chunks({row["natural_key"] for row in identified + anonymous}):
                same = review.c.natural_key.in_(keys)
                with_transaction = review.c.transaction_id.is_not(None)
                named.update(
                    connection.execute(sa.select(review.c.natural_key).where(same, with_transaction)).scalars()
                )
            for keys in chunks(named):
                connection.execute(sa.delete(review).where(review.c.review_key.in_(keys)))
            upsert(connection, review, [row for row in anonymous if row["natural_key"] not in named])

    def shops_to_review(self, before: datetime, most: int) -> list[ShopReviews]:
        """Shops whose reviews were last read before then, or never; those first, then the longest ago."""
        columns = (shop.c.shop_id, shop.c.reviews_read_at, shop.c.reviews_scanned_at, shop.c.newest_review)
        order = (shop.c.reviews_read_at, shop.c.shop_id)
        conditions = (shop.c.reviews_read_at.is_(None), shop.c.reviews_read_at < before)
        found: list[ShopReviews] = []
        with self._read() as connection:
            # One query each: neither database finds both in the order of the index at once.
            for condition in conditions:
                query = (
                    sa.select(*columns)
                    .where(condition, shop.c.gone_at.is_(None))
                    .order_by(*order)
                    .limit(most - len(found))
                )
                found += [ShopReviews(*row) for row in connection.execute(query)]
        return found

    def mark_shop_gone(self, shop_id: int, now: datetime) -> None:
        """Etsy has it no longer. What was known of it stays, until a listing's answer brings it back."""
        with self._write() as connection:
            gone_at = sa.func.coalesce(shop.c.gone_at, sa.bindparam("now", now, type_=shop.c.gone_at.type))
            connection.execute(sa.update(shop).where(shop.c.shop_id == shop_id).values(gone_at=gone_at))

    def record_shop_reviewed(self, reading: ShopReviews) -> None:
        """All that the reading was to find of the shop's reviews is stored."""
        values = {
            "reviews_read_at": reading.read_at,
            "reviews_scanned_at": reading.scanned_at,
            "newest_review": reading.newest_review,
        }
        with self._write() as connection:
            connection.execute(sa.update(shop).where(shop.c.shop_id == reading.shop_id).values(**values))

    def reviews(self, listing_id: int) -> list[ReviewRecord]:
        """The stored reviews of a listing, newest first."""
        query = (
            sa.select(*(review.c[name] for name in ReviewRecord.__slots__))
            .where(review.c.listing_id == listing_id)
            .order_by(review.c.created_timestamp.desc(), review.c.review_key)
        )
        with self._read() as connection:
            return [ReviewRecord(**row) for row in connection.execute(query).mappings()]
