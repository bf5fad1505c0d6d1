"""One GET to the API: the key header, time-outs, bounded retries with back-off, and the secret kept to itself."""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from etsy_assets.catalog.records import CallOutcome, QuotaReading
from etsy_assets.errors import ConfigurationError, PassingFault
from etsy_assets.etsy.faults import DailyQuotaExhausted, RequestRefused
from etsy_assets.etsy.meaning import answer_of, quota_reading

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """attempts: calls in all. first_wait, longest_wait: seconds of back-off, doubled each time and jittered.

    throttle_wait: seconds after a per-second 429, which carries no Retry-After (etsy/open-api#198).
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    throttle_wait: float = 1.0


class Gate(Protocol):
    """What each call passes, every try by itself; see call_gate.py."""

    def enter(self) -> None:
        """Waits for the call's turn. Raises DailyQuotaExhausted when it has none today."""

    def leave(self, outcome: CallOutcome, reading: QuotaReading | None, retry_after: float | None) -> None:
        """What became of the call, the rate headers of its answer, and the seconds that it says to wait."""


class OpenGate:
    """Lets every call in and counts none: for one process that keeps within the limits by itself."""

    def enter(self) -> None:
        pass

    def leave(self, outcome: CallOutcome, reading: QuotaReading | None, retry_after: float | None) -> None:
        pass


class Transport:
    """GET requests with the key. Neither a message, a log line nor a repr ever holds the key or the secret."""

    def __init__(
        self,
        base_url: str,
        keystring: str,
        shared_secret: str,
        timeout: float,
        retries: RetryPolicy,
        gate: Gate,
    ) -> None:
        self.base_url = _checked_base_url(base_url)
        self._secrets = (_checked("shared secret", shared_secret), _checked("keystring", keystring))
        self._headers = {
            "x-api-key": f"{self._secrets[1]}:{self._secrets[0]}",
            "Accept": "application/json",
            "User-Agent": "etsy-assets",
        }
        self._timeout = timeout
        self._retries = retries
        self._gate = gate
        self._session = requests.Session()
        # The simulated shop is on this machine, where a proxy of the environment would look for it in vain.
        self._session.trust_env = urlsplit(self.base_url).hostname not in ("127.0.0.1", "localhost", "::1")

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, parameters: Mapping[str, str | int | float | None] | None = None) -> Any | None:
        """The JSON of the answer, None for a 404.

        Raises ConfigurationError (key, base URL), PassingFault after the last attempt, DailyQuotaExhausted at once,
        OffsetCeiling or RequestRefused. A wait that the server asks for beyond longest_wait is not slept on either.
        """
        given = {name: str(value) for name, value in (parameters or {}).items() if value is not None}
        retrying = Retrying(
            stop=stop_after_attempt(self._retries.attempts),
            wait=self._wait,
            retry=retry_if_exception(self._passes_soon),
            before_sleep=_log_retry,
            reraise=True,
        )
        return retrying(self._get_once, path, given)

    def _passes_soon(self, error: BaseException) -> bool:
        passes = isinstance(error, PassingFault) and not isinstance(error, DailyQuotaExhausted)
        return passes and (getattr(error, "retry_after", None) or 0) <= self._retries.longest_wait

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None) or 0.0
        backoff = min(self._retries.longest_wait, self._retries.first_wait * 2 ** (state.attempt_number - 1))
        return float(max(asked + random.uniform(0, self._retries.first_wait), random.uniform(0.5, 1) * backoff))

    def _get_once(self, path: str, parameters: Mapping[str, str]) -> Any | None:
        self._gate.enter()
        try:
            response = self._session.get(
                self.base_url + path,
                params=parameters,
                headers=self._headers,
                timeout=self._timeout,
                # requests would carry the key along to wherever the answer points.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            fault = f"GET {path} got no answer from {self.base_url}: {type(error).__name__}: {error}"
        else:
            return self._answer(path, response)
        self._gate.leave("no_answer", None, None)
        # Outside of the except clause: the error of requests holds the request, and with it the key.
        raise PassingFault(self._redacted(fault))

    def _answer(self, path: str, response: requests.Response) -> Any | None:
        """The same as get, of one answer, which is counted whatever it is."""
        reading = quota_reading(response)
        try:
            answer = answer_of(path, response, self._redacted, self._retries.throttle_wait)
        except (ConfigurationError, PassingFault, RequestRefused) as fault:
            self._gate.leave(_outcome(fault, response.status_code), reading, getattr(fault, "retry_after", None))
            raise
        self._gate.leave("gone" if answer is None else "ok", reading, None)
        return answer

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:300]


def _outcome(fault: Exception, status: int) -> CallOutcome:
    if isinstance(fault, DailyQuotaExhausted):
        return "day_spent"
    if isinstance(fault, PassingFault):
        return "throttled" if status == 429 else "server_trouble"
    return "bad_key" if isinstance(fault, ConfigurationError) else "refused"


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0
    log.warning("Attempt %d: %s Next in %.1f s.", state.attempt_number, error, seconds)


def _checked(name: str, value: str) -> str:
    """Raises ConfigurationError for a value that no header can carry; requests would print it in its own error."""
    stripped = value.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable() or " " in stripped or ":" in stripped:
        problem = "has characters that no key has" if stripped else "is missing"
        raise ConfigurationError(f"Etsy's {name} {problem}: set both the keystring and the shared secret of your app.")
    return stripped


def _checked_base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in url or "?" in url:
        raise ConfigurationError("The API's base URL is not usable: give one like https://openapi.etsy.com.")
    return url.rstrip("/")
