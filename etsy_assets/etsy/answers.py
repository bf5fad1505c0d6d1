"""What all of Etsy's answers have in common: the list envelope, needed fields, and how oddities are reported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from etsy_assets.etsy import models
from etsy_assets.etsy.faults import PayloadError

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing in an answer that could not be used as it was. code: short and stable; detail: for a person."""

    code: str
    detail: str
    listing_id: int | None = None
    image_id: int | None = None


Report = Callable[[Anomaly], None]


def parse_page(payload: Any) -> tuple[int, list[Any]]:
    """(count, results) of a list answer; count is how many match in all, not the page's length. Raises PayloadError."""
    page = models.Page.model_validate(payload)
    if page.count is None or page.results is None:
        missing = "count" if page.count is None else "results"
        raise PayloadError(f"A list in Etsy's answer has no usable {missing!r}: its API may have changed.")
    return page.count, page.results


def parse_each(items: list[Any], parse: Callable[[Any], Record], report: Report) -> list[Record]:
    """The records of the items; one that lacks a needed field is reported. Raises PayloadError when all of them do."""
    records: list[Record] = []
    faults: list[PayloadError] = []
    for item in items:
        try:
            records.append(parse(item))
        except PayloadError as error:
            faults.append(error)
    if faults and not records:
        # One odd item is an accident; a whole page of them is a changed API, and must not look like an empty one.
        raise faults[0]
    for fault in faults:
        report(Anomaly("item_unusable", str(fault)))
    return records


def needed(value: int | None, field: str, thing: str) -> int:
    """The id itself. Raises PayloadError, naming the field, when it is missing or no positive number."""
    if value is None or value < 1:
        raise PayloadError(f"A {thing} in Etsy's answer has no usable {field!r}: its API may have changed.")
    return value
