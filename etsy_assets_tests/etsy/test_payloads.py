"""Payloads as bad as the field has seen them, and what becomes of each."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.etsy.answers import Anomaly, parse_each, parse_page
from etsy_assets.etsy.faults import PayloadError
from etsy_assets.etsy.payloads import (
    parse_discovered,
    parse_images,
    parse_listing,
    parse_review,
    parse_shop,
    parse_taxonomy,
)
from etsy_assets_tests.etsy import api_payloads as api

NOW = datetime(2026, 11, 20, tzinfo=UTC)

json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["", "12", "1.5", "true"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


def parsed(payload: Any, images_asked: bool = True):
    """(record, codes of the anomalies)"""
    anomalies: list[Anomaly] = []
    record = parse_listing(payload, NOW, anomalies.append, images_asked)
    return record, [anomaly.code for anomaly in anomalies]


def test_a_whole_listing_is_read_with_its_images_and_shop():
    record, anomalies = parsed(api.listing())
    assert anomalies == []
    assert (record.listing_id, record.shop_id, record.taxonomy_id, record.state) == (7, 11, 968, "active")
    assert (record.title, record.tags, record.materials) == ("Oak chair", ("oak",), ("oak", "linen"))
    assert (record.price, record.currency_code, record.has_variations) == (Decimal("123.45"), "EUR", True)
    assert (record.created_timestamp, record.original_created_timestamp) == (1_700_000_000, 1_600_000_000)
    assert (record.updated_timestamp, record.views, record.fetched_at) == (1_700_000_001, 40, NOW)
    (image,) = record.images
    assert (image.listing_id, image.image_id, image.rank, image.width, image.height) == (7, 70, 1, 1500, 1200)
    assert (image.url, image.shop_id) == (api.FULL_SIZE.format(id=70), 21832647)
    assert (image.hex, image.suffix) == ("a29f31", "2ds7")
    assert (record.shop.shop_name, record.shop.title, record.shop.country_iso) == (
        "OakAndAsh",
        "Oak & ash furniture",
        "DE",
    )
    assert (record.shop.created_timestamp, record.shop.updated_timestamp) == (1_500_000_000, 1_600_000_000)
    assert record.shop.url == "https://www.etsy.com/shop/OakAndAsh"
    assert record.shop.review_count is None


def test_a_listing_needs_nothing_but_its_id():
    record, anomalies = parsed({"listing_id": 7}, images_asked=False)
    assert (record.title, record.state, record.tags, record.images, record.shop) == ("", "unknown", (), None, None)
    assert anomalies == []


@pytest.mark.parametrize(
    "payload", [{}, {"listing_id": None}, {"listing_id": "x"}, {"listing_id": 0}, [], None, "text"]
)
def test_a_missing_listing_id_is_an_error_that_names_the_field(payload):
    with pytest.raises(PayloadError, match="'listing_id'"):
        parsed(payload)
    with pytest.raises(PayloadError, match="'listing_id'"):
        parse_discovered(payload)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(set(api.listing()) - {"listing_id"})), json_values))
def test_junk_in_optional_fields_never_costs_the_listing(junk):
    record, _ = parsed(api.listing() | junk)
    assert record.listing_id == 7
    for text in (record.title, record.description, *record.tags):
        assert "\x00" not in text
        assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("father&#39;s day gift", "father's day gift"),
        ("&amp;quot;vintage&amp;quot;", "&quot;vintage&quot;"),
        ("★★★PLEASE NOTE ❤︎ ►", "★★★PLEASE NOTE ❤︎ ►"),
        ("two\r\nlines\n\n", "two\r\nlines\n\n"),
        ("nul\x00byte", "nulbyte"),
        ("half \ud83d of a pair", "half  of a pair"),
        ("Stu\u0308hle", "St\u00fchle"),
    ],
)
def test_titles_and_descriptions_are_unescaped_once_and_storable(raw: str, clean: str):
    record, _ = parsed(api.listing(title=raw, description=raw))
    assert (record.title, record.description) == (clean, clean)


def test_tags_are_left_as_they_are_since_etsy_does_not_escape_them():
    record, _ = parsed(api.listing(tags=["mother's day gift", "a &amp; b", None, "nul\x00"]))
    assert record.tags == ("mother's day gift", "a &amp; b", "nul")


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ({"amount": 1500000, "divisor": 1, "currency_code": "JPY"}, Decimal(1500000)),
        ({"amount": 16824100, "divisor": 100, "currency_code": "VND"}, Decimal("168241")),
        ({"amount": 10, "divisor": 1000, "currency_code": "KWD"}, Decimal("0.01")),
        ({"amount": 0, "divisor": 100, "currency_code": "EUR"}, Decimal(0)),
        ({"amount": 100, "divisor": 0, "currency_code": "EUR"}, None),
        ({"amount": 100, "divisor": None, "currency_code": "EUR"}, None),
        ({"amount": "", "divisor": 100, "currency_code": "EUR"}, None),
        ({"amount": -1, "divisor": 100, "currency_code": "EUR"}, None),
        (None, None),
        ("15.99", None),
    ],
)
def test_a_price_is_exact_and_unknown_when_its_divisor_is(price, expected):
    record, _ = parsed(api.listing(price=price))
    assert record.price == expected
    assert record.currency_code == (price["currency_code"] if isinstance(price, dict) else None)


@pytest.mark.parametrize("state", ["edit", "removed", "sold_out", "something_new"])
def test_a_state_outside_the_documented_ones_is_kept(state: str):
    assert parsed(api.listing(state=state))[0].state == state


def test_each_timestamp_is_read_by_its_old_name_when_the_new_one_is_null_or_missing():
    payload = api.listing(created_timestamp=None, creation_timestamp=5, last_modified_timestamp=6)
    del payload["updated_timestamp"]
    record, _ = parsed(payload)
    assert (record.created_timestamp, record.updated_timestamp) == (5, 6)


def test_numbers_and_booleans_that_come_as_strings_are_read():
    record, _ = parsed(api.listing(quantity="3", views="", taxonomy_id=None, is_private="false", has_variations="true"))
    assert (record.quantity, record.views, record.taxonomy_id) == (3, None, None)
    assert (record.is_private, record.has_variations) == (False, True)


def test_ids_beyond_32_bits_are_kept_and_beyond_64_are_not():
    record, _ = parsed(api.listing(6_483_108_510, shop_id=2**63))
    assert (record.listing_id, record.shop_id) == (6_483_108_510, None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://www.etsy.com/listing/7/c?utm_source=app&utm_medium=api&utm_campaign=api",
            "https://www.etsy.com/listing/7/c",
        ),
        ("https://www.etsy.com/listing/7/c?variant=a%20b&utm_source=x", "https://www.etsy.com/listing/7/c?variant=a+b"),
        ("javascript:alert(1)", ""),
        ("http://[half", ""),
        (None, ""),
    ],
)
def test_a_listings_url_loses_its_tracking_and_must_be_a_web_address(url, expected: str):
    assert parsed(api.listing(url=url))[0].url == expected


def test_images_not_asked_for_images_that_failed_and_no_images_are_three_things():
    not_asked, failed, none = (
        parsed(api.listing(images=None), images_asked=False),
        parsed(api.listing(images=None)),
        parsed(api.listing(images=[])),
    )
    assert (not_asked[0].images, not_asked[1]) == (None, [])
    assert (failed[0].images, failed[1]) == (None, ["images_absent"])
    assert (none[0].images, none[1]) == ((), [])


def test_an_association_may_come_under_its_capitalised_name():
    payload = api.listing()
    payload["Images"], payload["Shop"] = payload.pop("images"), payload.pop("shop")
    record, anomalies = parsed(payload)
    assert (len(record.images), record.shop.shop_id, anomalies) == (1, 11, [])


def test_an_image_whose_url_is_another_images_is_left_out_and_reported():
    wrong = api.image(3837624856, url_fullxfull=api.FULL_SIZE.format(id=3659832288))
    anomalies: list[Anomaly] = []
    images = list(parse_images([wrong, api.image(71)], 7, anomalies.append))
    assert [image.image_id for image in images] == [71]
    assert [(a.code, a.listing_id, a.image_id) for a in anomalies] == [("image_url_of_another_image", 7, 3837624856)]
    assert "3659832288" in anomalies[0].detail


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "image_without_id"),
        (None, "image_without_id"),
        (api.image(70, listing_image_id="x"), "image_without_id"),
        ({"listing_image_id": 70}, "image_without_url"),
        ({"listing_image_id": 70, "url_fullxfull": "file:///etc/passwd"}, "image_without_url"),
    ],
)
def test_an_image_that_cannot_be_used_is_reported_and_costs_no_other(payload, code: str):
    record, anomalies = parsed(api.listing(images=[payload, api.image(71)]))
    assert [image.image_id for image in record.images] == [71]
    assert anomalies == [code]


def test_an_image_at_a_url_of_an_unknown_form_is_kept_and_reported():
    record, anomalies = parsed(api.listing(images=[api.image(70, url_fullxfull="https://cdn.example/new/70.avif")]))
    assert (record.images[0].url, record.images[0].hex) == ("https://cdn.example/new/70.avif", None)
    assert anomalies == ["image_url_unknown_form"]


def test_the_largest_url_that_is_there_is_taken():
    image = api.image(70, url_fullxfull=None)
    assert parsed(api.listing(images=[image]))[0].images[0].url == image["url_570xN"]


def test_image_metadata_may_be_null_or_odd():
    record, _ = parsed(api.listing(images=[api.image(70, None, full_width=None, full_height="")]))
    assert (record.images[0].rank, record.images[0].width, record.images[0].height) == (None, None, None)


def test_a_shop_that_is_null_or_unusable_costs_only_the_shop():
    record, anomalies = parsed(api.listing(shop=None))
    assert (record.shop, record.shop_id, anomalies) == (None, 11, [])
    record, anomalies = parsed(api.listing(shop={"shop_name": "No id"}))
    assert (record.shop, record.shop_id, anomalies) == (None, 11, ["shop_unusable"])
    with pytest.raises(PayloadError, match="'shop_id'"):
        parse_shop({}, NOW)


def test_a_review_may_lack_all_but_listing_and_rating():
    anomalies: list[Anomaly] = []
    bare = parse_review({"listing_id": 7, "rating": 1, "review": None}, anomalies.append)
    assert (bare.text, bare.transaction_id, bare.image_url) == ("", None, None)
    whole = parse_review(api.review(transaction_id=9, updated_timestamp=3), anomalies.append)
    assert (whole.text, whole.transaction_id, whole.created_timestamp) == ("It's lovely", 9, 1_700_000_000)
    assert whole.updated_timestamp == 3
    assert anomalies == []


@pytest.mark.parametrize("rating", [0, 6, None, "good"])
def test_a_rating_outside_one_to_five_is_reported_not_stored(rating):
    anomalies: list[Anomaly] = []
    assert parse_review(api.review(rating=rating), anomalies.append) is None
    assert [anomaly.code for anomaly in anomalies] == ["review_rating_out_of_range"]


def test_the_taxonomy_is_read_depth_first_with_paths_from_the_root():
    leaf = {"id": 12455, "level": 3, "name": "Bed Frames", "parent_id": 969, "children": []}
    tree = [
        {"id": 967, "level": 2, "name": "Furniture", "parent_id": None, "children": [
            {"id": 969, "level": 3, "name": "Beds &amp; Headboards", "parent_id": 967, "children": [leaf]},
        ]},
        {"id": 66, "name": "Art"},
    ]  # fmt: skip
    nodes = list(parse_taxonomy(tree))
    assert [node.node_id for node in nodes] == [967, 969, 12455, 66]
    assert (nodes[1].name, nodes[2].full_path_ids, nodes[2].parent_id) == ("Beds & Headboards", (967, 969, 12455), 969)
    assert (nodes[3].level, nodes[3].parent_id) == (1, None)


def test_a_taxonomy_node_without_a_name_is_an_error_that_names_it():
    with pytest.raises(PayloadError, match=r"Taxonomy node 5 .* 'name'"):
        list(parse_taxonomy([{"id": 5}]))


@pytest.mark.parametrize(
    ("payload", "field"),
    [({"results": []}, "count"), ({"count": 3}, "results"), ([], "count"), ({"error": "x"}, "count")],
)
def test_a_list_without_its_envelope_is_an_error_that_names_the_field(payload, field: str):
    with pytest.raises(PayloadError, match=f"'{field}'"):
        parse_page(payload)


def test_one_unusable_item_is_reported_and_a_page_of_them_is_an_error():
    anomalies: list[Anomaly] = []
    found = parse_each([{"listing_id": 1}, {}, {"listing_id": 2}], parse_discovered, anomalies.append)
    assert [each.listing_id for each in found] == [1, 2]
    assert [anomaly.code for anomaly in anomalies] == ["item_unusable"]
    with pytest.raises(PayloadError, match="'listing_id'"):
        parse_each([{}, {"id": 3}], parse_discovered, anomalies.append)
    assert parse_each([], parse_discovered, anomalies.append) == []
