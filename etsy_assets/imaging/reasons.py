"""Why an image has no picture, or no cutout: stable codes, and which of them may pass by themselves.

A fault of the transport passes, and so does what a server in trouble sends in place of a picture (html_body,
empty_body, truncated). All others last: http_404, url_of_another_image, bad_url, too_many_redirects, body_too_large,
and the rest of the codes of `validation.InvalidImage`.
"""

PASSING = frozenset(
    {
        "http_403",  # A CDN that throttles answers so; back off.
        "http_408",
        "http_425",
        "http_429",
        "timeout",
        "too_slow",
        "connection_error",
        "truncated_body",
        "bad_encoding",
        "request_failed",
        "html_body",
        "empty_body",
        "truncated",
    }
)
# A server that gives nothing but these is down, or refuses us: that is no fault of any one image.
_SERVER_TROUBLE = frozenset({"http_403", "http_429", "timeout", "connection_error"})


def is_passing(reason: str | None) -> bool:
    """Whether trying again later may mend a failure of this reason."""
    return reason is not None and (reason in PASSING or reason.startswith("http_5"))


def is_server_trouble(reason: str | None) -> bool:
    return reason is not None and (reason in _SERVER_TROUBLE or reason.startswith("http_5"))
