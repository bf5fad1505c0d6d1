"""What a stage did with the images of one batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from etsy_assets.catalog.records import Outcome
from etsy_assets.imaging.archive_index import ArchiveEntry


@dataclass(frozen=True, slots=True)
class StageReport:
    """outcomes: one per image of the batch, in (listing_id, image_id) order, whether it was done now or before.

    done: pictures made in this run. reused: pictures of earlier runs. failed: images without a picture now. The three
    add up to the images of the batch. bytes_written: of the pictures made in this run.
    """

    outcomes: list[Outcome]
    done: int
    reused: int
    failed: int
    duration_seconds: float
    bytes_written: int


def stage_report(
    stage: str, entries: Sequence[ArchiveEntry], made: Iterable[tuple[int, int]], duration_seconds: float
) -> StageReport:
    """entries: the published archive's. made: the (listing_id, image_id) of those handled in this run."""
    now = datetime.now(UTC)
    handled = set(made)
    pictures = [entry for entry in entries if entry.has_picture]
    new = [entry for entry in pictures if entry.key in handled]
    return StageReport(
        outcomes=[
            Outcome(entry.listing_id, entry.image_id, stage, entry.status, _reason(entry), now) for entry in entries
        ],
        done=len(new),
        reused=len(pictures) - len(new),
        failed=len(entries) - len(pictures),
        duration_seconds=duration_seconds,
        bytes_written=sum(entry.located[1] for entry in new),
    )


def _reason(entry: ArchiveEntry) -> str | None:
    return f"{entry.reason}: {entry.detail}" if entry.reason and entry.detail else entry.reason
