"""What an image stage tells Dagster of a batch: counts, speed, reasons of failures, thumbnails, and a check."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import dagster as dg

from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.report import StageReport
from etsy_assets.imaging.thumbnails import markdown_contact_sheet, thumbnail_data_uri

THUMBNAILS = 8


def stage_metadata(reports: Sequence[StageReport], archives: Sequence[ImageArchive]) -> dict[str, dg.MetadataValue]:
    """archives: the stage's own, to show a few of its pictures."""
    seconds = sum(report.duration_seconds for report in reports)
    done = sum(report.done for report in reports)
    reasons = Counter(
        outcome.reason or "" for report in reports for outcome in report.outcomes if outcome.status != "ok"
    )
    return {
        "dagster/row_count": dg.IntMetadataValue(sum(len(report.outcomes) - report.failed for report in reports)),
        "new_images": dg.IntMetadataValue(done),
        "reused_images": dg.IntMetadataValue(sum(report.reused for report in reports)),
        "failed_images": dg.IntMetadataValue(sum(report.failed for report in reports)),
        "images_per_second": dg.FloatMetadataValue(round(done / seconds, 2) if seconds else 0.0),
        "duration_seconds": dg.FloatMetadataValue(round(seconds, 2)),
        "written_mb": dg.FloatMetadataValue(round(sum(report.bytes_written for report in reports) / 1e6, 2)),
        "reasons": dg.MarkdownMetadataValue(reasons_table(reasons)),
        "sample": dg.MarkdownMetadataValue(markdown_contact_sheet(list(samples(archives)), columns=4)),
    }


def reasons_table(reasons: Counter[str]) -> str:
    if not reasons:
        return "No image failed."
    rows = [f"| {reason.split(':')[0]} | {count} |" for reason, count in reasons.most_common()]
    return "\n".join(["| reason | images |", "| --- | --- |", *rows])


def samples(archives: Sequence[ImageArchive]) -> Iterator[tuple[str, str]]:
    """(thumbnail, caption) of a few pictures, one a listing where there are enough."""
    for archive in archives[:1]:
        firsts = {entry.listing_id: entry for entry in reversed(archive.ok_entries())}
        for entry in islice(sorted(firsts.values(), key=lambda entry: entry.listing_id), THUMBNAILS):
            yield thumbnail_data_uri(archive.read(entry)), str(entry.listing_id)


def share_check(name: str, reports: Sequence[StageReport], status: str, most: float) -> dg.AssetCheckResult:
    """A warning when more than a share of the images ended in `status`."""
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    count = sum(outcome.status == status for outcome in outcomes)
    share = count / len(outcomes) if outcomes else 0.0
    return dg.AssetCheckResult(
        check_name=name,
        passed=share <= most,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"images": len(outcomes), status: count, "share": round(share, 4), "most": most},
    )
