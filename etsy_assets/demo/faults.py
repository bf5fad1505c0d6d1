"""What goes wrong in the simulated shop, decided from a seed: the bad answers that crawls of the real API met.

Faults are of two sorts. A *passing* fault goes away: after `most_in_a_row` bad answers at most, the URL answers well.
A *lasting* one belongs to a listing or an image for ever, so a test can say beforehand what a pipeline must end with.
"""

import random
from dataclasses import dataclass
from functools import cache
from typing import Literal

from etsy_assets.demo.listings import StockedListing
from etsy_assets.demo.photo_facts import PhotoFacts
from etsy_assets.demo.shop import SimulatedShop

FaultScope = Literal["api", "cdn"]
FaultLevel = Literal["off", "mild", "hostile"]

PASSING_FAULTS: dict[FaultScope, tuple[str, ...]] = {
    "api": ("second_limit", "server_error", "html_error", "html_answer", "slow"),
    "cdn": ("too_many_requests", "server_error", "unavailable", "cut_connection", "slow"),
}
LASTING_IMAGE_FAULTS = ("not_found", "placeholder_png", "truncated_jpeg", "html_page", "tiny_image")
ODD_FORMATS = ("cmyk_jpeg", "gray16_png", "palette_png", "alpha_png", "rotated_jpeg", "webp")
"""Good pictures in forms that naive readers spoil, all at a .jpg URL."""

