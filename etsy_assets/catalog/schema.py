"""The catalog's tables. The migrations create them; a test compares the two.

Column names are those of the records (records.py) and so of Etsy's own fields. The view `image_status` is built in
image_status.py, because its columns depend on the encoders of the active profile.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

# SQLite's INTEGER holds 64 bits and, unlike BIGINT, makes a primary key the row id itself.
Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware UTC moment; SQLite, which has no such type, keeps it naive."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: give the catalog aware datetimes, such as datetime.now(UTC)")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = sa.MetaData()

taxonomy_node = sa.Table(
    "taxonomy_node",
    metadata,
    sa.Column("node_id", Int64, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("parent_id", Int64),
    sa.Column("full_path_ids", sa.JSON, nullable=False),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
)

shop = sa.Table(
    "shop",
    metadata,
    sa.Column("shop_id", Int64, primary_key=True, autoincrement=False),
    sa.Column("shop_name", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("currency_code", sa.Text),
    sa.Column("country_iso", sa.Text),
    sa.Column("is_vacation", sa.Boolean),
    sa.Column("listing_active_count", Int64),
    sa.Column("transaction_sold_count", Int64),
    sa.Column("review_count", Int64),
    sa.Column("review_average", sa.Float),
    sa.Column("created_timestamp", Int64),
    sa.Column("updated_timestamp", Int64),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
    sa.Column("gone_at", UtcDateTime),
    # Of its reviews: when they were last asked for, when all of them were, and the newest one's created_timestamp.
    sa.Column("reviews_read_at", UtcDateTime),
    sa.Column("reviews_scanned_at", UtcDateTime),
    sa.Column("newest_review", Int64),
)
sa.Index("shop_by_reviews_read_at", shop.c.reviews_read_at, shop.c.shop_id)

listing_batch = sa.Table(
    "listing_batch",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("sealed_at", UtcDateTime, nullable=False),
    sa.Column("retired_at", UtcDateTime),
    sa.Column("retired_reason", sa.Text),
    # When its listings were last read, and how often that changed something that its images or texts are made from.
    sa.Column("read_at", UtcDateTime),
    sa.Column("content_version", sa.Integer, nullable=False, server_default="0"),
    # Of the contents: what its images, its images' vectors and its texts' vectors were made from.
    sa.Column("images_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("embedded_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("texts_version", sa.Integer, nullable=False, server_default="0"),
)

discovered_listing = sa.Table(
    "discovered_listing",
    metadata,
    sa.Column("listing_id", Int64, primary_key=True, autoincrement=False),
    sa.Column("shop_id", Int64),
    sa.Column("taxonomy_id", Int64),
    sa.Column("created_timestamp", Int64),
    sa.Column("updated_timestamp", Int64),
    sa.Column("first_seen", UtcDateTime, nullable=False),
    sa.Column("last_seen", UtcDateTime, nullable=False),
    sa.Column("batch_number", sa.Integer, sa.ForeignKey("listing_batch.number")),
)
sa.Index("discovered_listing_by_batch", discovered_listing.c.batch_number, discovered_listing.c.listing_id)
sa.Index(
    "discovered_listing_unbatched",
    discovered_listing.c.first_seen,
    discovered_listing.c.listing_id,
    sqlite_where=discovered_listing.c.batch_number.is_(None),
    postgresql_where=discovered_listing.c.batch_number.is_(None),
)

listing = sa.Table(
    "listing",
    metadata,
    sa.Column("listing_id", Int64, primary_key=True, autoincrement=False),
    # No foreign key: an answer may leave the shop out, or name a taxonomy node that the stored tree does not have yet.
    sa.Column("shop_id", Int64, index=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("taxonomy_id", Int64),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("materials", sa.JSON, nullable=False),
    sa.Column("when_made", sa.Text),
    sa.Column("who_made", sa.Text),
    sa.Column("listing_type", sa.Text),
    sa.Column("price_amount", Int64),
    sa.Column("price_divisor", Int64),
    sa.Column("currency_code", sa.Text),
    sa.Column("quantity", Int64),
    sa.Column("num_favorers", Int64),
    sa.Column("views", Int64),
    sa.Column("is_private", sa.Boolean, nullable=False),
    sa.Column("has_variations", sa.Boolean, nullable=False),
    sa.Column("language", sa.Text),
    sa.Column("created_timestamp", Int64),
    sa.Column("original_created_timestamp", Int64),
    sa.Column("updated_timestamp", Int64),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
    sa.Column("gone_at", UtcDateTime),
)
sa.Index(
    "listing_gone",
    listing.c.gone_at,
    sqlite_where=listing.c.gone_at.is_not(None),
    postgresql_where=listing.c.gone_at.is_not(None),
)

image = sa.Table(
    "image",
    metadata,
    sa.Column(
        "listing_id", Int64, sa.ForeignKey("listing.listing_id", ondelete="CASCADE"), primary_key=True, nullable=False
    ),
    sa.Column("image_id", Int64, primary_key=True, nullable=False),
    sa.Column("rank", Int64),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("shop_id", Int64),
    sa.Column("hex", sa.Text),
    sa.Column("suffix", sa.Text),
    sa.Column("width", Int64),
    sa.Column("height", Int64),
    sa.Column("is_primary", sa.Boolean, nullable=False),
    sa.Column("removed_at", UtcDateTime),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index(
    "image_removed",
    image.c.removed_at,
    sqlite_where=image.c.removed_at.is_not(None),
    postgresql_where=image.c.removed_at.is_not(None),
)

image_outcome = sa.Table(
    "image_outcome",
    metadata,
    sa.Column("listing_id", Int64, primary_key=True, nullable=False),
    sa.Column("image_id", Int64, primary_key=True, nullable=False),
    sa.Column("stage", sa.Text, primary_key=True, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
    sa.ForeignKeyConstraint(
        ["listing_id", "image_id"],
        ["image.listing_id", "image.image_id"],
        ondelete="CASCADE",
        name="image_outcome_image",
    ),
    sqlite_with_rowid=False,
)

review = sa.Table(
    "review",
    metadata,
    sa.Column("review_key", sa.Text, primary_key=True),
    sa.Column("natural_key", sa.Text, nullable=False, index=True),
    # No foreign key: reviews go on pointing at listings that are gone, or that were never discovered.
    sa.Column("listing_id", Int64, nullable=False, index=True),
    sa.Column("shop_id", Int64),
    sa.Column("transaction_id", Int64),
    sa.Column("rating", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("language", sa.Text),
    sa.Column("image_url", sa.Text),
    sa.Column("created_timestamp", Int64),
    sa.Column("updated_timestamp", Int64),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
)
sa.Index("review_by_shop", review.c.shop_id)

# What a listing was at each reading that found it changed.
listing_history = sa.Table(
    "listing_history",
    metadata,
    sa.Column("listing_id", Int64, primary_key=True, nullable=False),
    sa.Column("seen_at", UtcDateTime, primary_key=True, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("price_amount", Int64),
    sa.Column("price_divisor", Int64),
    sa.Column("currency_code", sa.Text),
    sa.Column("quantity", Int64),
    sa.Column("num_favorers", Int64),
    sa.Column("views", Int64),
    sqlite_with_rowid=False,
)

# What must never be stored again.
purged = sa.Table(
    "purged",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True, nullable=False),
    sa.Column("id", Int64, primary_key=True, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

crawl_state = sa.Table(
    "crawl_state",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

api_quota = sa.Table(
    "api_quota",
    metadata,
    sa.Column("reading_id", Int64, primary_key=True, autoincrement=True),
    sa.Column("read_at", UtcDateTime, nullable=False, index=True),
    sa.Column("limit_per_second", Int64),
    sa.Column("remaining_this_second", Int64),
    sa.Column("limit_per_day", Int64),
    sa.Column("remaining_today", Int64),
)

api_call = sa.Table(
    "api_call",
    metadata,
    sa.Column("hour", UtcDateTime, primary_key=True, nullable=False),
    sa.Column("purpose", sa.Text, primary_key=True, nullable=False),
    sa.Column("outcome", sa.Text, primary_key=True, nullable=False),
    sa.Column("calls", Int64, nullable=False),
    sqlite_with_rowid=False,
)

catalog_setting = sa.Table(
    "catalog_setting",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)
