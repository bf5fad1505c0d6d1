"""Fetching one picture over HTTP: capped in bytes and time, retried with back-off, decoded before it counts."""

import email.utils
import http.client
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests.utils
import tenacity
import urllib3

from etsy_assets.errors import PassingFault
from etsy_assets.imaging.pace import HostPace
from etsy_assets.imaging.reasons import is_passing
from etsy_assets.imaging.validation import DEFAULT_LIMITS, ImageLimits, InvalidImage, StorableImage, storable_image

# The CDN serves WebP under a .jpg URL to whoever accepts it.
ACCEPT = "image/jpeg,image/png;q=0.9,*/*;q=0.1"
_READ_BYTES = 1 << 20
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How images are downloaded.

    concurrency: downloads at once; per_host: of them to one host. per_second: requests to one host, in this process;
    None sets no pace. size: the CDN's form of the picture ("fullxfull", "794xN", ...); fullxfull is taken
    when the CDN has not that form. connect_timeout, read_timeout: seconds without any byte. max_seconds: for one try.
    max_bytes: of one body. max_tries: per image. backoff_seconds: the longest pause before the second try; it doubles
    up to max_backoff_seconds, and each pause is a random share. max_retry_after_seconds: a longer Retry-After ends the
    batch. give_up_after: images in a row that failed because the server is down or refuses us; then the batch ends too.
    lock_wait_seconds: for another process that writes the same batch.
    """

    concurrency: int = 32
    per_host: int = 32
    per_second: float | None = None
    size: str = "fullxfull"
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    max_seconds: float = 120.0
    max_bytes: int = 32 << 20
    max_tries: int = 5
    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 20.0
    max_retry_after_seconds: float = 60.0
    give_up_after: int = 24
    lock_wait_seconds: float = 10.0
    user_agent: str = "etsy-assets/0.1"
    limits: ImageLimits = DEFAULT_LIMITS


class FetchFailure(Exception):
    """One picture that can't be had. code: a stable reason; detail: one line. Both are the same in every run."""

    def __init__(self, code: str, detail: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


class ImageFetcher:
    """Fetches from any number of threads, on connections that stay open; one pause for all when the server says 429.

    By urllib3 itself: with a session of requests around it, it takes twice the CPU time, a sixth of a picture's in all.
    """

    def __init__(self, options: DownloadOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._proxies: dict[str, str | None] = {}
        self._not_before = 0.0
        self._stopped = threading.Event()
        self._pace = HostPace(options.per_second, self._stopped.wait)
        jittered = tenacity.wait_random_exponential(options.backoff_seconds, options.max_backoff_seconds)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, FetchFailure) and is_passing(error.code)),
            stop=tenacity.stop_after_attempt(options.max_tries) | tenacity.stop_when_event_set(self._stopped),
            wait=lambda state: max(jittered(state), _retry_after(state)),
            sleep=tenacity.sleep_using_event(self._stopped),
            reraise=True,
        )

    def fetch(self, url: str) -> StorableImage:
        """The picture, proved whole.

        Raises FetchFailure after the last try, PassingFault when the server asks for a pause too long to sit out.
        """
        return self._retrying(self._fetch_once, url)

    def stop(self) -> None:
        """Ends all waiting: what is under way fails at its next byte."""
        self._stopped.set()

    def close(self) -> None:
        for pools in self._pools.values():
            pools.clear()

    def _fetch_once(self, url: str) -> StorableImage:
        self._stopped.wait(self._not_before - time.monotonic())
        data = _naming_faults(lambda: self._body(url))
        try:
            return storable_image(data, self._options.limits)
        except InvalidImage as error:
            raise FetchFailure(error.code, error.detail) from error

    def _body(self, url: str) -> bytes:
        options = self._options
        self._pace.keep(urlsplit(url).netloc)
        deadline = time.monotonic() + options.max_seconds
        # Closing gives the connection back where the body was read to its end, and ends it otherwise.
        with closing(self._pools_for(url).request("GET", url, preload_content=False)) as response:
            self._check_status(response)
            body = bytearray()
            # read1 returns with each packet, so that a server that drips cannot outlast the deadline.
            while chunk := response.read1(_READ_BYTES):
                body += chunk
                if len(body) > options.max_bytes:
                    raise FetchFailure("body_too_large", f"over {options.max_bytes} bytes")
                if time.monotonic() > deadline or self._stopped.is_set():
                    raise FetchFailure("too_slow", f"not complete after {options.max_seconds:g} s")
            return bytes(body)

    def _check_status(self, response: urllib3.BaseHTTPResponse) -> None:
        status = response.status
        if status == 200:
            return
        if status in (404, 410):
            raise FetchFailure("http_404", f"HTTP {status}: the image is gone")
        pause = parse_retry_after(response.headers.get("Retry-After"))
        if pause > self._options.max_retry_after_seconds:
            raise PassingFault(
                f"The image server answered HTTP {status} and asks for a pause of {pause:.0f} s: run the batch then.",
                retry_after=pause,
            )
        if status == 429:
            with self._lock:
                hold = max(pause, self._options.backoff_seconds)
                self._not_before = max(self._not_before, time.monotonic() + hold)
        raise FetchFailure(f"http_{status}", f"HTTP {status}", retry_after=pause)

    def _pools_for(self, url: str) -> urllib3.PoolManager:
        """The open connections that lead to a URL, through the proxy that the environment has for its host, if any."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise urllib3.exceptions.LocationParseError(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            if origin not in self._proxies:
                known = requests.utils.get_environ_proxies(origin)
                self._proxies[origin] = requests.utils.select_proxy(origin, known)
            proxy = self._proxies[origin]
            if proxy not in self._pools:
                self._pools[proxy] = self._new_pools(proxy)
            return self._pools[proxy]

    def _new_pools(self, proxy: str | None) -> urllib3.PoolManager:
        options = self._options
        settings: dict[str, Any] = {
            "maxsize": options.per_host,
            # A thread more than that waits for a connection: of those to one host, there are never more.
            "block": True,
            "headers": {"User-Agent": options.user_agent, "Accept": ACCEPT, "Accept-Encoding": "identity"},
            "timeout": urllib3.Timeout(connect=options.connect_timeout, read=options.read_timeout),
            "retries": urllib3.Retry(
                total=None, connect=0, read=0, status=0, other=0, redirect=_MOST_REDIRECTS, raise_on_status=False
            ),
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": requests.utils.DEFAULT_CA_BUNDLE_PATH,
        }
        return urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)


def parse_retry_after(value: str | None) -> float:
    """Seconds to wait by a Retry-After header: seconds or an HTTP date (RFC 9110, section 10.2.3); 0 without one."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return 0.0


