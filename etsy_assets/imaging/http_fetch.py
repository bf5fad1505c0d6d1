"""Fetching one picture over HTTP: capped in bytes and time, retried with back-off, decoded before it counts."""

import email.utils
import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
import tenacity
import urllib3
from requests.adapters import HTTPAdapter

from etsy_assets.errors import PassingFault
from etsy_assets.imaging.reasons import is_passing
from etsy_assets.imaging.validation import DEFAULT_LIMITS, DecodedImage, ImageLimits, InvalidImage, check_image

# The CDN serves WebP under a .jpg URL to whoever accepts it.
ACCEPT = "image/jpeg,image/png;q=0.9,*/*;q=0.1"
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How images are downloaded.

    concurrency: downloads at once. size: the CDN's form of the picture ("fullxfull", "794xN", ...); fullxfull is taken
    when the CDN has not that form. connect_timeout, read_timeout: seconds without any byte. max_seconds: for one try.
    max_bytes: of one body. max_tries: per image. backoff_seconds: the longest pause before the second try; it doubles
    up to max_backoff_seconds, and each pause is a random share. max_retry_after_seconds: a longer Retry-After ends the
    batch. give_up_after: images in a row that failed because the server is down or refuses us; then the batch ends too.
    lock_wait_seconds: for another process that writes the same batch.
    """

    concurrency: int = 8
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
    """Fetches from any number of threads: a session each, and one pause for all when the server answers 429."""

    def __init__(self, options: DownloadOptions) -> None:
        self._options = options
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._not_before = 0.0
        self._stopped = threading.Event()

    def fetch(self, url: str) -> tuple[bytes, DecodedImage]:
        """The bytes and the decoded picture; the pixels of one that is kept as it came may be scaled down.

        Raises FetchFailure after the last try, PassingFault when the server asks for a pause too long to sit out.
        """
        options = self._options
        jittered = tenacity.wait_random_exponential(options.backoff_seconds, options.max_backoff_seconds)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, FetchFailure) and is_passing(error.code)),
            stop=tenacity.stop_after_attempt(options.max_tries) | tenacity.stop_when_event_set(self._stopped),
            wait=lambda state: max(jittered(state), _retry_after(state)),
            sleep=tenacity.sleep_using_event(self._stopped),
            reraise=True,
        )
        return retrying(self._fetch_once, url)

    def stop(self) -> None:
        """Ends all waiting: what is under way fails at its next byte."""
        self._stopped.set()

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    def _fetch_once(self, url: str) -> tuple[bytes, DecodedImage]:
        self._stopped.wait(self._not_before - time.monotonic())
        data = _naming_faults(lambda: self._body(url))
        try:
            return data, check_image(data, self._options.limits)
        except InvalidImage as error:
            raise FetchFailure(error.code, error.detail) from error

    def _body(self, url: str) -> bytes:
        options = self._options
        deadline = time.monotonic() + options.max_seconds
        timeouts = (options.connect_timeout, options.read_timeout)
        with self._session().get(url, stream=True, timeout=timeouts) as response:
            self._check_status(response)
            body = bytearray()
            # read1 returns with each packet, so that a server that drips cannot outlast the deadline.
            while chunk := response.raw.read1(_READ_BYTES, decode_content=True):
                body += chunk
                if len(body) > options.max_bytes:
                    raise FetchFailure("body_too_large", f"over {options.max_bytes} bytes")
                if time.monotonic() > deadline or self._stopped.is_set():
                    raise FetchFailure("too_slow", f"not complete after {options.max_seconds:g} s")
            return bytes(body)

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
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

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.max_redirects = 5
            session.headers.update(
                {"User-Agent": self._options.user_agent, "Accept": ACCEPT, "Accept-Encoding": "identity"}
            )
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=1, max_retries=0))
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session


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
    """Gives what requests and urllib3 raise a stable name: their own texts hold addresses and ports."""
    try:
        return get()
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise FetchFailure("timeout", "no answer in time") from error
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidSchema,
    ) as error:
        raise FetchFailure("bad_url", "the URL can't be requested") from error
    except (urllib3.exceptions.LocationValueError, UnicodeError) as error:
        raise FetchFailure("bad_url", "the URL can't be requested") from error
    except requests.exceptions.TooManyRedirects as error:
        raise FetchFailure("too_many_redirects", "more than 5 redirects") from error
    except (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError) as error:
        raise FetchFailure("bad_encoding", "the body is not in its Content-Encoding") from error
    except (urllib3.exceptions.IncompleteRead, http.client.IncompleteRead) as error:
        raise FetchFailure("truncated_body", "the body is shorter than its Content-Length") from error
    except (requests.ConnectionError, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        if isinstance(error, requests.RequestException) and not isinstance(error, requests.ConnectionError):
            raise FetchFailure("request_failed", type(error).__name__) from error
        code = "truncated_body" if "IncompleteRead" in repr(error) else "connection_error"
        raise FetchFailure(code, "the connection failed") from error
