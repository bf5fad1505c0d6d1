"""Resources as patient as the real ones, in a hurry: only the pauses between their tries are shorter."""

from dataclasses import replace
from typing import Any

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.transport import RetryPolicy
from etsy_assets.imaging.http_fetch import DownloadOptions
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.imaging import ImageDownloads
from etsy_assets.settings import DEMO_KEY, DEMO_SECRET


class HastyDownloads(ImageDownloads):
    @property
    def options(self) -> DownloadOptions:
        return replace(super().options, backoff_seconds=0.01, max_backoff_seconds=0.05)


class HastyEtsyApi(EtsyApi):
    def client(self, catalog: Catalog, purpose: CallPurpose) -> EtsyClient:
        retries = RetryPolicy(first_wait=0.01, throttle_wait=0.01)
        keys = (self.keystring, self.shared_secret)
        return EtsyClient(self.base_url, *keys, retries=retries, gate=self.gate(catalog, purpose))


def hasty_resources(shop_url: str) -> dict[str, Any]:
    return {
        "image_downloads": HastyDownloads(),
        "etsy_api": HastyEtsyApi(base_url=shop_url, keystring=DEMO_KEY, shared_secret=DEMO_SECRET),
    }
