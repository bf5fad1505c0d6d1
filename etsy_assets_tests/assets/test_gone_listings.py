"""What Etsy no longer has leaves the corpus, and stays in the catalog."""

from collections.abc import Callable

from etsy_assets.imaging.archive import ImageArchive
from etsy_assets_tests.assets.deployment import Deployment, metadata_of, sentence_of


def test_a_listing_gone_from_etsy_is_tombstoned_and_leaves_the_corpus(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    shop = open_shop()
    deployed = copied(shop.url)
    before, batch = deployed.corpus(), "batch-000001"
    with deployed.catalog() as catalog:
        gone, *staying = catalog.batch_listing_ids(batch)
        title = catalog.listing(gone).title
    shop.shop.remove_listing(gone)
    run = deployed.run("ingest", batch)
    assert run.success
    assert metadata_of(run, "listings")["listings_gone"] == 1
    with deployed.catalog() as catalog:
        counts, tombstone = catalog.counts(), catalog.listing(gone)
        assert [record.listing_id for record in catalog.listings(batch)] == staying
        assert catalog.batch_listing_ids(batch) == [gone, *staying]
    assert (counts["listings"], counts["listings_gone"], counts["discovered"]) == (8, 1, 9)
    assert (tombstone.title, tombstone.state) == (title, "removed")

    # Until it is published, a search goes on finding it.
    assert deployed.corpus().version == before.version
    after = deployed.publish()
    corpus = deployed.corpus()
    assert corpus.version == after.version != before.version
    assert set(before.listing_ids) - set(corpus.listing_ids) == {gone}
    assert len(corpus.listing_ids) == len(before.listing_ids) - len(before.rows_of(gone))
    assert gone not in corpus.listings
    search = {"ops": {"load_query": {"config": {"listing_id": gone}}}}
    assert f"Listing {gone} is not among the 8 listings" in sentence_of(deployed.run("ensemble_search", config=search))


def test_a_segment_of_which_every_listing_is_gone_is_published_empty(
    copied: Callable[..., Deployment], open_shop: Callable
) -> None:
    shop = open_shop()
    deployed = copied(shop.url)
    batch = "batch-000002"
    with deployed.catalog() as catalog:
        gone = catalog.batch_listing_ids(batch)
    for listing_id in gone:
        shop.shop.remove_listing(listing_id)
    assert deployed.run("ingest", batch).success
    assert ImageArchive.open(deployed.home.images(batch)).entries == []
    snapshot = deployed.publish()
    assert (snapshot.counts.segments, snapshot.counts.batches, snapshot.counts.listings) == (2, 3, 6)
    assert not set(deployed.corpus().listing_ids) & set(gone)
