"""Cutting the search for active listings into slices, each small enough to be paged to its end.

Etsy pages no search past an offset of 12,000 (etsy/open-api#344). A slice is a taxonomy node between two prices. Two
neighbours share a bound and both include it, so that no price falls between them, in whatever currency Etsy compares;
and bounds end in half a cent, where nothing is priced, so that hardly anything is in both.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

# Thousandths of a unit of currency. Nothing dearer than 50,000 dollars was seen (etsy/open-api#309, #459).
_UNIT = 1000
_DEAREST = 50_000 * _UNIT
_CENT = _UNIT // 100


@dataclass(frozen=True, slots=True)
class CrawlSlice:
    """The active listings below a taxonomy node that cost from min_price to max_price, both included.

    Prices are in thousandths of a unit of currency. max_price None: there is no upper bound.
    """

    taxonomy_id: int
    min_price: int = 0
    max_price: int | None = None

    @property
    def key(self) -> str:
        """Such as 967_12.505_99.005, or 967_8756.005_up."""
        top = "up" if self.max_price is None else f"{self.max_price / _UNIT:.3f}"
        return f"{self.taxonomy_id}_{self.min_price / _UNIT:.3f}_{top}"

    @classmethod
    def of_key(cls, key: str) -> Self:
        """Raises ValueError for what is no slice's key."""
        node, low, high = key.split("_")
        return cls(int(node), round(float(low) * _UNIT), None if high == "up" else round(float(high) * _UNIT))

    @property
    def place(self) -> tuple[int, int, float]:
        """To sort slices by: node, then price."""
        return self.taxonomy_id, self.min_price, math.inf if self.max_price is None else self.max_price

    @property
    def parameters(self) -> dict[str, Any]:
        """Of EtsyClient.active_listings."""
        return {
            "taxonomy_id": self.taxonomy_id,
            "min_price": self.min_price / _UNIT if self.min_price else None,
            "max_price": None if self.max_price is None else self.max_price / _UNIT,
        }

    @property
    def is_one_price(self) -> bool:
        """Whether its bounds have no more than a cent between them."""
        return self.cut_for(2, 1) is None

    def cut_for(self, count: int, target: int) -> int | None:
        """The price that should part `count` listings into whole slices of `target`; None if there is but one price.

        Furniture's prices are spread over their logarithm: a cut in the middle of the dollars would be off by far.
        """
        low, high = self.min_price, self.max_price or max(_DEAREST, 4 * self.min_price)
        pieces = max(2, math.ceil(count / target))
        share = (pieces // 2) / pieces
        between = (low + _UNIT) * ((high + _UNIT) / (low + _UNIT)) ** share - _UNIT
        half_cent = int(between) // _CENT * _CENT + _CENT // 2
        first, last = low // _CENT * _CENT + _CENT // 2, (high - 1) // _CENT * _CENT + _CENT // 2
        first, last = first if first > low else first + _CENT, last if last < high else last - _CENT
        return min(max(half_cent, first), last) if first <= last else None

    def cut_at(self, price: int) -> tuple["CrawlSlice", "CrawlSlice"]:
        return replace(self, max_price=price), replace(self, min_price=price)


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """target: listings in a slice, at most. most: in one that no price parts, before its node's children take over.

    Both lie under the 12,100 that can be paged to, as a slice grows between its planning and its crawl.
    """

    target: int = 5_000
    most: int = 10_000


@dataclass(slots=True)
class CrawlPlan:
    """Slices with the number of listings that each was planned with, and those that may still be too large.

    to_json and of_json carry an unfinished plan over to another process.
    """

    planned: dict[CrawlSlice, int] = field(default_factory=dict)
    pending: list[tuple[CrawlSlice, int]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "planned": {each.key: count for each, count in self.planned.items()},
            "pending": [[each.key, count] for each, count in self.pending],
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            {CrawlSlice.of_key(key): count for key, count in value["planned"].items()},
            [(CrawlSlice.of_key(key), count) for key, count in value["pending"]],
        )


def finish_plan(
    plan: CrawlPlan,
    count: Callable[[CrawlSlice], int | None],
    children: Callable[[int], Sequence[int]],
    limits: PlanLimits,
    on_step: Callable[[CrawlPlan], None] = lambda plan: None,
) -> None:
    """Parts the pending slices until none is left. Each step costs one call, or one a child.

    count: how many listings a slice has now, None where Etsy refuses the node. children: the nodes right below a node.
    on_step: called after each step, to keep the plan. What `count` raises leaves the plan as it was before the step.
    """
    while plan.pending:
        slice_, found = plan.pending[-1]
        parts = None if found <= limits.target else _parted(slice_, found, count, children, limits)
        plan.pending.pop()
        if parts is None:
            plan.planned[slice_] = found
        else:
            plan.planned.update(parts.planned)
            plan.pending += parts.pending
            on_step(plan)


def _parted(
    slice_: CrawlSlice,
    found: int,
    count: Callable[[CrawlSlice], int | None],
    children: Callable[[int], Sequence[int]],
    limits: PlanLimits,
) -> CrawlPlan | None:
    """None for a slice that stays whole."""
    price = slice_.cut_for(found, limits.target)
    if price is not None:
        below, above = slice_.cut_at(price)
        cheaper = count(below)
        if cheaper is not None:
            # What is above need not be asked for: the plan's counts are estimates, the crawl's are not.
            return CrawlPlan(pending=[(above, max(found - cheaper, 0)), (below, cheaper)])
    if found <= limits.most:
        return None
    nodes = [replace(slice_, taxonomy_id=node) for node in children(slice_.taxonomy_id)]
    if not nodes:
        return None
    counts = [(node, count(node)) for node in nodes]
    parts = CrawlPlan(pending=[(node, number) for node, number in counts if number])
    if sum(number or 0 for _, number in counts) < found:
        # Etsy refuses some nodes, and a listing may be in the parent alone: it is read as well, from both its ends.
        parts.planned[slice_] = found
    return parts
