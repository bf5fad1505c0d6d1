"""What nobody has written down of Etsy's API, asked of the API itself: about 20 calls, for the first day with a key.

Each probe answers one open question that the crawl's plans rest on. They change nothing, neither there nor here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import requests

from etsy_assets.catalog.records import ListingRecord, QuotaReading
from etsy_assets.errors import PassingFault
from etsy_assets.etsy.cdn import UnknownImageUrl, parse_image_url
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.faults import OffsetCeiling, PayloadError, RequestRefused
from etsy_assets.etsy.slice_crawl import LAST_OFFSET
from etsy_assets.imaging.http_fetch import ACCEPT

# Leaves that a crawler found to be refused (reference: its commit 620f4db).
DOUBTED_NODES = (12405, 12369, 12370)
WEBP_FIRST = "image/webp,image/jpeg;q=0.5"
_CDN_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """expected: what the platform's plans assume; None where they assume nothing. as_expected: None then, too."""

    question: str
    answer: str
    expected: str | None = None
    as_expected: bool | None = None


@dataclass(slots=True)
class Probes:
    """The probes, and what one of them has found for the next. quota: gives the newest rate headers."""

    client: EtsyClient
    root: int
    quota: Callable[[], QuotaReading | None]
    size: str = "794xN"
    samples: list[ListingRecord] = field(default_factory=list)

    def run(self) -> Iterator[ProbeResult]:
        """Raises ConfigurationError for a key or an address that is not accepted: then there is nothing to probe."""
        self.client.ping()
        for probe in (
            self._limits,
            self._listings,
            self._order,
            self._ceiling,
            self._beyond_the_ceiling,
            self._associations,
            self._unknown_ids,
            self._price_bounds,
            self._doubted_nodes,
            self._review_ceiling,
            self._cost_of_a_call,
            self._cdn_size,
            self._cdn_format,
        ):
            try:
                yield probe()
            except (RequestRefused, PayloadError, PassingFault, requests.RequestException) as fault:
                question = (probe.__doc__ or "").splitlines()[0]
                yield ProbeResult(question, f"not answered: {fault}", "an answer", False)

    def _limits(self) -> ProbeResult:
        """How many calls does the key have?"""
        quota = self.quota()
        if quota is None:
            return ProbeResult("How many calls does the key have?", "no rate headers", "rate headers", False)
        answer = (
            f"{quota.limit_per_second} a second, {quota.limit_per_day} a day, {quota.remaining_today} left of the day's"
        )
        known = quota.limit_per_second is not None and quota.remaining_today is not None
        return ProbeResult("How many calls does the key have?", answer, "both limits in the headers", known)

    def _listings(self) -> ProbeResult:
        """How many listings are to be crawled?"""
        page = self.client.active_listings(100, 0, taxonomy_id=self.root, sort_on="created", sort_order="desc")
        self.samples = self.client.listings([listing.listing_id for listing in page.listings])
        answer = f"{page.count:,} active under node {self.root}"
        return ProbeResult(
            "How many listings are to be crawled?", answer, "hundreds of thousands", page.count > 100_000
        )

    def _order(self) -> ProbeResult:
        """Does sort_on=created work with a category alone?"""
        ends = []
        for order in ("asc", "desc"):
            page = self.client.active_listings(100, 0, taxonomy_id=self.root, sort_on="created", sort_order=order)
            stamps = [listing.created_timestamp or 0 for listing in page.listings]
            ends.append((stamps, sorted(stamps, reverse=order == "desc")))
        sorted_well = all(found == wanted for found, wanted in ends) and ends[0][0][:1] <= ends[1][0][:1]
        answer = "both ways" if sorted_well else "no: pages come in another order"
        return ProbeResult("Does sort_on=created work with a category alone?", answer, "both ways", sorted_well)

    def _ceiling(self) -> ProbeResult:
        """Is the last offset answered?"""
        try:
            page = self.client.active_listings(100, LAST_OFFSET, taxonomy_id=self.root)
            answer, good = f"offset {LAST_OFFSET:,} gives {page.length} listings", page.length > 0
        except OffsetCeiling:
            answer, good = f"offset {LAST_OFFSET:,} is refused: the ceiling is lower", False
        return ProbeResult("Is the last offset answered?", answer, f"offset {LAST_OFFSET:,} is", good)

    def _beyond_the_ceiling(self) -> ProbeResult:
        """What is answered past it?"""
        try:
            page = self.client.active_listings(100, LAST_OFFSET + 1, taxonomy_id=self.root)
            answer, good = f"{page.length} listings: the ceiling is higher, or gone", True
        except OffsetCeiling as refused:
            answer, good = f"refused, as it should be ({refused.status})", True
        except RequestRefused as refused:
            answer, good = f"refused in other words: {refused}", False
        return ProbeResult("What is answered past it?", answer, "a refusal that is known, or listings", good)

    def _associations(self) -> ProbeResult:
        """Do images and shop come with a batch?"""
        images = sum(1 for record in self.samples if record.images)
        shops = sum(1 for record in self.samples if record.shop)
        answer = f"of {len(self.samples)} listings {images} have images and {shops} a shop"
        good = bool(self.samples) and min(images, shops) > len(self.samples) / 2
        return ProbeResult("Do images and shop come with a batch?", answer, "of nearly all", good)

    def _unknown_ids(self) -> ProbeResult:
        """What becomes of an unknown id in a batch?"""
        known = self.samples[0].listing_id if self.samples else 1
        found = self.client.listings([known, 1])
        answer = "it is left out" if [record.listing_id for record in found] == [known] else f"{len(found)} listings"
        return ProbeResult("What becomes of an unknown id in a batch?", answer, "it is left out", "left" in answer)

    def _price_bounds(self) -> ProbeResult:
        """In which currency are min_price and max_price?"""
        question = "In which currency are min_price and max_price?"
        foreign = [record for record in self.samples if record.price and record.currency_code not in (None, "USD")]
        if not foreign:
            return ProbeResult(question, "not told: no listing of the sample is in another currency than USD")
        record = foreign[0]
        price = float(record.price or 0)
        page = self.client.active_listings(100, 0, taxonomy_id=self.root, min_price=price, max_price=price)
        there = record.listing_id in {listing.listing_id for listing in page.listings}
        answer = (
            f"a listing of {record.currency_code} {price:.2f} is {'' if there else 'not '}among the first 100 of "
            f"{page.count:,} between {price:.2f} and {price:.2f}"
        )
        return ProbeResult(question, answer)

    def _doubted_nodes(self) -> ProbeResult:
        """Are all leaves of the taxonomy answered?"""
        refused = []
        for node in DOUBTED_NODES:
            try:
                if not self.client.active_listings(1, 0, taxonomy_id=node).count:
                    refused.append(f"{node} (empty)")
            except RequestRefused as refusal:
                refused.append(f"{node} ({refusal.status})")
        answer = f"not {', '.join(refused)}" if refused else "those that were doubted are"
        return ProbeResult("Are all leaves of the taxonomy answered?", answer)

    def _review_ceiling(self) -> ProbeResult:
        """Is there a ceiling of the offset of reviews?"""
        shop_id = next((record.shop_id for record in self.samples if record.shop_id), 1)
        try:
            page = self.client.shop_reviews(shop_id, 1, LAST_OFFSET + 1)
            answer = "no: past it there is nothing" if page is not None else f"shop {shop_id} is gone"
        except OffsetCeiling:
            answer = f"yes: offset {LAST_OFFSET + 1:,} is refused as in the search"
        return ProbeResult("Is there a ceiling of the offset of reviews?", answer)

    def _cost_of_a_call(self) -> ProbeResult:
        """Does a call cost one call?"""
        before = self.quota()
        self.client.ping()
        after = self.quota()
        if before is None or after is None or before.remaining_today is None or after.remaining_today is None:
            return ProbeResult("Does a call cost one call?", "not told: no rate headers", "one", False)
        cost = before.remaining_today - after.remaining_today
        return ProbeResult("Does a call cost one call?", f"{cost}", "1, or fewer as others come back", cost <= 1)

    def _cdn_size(self) -> ProbeResult:
        """Has the CDN the size that is downloaded?"""
        url = self._image_url(self.size)
        answer = self._get(url, ACCEPT)
        text = f"{self.size}: HTTP {answer.status_code}, {len(answer.content):,} bytes, {_cache(answer)}"
        return ProbeResult("Has the CDN the size that is downloaded?", text, "HTTP 200", answer.status_code == 200)

    def _cdn_format(self) -> ProbeResult:
        """Does Accept decide the format of an image?"""
        url = self._image_url(self.size)
        formats = [self._get(url, accept).headers.get("content-type", "none") for accept in (ACCEPT, WEBP_FIRST)]
        answer = f"asked for JPEG it is {formats[0]}, for WebP {formats[1]}"
        return ProbeResult("Does Accept decide the format of an image?", answer, "JPEG for JPEG", "jpeg" in formats[0])

    def _image_url(self, size: str) -> str:
        images = [image for record in self.samples for image in record.images or ()]
        if not images:
            raise PayloadError("no listing of the sample has an image")
        try:
            return parse_image_url(images[0].url).at_size(size)
        except UnknownImageUrl:
            return images[0].url

    def _get(self, url: str, accept: str) -> requests.Response:
        return requests.get(url, headers={"Accept": accept}, timeout=_CDN_TIMEOUT_SECONDS)


def _cache(answer: requests.Response) -> str:
    return f"cache-control {answer.headers.get('cache-control', 'none')}"
