"""Listings, shops, images, reviews, the taxonomy, batches, outcomes, crawl state and quota."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Frozen here: a later change of the tables must not change what this step once did.
INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "taxonomy_node",
        sa.Column("node_id", INT64, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("parent_id", INT64),
        sa.Column("full_path_ids", sa.JSON, nullable=False),
    )
    op.create_table(
        "shop",
        sa.Column("shop_id", INT64, primary_key=True, autoincrement=False),
        sa.Column("shop_name", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("currency_code", sa.Text),
        sa.Column("country_iso", sa.Text),
        sa.Column("is_vacation", sa.Boolean),
        sa.Column("listing_active_count", INT64),
        sa.Column("transaction_sold_count", INT64),
        sa.Column("review_count", INT64),
        sa.Column("review_average", sa.Float),
        sa.Column("created_timestamp", INT64),
        sa.Column("updated_timestamp", INT64),
        sa.Column("fetched_at", MOMENT, nullable=False),
    )
    _create_batches()
    _create_listings_and_images()
    op.create_table(
        "review",
        sa.Column("review_key", sa.Text, primary_key=True),
        sa.Column("natural_key", sa.Text, nullable=False),
        sa.Column("listing_id", INT64, nullable=False),
        sa.Column("shop_id", INT64),
        sa.Column("transaction_id", INT64),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("image_url", sa.Text),
        sa.Column("created_timestamp", INT64),
        sa.Column("updated_timestamp", INT64),
    )
    op.create_index("ix_review_natural_key", "review", ["natural_key"])
    op.create_index("ix_review_listing_id", "review", ["listing_id"])
    op.create_table(
        "crawl_state",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_table(
        "api_quota",
        sa.Column("reading_id", INT64, primary_key=True, autoincrement=True),
        sa.Column("read_at", MOMENT, nullable=False),
        sa.Column("limit_per_second", INT64),
        sa.Column("remaining_this_second", INT64),
        sa.Column("limit_per_day", INT64),
        sa.Column("remaining_today", INT64),
        sa.Column("purpose", sa.Text),
    )
    op.create_index("ix_api_quota_read_at", "api_quota", ["read_at"])
    op.create_table(
        "catalog_setting",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )


def _create_batches() -> None:
    op.create_table(
        "listing_batch",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("sealed_at", MOMENT, nullable=False),
        sa.Column("retired_at", MOMENT),
        sa.Column("retired_reason", sa.Text),
    )
    op.create_table(
        "discovered_listing",
        sa.Column("listing_id", INT64, primary_key=True, autoincrement=False),
        sa.Column("shop_id", INT64),
        sa.Column("taxonomy_id", INT64),
        sa.Column("created_timestamp", INT64),
        sa.Column("updated_timestamp", INT64),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.Column("batch_number", sa.Integer, sa.ForeignKey("listing_batch.number")),
    )
    op.create_index("discovered_listing_by_batch", "discovered_listing", ["batch_number", "listing_id"])
    op.create_index(
        "discovered_listing_unbatched",
        "discovered_listing",
        ["first_seen", "listing_id"],
        sqlite_where=sa.text("batch_number IS NULL"),
        postgresql_where=sa.text("batch_number IS NULL"),
    )


def _create_listings_and_images() -> None:
    op.create_table(
        "listing",
        sa.Column("listing_id", INT64, primary_key=True, autoincrement=False),
        sa.Column("shop_id", INT64),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("taxonomy_id", INT64),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("materials", sa.JSON, nullable=False),
        sa.Column("when_made", sa.Text),
        sa.Column("who_made", sa.Text),
        sa.Column("listing_type", sa.Text),
        sa.Column("price_amount", INT64),
        sa.Column("price_divisor", INT64),
        sa.Column("currency_code", sa.Text),
        sa.Column("quantity", INT64),
        sa.Column("num_favorers", INT64),
        sa.Column("views", INT64),
        sa.Column("is_private", sa.Boolean, nullable=False),
        sa.Column("has_variations", sa.Boolean, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("created_timestamp", INT64),
        sa.Column("original_created_timestamp", INT64),
        sa.Column("updated_timestamp", INT64),
        sa.Column("fetched_at", MOMENT, nullable=False),
        sa.Column("gone_at", MOMENT),
    )
    op.create_index("ix_listing_shop_id", "listing", ["shop_id"])
    op.create_table(
        "image",
        sa.Column("listing_id", INT64, sa.ForeignKey("listing.listing_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("image_id", INT64, primary_key=True),
        sa.Column("rank", INT64),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("shop_id", INT64),
        sa.Column("hex", sa.Text),
        sa.Column("suffix", sa.Text),
        sa.Column("width", INT64),
        sa.Column("height", INT64),
        sa.Column("is_primary", sa.Boolean, nullable=False),
        sa.Column("removed_at", MOMENT),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "image_outcome",
        sa.Column("listing_id", INT64, primary_key=True),
        sa.Column("image_id", INT64, primary_key=True),
        sa.Column("stage", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id", "image_id"],
            ["image.listing_id", "image.image_id"],
            ondelete="CASCADE",
            name="image_outcome_image",
        ),
        sqlite_with_rowid=False,
    )
