"""Puts a listing's lasting fault into the API's answers about it. The bodies break the API document on purpose."""

import html
from typing import Any

JsonObject = dict[str, Any]

_FIELDS_LEFT_OUT = ("tags", "materials", "num_favorers", "quantity", "who_made", "updated_timestamp", "views")
_METADATA = (
    *("hex_code", "red", "green", "blue", "hue", "saturation", "brightness", "is_black_and_white"),
    *("full_height", "full_width"),
)


def spoil_listing(fault: str | None, body: JsonObject) -> JsonObject:
    """The listing's answer as the fault makes it; its images too, where it has them."""
    spoiled = dict(body)
    match fault:
        case "escaped_text":
            # Tags of the same answer stay raw, as observed.
            spoiled |= {name: _escape(body[name]) for name in ("title", "description")}
        case "odd_text":
            spoiled["description"] = f"\u0000{body['description']}\r\n\u25ba \ud83e\u0000"  # NUL and half a pair
        case "missing_fields":
            spoiled = {name: value for name, value in body.items() if name not in _FIELDS_LEFT_OUT}
        case "unknown_fields":
            spoiled |= {"converted_price": None, "personalization": [], "buyer_price": {"amount": ""}}
        case "no_price":
            spoiled["price"] = None
        case "zero_divisor":
            spoiled["price"] = {**body["price"], "divisor": 0}
        case "no_taxonomy":
            spoiled["taxonomy_id"] = None
    if "images" in body:
        spoiled["images"] = None if fault == "images_null" else spoil_images(fault, body["images"])
    return spoiled


def spoil_images(fault: str | None, images: list[JsonObject]) -> list[JsonObject]:
    """A listing's images, in rank order, as the fault makes them."""
    match fault:
        case "images_empty":
            return []
        case "ranks_shuffled":
            return images[1:][::-1] + images[:1]
        case "ranks_duplicate":
            return [{**image, "rank": max(1, image["rank"] - 1)} for image in images]
        case "ranks_null":
            return [{**image, "rank": None} for image in images]
        case "image_metadata_null":
            return [{**image, **dict.fromkeys(_METADATA)} for image in images]
        case _:
            return images


def _escape(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;")
