"""Which images of a batch become rows, by what its encoders have made of the cutouts."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.search.batches import Asked, NotReady, searchable_images
from etsy_assets.storage import Home
from etsy_assets_tests.encoders.pictures import archive
from etsy_assets_tests.search.shop_of_colours import ENCODERS, ColourEncoder, Photo, photo, store_embeddings

BATCH = "batch-000000"
COARSE, FINE = ENCODERS["coarse"], ENCODERS["fine"]
PHOTOS = [photo(11, "red"), photo(11, "red", 1), photo(12, "green")]
KEYS = [(item.listing_id, item.image_id) for item in PHOTOS]


@dataclass(frozen=True)
class StoredPhoto(Photo):
    """Its digest is that of the bytes in the archive."""

    digest: str = ""

    @property
    def cutout_sha256(self) -> str:
        return self.digest


@pytest.fixture
def cut_out(home: Home) -> Home:
    """A batch with three cutouts, embedded by coarse."""
    store_cutouts(home, PHOTOS)
    embed(home, COARSE)
    return home


def store_cutouts(home: Home, photos: Sequence[Photo]) -> None:
    pictures = {}
    for item in photos:
        data = io.BytesIO()
        item.image.save(data, "JPEG")
        pictures[item.listing_id, item.image_id] = data.getvalue()
    archive(home.cutouts(BATCH), pictures)


def embed(home: Home, encoder: ColourEncoder, photos: Sequence[Photo] = PHOTOS) -> None:
    with ImageArchive.open(home.cutouts(BATCH)) as cutouts:
        digests = {entry.key: entry.sha256 for entry in cutouts.entries}
    stored = [
        StoredPhoto(item.listing_id, item.image_id, item.image, item.title, digests[item.listing_id, item.image_id])
        for item in photos
    ]
    store_embeddings(home, BATCH, stored, encoder)


def rows(home: Home, **asked: Sequence[str]) -> list[tuple[int, int]]:
    found = searchable_images(home, BATCH, KEYS, Asked(["coarse"], ["coarse"], **asked))
    assert not isinstance(found, NotReady), found
    return [key[:2] for key in found]


def test_an_encoder_that_is_being_added_keeps_no_batch_waiting(cut_out: Home) -> None:
    assert rows(cut_out, joining=["fine"], joining_texts=["fine"]) == KEYS


def test_an_encoder_that_is_needed_keeps_its_batch_waiting(cut_out: Home) -> None:
    found = searchable_images(cut_out, BATCH, KEYS, Asked(["coarse", "fine"], []))

    assert isinstance(found, NotReady)
    assert str(cut_out.embeddings("fine", BATCH)) in found.reason


def test_what_an_encoder_that_is_being_added_failed_on_is_left_out(cut_out: Home) -> None:
    embed(cut_out, FINE, PHOTOS[:2])

    assert rows(cut_out, joining=["fine"]) == KEYS[:2]
    assert rows(cut_out, joining_texts=["fine"]) == KEYS[:2]


def test_what_it_made_from_other_cutouts_or_is_damaged_says_nothing(cut_out: Home) -> None:
    store_embeddings(cut_out, BATCH, PHOTOS[:1], FINE)
    assert rows(cut_out, joining=["fine"]) == KEYS

    cut_out.embeddings("fine", BATCH).write_bytes(b"cut off")
    assert rows(cut_out, joining=["fine"]) == KEYS


def test_only_images_that_are_live_and_cut_out_are_rows(cut_out: Home) -> None:
    found = searchable_images(cut_out, BATCH, [KEYS[0], (99, 990)], Asked(["coarse"], []))

    with ImageArchive.open(cut_out.cutouts(BATCH)) as cutouts:
        assert found == [(*KEYS[0], cutouts.entry(*KEYS[0]).sha256)]
