"""What became of each image at each stage, and the view over it that operators read."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from etsy_assets.catalog.batches import stored_batch_number
from etsy_assets.catalog.database import Database, upsert
from etsy_assets.catalog.image_status import VIEW
from etsy_assets.catalog.records import Outcome
from etsy_assets.catalog.schema import discovered_listing, image_outcome


class OutcomeQueries(Database):
    def record_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Stores the outcomes; a later one of the same image and stage replaces the one before.

        Raises IntegrityError for an image that the catalog does not have.
        """
        rows = [
            {
                "listing_id": each.listing_id,
                "image_id": each.image_id,
                "stage": each.stage,
                "status": each.status,
                "reason": each.reason,
                "recorded_at": each.recorded_at,
            }
            for each in outcomes
        ]
        with self._write() as connection:
            upsert(connection, image_outcome, rows)

    def outcomes(self, batch: str, stage: str) -> dict[tuple[int, int], Outcome]:
        """The batch's outcomes at one stage, by (listing_id, image_id). Raises UnknownBatch."""
        query = (
            sa.select(image_outcome)
            .join(discovered_listing, discovered_listing.c.listing_id == image_outcome.c.listing_id)
            .where(image_outcome.c.stage == stage)
            .order_by(image_outcome.c.listing_id, image_outcome.c.image_id)
        )
        with self._read() as connection:
            number = stored_batch_number(connection, batch)
            rows = connection.execute(query.where(discovered_listing.c.batch_number == number)).mappings()
            return {(row["listing_id"], row["image_id"]): Outcome(**row) for row in rows}

    def outcome_counts(self, batch: str | None = None) -> dict[str, dict[str, int]]:
        """{stage: {status: images}} of one batch or of the whole catalog. Raises UnknownBatch."""
        columns = (image_outcome.c.stage, image_outcome.c.status)
        query = sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns)
        counts: dict[str, dict[str, int]] = {}
        with self._read() as connection:
            if batch is not None:
                query = query.join(
                    discovered_listing, discovered_listing.c.listing_id == image_outcome.c.listing_id
                ).where(discovered_listing.c.batch_number == stored_batch_number(connection, batch))
            for stage, status, images in connection.execute(query):
                counts.setdefault(stage, {})[status] = images
        return counts

    def image_status(self, batch: str | None = None) -> list[dict[str, Any]]:
        """The rows of the view image_status (see image_status.py), of one batch or all, by (listing_id, image_id)."""
        listing_id, image_id = sa.column("listing_id", sa.Integer), sa.column("image_id", sa.Integer)
        query = sa.select(sa.text("*")).select_from(sa.text(VIEW)).order_by(listing_id, image_id)
        with self._read() as connection:
            if batch is not None:
                number = stored_batch_number(connection, batch)
                members = sa.select(discovered_listing.c.listing_id).where(discovered_listing.c.batch_number == number)
                query = query.where(listing_id.in_(members))
            return [dict(row) for row in connection.execute(query).mappings()]
