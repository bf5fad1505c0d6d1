"""Which images of a batch can be searched: those with a cutout and a vector of every encoder."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from etsy_assets.encoders.embeddings import read_embeddings, read_text_embeddings
from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.search.rows import CutoutKey
from etsy_assets.storage import Home


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a batch can't be indexed yet, with what to do."""

    batch: str
    reason: str


def searchable_images(
    home: Home,
    batch: str,
    live: Collection[tuple[int, int]],
    encoders: Sequence[str],
    text_encoders: Sequence[str],
) -> list[CutoutKey] | NotReady:
    """The rows that a batch gives to its segment.

    live: (listing_id, image_id) of what Etsy still shows. An image whose embedding failed is left out, as is a listing
    without text. A batch is not ready while a file is missing or damaged, or older than the cutouts.
    """
    try:
        with ImageArchive.open(home.cutouts(batch)) as archive:
            cutouts = {entry.key: entry.sha256 or "" for entry in archive.ok_entries()}
        keys = set(cutouts) & set(live)
        for encoder in encoders:
            found = read_embeddings(home.embeddings(encoder, batch))
            embedded = {
                (listing_id, image_id): digest.tobytes().hex()
                for listing_id, image_id, digest in zip(
                    found.listing_ids.tolist(), found.image_ids.tolist(), found.source_sha256, strict=True
                )
            }
            if any(embedded.get(key, sha256) != sha256 for key, sha256 in cutouts.items()):
                return NotReady(batch, f"{batch} was cut out anew: materialize embeddings/{encoder} for it again.")
            keys &= set(embedded)
        for encoder in text_encoders:
            listings = set(read_text_embeddings(home.text_embeddings(encoder, batch)).listing_ids.tolist())
            keys = {key for key in keys if key[0] in listings}
    except (FileNotFoundError, CorruptArtifact) as error:
        return NotReady(batch, str(error))
    return [(listing_id, image_id, cutouts[listing_id, image_id]) for listing_id, image_id in sorted(keys)]
