"""Bad inputs 15 to 28 and 37 to 41: listings that are not as the schema has them."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.records import ListingRecord
from etsy_assets.etsy.answers import Anomaly
from etsy_assets.etsy.faults import PayloadError
from etsy_assets.etsy.payloads import parse_listing
from etsy_assets_tests.bad_inputs.test_images import downloaded
from etsy_assets_tests.catalog.samples import NOW, discovered, image, listing, outcome
from etsy_assets_tests.etsy import api_payloads as api
from etsy_assets_tests.etsy.answering_server import Answer
from etsy_assets_tests.imaging.pictures import jpeg


def parsed(**changes: Any) -> ListingRecord:
    return parse_listing(api.listing(7, **changes), NOW, lambda _: None)


def stored(catalog: Catalog, record: ListingRecord) -> ListingRecord:
    catalog.upsert_listings([record])
    found = catalog.listing(record.listing_id)
    assert found is not None
    return found


def test_bad_input_15_escaped_text_is_unescaped_once_and_tags_are_left_alone():
    record = parsed(
        title="father&#39;s day gift",
        description="&amp;quot;Mother&#39;s Day&amp;quot;",
        tags=["mother's day", "a&amp;b"],
    )
    assert (record.title, record.description) == ("father's day gift", "&quot;Mother's Day&quot;")
    assert record.tags == ("mother's day", "a&amp;b")


def test_bad_input_16_odd_text_is_normalised_and_can_be_stored(catalog: Catalog):
    odd = "\u2605\u2605PLEASE NOTE \u2764\ufe0e\r\n\n\x00\ud800 e\u0301 \u25ba" + "x" * 10_000
    record = stored(catalog, parsed(title=odd, description=odd, tags=[odd]))
    for text in (record.title, record.description, *record.tags):
        assert "\x00" not in text
        assert "\ud800" not in text
        assert "\u00e9" in text
    assert json.loads(json.dumps(record.title)) == record.title


@pytest.mark.parametrize(
    ("price", "value"),
    [
        ({"amount": 1_500_000, "divisor": 1, "currency_code": "JPY"}, Decimal(1_500_000)),
        ({"amount": 16_824_100, "divisor": 100, "currency_code": "VND"}, Decimal("168241")),
        ({"amount": 1, "divisor": 0, "currency_code": "USD"}, None),
        (None, None),
        ("15.99", None),
    ],
)
def test_bad_input_17_a_price_is_exact_in_its_own_currency_or_unknown(catalog: Catalog, price: Any, value: Any):
    record = stored(catalog, parsed(price=price))
    assert record.price == value
    if value is not None:
        assert record.currency_code == price["currency_code"]


def test_bad_input_18_a_price_is_the_lowest_of_the_variations_and_is_kept_as_such(catalog: Catalog):
    record = stored(catalog, parsed(has_variations=True))
    assert (record.has_variations, record.price) == (True, Decimal("123.45"))
    assert [row["price"] for row in catalog.image_status()] == [123.45]


@pytest.mark.parametrize("taxonomy_id", [None, 987_654_321, "x"])
def test_bad_input_19_a_listing_of_an_unknown_category_is_kept(catalog: Catalog, taxonomy_id: Any):
    record = stored(catalog, parsed(taxonomy_id=taxonomy_id))
    assert record.taxonomy_id == (taxonomy_id if isinstance(taxonomy_id, int) else None)


@pytest.mark.parametrize(
    ("listing_type", "kept"), [("physical", True), ("download", False), ("both", False), (None, True)]
)
def test_bad_input_20_a_plan_or_printable_among_the_furniture_is_left_out(
    etsy, catalog: Catalog, listing_type: str | None, kept: bool
):
    catalog.record_discovered(discovered(7), NOW)
    (batch,) = catalog.seal_batches(1, timedelta(0), NOW)
    stored(catalog, parsed(listing_type=listing_type))
    assert (catalog.images(batch) != []) == kept
    assert (catalog.listings(batch) != []) == kept


def test_bad_input_21_junk_in_the_dimensions_costs_nothing(catalog: Catalog):
    junk = {
        "item_weight": "1",
        "item_length": "9",
        "item_width": -4,
        "item_height": "6",
        "item_dimensions_unit": "inches",
    }
    assert stored(catalog, parsed(**junk)).title == "Oak chair"


@pytest.mark.parametrize(("text", "value"), [("false", False), ("true", True), ("0", False), ("maybe", False)])
def test_bad_input_22_booleans_that_come_as_strings_are_read(text: str, value: bool):
    assert parsed(has_variations=text, is_supply="false").has_variations is value


def test_bad_input_23_no_images_null_images_and_absent_images_are_three_things(etsy, anomalies: list[Anomaly]):
    absent = api.listing(3)
    del absent["images"]
    again = Answer(api.page(api.image(70)))
    client, server = etsy(
        Answer(api.page(api.listing(1, images=[]), api.listing(2, images=None), absent)), again, again
    )
    records = client.listings([1, 2, 3])
    assert [len(record.images or ()) for record in records] == [0, 1, 1]
    assert [path for path in server.asked if path.endswith("/images")] == [
        "/v3/application/listings/2/images",
        "/v3/application/listings/3/images",
    ]
    assert {(each.code, each.listing_id) for each in anomalies} == {("images_absent", 2), ("images_absent", 3)}
    # One whose images fail costs none of the others.
    client, _ = etsy(Answer(api.page(api.listing(1), absent)), Answer({"error": "no"}, 403))
    first, second = client.listings([1, 3])
    assert (len(first.images or ()), second.images) == (1, None)


def test_bad_input_24_an_image_without_colour_and_size_is_measured_from_its_bytes(tmp_path: Path):
    bare = api.image(70, hex_code=None, red=None, full_height=None, full_width=None)
    (found,) = parsed(images=[bare]).images or ()
    assert (found.image_id, found.width, found.height) == (70, None, None)
    with downloaded(tmp_path, jpeg(1)) as archive:
        (entry,) = archive.entries
        assert (entry.width, entry.height) == Image.open(io.BytesIO(archive.read(entry))).size


def test_bad_input_25_the_url_of_another_image_is_asked_for_again_and_never_stored(etsy, anomalies: list[Anomaly]):
    crossed = api.image(3_837_624_856, url_fullxfull=api.FULL_SIZE.format(id=3_659_832_288))
    client, _ = etsy(Answer(api.page(api.listing(1, images=[crossed]))), Answer(api.page(api.image(3_837_624_856))))
    (record,) = client.listings([1])
    assert [each.url for each in record.images or ()] == [api.FULL_SIZE.format(id=3_837_624_856)]
    assert [each.code for each in anomalies] == ["image_url_of_another_image"]


@pytest.mark.parametrize(
    ("ranks", "primary"),
    [
        ({10: 1, 11: 1}, 10),
        ({10: 0, 11: 1}, 10),
        ({10: 7, 11: 4}, 11),
        ({10: None, 11: 3}, 11),
        ({11: None, 10: None}, 10),
    ],
)
def test_bad_input_26_whatever_the_ranks_one_image_is_primary(
    catalog: Catalog, ranks: dict[int, int | None], primary: int
):
    catalog.upsert_listings([listing(1, [image(1, image_id, rank) for image_id, rank in ranks.items()])])
    assert catalog.primary_images([1])[1].image_id == primary
    reordered = [image(1, image_id, number) for number, image_id in enumerate(sorted(ranks, reverse=True))]
    catalog.upsert_listings([listing(1, reordered)])
    assert catalog.primary_images([1])[1].image_id == 11


def test_bad_input_27_an_image_that_the_next_answer_lacks_is_removed(catalog: Catalog):
    catalog.upsert_listings([listing(1, [image(1, 10), image(1, 11, 2)])])
    catalog.upsert_listings([listing(1, [image(1, 11, 1)])])
    assert [each.image_id for each in catalog.images_by_listing([1])[1]] == [11]
    assert catalog.counts()["images_removed"] == 1


def test_bad_input_28_a_url_that_changed_replaces_the_stale_one_and_is_to_be_downloaded(catalog: Catalog):
    catalog.upsert_listings([listing(1, [image(1, 10)])])
    catalog.record_outcomes([outcome(1, 10, status="failed", reason="http_404")])
    moved = replace(image(1, 10), url=image(1, 10).url.replace("2ds7", "9zz9"), suffix="9zz9")
    catalog.upsert_listings([listing(1, [moved])])
    (found,) = catalog.images_by_listing([1])[1]
    assert (found.url, found.suffix) == (moved.url, "9zz9")
    assert catalog.image_status()[0]["to_download"] == 1
    assert catalog.outcome_counts() == {}


@pytest.mark.parametrize("language", [None, "en-US", "de", "ru", 5])
def test_bad_input_37_any_language_or_none_is_kept(catalog: Catalog, language: Any):
    assert stored(catalog, parsed(language=language)).language == (language if isinstance(language, str) else None)


def test_bad_input_38_ids_beyond_32_bits_are_kept_whole(catalog: Catalog):
    big = 6_483_108_510
    record = replace(listing(big, [image(big, big + 1)]), shop_id=big + 2)
    assert stored(catalog, record).shop_id == big + 2
    assert catalog.primary_images([big])[big].image_id == big + 1


def test_bad_input_39_a_url_loses_its_tracking():
    url = "https://www.etsy.com/listing/7/oak-chair?utm_source=app&utm_medium=api&utm_campaign=api&variation=3"
    assert parsed(url=url).url == "https://www.etsy.com/listing/7/oak-chair?variation=3"


def test_bad_input_40_new_fields_and_empty_numbers_are_ignored_and_a_needed_field_that_is_gone_is_an_alarm(etsy):
    record = parsed(quantity="", num_favorers="", something_new={"deep": [1]})
    assert (record.quantity, record.num_favorers, record.title) == (None, None, "Oak chair")
    renamed = [
        {("id" if name == "listing_id" else name): value for name, value in api.listing(n).items()} for n in (1, 2)
    ]
    client, _ = etsy(Answer(api.page(*renamed)))
    with pytest.raises(PayloadError, match="'listing_id'"):
        client.listings([1, 2])
    client, _ = etsy(Answer({"total": 1, "results": [api.listing(1)]}))
    with pytest.raises(PayloadError, match="'count'"):
        client.active_listings()


def test_bad_input_41_private_listings_are_left_out_and_mature_ones_where_it_is_asked_for(etsy, catalog: Catalog):
    assert parsed(is_private=True).is_on_show is False
    assert parsed(is_private=False).is_on_show is True
    client, server = etsy(Answer(api.page(api.listing(1))), safe_only=True)
    client.active_listings()
    assert server.requests[0][1]["is_safe"] == ["true"]
    client, server = etsy(Answer(api.page(api.listing(1))))
    client.active_listings()
    assert "is_safe" not in server.requests[0][1]
