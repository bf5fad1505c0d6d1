"""The simulated shop as an object: what it holds, that a seed decides it, and how it changes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from etsy_assets.demo.listings import FIRST_FURNITURE_SEED, FIRST_LISTED_AT, stock_listing
from etsy_assets.demo.sellers import open_shops
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.demo.taxonomy import FURNITURE_NODE_ID, LEAVES_OF_KIND, seller_taxonomy, subtree_ids

PHOTOGRAPHED_ON_LISTINGS_BELOW = 210_000


def test_the_default_shop_has_sixty_listings_and_about_250_photos(shop: SimulatedShop) -> None:
    photo_counts = [len(stocked.photos) for stocked in shop.listings()]
    assert len(photo_counts) == 60
    assert set(photo_counts) <= {3, 4, 5, 6}
    assert 220 <= sum(photo_counts) <= 300


def test_the_same_seed_gives_the_same_shop_and_another_seed_another(shop: SimulatedShop) -> None:
    assert SimulatedShop(shop.seed).listings() == shop.listings()
    others = {stocked.listing_id for stocked in SimulatedShop(shop.seed + 1).listings()}
    assert others != {stocked.listing_id for stocked in shop.listings()}


def test_a_shop_that_grew_equals_one_that_began_with_as_many_listings() -> None:
    grown = SimulatedShop(listings=3)
    grown.add_listings(4)
    assert grown.listings() == SimulatedShop(listings=7).listings()


def test_no_furniture_is_one_that_encoders_were_trained_or_measured_on(shop: SimulatedShop) -> None:
    seeds = {photo.furniture_seed for stocked in shop.listings() for photo in stocked.photos}
    assert min(seeds) >= FIRST_FURNITURE_SEED > PHOTOGRAPHED_ON_LISTINGS_BELOW
    assert len(seeds) == 60


def test_ids_are_unique_and_wider_than_32_bits(shop: SimulatedShop) -> None:
    listing_ids = [stocked.listing_id for stocked in shop.listings()]
    image_ids = [photo.image_id for stocked in shop.listings() for photo in stocked.photos]
    assert len(set(listing_ids)) == len(listing_ids)
    assert len(set(image_ids)) == len(image_ids)
    assert min(listing_ids + image_ids) > 2**32


def test_prices_come_in_several_currencies_and_with_both_divisors(shop: SimulatedShop) -> None:
    prices = [stocked.listing.price for stocked in shop.listings()]
    assert len({price.currency_code for price in prices}) >= 3
    assert {price.divisor for price in prices} == {1, 100}


def test_titles_fit_etsy_and_hold_a_character_that_html_escapes(shop: SimulatedShop) -> None:
    for stocked in shop.listings():
        assert len(stocked.listing.title) <= 140
        assert set("&'\"") & set(stocked.listing.title)


def test_every_kind_is_sold_in_leaves_below_furniture() -> None:
    def leaves(nodes: tuple) -> set[int]:
        return {leaf for n in nodes for leaf in (leaves(n.children) if n.children else {n.id})}

    sold = {leaf for kind in LEAVES_OF_KIND.values() for leaf in kind}
    assert sold <= leaves(seller_taxonomy()) & subtree_ids(FURNITURE_NODE_ID)


def test_a_taxonomy_node_knows_its_path_level_and_parent() -> None:
    home, *others = seller_taxonomy()
    furniture = home.children[0]
    bed_frames = furniture.children[0].children[0].children[0]
    assert not others
    assert (bed_frames.name, bed_frames.full_path_taxonomy_ids) == ("Bed Frames", (891, 967, 968, 969, 12455))
    assert (bed_frames.level, bed_frames.parent_id, home.parent_id) == (5, 969, None)
    assert len(subtree_ids(FURNITURE_NODE_ID)) == 49
    assert subtree_ids(1) == frozenset()


def test_an_added_listing_is_the_newest() -> None:
    shop = SimulatedShop(listings=5)
    newest_before = max(stocked.listing.created_timestamp for stocked in shop.listings())
    (listing_id,) = shop.add_listings(1)
    added = shop.listing(listing_id)
    assert added is not None
    assert added.listing.created_timestamp > newest_before


def test_listings_added_from_many_threads_are_all_there_once() -> None:
    shop = SimulatedShop(listings=0)
    with ThreadPoolExecutor(8) as threads:
        added = [listing_id for ids in threads.map(lambda _: shop.add_listings(2), range(12)) for listing_id in ids]
    assert sorted(added) == sorted(stocked.listing_id for stocked in shop.listings())
    assert [stocked.number for stocked in shop.listings()] == list(range(24))


def test_a_removed_listing_takes_its_photos_along() -> None:
    shop = SimulatedShop(listings=2)
    first, second = shop.listings()
    shop.remove_listing(first.listing_id)
    assert shop.listings() == (second,)
    assert shop.photo_facts(first.photos[0].image_id) is None
    with pytest.raises(KeyError):
        shop.remove_listing(first.listing_id)


def test_a_revised_listing_is_the_last_updated_and_keeps_the_rest() -> None:
    shop = SimulatedShop(listings=3)
    before = shop.listings()[0].listing
    after = shop.revise_listing(before.listing_id, title="Repainted", state="sold_out")
    assert (after.title, after.state, after.price) == ("Repainted", "sold_out", before.price)
    assert after.updated_timestamp > max(stocked.listing.updated_timestamp for stocked in shop.listings()[1:])
    assert shop.listings()[0].listing == after
    with pytest.raises(ValidationError):
        shop.revise_listing(before.listing_id, state="melted")


def test_a_shop_counts_its_listings_and_reviews_as_they_are_now() -> None:
    shop = SimulatedShop()
    stocked = next(s for s in shop.listings() if s.reviews)
    shop_id = stocked.listing.shop_id
    before = shop.shop(shop_id)
    shop.remove_listing(stocked.listing_id)
    after = shop.shop(shop_id)
    assert before is not None
    assert after is not None
    assert after.listing_active_count == before.listing_active_count - 1
    assert after.review_count == (before.review_count or 0) - len(stocked.reviews)


def test_a_listing_does_not_depend_on_those_around_it(shop: SimulatedShop) -> None:
    assert stock_listing(shop.seed, 41, open_shops(shop.seed, FIRST_LISTED_AT)) == shop.listings()[41]


@pytest.mark.parametrize(("seed", "listings"), [(-1, 3), (3, -1)])
def test_a_negative_seed_or_size_is_refused(seed: int, listings: int) -> None:
    with pytest.raises(ValueError, match="must be 0 or more"):
        SimulatedShop(seed, listings)
