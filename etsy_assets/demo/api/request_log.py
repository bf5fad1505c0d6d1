"""How often each thing was asked for: what tests look at to see that no work is done twice."""

import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """operations: API requests by operation id. images: CDN requests by image id, in any size and with any answer.

    statuses: answers of API and CDN by HTTP status. Requests to the control routes are not counted.
    """

    operations: dict[str, int]
    images: dict[int, int]
    statuses: dict[int, int]


class RequestLog:
    """Counts requests; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations: Counter[str] = Counter()
        self._images: Counter[int] = Counter()
        self._statuses: Counter[int] = Counter()

    def operation(self, operation_id: str) -> None:
        with self._lock:
            self._operations[operation_id] += 1

    def image(self, image_id: int) -> None:
        with self._lock:
            self._images[image_id] += 1

    def status(self, status: int) -> None:
        with self._lock:
            self._statuses[status] += 1

    def counts(self) -> RequestCounts:
        with self._lock:
            return RequestCounts(dict(self._operations), dict(self._images), dict(self._statuses))
