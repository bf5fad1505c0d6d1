"""Which images of a batch can be searched: those with a cutout and a vector of every encoder that is needed."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from etsy_assets.encoders.embeddings import read_embeddings, read_text_embeddings
from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.search.rows import CutoutKey
from etsy_assets.storage import Home

ImageKey = tuple[int, int]


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a batch can't be indexed yet, with what to do."""

    batch: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The encoders of a corpus. needed, needed_texts: a batch waits for them.

    joining, joining_texts: those that are still being added. They keep no batch waiting; but an image that one of them
    has failed on is left out, or its index would never cover the segment.
    """

    needed: Sequence[str]
    needed_texts: Sequence[str]
    joining: Sequence[str] = ()
    joining_texts: Sequence[str] = ()


def searchable_images(
    home: Home, batch: str, live: Collection[tuple[int, int]], asked: Asked
) -> list[CutoutKey] | NotReady:
    """The rows that a batch gives to its segment.

    live: (listing_id, image_id) of what Etsy still shows. An image whose embedding failed is left out, as is a listing
    without text. A batch is not ready while a file is missing or damaged, or older than the cutouts.
    """
    try:
        with ImageArchive.open(home.cutouts(batch)) as archive:
            cutouts = {entry.key: entry.sha256 or "" for entry in archive.ok_entries()}
        keys = set(cutouts) & set(live)
        for encoder in asked.needed:
            embedded = _embedded(home, batch, encoder, cutouts)
            if embedded is None:
                return NotReady(batch, f"{batch} was cut out anew: materialize embeddings/{encoder} for it again.")
            keys &= embedded
        for encoder in asked.needed_texts:
            keys = _with_text(home, batch, encoder, keys)
    except (FileNotFoundError, CorruptArtifact) as error:
        return NotReady(batch, str(error))
    for encoder in asked.joining:
        with suppress(FileNotFoundError, CorruptArtifact):
            embedded = _embedded(home, batch, encoder, cutouts)
            keys = keys if embedded is None else keys & embedded
    for encoder in asked.joining_texts:
        with suppress(FileNotFoundError, CorruptArtifact):
            keys = _with_text(home, batch, encoder, keys)
    return [(listing_id, image_id, cutouts[listing_id, image_id]) for listing_id, image_id in sorted(keys)]


def _embedded(home: Home, batch: str, encoder: str, cutouts: Mapping[ImageKey, str]) -> set[ImageKey] | None:
    """The images with a vector; None when one was made from another cutout than the one stored now."""
    found = read_embeddings(home.embeddings(encoder, batch))
    digests = {
        (listing_id, image_id): digest.tobytes().hex()
        for listing_id, image_id, digest in zip(
            found.listing_ids.tolist(), found.image_ids.tolist(), found.source_sha256, strict=True
        )
    }
    if any(digests.get(key, sha256) != sha256 for key, sha256 in cutouts.items()):
        return None
    return set(digests)


def _with_text(home: Home, batch: str, encoder: str, keys: set[ImageKey]) -> set[ImageKey]:
    listings = set(read_text_embeddings(home.text_embeddings(encoder, batch)).listing_ids.tolist())
    return {key for key in keys if key[0] in listings}
