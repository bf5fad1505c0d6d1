"""What is known of a listing's photos before any of them is rendered: identity, URL parts, size and place."""

import colorsys
from dataclasses import dataclass

import numpy as np

from etsy_assets.demo.payloads import ListingImage

# The first photo of a listing is a tidy shot from the front; the others are whatever the seller had at hand.
_FIRST_BACKGROUNDS = ("white", "studio", "room")
_FIRST_AZIMUTHS = (-0.8, 0.8)
_SIZES = ((640, 640), (700, 560), (600, 750), (560, 700), (720, 540), (640, 480), (760, 500))
_SUFFIX_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
# Image ids passed 2^32 long ago; each listing has a range of its own, so that they never collide.
_FIRST_IMAGE_ID = 6_480_000_000
_IDS_PER_LISTING = 2_000
_IDS_PER_PHOTO = 100


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """One listing image. position: from 0 in the order that the seller chose; width, height: pixels of the full size.

    hex, suffix: the parts of its CDN URL. view, background and azimuth (radians) are what the renderer is asked for; it
    chooses where they are None.
    """

    image_id: int
    listing_id: int
    listing_number: int
    shop_id: int
    furniture_seed: int
    position: int
    view: int
    background: str | None
    azimuth: float | None
    width: int
    height: int
    hex: str
    suffix: str
    created_timestamp: int
    average_rgb: tuple[int, int, int]

    def path(self, size: str) -> str:
        """The path of its CDN URL at a size such as 75x75, 570xN or fullxfull."""
        return f"/{self.shop_id}/r/il/{self.hex}/{self.image_id}/il_{size}.{self.image_id}_{self.suffix}.jpg"

    def listing_image(self, base_url: str) -> ListingImage:
        """The image as the API describes it, with URLs under base_url (no slash at its end)."""
        red, green, blue = self.average_rgb
        hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        return ListingImage(
            listing_id=self.listing_id,
            listing_image_id=self.image_id,
            hex_code=f"{red:02X}{green:02X}{blue:02X}",
            red=red,
            green=green,
            blue=blue,
            hue=round(hue * 360),
            saturation=round(saturation * 100),
            brightness=round(value * 100),
            is_black_and_white=False,
            created_timestamp=self.created_timestamp,
            rank=self.position + 1,
            url_75x75=base_url + self.path("75x75"),
            url_170x135=base_url + self.path("170x135"),
            url_570xN=base_url + self.path("570xN"),
            url_fullxfull=base_url + self.path("fullxfull"),
            full_height=self.height,
            full_width=self.width,
        )


def take_photos(
    rng: np.random.Generator,
    *,
    listing_number: int,
    listing_id: int,
    shop_id: int,
    furniture_seed: int,
    furniture_rgb: tuple[float, float, float],
    created_timestamp: int,
) -> tuple[PhotoFacts, ...]:
    """Three to six photos of one listing. The average colour is a guess: the picture is not rendered to tell it."""
    photos = []
    for position in range(int(rng.integers(3, 7))):
        width, height = _SIZES[rng.integers(len(_SIZES))]
        block = _FIRST_IMAGE_ID + listing_number * _IDS_PER_LISTING + position * _IDS_PER_PHOTO
        red, green, blue = (int(0.35 * channel + 0.65 * rng.integers(150, 230)) for channel in furniture_rgb)
        photos.append(
            PhotoFacts(
                image_id=block + int(rng.integers(_IDS_PER_PHOTO)),
                listing_id=listing_id,
                listing_number=listing_number,
                shop_id=shop_id,
                furniture_seed=furniture_seed,
                position=position,
                view=position,
                background=_FIRST_BACKGROUNDS[rng.integers(len(_FIRST_BACKGROUNDS))] if position == 0 else None,
                azimuth=round(float(rng.uniform(*_FIRST_AZIMUTHS)), 3) if position == 0 else None,
                width=width,
                height=height,
                hex=f"{int(rng.integers(16**6)):06x}",
                suffix="".join(_SUFFIX_ALPHABET[digit] for digit in rng.integers(len(_SUFFIX_ALPHABET), size=4)),
                created_timestamp=created_timestamp + position,
                average_rgb=(red, green, blue),
            )
        )
    return tuple(photos)