def _retry_after(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, FetchFailure) else 0.0


def _naming_faults(get: Callable[[], bytes]) -> bytes:
    """Gives what urllib3 raises a stable name: its own texts hold addresses and ports."""
    try:
        return get()
    except urllib3.exceptions.MaxRetryError as error:
        raise _named(error.reason or error) from error
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise _named(error) from error


def _named(error: Exception) -> FetchFailure:
    errors = urllib3.exceptions
    match error:
        case errors.NewConnectionError() | errors.NameResolutionError():  # A TimeoutError too, by urllib3's classes.
            return FetchFailure("connection_error", "the connection failed")
        case errors.TimeoutError() | TimeoutError():
            return FetchFailure("timeout", "no answer in time")
        case errors.LocationValueError() | ValueError():
            return FetchFailure("bad_url", "the URL can't be requested")
        case errors.ResponseError():  # Of the retries, only redirects count past nought.
            return FetchFailure("too_many_redirects", f"more than {_MOST_REDIRECTS} redirects")
        case errors.DecodeError():
            return FetchFailure("bad_encoding", "the body is not in its Content-Encoding")
        case errors.IncompleteRead() | http.client.IncompleteRead():
            return FetchFailure("truncated_body", "the body is shorter than its Content-Length")
        case _ if "IncompleteRead" in repr(error):
            return FetchFailure("truncated_body", "the body is shorter than its Content-Length")
    return FetchFailure("connection_error", "the connection failed")
