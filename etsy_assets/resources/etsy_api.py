"""The Etsy Open API, real or simulated."""

import dagster as dg
from pydantic import Field

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.call_budget import DEFAULT_SHARES, CallPurpose
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.settings import FURNITURE_TAXONOMY_NODE


class EtsyApi(dg.ConfigurableResource):
    """Host and key of the API. taxonomy_node: what is crawled, with all below it.

    call_shares: of a day's calls, by purpose; the catalog counts them for all processes. safe_only: without what Etsy
    takes for mature.
    """

    base_url: str
    keystring: str = ""
    shared_secret: str = ""
    taxonomy_node: int = FURNITURE_TAXONOMY_NODE
    safe_only: bool = False
    call_shares: dict[str, float] = Field(default_factory=dict)

    def client(self, catalog: Catalog, purpose: CallPurpose) -> EtsyClient:
        """Raises ConfigurationError when there is no key."""
        if not (self.keystring and self.shared_secret):
            raise ConfigurationError(
                "The Etsy API has no key: set ETSY_KEYSTRING and ETSY_SHARED_SECRET to those of your app at "
                "https://www.etsy.com/developers/your-apps, and start Dagster again."
            )
        return EtsyClient(
            self.base_url,
            self.keystring,
            self.shared_secret,
            gate=self.gate(catalog, purpose),
            safe_only=self.safe_only,
        )

    def gate(self, catalog: Catalog, purpose: CallPurpose) -> CatalogGate:
        shares = {CallPurpose(name): share for name, share in self.call_shares.items()}
        return CatalogGate(catalog, purpose, shares or DEFAULT_SHARES)
