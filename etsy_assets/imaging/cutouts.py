"""Making the cutouts of one batch from its images."""

import io
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from PIL import Image

from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.archive_index import ArchiveEntry
from etsy_assets.imaging.archive_writer import ArchiveWriter, WantedImage
from etsy_assets.imaging.background import BackgroundRemover, Cutout, MaskThresholds, on_background
from etsy_assets.imaging.bounded_pool import in_completion_order, usable_cores
from etsy_assets.imaging.colour import WHITE
from etsy_assets.imaging.jpeg import QUALITY, encode_jpeg, encode_png
from etsy_assets.imaging.mask_recipe import full_mask
from etsy_assets.imaging.report import StageReport, stage_report
from etsy_assets.imaging.validation import ImageLimits, InvalidImage, decode_image, decoded_image

__all__ = ["BackgroundRemover", "Cutout", "MaskThresholds", "archived_cutout", "cut_out_batch"]

STAGE = "cutout"

# The source archive's pictures were validated when they came; here only decoding is in question.
_STORED = ImageLimits(min_side=1, max_pixels=2**31, stub_bytes=0)


def cut_out_batch(
    source: Path,
    destination: Path,
    remover: BackgroundRemover,
    on_item: Callable[[ArchiveEntry], None] | None = None,
    workers: int | None = None,
    lock_wait_seconds: float = 10.0,
) -> StageReport:
    """Makes the archive at `destination` hold the cutout of every picture in the archive at `source`.

    A picture whose mask is unusable is kept uncut, with status "fallback" and the reason. One that is unchanged since
    its cutout was made with the same remover is not cut out again. `on_item` is called with each that is. workers:
    pictures in hand at once, None for one a core.

    The small mask of each cutout is kept beside it: `archived_cutout` puts the picture on another background.

    Raises FileNotFoundError when the batch has no images archive, CorruptArtifact when that is damaged,
    ConfigurationError when weights are missing or the disk can't be written, PassingFault when another process writes
    this batch. What was cut out until then is kept, also when the process is killed.
    """
    started = time.monotonic()
    fingerprint = remover.fingerprint
    made: list[tuple[int, int]] = []
    with ImageArchive.open(source) as images:
        pictures = {entry.key: entry for entry in images.ok_entries()}
        wanted = [_wanted(entry, fingerprint) for entry in pictures.values()]
        with ArchiveWriter(destination, wanted, lock_wait_seconds) as writer:
            results = in_completion_order(
                lambda image: _cut_out(image, pictures[image.key], images, remover, writer),
                writer.to_do(),
                workers or usable_cores(),
            )
            with closing(results):
                for entry in results:
                    made.append(entry.key)
                    if on_item is not None:
                        on_item(entry)
            entries = writer.publish()
    return stage_report(STAGE, entries, made, time.monotonic() - started)


def _wanted(picture: ArchiveEntry, fingerprint: str) -> WantedImage:
    source_key = f"{picture.sha256}/{fingerprint}/jpeg{QUALITY}+mask"
    return WantedImage(picture.listing_id, picture.image_id, picture.is_primary, source_key)


def _cut_out(
    wanted: WantedImage, picture: ArchiveEntry, images: ImageArchive, remover: BackgroundRemover, writer: ArchiveWriter
) -> ArchiveEntry:
    """Makes one cutout and keeps it with its mask; or that its picture, as it was stored, does not decode."""
    data = images.read(picture)
    try:
        with decoded_image(data, _STORED) as decoded:
            cutout = remover.cut_out(decoded.image)
            stored = data if cutout.fallback_reason else encode_jpeg(cutout.image)
            mask = encode_png(cutout.small_mask) if cutout.small_mask else None
    except InvalidImage as error:
        ids = wanted.listing_id, wanted.image_id, wanted.is_primary
        failed = ArchiveEntry(*ids, "failed", error.code, error.detail, wanted.source_key)
        writer.add(failed, None)
        return failed
    entry = ArchiveEntry(
        listing_id=wanted.listing_id,
        image_id=wanted.image_id,
        is_primary=wanted.is_primary,
        status="fallback" if cutout.fallback_reason else "ok",
        reason=cutout.fallback_reason,
        detail=f"the mask keeps {cutout.coverage:.1%} of the picture" if cutout.fallback_reason else None,
        source_key=wanted.source_key,
        size=len(stored),
        sha256=sha256(stored).hexdigest(),
        width=decoded.width,
        height=decoded.height,
        format=picture.format,
        mask_coverage=cutout.coverage,
        mask_size=len(mask) if mask else None,
        mask_sha256=sha256(mask).hexdigest() if mask else None,
    )
    writer.add(entry, stored, mask)
    return entry


def archived_cutout(
    images: ImageArchive, cutouts: ImageArchive, key: tuple[int, int], colour: tuple[int, int, int] = WHITE
) -> Image.Image | None:
    """A cutout on a plain colour, RGB, from its picture and the mask that was kept: the network is not run again.

    key: (listing_id, image_id). None for an image that was not cut out, and for one whose mask was not kept.
    """
    picture, cutout = images.entry(*key), cutouts.entry(*key)
    small = cutouts.read_mask(cutout) if cutout else None
    if picture is None or small is None:
        return None
    image = decode_image(images.read(picture), _STORED).image
    return on_background(image, full_mask(Image.open(io.BytesIO(small)), image.size), colour)
