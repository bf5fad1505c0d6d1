"""From Etsy's payloads to the platform's records, losing nothing silently: what is dropped is named in an Anomaly."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from etsy_assets.catalog.records import (
    DiscoveredListing,
    ImageRecord,
    ListingRecord,
    ReviewRecord,
    ShopRecord,
    TaxonomyNodeRecord,
)
from etsy_assets.etsy import models
from etsy_assets.etsy.answers import Anomaly, Report, needed
from etsy_assets.etsy.cdn import CdnUrl, UnknownImageUrl, parse_image_url
from etsy_assets.etsy.faults import PayloadError

# Anomalies of a listing's answer that its own images answer may not have.
IMAGES_TO_ASK_FOR_AGAIN = frozenset({"images_absent", "image_url_of_another_image"})


def parse_listing(payload: Any, fetched_at: datetime, report: Report, images_asked: bool = True) -> ListingRecord:
    """A listing with what was included. Raises PayloadError without a listing_id.

    images_asked: whether the request included them; then their absence is reported, and images is None either way.
    """
    listing = models.Listing.model_validate(payload)
    listing_id = needed(listing.listing_id, "listing_id", "listing")
    price = models.Money.model_validate(listing.price)
    has_price = price.amount is not None and price.amount >= 0 and price.divisor is not None and price.divisor > 0
    images: tuple[ImageRecord, ...] | None = None
    if listing.images is not None:
        images = tuple(parse_images(listing.images, listing_id, report))
    elif images_asked:
        report(Anomaly("images_absent", "The answer has no images although they were asked for.", listing_id))
    return ListingRecord(
        listing_id=listing_id,
        shop_id=listing.shop_id,
        title=listing.title or "",
        description=listing.description or "",
        state=listing.state or "unknown",
        url=listing.url or "",
        taxonomy_id=listing.taxonomy_id,
        tags=listing.tags,
        materials=listing.materials,
        when_made=listing.when_made,
        who_made=listing.who_made,
        listing_type=listing.listing_type,
        price_amount=price.amount if has_price else None,
        price_divisor=price.divisor if has_price else None,
        currency_code=price.currency_code,
        quantity=listing.quantity,
        num_favorers=listing.num_favorers,
        views=listing.views,
        is_private=bool(listing.is_private),
        has_variations=bool(listing.has_variations),
        language=listing.language,
        created_timestamp=listing.created_timestamp,
        original_created_timestamp=listing.original_creation_timestamp,
        updated_timestamp=listing.updated_timestamp,
        fetched_at=fetched_at,
        images=images,
        shop=_included_shop(listing.shop, listing_id, fetched_at, report),
    )


def parse_discovered(payload: Any) -> DiscoveredListing:
    """A listing of a search answer. Raises PayloadError without a listing_id."""
    listing = models.Listing.model_validate(payload)
    return DiscoveredListing(
        listing_id=needed(listing.listing_id, "listing_id", "listing"),
        shop_id=listing.shop_id,
        taxonomy_id=listing.taxonomy_id,
        created_timestamp=listing.created_timestamp,
        updated_timestamp=listing.updated_timestamp,
    )


def parse_images(items: list[Any], listing_id: int, report: Report) -> Iterator[ImageRecord]:
    """The images of one listing; without an id or URL, or with another image's URL, one is left out and reported."""
    for item in items:
        image = models.Image.model_validate(item)
        image_id, url = image.listing_image_id, image.url
        if image_id is None or image_id < 1:
            report(Anomaly("image_without_id", "An image has no usable 'listing_image_id'.", listing_id))
            continue
        if url is None or not url.startswith(("http://", "https://")):
            report(Anomaly("image_without_url", f"The image's URL is {url!r}.", listing_id, image_id))
            continue
        parts: CdnUrl | None = None
        try:
            parts = parse_image_url(url)
        except UnknownImageUrl as error:
            # It may be fetched all the same; only that it is this image can't be told from the URL.
            report(Anomaly("image_url_unknown_form", str(error), listing_id, image_id))
        if parts is not None and parts.image_id != image_id:
            # Seen when an upload races an edit (etsy/open-api#457): these are not this image's bytes.
            detail = f"The URL {url!r} is image {parts.image_id}'s: ask again later."
            report(Anomaly("image_url_of_another_image", detail, listing_id, image_id))
            continue
        yield ImageRecord(
            listing_id=listing_id,
            image_id=image_id,
            rank=image.rank,
            url=url,
            shop_id=parts.shop_id if parts else None,
            hex=parts.hex if parts else None,
            suffix=parts.suffix if parts else None,
            width=image.full_width,
            height=image.full_height,
        )


def parse_shop(payload: Any, fetched_at: datetime) -> ShopRecord:
    """A shop. Raises PayloadError without a shop_id."""
    shop = models.Shop.model_validate(payload)
    return ShopRecord(
        shop_id=needed(shop.shop_id, "shop_id", "shop"),
        shop_name=shop.shop_name,
        title=shop.title,
        url=shop.url,
        currency_code=shop.currency_code,
        country_iso=shop.shop_location_country_iso or shop.shipping_from_country_iso,
        is_vacation=shop.is_vacation,
        listing_active_count=shop.listing_active_count,
        transaction_sold_count=shop.transaction_sold_count,
        review_count=shop.review_count,
        review_average=shop.review_average,
        created_timestamp=shop.created_timestamp,
        updated_timestamp=shop.updated_timestamp,
        fetched_at=fetched_at,
    )


def parse_review(payload: Any, report: Report) -> ReviewRecord | None:
    """A review; None, and reported, when its rating is not 1 to 5. Raises PayloadError without a listing_id."""
    review = models.Review.model_validate(payload)
    listing_id = needed(review.listing_id, "listing_id", "review")
    if review.rating is None or not 1 <= review.rating <= 5:
        report(Anomaly("review_rating_out_of_range", f"The review's rating is {review.rating}.", listing_id))
        return None
    return ReviewRecord(
        listing_id=listing_id,
        shop_id=review.shop_id,
        transaction_id=review.transaction_id,
        rating=review.rating,
        text=review.review or "",
        language=review.language,
        image_url=review.image_url_fullxfull,
        created_timestamp=review.created_timestamp,
        updated_timestamp=review.updated_timestamp,
    )


def parse_taxonomy(items: list[Any], ancestors: tuple[int, ...] = ()) -> Iterator[TaxonomyNodeRecord]:
    """All nodes of the trees, each before its children. Raises PayloadError for a node without id or name."""
    for item in items:
        node = models.TaxonomyNode.model_validate(item)
        node_id = needed(node.id, "id", "taxonomy node")
        if not node.name:
            raise PayloadError(f"Taxonomy node {node_id} in Etsy's answer has no usable 'name'.")
        path = (*ancestors, node_id)
        parent_id = ancestors[-1] if ancestors else node.parent_id
        level = node.level if node.level is not None else len(path)
        yield TaxonomyNodeRecord(node_id, node.name, level, parent_id, path)
        yield from parse_taxonomy(node.children or [], path)


def _included_shop(payload: Any, listing_id: int, fetched_at: datetime, report: Report) -> ShopRecord | None:
    if payload is None:
        return None
    try:
        return parse_shop(payload, fetched_at)
    except PayloadError as error:
        report(Anomaly("shop_unusable", str(error), listing_id))
        return None
