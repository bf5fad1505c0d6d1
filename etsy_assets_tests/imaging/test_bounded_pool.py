import threading
from contextlib import closing

import pytest

from etsy_assets.imaging.bounded_pool import in_completion_order


def test_every_item_is_worked_on_once():
    assert sorted(in_completion_order(lambda item: item * item, range(50), workers=4)) == [n * n for n in range(50)]


def test_one_worker_yields_in_the_order_of_the_items():
    assert list(in_completion_order(str, range(200), workers=1)) == [str(n) for n in range(200)]


def test_a_slow_taker_holds_the_workers_back():
    """So that no more bodies are in memory than twice the workers, however slow the disk is."""
    started: list[int] = []
    with closing(in_completion_order(lambda item: started.append(item), range(200), workers=3)) as results:
        for taken, _ in enumerate(results, start=1):
            assert len(started) <= taken + 2 * 3
    assert len(started) == 200


def test_a_fault_stops_new_items_tells_those_under_way_and_waits_for_them():
    abandoned, ended = threading.Event(), []

    def work(item: int) -> None:
        if item == 0:
            raise RuntimeError("item 0")
        abandoned.wait(30)
        ended.append(item)

    with pytest.raises(RuntimeError, match="item 0"):
        list(in_completion_order(work, range(100), workers=4, on_abandon=abandoned.set))
    assert abandoned.is_set()
    assert len(ended) < 8
    assert threading.active_count() == 1 or not any(t.name.startswith("imaging") for t in threading.enumerate())


def test_a_taker_that_stops_early_abandons_the_rest():
    abandoned = threading.Event()
    with closing(in_completion_order(str, range(1000), workers=2, on_abandon=abandoned.set)) as results:
        next(results)
    assert abandoned.is_set()
