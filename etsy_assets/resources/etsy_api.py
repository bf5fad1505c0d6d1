"""The Etsy Open API, real or simulated."""

import dagster as dg

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.client import EtsyClient


class EtsyApi(dg.ConfigurableResource):
    """Host and key of the API. Every quota reading goes to the catalog."""

    base_url: str
    keystring: str = ""
    shared_secret: str = ""

    def client(self, catalog: Catalog) -> EtsyClient:
        """Raises ConfigurationError when there is no key."""
        if not (self.keystring and self.shared_secret):
            raise ConfigurationError(
                "The Etsy API has no key: set ETSY_KEYSTRING and ETSY_SHARED_SECRET to those of your app at "
                "https://www.etsy.com/developers/your-apps, and start Dagster again."
            )
        return EtsyClient(self.base_url, self.keystring, self.shared_secret, on_quota=catalog.record_quota)
