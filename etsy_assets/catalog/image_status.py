"""The view `image_status`: one row per image, and how far the pipeline has come with it.

Columns: listing_id, image_id, shop_id, hex, suffix, is_primary, when_made, price (lowest price of the listing),
to_download (1 = wanted and not downloaded yet), download_done, bg_removed (1 = cut out; 0 also where the original was
kept instead), and embed_<encoder> for each encoder of the active profile. Flags are 0 or 1. An image that its seller
removed, or whose listing is gone, stays in the view with to_download = 0.
"""

import re
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from etsy_assets.catalog.database import upsert
from etsy_assets.catalog.schema import catalog_setting, image, image_outcome, listing
from etsy_assets.errors import ConfigurationError

VIEW = "image_status"
SETTING = "image_status_encoders"


def view_encoders(connection: Connection) -> tuple[str, ...] | None:
    """The encoders whose columns the stored view has; None before there is a view."""
    value = connection.execute(
        sa.select(catalog_setting.c.value).where(catalog_setting.c.name == SETTING)
    ).scalar_one_or_none()
    return None if value is None else tuple(value)


def create_view(connection: Connection, encoders: Sequence[str]) -> None:
    """Replaces the view by one with these encoders' columns.

    Raises ConfigurationError for a name that no column can have.
    """
    for encoder in encoders:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,50}", encoder):
            raise ConfigurationError(
                f"The encoder name {encoder!r} can't be a column of the catalog: use lower-case letters, digits and _."
            )
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {VIEW}")
    connection.exec_driver_sql(f"CREATE VIEW {VIEW} AS {_definition(connection.dialect, encoders)}")
    upsert(connection, catalog_setting, [{"name": SETTING, "value": list(encoders)}])


def _definition(dialect: Dialect, encoders: Sequence[str]) -> str:
    columns = [
        image.c.listing_id,
        image.c.image_id,
        sa.func.coalesce(image.c.shop_id, listing.c.shop_id).label("shop_id"),
        image.c.hex,
        image.c.suffix,
        _flag(image.c.is_primary).label("is_primary"),
        listing.c.when_made,
        (sa.cast(listing.c.price_amount, sa.Float) / sa.func.nullif(listing.c.price_divisor, 0)).label("price"),
    ]
    source = image.join(listing, image.c.listing_id == listing.c.listing_id)
    stages = {"download_done": "download", "bg_removed": "cutout"} | {
        f"embed_{name}": f"embed/{name}" for name in encoders
    }
    for column, stage in stages.items():
        outcome = image_outcome.alias(f"of_{column}")
        source = source.outerjoin(
            outcome,
            sa.and_(
                outcome.c.listing_id == image.c.listing_id,
                outcome.c.image_id == image.c.image_id,
                outcome.c.stage == stage,
            ),
        )
        done = sa.func.coalesce(outcome.c.status, "") == "ok"
        if column == "download_done":
            wanted = sa.and_(image.c.removed_at.is_(None), listing.c.gone_at.is_(None), sa.not_(done))
            columns.append(_flag(wanted).label("to_download"))
        columns.append(_flag(done).label(column))
    query = sa.select(*columns).select_from(source)
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)
