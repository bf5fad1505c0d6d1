"""Etsy's Open API v3, for the operations that the platform uses. All of them need only the API key, no OAuth."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from etsy_assets.catalog.records import (
    DiscoveredListing,
    ImageRecord,
    ListingRecord,
    ReviewRecord,
    ShopRecord,
    TaxonomyNodeRecord,
)
from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy import payloads
from etsy_assets.etsy.answers import Anomaly, parse_each, parse_page
from etsy_assets.etsy.faults import PageAnomaly, RequestRefused
from etsy_assets.etsy.transport import Gate, OpenGate, RetryPolicy, Transport

log = logging.getLogger(__name__)

ROOT = "/v3/application"
# "Limit 100 ids maximum per query": getListingsByListingIds.
IDS_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class ActivePage:
    """One page of a search. count: how many match in all, which drifts while one pages.

    length: of the page as Etsy sent it, with what was unusable.
    """

    count: int
    length: int
    listings: list[DiscoveredListing]


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """One page of reviews, newest first. count: how many there are in all. length: as ActivePage's."""

    count: int
    length: int
    reviews: list[ReviewRecord]


class EtsyClient:
    """Each method is one call (listings: one per 100 ids), retried while its fault passes.

    Any of them may raise ConfigurationError (bad key or address), PassingFault (with DailyQuotaExhausted and
    PageAnomaly), RequestRefused (with OffsetCeiling) or PayloadError; see faults.py. Each call passes the gate;
    on_anomaly gets what could not be used of its answer, and every anomaly is logged as a warning too.
    """

    def __init__(
        self,
        base_url: str,
        keystring: str,
        shared_secret: str,
        *,
        timeout: float = 30.0,
        retries: RetryPolicy | None = None,
        gate: Gate | None = None,
        safe_only: bool = False,
        on_anomaly: Callable[[Anomaly], None] | None = None,
    ) -> None:
        """timeout: seconds for the connection, and again for each wait for data. gate: None lets every call in.

        safe_only: searches leave out what Etsy takes for mature. Etsy has had this since 2026.
        """
        self._transport = Transport(
            base_url, keystring, shared_secret, timeout, retries or RetryPolicy(), gate or OpenGate()
        )
        self._on_anomaly = on_anomaly
        self._safe_only = safe_only

    def __repr__(self) -> str:
        return f"EtsyClient({self._transport.base_url!r})"

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def ping(self) -> None:
        """A cheap check of address and key. Raises ConfigurationError when either is wrong."""
        self._needed("/openapi-ping")

    def taxonomy(self) -> list[TaxonomyNodeRecord]:
        """The whole seller taxonomy, each node before its children."""
        path = "/seller-taxonomy/nodes"
        count, results = parse_page(self._needed(path))
        if not results:
            raise PageAnomaly(f"GET {path} has no nodes (count {count}): an outage, since the tree is never empty.")
        return list(payloads.parse_taxonomy(results))

    def active_listings(
        self,
        limit: int = 100,
        offset: int = 0,
        *,
        taxonomy_id: int | None = None,
        keywords: str | None = None,
        sort_on: str | None = None,
        sort_order: str | None = None,
        min_price: float | None = None,
        max_price: float | None = None,
    ) -> ActivePage:
        """One page of the search for active listings; limit 1 to 100. It is an index that lags: details come later.

        Raises RequestRefused for a node that Etsy doesn't search (seen of some leaves of the tree).
        """
        parameters = {
            "limit": limit,
            "offset": offset,
            "taxonomy_id": taxonomy_id,
            "keywords": keywords,
            "sort_on": sort_on,
            "sort_order": sort_order,
            "min_price": min_price,
            "max_price": max_price,
            "is_safe": "true" if self._safe_only else None,
        }
        path = "/listings/active"
        if taxonomy_id is None:
            answer = self._needed(path, parameters)
        else:
            answer = self._transport.get(ROOT + path, parameters)
            if answer is None:
                raise RequestRefused(f"GET {ROOT}{path} was answered 404 for taxonomy node {taxonomy_id}.", 404)
        count, results = self._page(path, answer, offset)
        return ActivePage(count, len(results), parse_each(results, payloads.parse_discovered, self._report))

    def listings(self, listing_ids: Iterable[int]) -> list[ListingRecord]:
        """The listings with their images and shops, in the order of the ids (each once).

        One that the answer lacks is a candidate for being gone: confirm it with listing(). Where the answer lacks only
        a listing's images, or mixes them up, one more call asks for them alone.
        """
        asked = list(dict.fromkeys(listing_ids))
        found: dict[int, ListingRecord] = {}
        for start in range(0, len(asked), IDS_PER_CALL):
            ids = asked[start : start + IDS_PER_CALL]
            parameters = {"listing_ids": ",".join(map(str, ids)), "includes": "Images,Shop"}
            answer = self._transport.get(f"{ROOT}/listings/batch", parameters)
            if answer is None:
                continue
            _, results = self._page("/listings/batch", answer)
            for record in parse_each(results, lambda item: self._listing(item, True), self._report):
                if record.listing_id in ids:
                    found.setdefault(record.listing_id, record)
                else:
                    self._report(Anomaly("listing_not_asked_for", "It is in the batch answer.", record.listing_id))
        return [found[listing_id] for listing_id in asked if listing_id in found]

    def listing(self, listing_id: int, includes: Sequence[str] = ("Images", "Shop")) -> ListingRecord | None:
        """One listing; None when Etsy says that it is gone (404)."""
        parameters = {"includes": ",".join(includes) or None}
        answer = self._transport.get(f"{ROOT}/listings/{listing_id}", parameters)
        return None if answer is None else self._listing(answer, "Images" in includes)

    def listing_images(self, listing_id: int) -> list[ImageRecord] | None:
        """The listing's images; None when it is gone (404)."""
        path = f"/listings/{listing_id}/images"
        answer = self._transport.get(ROOT + path)
        if answer is None:
            return None
        _, results = self._page(path, answer)
        return list(payloads.parse_images(results, listing_id, self._report))

    def shop(self, shop_id: int) -> ShopRecord | None:
        """One shop; None when it is gone (404)."""
        answer = self._transport.get(f"{ROOT}/shops/{shop_id}")
        return None if answer is None else payloads.parse_shop(answer, datetime.now(UTC))

    def listing_reviews(self, listing_id: int, limit: int = 100, offset: int = 0, **created: int) -> ReviewPage | None:
        """A page of a listing's reviews, without transaction ids; None when it is gone (404).

        created: min_created, max_created, epoch seconds.
        """
        return self._reviews(f"/listings/{listing_id}/reviews", limit, offset, created)

    def shop_reviews(self, shop_id: int, limit: int = 100, offset: int = 0, **created: int) -> ReviewPage | None:
        """A page of the reviews of a shop's listings; None when it is gone (404). created: as for listing_reviews."""
        return self._reviews(f"/shops/{shop_id}/reviews", limit, offset, created)

    def _reviews(self, path: str, limit: int, offset: int, created: dict[str, int]) -> ReviewPage | None:
        answer = self._transport.get(ROOT + path, {"limit": limit, "offset": offset} | created)
        if answer is None:
            return None
        count, results = self._page(path, answer, offset)
        reviews = parse_each(results, lambda item: payloads.parse_review(item, self._report), self._report)
        return ReviewPage(count, len(results), [review for review in reviews if review is not None])

    def _needed(self, path: str, parameters: dict[str, Any] | None = None) -> Any:
        answer = self._transport.get(ROOT + path, parameters)
        if answer is None:
            # Also what an app that Etsy has not approved yet gets on every route (etsy/open-api#72).
            raise ConfigurationError(
                f"{self._transport.base_url} answers 404 for {ROOT}{path}: check the base URL, and that Etsy has "
                "approved the app."
            )
        return answer

    def _page(self, path: str, answer: Any, offset: int = 0) -> tuple[int, list[Any]]:
        count, results = parse_page(answer)
        if not results and offset < count:
            raise PageAnomaly(f"GET {ROOT}{path} is empty at offset {offset} though it counts {count} results.")
        return count, results

    def _listing(self, payload: Any, images_asked: bool) -> ListingRecord:
        anomalies: list[Anomaly] = []
        record = payloads.parse_listing(payload, datetime.now(UTC), anomalies.append, images_asked)
        for anomaly in anomalies:
            self._report(anomaly)
        if payloads.IMAGES_TO_ASK_FOR_AGAIN.isdisjoint(anomaly.code for anomaly in anomalies):
            return record
        try:
            images = self.listing_images(record.listing_id)
        except RequestRefused as refusal:
            self._report(Anomaly("images_refused", str(refusal), record.listing_id))
            return record
        return record if images is None else replace(record, images=tuple(images))

    def _report(self, anomaly: Anomaly) -> None:
        log.warning("Listing %s, image %s: %s: %s", anomaly.listing_id, anomaly.image_id, anomaly.code, anomaly.detail)
        if self._on_anomaly is not None:
            self._on_anomaly(anomaly)