# A listing that search still shows though it was deleted, and one that has no images (any more).
LISTING_FAULTS_WITHOUT_IMAGES = ("gone", "images_empty")
# Its images can be had by asking again: getListing for the first, getListingImages for the second.
LISTING_FAULTS_WITH_A_DETOUR = ("withheld_from_batch", "images_null")
_MILD_LISTING_FAULTS = ("escaped_text", "ranks_shuffled", "image_metadata_null", "unknown_fields", "no_taxonomy")
LISTING_FAULTS = (
    *LISTING_FAULTS_WITHOUT_IMAGES,
    *LISTING_FAULTS_WITH_A_DETOUR,
    *_MILD_LISTING_FAULTS,
    "ranks_duplicate",
    "ranks_null",
    "odd_text",
    "missing_fields",
    "no_price",
    "zero_divisor",
)
_FEWEST_PHOTOS = 3  # of a listing: only these positions exist in every listing, so faults are dealt among them


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How much goes wrong. The day's quota is no part of it: that fault ends a run, so the server takes it as a limit.

    api_trouble, cdn_trouble: the chance that a visit to a URL meets passing faults before its good answer.
    image_fault_every: each run of so many listings has every lasting image fault and odd format once; 0 means none.
    listing_fault_every: the same for the faults in listing_faults. slow_seconds: how long a slow answer takes.
    """

    level: FaultLevel
    seed: int = 0
    api_trouble: float = 0.0
    cdn_trouble: float = 0.0
    most_in_a_row: int = 1
    slow_seconds: float = 0.3
    image_fault_every: int = 0
    listing_fault_every: int = 0
    listing_faults: tuple[str, ...] = ()

    @staticmethod
    def off() -> "FaultPlan":
        return FaultPlan("off")

    @staticmethod
    def mild(seed: int = 0) -> "FaultPlan":
        """A bad day: about one answer in twenty fails once, one image in thirty is broken."""
        return FaultPlan(
            level="mild",
            seed=seed,
            api_trouble=0.1,
            cdn_trouble=0.04,
            image_fault_every=30,
            listing_fault_every=20,
            listing_faults=_MILD_LISTING_FAULTS,
        )

    @staticmethod
    def hostile(seed: int = 0) -> "FaultPlan":
        """Everything known to go wrong, at once: half of the listings and a quarter of the images are odd or broken."""
        return FaultPlan(
            level="hostile",
            seed=seed,
            api_trouble=0.5,
            cdn_trouble=0.15,
            most_in_a_row=2,
            slow_seconds=1.0,
            image_fault_every=10,
            listing_fault_every=2 * len(LISTING_FAULTS),
            listing_faults=LISTING_FAULTS,
        )

    @staticmethod
    def named(level: FaultLevel, seed: int = 0) -> "FaultPlan":
        return {"off": lambda _: FaultPlan.off(), "mild": FaultPlan.mild, "hostile": FaultPlan.hostile}[level](seed)

    def passing_faults(self, scope: FaultScope, url: str, visit: int) -> tuple[str, ...]:
        """The bad answers before the good one when a URL (path and query) is visited for the visit-th time."""
        rng = random.Random(f"{self.seed}/{scope}/{url}/{visit}")
        if rng.random() >= (self.api_trouble if scope == "api" else self.cdn_trouble):
            return ()
        return tuple(rng.choices(PASSING_FAULTS[scope], k=rng.randint(1, self.most_in_a_row)))

    def image_fault(self, photo: PhotoFacts) -> str | None:
        """One of LASTING_IMAGE_FAULTS, or None where the image is good."""
        fault = self._dealt_to(photo)
        return fault if fault in LASTING_IMAGE_FAULTS else None

    def odd_format(self, photo: PhotoFacts) -> str | None:
        """One of ODD_FORMATS, or None where the image is a plain JPEG or broken."""
        form = self._dealt_to(photo)
        return form if form in ODD_FORMATS else None

    def listing_fault(self, stocked: StockedListing) -> str | None:
        """One of LISTING_FAULTS, or None where the API's answers about the listing are in order."""
        every = self.listing_fault_every
        if not every:
            return None
        block, place = divmod(stocked.number, every)
        return _deal(f"{self.seed}/listings/{block}", every, self.listing_faults).get(place)

    def lasting_image_faults(self, shop: SimulatedShop) -> dict[int, str]:
        """The images that no number of tries can get, with what is wrong, by image id."""
        return {p.image_id: fault for p in _photos(shop) if (fault := self.image_fault(p)) is not None}

    def odd_formats(self, shop: SimulatedShop) -> dict[int, str]:
        """The good images that are no plain JPEG, by image id."""
        return {p.image_id: form for p in _photos(shop) if (form := self.odd_format(p)) is not None}

    def lasting_listing_faults(self, shop: SimulatedShop) -> dict[int, str]:
        """The listings that the API gives a false picture of, by listing id."""
        return {s.listing_id: fault for s in shop.listings() if (fault := self.listing_fault(s)) is not None}

    def obtainable_images(self, shop: SimulatedShop) -> frozenset[int]:
        """The images that a pipeline which loses nothing ends with: good ones, of listings that the API still gives."""
        broken = self.lasting_image_faults(shop)
        return frozenset(
            photo.image_id
            for stocked in shop.listings()
            if self.listing_fault(stocked) not in LISTING_FAULTS_WITHOUT_IMAGES
            for photo in stocked.photos
            if photo.image_id not in broken
        )

    def _dealt_to(self, photo: PhotoFacts) -> str | None:
        every = self.image_fault_every
        if not every or photo.position >= _FEWEST_PHOTOS:
            return None
        block, place = divmod(photo.listing_number, every)
        dealt = _deal(f"{self.seed}/images/{block}", every * _FEWEST_PHOTOS, (*LASTING_IMAGE_FAULTS, *ODD_FORMATS))
        return dealt.get(place * _FEWEST_PHOTOS + photo.position)


@cache
def _deal(seed: str, places: int, faults: tuple[str, ...]) -> dict[int, str]:
    """Gives each fault a place of its own among the places."""
    return dict(zip(random.Random(seed).sample(range(places), len(faults)), faults, strict=True))


def _photos(shop: SimulatedShop) -> list[PhotoFacts]:
    return [photo for stocked in shop.listings() for photo in stocked.photos]
