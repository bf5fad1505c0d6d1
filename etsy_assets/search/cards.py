"""What a person is shown of a listing and of a picture. Where it comes from is the caller's business."""

import base64
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from PIL import Image

GALLERY_SIDE = 320
MARKDOWN_SIDES = (112, 96)
"""Pixels. The Dagster UI can't scale a picture in markdown, so a thumbnail must have its final size."""


@dataclass(frozen=True, slots=True)
class ListingCard:
    """price: as it is to be read, e.g. "EUR 120.00". thumbnail: JPEG bytes of the primary image, of any size.

    fetched_at: when the shop last said so, show_until: until when that may be shown; timezone-aware, None = not known.
    """

    listing_id: int
    title: str
    price: str | None = None
    url: str | None = None
    shop_name: str | None = None
    thumbnail: bytes | None = None
    primary_image_id: int | None = None
    fetched_at: datetime | None = None
    show_until: datetime | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether it was read too long ago to be shown as it is: price, state and pictures may be others by now."""
        return self.show_until is not None and datetime.now(UTC) > self.show_until

    @property
    def link(self) -> str | None:
        """The listing's page, if it is one: a title or URL is the seller's own text and may hold anything."""
        return self.url if self.url and urlsplit(self.url).scheme in ("http", "https") else None


def unknown_listing(listing_id: int) -> ListingCard:
    """The card of a listing that is in the corpus and no longer in the catalog."""
    return ListingCard(listing_id, title=f"Listing {listing_id}")


def data_uri(picture: Image.Image | bytes | None, side: int, quality: int = 82) -> str | None:
    """A picture as a JPEG data URI that fits into side x side pixels; None when there is none or it can't be read."""
    if picture is None:
        return None
    try:
        image = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
        image.draft("RGB", (side, side))
        small = image.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality, optimize=True)
    except (OSError, ValueError, SyntaxError):
        return None
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
