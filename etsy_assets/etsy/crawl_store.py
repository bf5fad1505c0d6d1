"""The crawl plan and how far each of its slices is read, as the catalog keeps them from run to run."""

from dataclasses import asdict, dataclass, field
from typing import Self

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.crawl_planning import CrawlPlan, CrawlSlice
from etsy_assets.etsy.slice_crawl import SliceCursor

_PLAN = "crawl_plan"
_CURSORS = "crawl_slice/"


class UnknownSlice(LookupError):
    """A slice of a plan that another has replaced, or of none."""


@dataclass(slots=True)
class StoredPlan:
    """The current plan. number: counts up; a slice's key begins with it, so that every plan has slices of its own."""

    number: int
    plan: CrawlPlan = field(default_factory=CrawlPlan)

    @classmethod
    def load(cls, catalog: Catalog) -> Self | None:
        """None before the first."""
        stored = catalog.crawl_state(_PLAN)
        return None if stored is None else cls(stored["number"], CrawlPlan.of_json(stored["plan"]))

    @classmethod
    def current(cls, catalog: Catalog) -> Self:
        """Raises UnknownSlice before the first."""
        stored = cls.load(catalog)
        if stored is None:
            raise UnknownSlice("No crawl is planned: materialize crawl_plan first.")
        return stored

    def save(self, catalog: Catalog) -> None:
        catalog.set_crawl_state(_PLAN, {"number": self.number, "plan": self.plan.to_json()})

    @property
    def is_finished(self) -> bool:
        return not self.plan.pending and bool(self.plan.planned)

    @property
    def keys(self) -> list[str]:
        """Of the planned slices: what their partitions are called."""
        return [self.key(slice_) for slice_ in sorted(self.plan.planned, key=lambda planned: planned.place)]

    def key(self, slice_: CrawlSlice) -> str:
        return f"{self.number:04d}_{slice_.key}"

    def slice(self, key: str) -> CrawlSlice:
        """Raises UnknownSlice."""
        found = {self.key(slice_): slice_ for slice_ in self.plan.planned}
        if key not in found:
            raise UnknownSlice(f"The slice {key} is not one of crawl plan {self.number}: crawl one of that plan.")
        return found[key]


def load_cursor(catalog: Catalog, key: str) -> SliceCursor:
    """Where the reading of a slice stands; at its beginning when it was never read."""
    stored = catalog.crawl_state(_CURSORS + key)
    return SliceCursor() if stored is None else SliceCursor(**{**stored, "recent": tuple(stored["recent"])})


def save_cursor(catalog: Catalog, key: str, cursor: SliceCursor) -> None:
    catalog.set_crawl_state(_CURSORS + key, asdict(cursor))


def forget_cursors(catalog: Catalog) -> None:
    """Of all plans: a new one begins."""
    catalog.delete_crawl_states(_CURSORS)
