"""The simulated shop beside the demo: one that answers already is used as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.settings import Settings

HEALTH_TIMEOUT_SECONDS = 2


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

    Its photos are kept under the home folder, so that a second start need not render them again.
    """
    if shop_answers(settings.etsy_url):
        yield settings.etsy_url
        return
    shop = SimulatedShop(photo_folder=settings.home / "simulated_shop")
    with serve(shop, port=urlsplit(settings.etsy_url).port or 0) as running:
        yield running.url
