"""The text of a listing as the CLIP encoders read it, and the file of one batch's text vectors."""

import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from etsy_assets.catalog.records import ListingRecord
from etsy_assets.encoders.base import TextEncoder
from etsy_assets.encoders.embeddings import (
    TextEmbeddings,
    Vectors,
    read_text_embeddings,
    write_text_embeddings,
)
from etsy_assets.encoders.unfinished import EncoderReport
from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging.batch_lock import batch_lock

LOCK_WAIT_SECONDS = 30.0

log = logging.getLogger(__name__)

TextKey = tuple[int, bytes]


def listing_text(title: str, materials: Sequence[str]) -> str:
    """Title, then materials, which sellers often leave out of it; a tower that reads 77 tokens cuts the end."""
    return ", ".join(part.strip() for part in (title, *materials) if part.strip())


def embed_listing_texts(
    listings: Sequence[ListingRecord], encoder: TextEncoder, destination: Path, batch_size: int = 64
) -> EncoderReport:
    """Writes the file of text vectors, one row per listing, ascending. A listing without any text gets no row.

    Vectors of unchanged texts are kept, and a file whose rows are all unchanged is left untouched.
    Raises ConfigurationError for a model that gives no finite vector and for a full disk, PassingFault while another
    process writes the same file.
    """
    texts = {listing.listing_id: listing_text(listing.title, listing.materials) for listing in listings}
    keys = {
        (listing_id, hashlib.sha256(text.encode()).digest()): text for listing_id, text in sorted(texts.items()) if text
    }
    with batch_lock(destination, LOCK_WAIT_SECONDS):
        finished = _finished_rows(encoder, destination)
        kept = finished or {}
        missing = [key for key in keys if key not in kept]
        started = time.perf_counter()
        made = encoder.embed_texts([keys[key] for key in missing], batch_size).astype(np.float16)
        seconds = time.perf_counter() - started
        rewritten = finished is None or list(keys) != list(kept)
        if rewritten:
            vectors = {**kept, **dict(zip(missing, made, strict=True))}
            write_text_embeddings(destination, _file(encoder, destination, {key: vectors[key] for key in keys}))
    return EncoderReport(
        encoder=encoder.name,
        new=len(missing),
        reused=len(keys) - len(missing),
        failed=len(texts) - len(keys),
        seconds=seconds,
        rewritten=rewritten,
    )


def _file(encoder: TextEncoder, destination: Path, rows: dict[TextKey, Vectors]) -> TextEmbeddings:
    return TextEmbeddings(
        encoder=encoder.name,
        fingerprint=encoder.fingerprint,
        batch=destination.stem,
        listing_ids=np.array([listing_id for listing_id, _ in rows], np.int64),
        vectors=np.array(list(rows.values()), np.float16).reshape(len(rows), encoder.dimension),
        source_sha256=np.frombuffer(b"".join(digest for _, digest in rows), np.uint8).reshape(len(rows), 32),
    )


def _finished_rows(encoder: TextEncoder, path: Path) -> dict[TextKey, Vectors] | None:
    try:
        finished = read_text_embeddings(path)
    except FileNotFoundError:
        return None
    except CorruptArtifact as error:
        log.warning("%s It is made anew now.", error)
        return None
    if (finished.encoder, finished.fingerprint) != (encoder.name, encoder.fingerprint):
        log.info("%s was made by another version of %s: it is made anew", path, encoder.name)
        return None
    digests = (digest.tobytes() for digest in finished.source_sha256)
    return dict(zip(zip(finished.listing_ids.tolist(), digests, strict=True), finished.vectors, strict=True))
