"""What an Etsy answer can mean besides data, each kept apart from the others and from an empty result.

A bad key is a ConfigurationError, a fault that passes is a PassingFault (both of etsy_assets.errors), and a thing that
is gone (404) is None. The rest stands here.
"""

from etsy_assets.errors import PassingFault


class DailyQuotaExhausted(PassingFault):
    """No calls are left today. Nothing sleeps on it: stop, keep the cursor, and come back after retry_after seconds."""


class PageAnomaly(PassingFault):
    """An empty page though more results are due (offset < count): an outage of the search index, never the end."""


class RequestRefused(Exception):
    """Etsy understood the request and refused it (4xx other than a bad key, 404 and 429). Asking again won't help."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class OffsetCeiling(RequestRefused):
    """The offset is beyond what Etsy pages to (12,000): the query must be split, for it has more results than that."""


class PayloadError(Exception):
    """A payload without a field that nothing works without. The message names the field."""
