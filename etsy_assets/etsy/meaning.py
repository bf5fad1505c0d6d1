"""What an HTTP answer of the API means: data, gone, or which of the faults that must be kept apart."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from etsy_assets.catalog.records import QuotaReading
from etsy_assets.errors import ConfigurationError, PassingFault
from etsy_assets.etsy.faults import DailyQuotaExhausted, OffsetCeiling, RequestRefused


def answer_of(
    path: str, response: requests.Response, redacted: Callable[[str], str], throttle_wait: float
) -> Any | None:
    """The JSON of the answer, None for a 404; otherwise raises what Transport.get says.

    redacted: takes the secrets out of what the server says. throttle_wait: seconds after a 429 without Retry-After.
    """
    status, body = response.status_code, _json(response)
    message = _error_message(body) or f"{response.headers.get('content-type', 'no')} content"
    request = redacted(response.headers.get("x-etsy-request-uuid", "-"))
    said = f"GET {path} was answered {status} ({redacted(message)}; request {request})"
    retry_after = _retry_after(response)
    if status == 429:
        reading = quota_reading(response)
        if (reading is not None and reading.remaining_today == 0) or re.search(r"daily|per day", message, re.I):
            raise DailyQuotaExhausted(f"No API calls are left today: {said}.", retry_after)
        raise PassingFault(f"{said}.", throttle_wait if retry_after is None else retry_after)
    if status >= 500 or status == 408:
        raise PassingFault(f"{said}.", retry_after)
    if status == 401 or (status == 403 and re.search(r"api.?key|secret|keystring", message, re.I)):
        raise ConfigurationError(
            f"Etsy refuses the API key: {said}. Set the keystring and the shared secret of an approved app."
        )
    if 300 <= status < 400:
        raise ConfigurationError(f"{said}: a redirect, so the base URL is not the API's. Use https://openapi.etsy.com.")
    if not isinstance(body, dict | list):
        # Also for a 404: a proxy's or a wrong address's page must not pass for a listing that is gone.
        raise PassingFault(f"{said}: not JSON.", retry_after)
    if status == 404:
        return None
    if status == 400 and "offset" in message.lower() and "maximum" in message.lower():
        raise OffsetCeiling(f"{said}.", status)
    if status >= 400:
        raise RequestRefused(f"{said}.", status)
    return body


def quota_reading(response: requests.Response) -> QuotaReading | None:
    """The four rate headers (names in any case); None when the answer has none of them."""
    names = ("x-limit-per-second", "x-remaining-this-second", "x-limit-per-day", "x-remaining-today")
    per_second, this_second, per_day, today = (_whole_number(response.headers.get(name)) for name in names)
    if per_second is this_second is per_day is today is None:
        return None
    return QuotaReading(per_second, this_second, per_day, today, read_at=datetime.now(UTC))


def _json(response: requests.Response) -> Any | None:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _error_message(body: Any) -> str | None:
    """What an error answer says: {"error": ...} as documented, or an array of such (etsy/open-api#622)."""
    if isinstance(body, list):
        return "; ".join(filter(None, map(_error_message, body))) or None
    if isinstance(body, dict):
        return next((str(body[key]) for key in ("error", "error_description", "message") if body.get(key)), None)
    return None


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\s*\d{1,18}\s*", text) else None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, from a number or an HTTP date (RFC 9110, 10.2.3)."""
    text = response.headers.get("retry-after")
    if text is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
