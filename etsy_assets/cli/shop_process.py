"""The simulated shop beside the demo: one that answers already is used as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from etsy_assets.demo.running import serve
from etsy_assets.demo.server import remembered_listings
from etsy_assets.demo.shop import DEFAULT_LISTINGS, SimulatedShop
from etsy_assets.settings import Settings

HEALTH_TIMEOUT_SECONDS = 2


def photo_folder(settings: Settings) -> Path:
    return settings.home / "simulated_shop"


def remembered_file(settings: Settings) -> Path:
    """Where the shop keeps the number of its listings."""
    return photo_folder(settings) / "listings"


def shop_answers(url: str) -> bool:
    """Whether a simulated shop runs at this address."""
    try:
        answer = requests.get(f"{url}/_shop/health", timeout=HEALTH_TIMEOUT_SECONDS)
        return answer.ok and "seed" in answer.json()
    except (requests.RequestException, ValueError):
        return False


@contextmanager
def simulated_shop(settings: Settings) -> Iterator[str]:
    """The address of a running shop: one started for this block, or the one that `etsy-assets dev` runs.

    Its photos are kept under the home folder, so that a second start need not render them again, and so is the
    number of its listings: those that `etsy-assets dev` has added do not vanish.
    """
    if shop_answers(settings.etsy_url):
        yield settings.etsy_url
        return
    listings = max(DEFAULT_LISTINGS, remembered_listings(remembered_file(settings)))
    shop = SimulatedShop(listings=listings, photo_folder=photo_folder(settings))
    with serve(shop, port=urlsplit(settings.etsy_url).port or 0) as running:
        yield running.url
