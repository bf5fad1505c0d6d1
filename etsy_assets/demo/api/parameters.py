"""Query and path parameters, with the limits of the API document and the words of Etsy's error bodies."""

from collections.abc import Sequence

from starlette.datastructures import QueryParams

from etsy_assets.demo.api.refusals import Refusal

HIGHEST_OFFSET = 12_000
MOST_IDS = 100
EARLIEST = 946_684_800


class Parameters:
    """Typed reading of one request's query. Every method raises Refusal(400) on a value that is not allowed."""

    def __init__(self, query: QueryParams) -> None:
        self._query = query

    def text(self, name: str) -> str | None:
        """None when absent or empty."""
        return self._query.get(name) or None

    def integer(self, name: str, low: int, high: int | None = None) -> int | None:
        raw = self.text(name)
        return None if raw is None else parse_integer(name, raw, low, high)

    def number(self, name: str) -> float | None:
        raw = self.text(name)
        try:
            value = None if raw is None else float(raw)
        except ValueError:
            value = float("nan")
        # NaN fails too: it is the one number that differs from itself.
        if value is not None and not (value == value and value >= 0):
            raise Refusal(400, f"There was a problem with /{name} : {raw!r} is not a number of 0 or more")
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        return _one_of(self.text(name) or default, allowed)

    def choices(self, name: str, allowed: Sequence[str]) -> frozenset[str]:
        return frozenset(_one_of(value, allowed) for value in self._values(name))

    def listing_ids(self) -> tuple[int, ...]:
        """Each id once, in the order given."""
        ids = dict.fromkeys(parse_integer("listing_ids", raw, 1) for raw in self._values("listing_ids"))
        if not ids:
            raise Refusal(400, "There was a problem with /listing_ids : it is required")
        if len(ids) > MOST_IDS:
            raise Refusal(400, f"There was a problem with /listing_ids : cannot be more than {MOST_IDS} items")
        return tuple(ids)

    def page(self) -> tuple[int, int]:
        """(limit, offset)."""
        limit = self.integer("limit", 1, 100)
        offset = self.integer("offset", 0) or 0
        if offset > HIGHEST_OFFSET:
            raise Refusal(400, "Offset provided is greater than the maximum offset allowed.")
        return 25 if limit is None else limit, offset

    def _values(self, name: str) -> list[str]:
        """Values may be repeated keys, joined by commas, or both."""
        return [value for raw in self._query.getlist(name) for value in raw.split(",") if value]


def parse_integer(name: str, raw: str, low: int, high: int | None = None) -> int:
    """Raises Refusal(400) on anything but a whole number in [low, high]."""
    value = int(raw) if raw.isascii() and raw.removeprefix("-").isdecimal() else None
    if value is None:
        raise Refusal(400, f"There was a problem with /{name} : {raw!r} is not an integer")
    if value < low or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise Refusal(400, f"There was a problem with /{name} : {value} must be {bounds}")
    return value


def _one_of(value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise Refusal(400, f"Invalid value ({value}) for enum({', '.join(allowed)})")
    return value
