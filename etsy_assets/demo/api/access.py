"""Who may call the simulated API, and how often: keys and the two rate limits, as Etsy enforces them per key."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

DEMO_KEYSTRING = "demokeystring"
DEMO_SHARED_SECRET = "demosecret"

_DAY_SECONDS = 86_400.0


def key_refusal(header: str | None, keys: frozenset[str]) -> str | None:
    """Why the x-api-key header is refused (403), in the words observed from Etsy; None when it is good.

    keys: those accepted, each as "keystring:shared_secret".
    """
    keystring, colon, secret = (header or "").strip().partition(":")
    if keystring and not colon:
        return "Shared secret is required in x-api-key header."
    if not keystring or not secret or ":" in secret:
        return "Invalid API key: should be in the format 'keystring:shared_secret'."
    if f"{keystring}:{secret}" not in keys:
        return "API key not found or not active, or incorrect shared secret for API key."
    return None


@dataclass(frozen=True, slots=True)
class QuotaVerdict:
    """refusal: the error message of a 429, or None. headers: those of the answer, whatever it is."""

    refusal: str | None
    headers: dict[str, str]


class Quota:
    """The limits of one key: calls in any second and in any 24 hours, both sliding. Refused calls are not counted.

    per_second and per_day may be set while it runs: Etsy cut a crawler's day from 100,000 to 5,000 overnight.
    """

    def __init__(self, per_second: int, per_day: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.per_day = per_day
        self._clock = clock
        self._second: deque[float] = deque()
        self._day: deque[float] = deque()

    def spend(self) -> QuotaVerdict:
        """Counts one call, if the limits allow it."""
        now = self._clock()
        for calls, span in ((self._second, 1.0), (self._day, _DAY_SECONDS)):
            while calls and calls[0] <= now - span:
                calls.popleft()
        if len(self._day) >= self.per_day:
            return QuotaVerdict("Exceeded daily rate limit", {**self._headers(), "retry-after": "86400"})
        if len(self._second) >= self.per_second:
            # The one observed carried no retry-after.
            return QuotaVerdict("Exceeded per second rate limit", self._headers())
        self._second.append(now)
        self._day.append(now)
        return QuotaVerdict(None, self._headers())

    def _headers(self) -> dict[str, str]:
        return {
            "x-limit-per-second": str(self.per_second),
            "x-remaining-this-second": str(max(0, self.per_second - len(self._second))),
            "x-limit-per-day": str(self.per_day),
            "x-remaining-today": str(max(0, self.per_day - len(self._day))),
        }
