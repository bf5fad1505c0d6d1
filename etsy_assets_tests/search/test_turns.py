"""As many queries at once as there are cores, and each of them on one."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import faiss
import pytest

from etsy_assets.search.turns import in_turn

CORES = len(os.sched_getaffinity(0))


def test_no_more_are_worked_on_at_once_than_there_are_cores() -> None:
    free, in_hand = threading.Semaphore(CORES), threading.Barrier(CORES)

    def work(number: int) -> int:
        assert free.acquire(blocking=False)
        in_hand.wait(10)
        free.release()
        return number

    with ThreadPoolExecutor(10 * CORES) as callers:
        assert list(callers.map(lambda number: in_turn(work, number), range(10 * CORES))) == list(range(10 * CORES))


def test_faiss_works_on_one_thread_in_turn_and_on_as_many_as_before_elsewhere() -> None:
    before = faiss.omp_get_max_threads()

    assert in_turn(faiss.omp_get_max_threads) == 1
    assert faiss.omp_get_max_threads() == before


def test_an_error_reaches_the_caller_and_the_next_has_its_turn() -> None:
    for _ in range(2 * CORES):
        with pytest.raises(ZeroDivisionError):
            in_turn(divmod, 1, 0)
    assert in_turn(divmod, 7, 2) == (3, 1)


def test_a_forked_process_searches_too() -> None:
    in_turn(int)
    child = os.fork()
    if child == 0:
        os._exit(in_turn(int, "7"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
