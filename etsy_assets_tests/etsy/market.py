"""A market of as many furniture listings as Etsy's, without photos: its search moves on with every call.

It answers findAllListingsActive and getSellerTaxonomyNodes as Etsy does, with its ceiling of the offset.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from etsy_assets.demo.taxonomy import FURNITURE_NODE_ID, seller_taxonomy, subtree_ids

LAST_OFFSET = 12_000
FIRST_ID = 4_000_000_000
# Of all listings: what many sellers charge. So many at one price can't be parted by it.
FLAT_PRICE, FLAT_SHARE = 99.0, 0.025
# Of all listings: those in another currency, whose dollars are no whole cents.
FOREIGN_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Churn:
    """What changes with each call, as expected numbers of listings."""

    added: float = 0.0
    renewed: float = 0.0
    removed: float = 0.0


class Market:
    """Listings by row: price in dollars, moment of creation, category, whether they are up. Safe in several threads."""

    def __init__(
        self,
        listings: int,
        seed: int = 5,
        churn: Churn = Churn(),
        calls_a_day: int = 10**9,
        calls_a_second: int = 10_000,
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._churn = churn
        self._lock = threading.Lock()
        self._nodes = np.array(sorted(set(subtree_ids(FURNITURE_NODE_ID)) - {FURNITURE_NODE_ID}))
        self._moment = 0
        self._rows = 0
        room = 2 * listings + 1000
        self._price = np.zeros(room)
        self._created = np.zeros(room, np.int64)
        self._node = np.zeros(room, np.int64)
        self._up = np.zeros(room, bool)
        self._add(listings)
        self.calls = 0
        self.calls_a_day = calls_a_day
        self.calls_a_second = calls_a_second
        # Calls that were too many in their second, and calls that came when the day was spent.
        self.throttled = self.after_the_day = 0
        self._second: deque[float] = deque()

    def ids_up(self) -> set[int]:
        with self._lock:
            return {FIRST_ID + int(row) for row in np.flatnonzero(self._up)}

    def refusal(self) -> str | None:
        """What Etsy says to one call too many, in any second or in the day; None to one that it answers."""
        with self._lock:
            now = time.monotonic()
            while self._second and self._second[0] <= now - 1:
                self._second.popleft()
            if self.calls >= self.calls_a_day:
                self.after_the_day += 1
                return "Exceeded daily rate limit"
            if len(self._second) >= self.calls_a_second:
                self.throttled += 1
                return "Exceeded per second rate limit"
            self._second.append(now)
            self.calls += 1
            return None

    def search(
        self, node: int | None, low: float | None, high: float | None, ascending: bool, offset: int, limit: int
    ) -> dict[str, Any]:
        with self._lock:
            self._change()
            found = self._up[: self._rows].copy()
            if node not in (None, FURNITURE_NODE_ID):
                found &= np.isin(self._node[: self._rows], list(subtree_ids(node)))
            if low is not None:
                found &= self._price[: self._rows] >= low
            if high is not None:
                found &= self._price[: self._rows] <= high
            rows = np.flatnonzero(found)
            rows = rows[np.argsort(self._created[rows], kind="stable")]
            page = (rows if ascending else rows[::-1])[offset : offset + limit]
            return {"count": len(rows), "results": [self._listing(int(row)) for row in page]}

    def remove(self, count: int) -> None:
        """Takes that many of those that are up away, chosen at random."""
        with self._lock:
            self._up[self._some_up(count)] = False

    def _change(self) -> None:
        added, renewed, removed = (
            int(self._random.poisson(mean)) for mean in (self._churn.added, self._churn.renewed, self._churn.removed)
        )
        self._add(added)
        for row in self._some_up(renewed):
            self._created[row] = self._next_moment()
        self._up[self._some_up(removed)] = False

    def _add(self, count: int) -> None:
        new = slice(self._rows, self._rows + count)
        prices = np.round(np.exp(self._random.normal(np.log(180), 1.2, count)).clip(0.2, 49_999), 2)
        prices[self._random.random(count) < FLAT_SHARE] = FLAT_PRICE
        foreign = self._random.random(count) < FOREIGN_SHARE
        prices[foreign] *= self._random.uniform(0.98, 1.02, int(foreign.sum()))
        self._price[new] = prices
        self._node[new] = self._random.choice(self._nodes, count)
        self._created[new] = np.arange(self._moment + 1, self._moment + count + 1)
        self._up[new] = True
        self._moment += count
        self._rows += count

    def _some_up(self, count: int) -> np.ndarray:
        return self._random.choice(np.flatnonzero(self._up), count, replace=False) if count else np.array([], int)

    def _next_moment(self) -> int:
        self._moment += 1
        return self._moment

    def _listing(self, row: int) -> dict[str, Any]:
        created = 1_600_000_000 + int(self._created[row])
        return {
            "listing_id": FIRST_ID + row,
            "shop_id": 1 + row % 5000,
            "taxonomy_id": int(self._node[row]),
            "created_timestamp": created,
            "updated_timestamp": created,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One segment an answer, and none held back for the next.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, market: Market, *arguments: Any) -> None:
        self._market = market
        super().__init__(*arguments)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if refusal := self._market.refusal():
            retry_after = {"retry-after": "86400"} if "daily" in refusal else {}
            return self._answer(429, {"error": refusal}, retry_after)
        if parts.path.endswith("/seller-taxonomy/nodes"):
            nodes = [node.model_dump(mode="json") for node in seller_taxonomy()]
            return self._answer(200, {"count": len(nodes), "results": nodes})
        offset = int(asked.get("offset", 0))
        if offset > LAST_OFFSET:
            refusal = "Offset provided is greater than the maximum offset allowed."
            return self._answer(400, {"error": refusal})
        low, high = (float(asked[name]) if name in asked else None for name in ("min_price", "max_price"))
        node = int(asked["taxonomy_id"]) if "taxonomy_id" in asked else None
        ascending = asked.get("sort_order", "desc").startswith("asc")
        return self._answer(200, self._market.search(node, low, high, ascending, offset, int(asked.get("limit", 25))))

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        left = max(self._market.calls_a_day - self._market.calls, 0)
        self.send_response(status)
        limits = {
            "x-limit-per-second": str(self._market.calls_a_second),
            "x-limit-per-day": str(self._market.calls_a_day),
            "x-remaining-today": str(left),
        }
        fixed = {"content-type": "application/json", "content-length": str(len(content))}
        for name, value in {**fixed, **limits, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def open_market(market: Market) -> Iterator[str]:
    """Its URL on loopback, while the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, market))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
