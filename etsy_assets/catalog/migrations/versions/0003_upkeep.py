"""What keeps the catalog true over time: calls by purpose, contents of batches, history, reviews' readings, purges."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Frozen here: a later change of the tables must not change what this step once did.
INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
# Of rows that were stored before their reading was: old enough to be read again first.
LONG_AGO = "2000-01-01 00:00:00.000000"


def upgrade() -> None:
    for table in ("image", "review", "taxonomy_node"):
        op.add_column(table, sa.Column("fetched_at", MOMENT, nullable=False, server_default=LONG_AGO))
    # An image was read with its listing.
    op.execute(
        "UPDATE image SET fetched_at = (SELECT fetched_at FROM listing WHERE listing.listing_id = image.listing_id)"
    )
    op.add_column("shop", sa.Column("gone_at", MOMENT))
    op.add_column("shop", sa.Column("reviews_read_at", MOMENT))
    op.add_column("shop", sa.Column("reviews_scanned_at", MOMENT))
    op.add_column("shop", sa.Column("newest_review", INT64))
    op.create_index("shop_by_reviews_read_at", "shop", ["reviews_read_at", "shop_id"])
    op.create_index("review_by_shop", "review", ["shop_id"])
    op.add_column("listing_batch", sa.Column("read_at", MOMENT))
    for version in ("content_version", "images_version", "embedded_version", "texts_version"):
        op.add_column("listing_batch", sa.Column(version, sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "listing_history",
        sa.Column("listing_id", INT64, primary_key=True),
        sa.Column("seen_at", MOMENT, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("price_amount", INT64),
        sa.Column("price_divisor", INT64),
        sa.Column("currency_code", sa.Text),
        sa.Column("quantity", INT64),
        sa.Column("num_favorers", INT64),
        sa.Column("views", INT64),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "purged",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", INT64, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "api_call",
        sa.Column("hour", MOMENT, primary_key=True),
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("calls", INT64, nullable=False),
        sqlite_with_rowid=False,
    )
    op.drop_column("api_quota", "purpose")
