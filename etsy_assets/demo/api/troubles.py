"""Passing faults as they happen: which bad answer comes next for a URL, and what it looks like."""

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from etsy_assets.demo.faults import FaultPlan, FaultScope

_HTML = "<!DOCTYPE html><html><head><title>Etsy</title></head><body><h1>We're having trouble</h1></body></html>"


class CutResponse(Response):
    """Half of an image under the Content-Length of the whole, and then the connection closes."""

    media_type = "image/jpeg"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        # The server closes the connection of an application that promises more and returns.
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})


class Troubles:
    """Follows each URL from visit to visit: its bad answers first, then a good one, which ends the visit."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._visits: dict[str, int] = {}
        self._coming: dict[str, list[str]] = {}

    def next(self, scope: FaultScope, url: str) -> str | None:
        """The fault of this answer, None when it is to be good. To be called from the event loop only."""
        visit = self._visits.get(url, 0)
        if url not in self._coming:
            self._coming[url] = list(self._plan.passing_faults(scope, url, visit))
        if self._coming[url]:
            return self._coming[url].pop(0)
        del self._coming[url]
        self._visits[url] = visit + 1
        return None


def api_answer(fault: str, quota_headers: dict[str, str]) -> Response:
    """The answer of an API call that meets a passing fault. Raises ValueError on `slow`, which has none of its own."""
    match fault:
        case "second_limit":
            headers = {**quota_headers, "x-remaining-this-second": "0"}
            return JSONResponse({"error": "Exceeded per second rate limit"}, 429, headers)
        case "server_error":
            return JSONResponse({"error": "Server Error"}, 500, quota_headers)
        case "html_error":
            return Response(_HTML, 500, quota_headers, "text/html; charset=utf-8")
        case "html_answer":
            return Response(_HTML, 200, quota_headers, "text/html; charset=utf-8")
    raise ValueError(f"unknown API fault {fault!r}")


def cdn_answer(fault: str, good: bytes) -> Response:
    """The answer of a CDN request that meets a passing fault; good: the bytes that it would have got."""
    match fault:
        case "too_many_requests":
            return Response("Too Many Requests", 429, {"retry-after": "1"}, "text/plain")
        case "cut_connection" if good:
            return CutResponse(good)
        case "server_error" | "cut_connection":
            return Response(_HTML, 500, None, "text/html; charset=utf-8")
        case "unavailable":
            return Response("Service Unavailable", 503, None, "text/plain")
    raise ValueError(f"unknown CDN fault {fault!r}")
