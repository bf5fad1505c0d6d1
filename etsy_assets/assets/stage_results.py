"""What an image stage tells Dagster of a batch: counts, speed, reasons of failures, thumbnails, and a check."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import dagster as dg

from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.report import StageReport
from etsy_assets.imaging.thumbnails import markdown_contact_sheet, thumbnail_data_uri

THUMBNAILS = 8


def stage_metadata(report: StageReport, archive: Path) -> dict[str, dg.MetadataValue]:
    """Of one batch. archive: the stage's own, to show a few of its pictures."""
    seconds, done = report.duration_seconds, report.done
    reasons = Counter(outcome.reason or "" for outcome in report.outcomes if outcome.status != "ok")
    return {
        "dagster/row_count": dg.IntMetadataValue(len(report.outcomes) - report.failed),
        "new_images": dg.IntMetadataValue(done),
        "reused_images": dg.IntMetadataValue(report.reused),
        "failed_images": dg.IntMetadataValue(report.failed),
        "images_per_second": dg.FloatMetadataValue(round(done / seconds, 2) if seconds else 0.0),
        "duration_seconds": dg.FloatMetadataValue(round(seconds, 2)),
        "written_mb": dg.FloatMetadataValue(round(report.bytes_written / 1e6, 2)),
        "reasons": dg.MarkdownMetadataValue(reasons_table(reasons)),
        "sample": dg.MarkdownMetadataValue(markdown_contact_sheet(list(samples(archive)), columns=4)),
    }


def archive_version(archive: Path) -> str:
    """The same for the same pictures, whenever and however often they were made."""
    with ImageArchive.open(archive) as opened:
        return opened.content_id


def reasons_table(reasons: Counter[str]) -> str:
    if not reasons:
        return "No image failed."
    rows = [f"| {reason.split(':')[0]} | {count} |" for reason, count in reasons.most_common()]
    return "\n".join(["| reason | images |", "| --- | --- |", *rows])


def samples(path: Path) -> Iterator[tuple[str, str]]:
    """(thumbnail, caption) of a few pictures, one a listing where there are enough."""
    with ImageArchive.open(path) as archive:
        firsts = {entry.listing_id: entry for entry in reversed(archive.ok_entries())}
        for entry in islice(sorted(firsts.values(), key=lambda entry: entry.listing_id), THUMBNAILS):
            yield thumbnail_data_uri(archive.read(entry)), str(entry.listing_id)


def share_check(name: str, reports: Sequence[StageReport], status: str, most: float) -> dg.AssetCheckResult:
    """A warning when more than a share of the images of a run ended in `status`."""
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    count = sum(outcome.status == status for outcome in outcomes)
    share = count / len(outcomes) if outcomes else 0.0
    return dg.AssetCheckResult(
        check_name=name,
        passed=share <= most,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"images": len(outcomes), status: count, "share": round(share, 4), "most": most},
    )
