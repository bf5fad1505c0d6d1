"""Finds tombstones without reading every listing and image: publishing and a sensor's tick ask for them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, table, column in (
        ("listing_gone", "listing", "gone_at"),
        ("image_removed", "image", "removed_at"),
    ):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, table, [column], sqlite_where=there, postgresql_where=there)
