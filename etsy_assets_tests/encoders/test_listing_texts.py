from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from etsy_assets.catalog.records import ListingRecord
from etsy_assets.encoders.embeddings import read_text_embeddings
from etsy_assets.encoders.listing_texts import embed_listing_texts, listing_text


def listing(listing_id: int, title: str, *materials: str) -> ListingRecord:
    fields = dict.fromkeys(ListingRecord.__dataclass_fields__)
    values = {"listing_id": listing_id, "title": title, "materials": materials, "tags": (), "state": "active"}
    return ListingRecord(**{**fields, **values, "fetched_at": datetime.now(UTC)})


LISTINGS = [
    listing(30, "Walnut chair", "walnut", "brass"),
    listing(10, "Green sofa", "velvet"),
    listing(20, "Oak table"),
]


@pytest.fixture
def clip(encoders):
    return encoders["demo_clip_a"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "text_embeddings" / "demo_clip_a" / "batch-000001.safetensors"


def test_a_text_is_the_title_and_the_materials():
    assert listing_text("Walnut chair ", ["walnut", " brass", ""]) == "Walnut chair, walnut, brass"
    assert listing_text("", ["oak"]) == "oak"
    assert listing_text(" ", []) == ""


def test_each_listing_gets_the_vector_of_its_text_in_ascending_order(clip, path):
    report = embed_listing_texts(LISTINGS, clip, path)
    assert (report.new, report.reused, report.failed) == (3, 0, 0)
    stored = read_text_embeddings(path)
    assert stored.listing_ids.tolist() == [10, 20, 30]
    assert (stored.encoder, stored.fingerprint, stored.batch) == ("demo_clip_a", clip.fingerprint, "batch-000001")
    expected = clip.embed_texts(["Green sofa, velvet", "Oak table", "Walnut chair, walnut, brass"])
    np.testing.assert_allclose(stored.vectors, expected, atol=1e-3)


def test_a_second_run_leaves_the_file_untouched_and_a_new_title_changes_one_row(clip, path):
    embed_listing_texts(LISTINGS, clip, path)
    before, stamp = read_text_embeddings(path), path.stat().st_mtime_ns
    report = embed_listing_texts(LISTINGS[::-1], clip, path)
    assert (report.new, report.reused, report.rewritten) == (0, 3, False)
    assert path.stat().st_mtime_ns == stamp

    report = embed_listing_texts([*LISTINGS[:2], replace(LISTINGS[2], title="Round oak table")], clip, path)
    assert (report.new, report.reused, report.rewritten) == (1, 2, True)
    after = read_text_embeddings(path)
    np.testing.assert_array_equal(after.vectors[[0, 2]], before.vectors[[0, 2]])
    assert not np.array_equal(after.vectors[1], before.vectors[1])


def test_a_listing_without_any_text_gets_no_row(clip, path):
    report = embed_listing_texts([*LISTINGS, listing(40, " ")], clip, path)
    assert (report.new, report.failed) == (3, 1)
    assert read_text_embeddings(path).listing_ids.tolist() == [10, 20, 30]


def test_no_listings_give_an_empty_file(clip, path):
    embed_listing_texts([], clip, path)
    stored = read_text_embeddings(path)
    assert (len(stored), stored.dimension) == (0, 128)


def test_a_damaged_file_is_made_again(clip, path):
    embed_listing_texts(LISTINGS, clip, path)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert embed_listing_texts(LISTINGS, clip, path).new == 3
    assert path.read_bytes() == content
