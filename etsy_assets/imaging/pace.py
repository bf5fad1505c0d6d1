"""A steady pace for requests to each host, kept by all threads of a process together."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable


class HostPace:
    """Spaces the requests to one host evenly; other hosts don't wait for them."""

    def __init__(self, per_second: float | None, wait: Callable[[float], object]) -> None:
        """per_second: None lets every request go at once. wait: sleeps for so many seconds, or until it is ended."""
        self._interval = 1 / per_second if per_second else 0.0
        self._wait = wait
        self._lock = threading.Lock()
        self._free_at: defaultdict[str, float] = defaultdict(float)

    def keep(self, host: str) -> None:
        """Returns when the next request to the host may be made."""
        if not self._interval:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._free_at[host])
            self._free_at[host] = turn + self._interval
        self._wait(turn - now)
