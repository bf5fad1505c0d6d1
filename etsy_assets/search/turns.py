"""Queries take turns: as many are worked on at once as there are cores, in the order they came.

More at once would gain nothing and lose a quarter of the throughput, as they would wait for each other in the
interpreter (8 threads against 2, measured on 2 cores).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

Input = ParamSpec("Input")
Output = TypeVar("Output")


def in_turn(work: Callable[Input, Output], *args: Input.args, **kwargs: Input.kwargs) -> Output:
    """Waits for a turn, then for the work, which FAISS does on one thread. Raises what the work raises.

    The work must not take a turn itself.
    """
    return _workers().submit(work, *args, **kwargs).result()


@cache
def _workers() -> ThreadPoolExecutor:
    """FAISS keeps its number of threads for each thread that calls it."""
    import faiss

    cores = len(os.sched_getaffinity(0))
    return ThreadPoolExecutor(cores, "search", initializer=faiss.omp_set_num_threads, initargs=(1,))


# Threads don't live on in a forked process.
os.register_at_fork(after_in_child=_workers.cache_clear)
