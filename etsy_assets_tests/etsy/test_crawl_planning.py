"""The slices of a plan: together they hold everything, each can be paged to its end, and few calls find them."""

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.etsy.crawl_planning import CrawlPlan, CrawlSlice, PlanLimits, finish_plan

ROOT = CrawlSlice(967)
LIMITS = PlanLimits(target=50, most=100)
# Tenths of a cent: other currencies make dollars that are no whole cents.
PRICES = st.lists(st.integers(200, 50_000_000) | st.sampled_from([99_000, 49_990, 120_000]), max_size=600)


class Shelf:
    """Listings as (node, price in thousandths). tree: the children of each node."""

    def __init__(self, listings: Sequence[tuple[int, int]], tree: dict[int, list[int]] | None = None) -> None:
        self.listings = listings
        self.tree = tree or {}
        self.calls = 0
        self.refused: set[int] = set()

    def below(self, node: int) -> set[int]:
        return {node}.union(*(self.below(child) for child in self.tree.get(node, [])))

    def holds(self, slice_: CrawlSlice) -> list[int]:
        nodes = self.below(slice_.taxonomy_id)
        return [
            number
            for number, (node, price) in enumerate(self.listings)
            if node in nodes and slice_.min_price <= price and (slice_.max_price is None or price <= slice_.max_price)
        ]

    def count(self, slice_: CrawlSlice) -> int | None:
        self.calls += 1
        return None if slice_.taxonomy_id in self.refused else len(self.holds(slice_))

    def plan(self) -> CrawlPlan:
        plan = CrawlPlan(pending=[(ROOT, len(self.listings))])
        finish_plan(plan, self.count, lambda node: self.tree.get(node, []), LIMITS)
        return plan


@settings(deadline=None, max_examples=60)
@given(PRICES)
def test_every_price_is_in_a_slice_and_only_one_price_fills_a_slice_beyond_the_target(prices):
    shelf = Shelf([(967, price) for price in prices])
    slices = sorted(shelf.plan().planned, key=lambda slice_: slice_.place)
    assert (slices[0].min_price, slices[-1].max_price) == (0, None)
    assert all(cheaper.max_price == dearer.min_price for cheaper, dearer in pairwise(slices))
    assert {number for slice_ in slices for number in shelf.holds(slice_)} == set(range(len(prices)))
    for slice_ in slices:
        assert len(shelf.holds(slice_)) <= LIMITS.target or slice_.is_one_price


def test_a_plan_of_prices_like_furnitures_costs_few_calls_and_hardly_reads_anything_twice():
    random = np.random.default_rng(3)
    prices = np.round(np.exp(random.normal(np.log(180), 1.2, 20_000)), 2)
    shelf = Shelf([(967, round(price * 1000)) for price in prices])
    slices = shelf.plan().planned
    assert shelf.calls < 1.1 * len(slices)
    assert sum(len(shelf.holds(slice_)) for slice_ in slices) == 20_000
    assert len(slices) < 2 * 20_000 / LIMITS.target


def test_what_one_price_holds_too_much_of_is_parted_by_category():
    tree = {967: [968, 973], 968: [969, 970]}
    shelf = Shelf([(node, 99_000) for node in (969, 970, 973) for _ in range(90)], tree)
    assert {slice_.taxonomy_id for slice_ in shelf.plan().planned if shelf.holds(slice_)} == {969, 970, 973}


def test_a_category_that_has_listings_of_its_own_is_read_as_well():
    shelf = Shelf([(967, 99_000)] * 20 + [(969, 99_000)] * 90, {967: [969]})
    planned = shelf.plan().planned
    assert {slice_.taxonomy_id: count for slice_, count in planned.items() if count > 0} == {967: 110, 969: 90}


def test_a_category_that_etsy_refuses_is_read_as_a_part_of_its_parent():
    shelf = Shelf([(969, 99_000)] * 90 + [(12405, 99_000)] * 90, {967: [969, 12405]})
    shelf.refused = {12405}
    assert {slice_.taxonomy_id for slice_ in shelf.plan().planned if shelf.holds(slice_)} == {967, 969}


def test_a_plan_that_breaks_off_at_any_call_is_gone_on_with_to_the_same_slices():
    shelf = Shelf([(967, 1000 + 37 * number) for number in range(3000)])
    whole = shelf.plan()
    kept: list[str] = []

    def keep(plan: CrawlPlan) -> None:
        kept.append(json.dumps(plan.to_json()))

    for last in range(shelf.calls):
        left = last

        def count(slice_: CrawlSlice) -> int | None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return shelf.count(slice_)

        plan = CrawlPlan(pending=[(ROOT, 3000)])
        keep(plan)
        with pytest.raises(KeyboardInterrupt):
            finish_plan(plan, count, lambda _: [], LIMITS, keep)
        resumed = CrawlPlan.of_json(json.loads(kept[-1]))
        finish_plan(resumed, shelf.count, lambda _: [], LIMITS)
        assert resumed.planned == whole.planned


@given(st.integers(1, 10**6), st.integers(0, 10**8), st.integers(1, 10**8) | st.none())
def test_a_key_tells_its_slice(node, low, more):
    slice_ = CrawlSlice(node, low, None if more is None else low + more)
    assert CrawlSlice.of_key(slice_.key) == slice_


def test_what_a_slice_asks_for():
    assert CrawlSlice(967).parameters == {"taxonomy_id": 967, "min_price": None, "max_price": None}
    assert CrawlSlice(967, 12_505, 99_005).parameters == {
        "taxonomy_id": 967,
        "min_price": 12.505,
        "max_price": 99.005,
    }
    assert CrawlSlice(967, 12_505, 99_005).key == "967_12.505_99.005"
