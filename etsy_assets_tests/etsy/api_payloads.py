"""Answers written to the schema of Etsy's API (none was observed), whole enough to hold each field that is used."""

from typing import Any

FULL_SIZE = "https://i.etsystatic.com/21832647/r/il/a29f31/{id}/il_fullxfull.{id}_2ds7.jpg"


def image(image_id: int, rank: int | None = 1, **changes: Any) -> dict[str, Any]:
    return {
        "listing_id": 7,
        "listing_image_id": image_id,
        "hex_code": "C8B7A6",
        "rank": rank,
        "url_75x75": FULL_SIZE.format(id=image_id).replace("fullxfull", "75x75"),
        "url_570xN": FULL_SIZE.format(id=image_id).replace("fullxfull", "570xN"),
        "url_fullxfull": FULL_SIZE.format(id=image_id),
        "full_height": 1200,
        "full_width": 1500,
        "alt_text": "a chair",
    } | changes


def shop(shop_id: int = 11, **changes: Any) -> dict[str, Any]:
    return {
        "shop_id": shop_id,
        "shop_name": "OakAndAsh",
        "title": "Oak &amp; ash furniture",
        "url": "https://www.etsy.com/shop/OakAndAsh?utm_source=app&utm_medium=api",
        "currency_code": "EUR",
        "is_vacation": False,
        "create_date": 1_500_000_000,
        "update_date": 1_600_000_000,
        "listing_active_count": 12,
        "transaction_sold_count": 345,
        "shop_location_country_iso": "DE",
        "review_count": None,
        "review_average": 4.8,
    } | changes


def listing(listing_id: int = 7, **changes: Any) -> dict[str, Any]:
    return {
        "listing_id": listing_id,
        "user_id": 5,
        "shop_id": 11,
        "title": "Oak chair",
        "description": "A chair of oak",
        "state": "active",
        "creation_timestamp": 1_700_000_000,
        "created_timestamp": 1_700_000_000,
        "original_creation_timestamp": 1_600_000_000,
        "last_modified_timestamp": 1_700_000_001,
        "updated_timestamp": 1_700_000_001,
        "quantity": 1,
        "url": f"https://www.etsy.com/listing/{listing_id}/oak-chair",
        "num_favorers": 3,
        "listing_type": "physical",
        "tags": ["oak"],
        "materials": ["oak", "linen"],
        "who_made": "i_did",
        "when_made": "2020_2026",
        "is_private": False,
        "has_variations": True,
        "language": "en-US",
        "price": {"amount": 12345, "divisor": 100, "currency_code": "EUR"},
        "taxonomy_id": 968,
        "views": 40,
        "images": [image(70)],
        "shop": shop(),
    } | changes


def review(**changes: Any) -> dict[str, Any]:
    return {
        "shop_id": 11,
        "listing_id": 7,
        "rating": 5,
        "review": "It&#39;s lovely",
        "language": "en",
        "image_url_fullxfull": None,
        "create_timestamp": 1_700_000_000,
        "update_timestamp": 1_700_000_000,
    } | changes


def page(*results: Any, count: int | None = None) -> dict[str, Any]:
    return {"count": len(results) if count is None else count, "results": list(results)}
