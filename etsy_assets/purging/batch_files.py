"""The files of a batch, written again without some of its listings: archives and vectors."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from etsy_assets.encoders.embeddings import (
    Embeddings,
    TextEmbeddings,
    read_embeddings,
    read_text_embeddings,
    write_embeddings,
    write_text_embeddings,
)
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.archive_writer import ArchiveWriter, WantedImage
from etsy_assets.imaging.batch_lock import batch_lock
from etsy_assets.imaging.progress import journal_path, partial_path
from etsy_assets.storage import Home

LOCK_WAIT_SECONDS = 30.0


def purge_batch(home: Home, batch: str, listing_ids: Collection[int]) -> int:
    """How many pictures and vectors went. A file without any of them stays as it is, to the byte.

    What a run that was killed has left unfinished of the batch goes too: it may hold pictures of them.
    Raises PassingFault while another process writes the batch, CorruptArtifact for a damaged file.
    """
    unwanted = set(listing_ids)
    _discard_unfinished(home, batch)
    gone = sum(_purge_archive(path, unwanted) for path in (home.images(batch), home.cutouts(batch)))
    for path in vector_files(home, batch):
        gone += _purge_vectors(path, unwanted, is_text=path.parent.parent.name == "text_embeddings")
    return gone


def _discard_unfinished(home: Home, batch: str) -> None:
    for tar in (home.images(batch), home.cutouts(batch)):
        if partial_path(tar).exists() or journal_path(tar).exists():
            with batch_lock(tar, LOCK_WAIT_SECONDS):
                journal_path(tar).unlink(missing_ok=True)
                partial_path(tar).unlink(missing_ok=True)
    for folder in ("embeddings", "text_embeddings"):
        for partial in sorted((home.root / folder).glob(f"*/{batch}.partial")):
            with batch_lock(partial.with_suffix(".safetensors"), LOCK_WAIT_SECONDS):
                partial.unlink(missing_ok=True)


def vector_files(home: Home, batch: str) -> Iterator[Path]:
    """The batch's files of every encoder there is or was."""
    for folder in ("embeddings", "text_embeddings"):
        yield from sorted((home.root / folder).glob(f"*/{batch}.safetensors"))


def _purge_archive(path: Path, unwanted: set[int]) -> int:
    if not path.exists():
        return 0
    with ImageArchive.open(path) as archive:
        entries = archive.entries
    kept = [entry for entry in entries if entry.listing_id not in unwanted]
    if len(kept) == len(entries):
        return 0
    wanted = [WantedImage(entry.listing_id, entry.image_id, entry.is_primary, entry.source_key) for entry in kept]
    with ArchiveWriter(path, wanted, LOCK_WAIT_SECONDS) as writer:
        writer.publish()
    return len(entries) - len(kept)


def _purge_vectors(path: Path, unwanted: set[int], *, is_text: bool) -> int:
    with batch_lock(path, LOCK_WAIT_SECONDS):
        found: Embeddings | TextEmbeddings = read_text_embeddings(path) if is_text else read_embeddings(path)
        kept = ~np.isin(found.listing_ids, list(unwanted))
        if kept.all():
            return 0
        rows = {name: getattr(found, name)[kept] for name in ("listing_ids", "vectors", "source_sha256")}
        if isinstance(found, TextEmbeddings):
            write_text_embeddings(path, replace(found, **rows))
        else:
            write_embeddings(path, replace(found, **rows, image_ids=found.image_ids[kept]))
    return int((~kept).sum())
