"""Downloading the images of one batch into its archive."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from etsy_assets.catalog.records import ImageRecord
from etsy_assets.errors import PassingFault
from etsy_assets.etsy.cdn import UnknownImageUrl, parse_image_url
from etsy_assets.imaging.archive_index import ArchiveEntry
from etsy_assets.imaging.archive_writer import ArchiveWriter, WantedImage
from etsy_assets.imaging.bounded_pool import in_completion_order
from etsy_assets.imaging.http_fetch import DownloadOptions, FetchFailure, ImageFetcher
from etsy_assets.imaging.reasons import is_server_trouble
from etsy_assets.imaging.report import StageReport, stage_report
from etsy_assets.imaging.validation import StorableImage

__all__ = ["DownloadOptions", "download_batch"]

STAGE = "download"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where one image comes from: URLs to try in order. fault: why there is nothing to try."""

    wanted: WantedImage
    urls: tuple[str, ...]
    fault: FetchFailure | None


def download_batch(
    images: Sequence[ImageRecord],
    destination: Path,
    options: DownloadOptions | None = None,
    on_item: Callable[[ArchiveEntry], None] | None = None,
) -> StageReport:
    """Makes the archive at `destination` hold exactly these images, downloading only what it does not hold yet.

    An image that can't be had gets a row with its reason and never stops the others. `on_item` is called in this thread
    with each image that was tried. A call that was killed is continued by the next, to the same bytes.

    Raises PassingFault when the server is down or refuses us, or another process writes this batch; ConfigurationError
    when the disk can't be written. What was downloaded until then is kept.
    """
    started = time.monotonic()
    options = options or DownloadOptions()
    sources = _sources(images, options.size)
    fetcher = ImageFetcher(options)
    made: list[tuple[int, int]] = []
    with (
        closing(fetcher),
        ArchiveWriter(destination, (s.wanted for s in sources.values()), options.lock_wait_seconds) as writer,
    ):
        to_do = [sources[image.key] for image in writer.to_do()]
        patience = _Patience(options.give_up_after, whole_batch=len(sources) if len(to_do) == len(sources) else None)
        results = in_completion_order(
            lambda source: _download(source, fetcher, writer), to_do, options.concurrency, on_abandon=fetcher.stop
        )
        with closing(results):
            for entry in results:
                made.append(entry.key)
                patience.note(entry, destination)
                if on_item is not None:
                    on_item(entry)
        entries = writer.publish()
    return stage_report(STAGE, entries, made, time.monotonic() - started)


class _Patience:
    """Tells one bad image from a server that is down, which must not be recorded as a batch of bad images."""

    def __init__(self, give_up_after: int, whole_batch: int | None) -> None:
        """whole_batch: its number of images, when none of it was done before: if all fail so, the batch is not done."""
        self._give_up_after = min(give_up_after, whole_batch) if whole_batch else give_up_after
        self._in_a_row = 0

    def note(self, entry: ArchiveEntry, destination: Path) -> None:
        self._in_a_row = self._in_a_row + 1 if is_server_trouble(entry.reason) else 0
        if self._in_a_row and self._in_a_row >= self._give_up_after:
            raise PassingFault(
                f"The image server is down or refuses us: the last {self._in_a_row} images for {destination} failed "
                f"after all their tries, this one with {entry.reason} ({entry.detail}). Run the batch again later."
            )


def _sources(images: Iterable[ImageRecord], size: str) -> dict[tuple[int, int], _Source]:
    """By (listing_id, image_id), so that an image named twice is downloaded once."""
    records = {(image.listing_id, image.image_id): image for image in images}
    primary: dict[int, ImageRecord] = {}
    for image in records.values():
        primary[image.listing_id] = min(primary.get(image.listing_id, image), image, key=_rank)
    return {key: _source(image, primary[image.listing_id] is image, size) for key, image in records.items()}


def _rank(image: ImageRecord) -> tuple[bool, int, int]:
    return image.rank is None, image.rank or 0, image.image_id


def _source(image: ImageRecord, is_primary: bool, size: str) -> _Source:
    parts = urlsplit(image.url)
    try:
        cdn = parse_image_url(image.url)
    except UnknownImageUrl:  # Another shop's image server: it has no sizes, and its query may tell versions apart.
        key = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return _Source(WantedImage(image.listing_id, image.image_id, is_primary, key), (image.url,), None)
    urls = tuple(dict.fromkeys((cdn.at_size(size), cdn.at_size("fullxfull"))))
    # The key has no host and no ?version=: the CDN's images never change under their path.
    wanted = WantedImage(image.listing_id, image.image_id, is_primary, urlsplit(urls[0]).path)
    if cdn.image_id != image.image_id:
        # Seen after upload races. A wrong picture is worse than none.
        return _Source(wanted, (), FetchFailure("url_of_another_image", f"the URL is of image {cdn.image_id}"))
    return _Source(wanted, urls, None)


def _download(source: _Source, fetcher: ImageFetcher, writer: ArchiveWriter) -> ArchiveEntry:
    """Runs in a download thread: fetches one image and keeps it, or what is wrong with it."""
    image = _fetched(source, fetcher)
    if isinstance(image, StorableImage):
        entry, data = _stored(source.wanted, image), image.data
    else:
        wanted = source.wanted
        ids = wanted.listing_id, wanted.image_id, wanted.is_primary
        entry, data = ArchiveEntry(*ids, "failed", image.code, image.detail, wanted.source_key), None
    writer.add(entry, data)
    return entry


def _fetched(source: _Source, fetcher: ImageFetcher) -> StorableImage | FetchFailure:
    failure = source.fault or FetchFailure("bad_url", "there is no URL")
    for url in source.urls:
        try:
            return fetcher.fetch(url)
        except FetchFailure as error:
            failure = error
            if error.code != "http_404":  # Only that says that the CDN lacks this size.
                break
    return failure


def _stored(wanted: WantedImage, image: StorableImage) -> ArchiveEntry:
    return ArchiveEntry(
        listing_id=wanted.listing_id,
        image_id=wanted.image_id,
        is_primary=wanted.is_primary,
        status="ok",
        reason=None,
        detail=None,
        source_key=wanted.source_key,
        size=len(image.data),
        sha256=sha256(image.data).hexdigest(),
        width=image.width,
        height=image.height,
        format=image.format,
    )
