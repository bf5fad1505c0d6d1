import threading
from concurrent.futures import ThreadPoolExecutor

from etsy_assets.imaging.pixel_budget import PixelBudget


def test_no_more_pixels_are_in_at_once_than_allowed_but_for_one_picture_that_is_larger_by_itself():
    budget, lock = PixelBudget(10), threading.Lock()
    inside: list[int] = []
    seen: list[list[int]] = []

    def decode(pixels: int) -> None:
        with budget.take(pixels):
            with lock:
                inside.append(pixels)
                seen.append(list(inside))
            with lock:
                inside.remove(pixels)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [1, 4, 10, 3, 25, 6, 5, 2, 9] * 50))
    assert len(seen) == 450
    assert all(sum(pictures) <= 10 or len(pictures) == 1 for pictures in seen)


def test_a_large_picture_is_not_kept_out_by_small_ones_that_come_after_it():
    budget, order = PixelBudget(10), []
    waiting = threading.Event()

    def decode(pixels: int) -> None:
        waiting.set()
        with budget.take(pixels):
            order.append(pixels)

    with ThreadPoolExecutor(2) as pool:
        with budget.take(5):
            large = pool.submit(decode, 10)
            waiting.wait()
            # It waits for the five to leave; had the small one passed it, this would be in the list already.
            while not budget._queue.locked():
                pass
            small = pool.submit(decode, 1)
            assert order == []
        large.result()
        small.result()
    assert order == [10, 1]


def test_a_picture_that_fails_to_decode_gives_its_room_back():
    budget = PixelBudget(10)
    for _ in range(3):
        try:
            with budget.take(10):
                raise ValueError
        except ValueError:
            pass
    with budget.take(10):
        pass
