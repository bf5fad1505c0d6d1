"""Working through many items on a few threads, with a bound on how many results may be held at once."""

import ctypes
import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_completion_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, on_abandon: Callable[[], None] | None = None
) -> Generator[Result, None, None]:
    """Yields work(item) as each is done, never holding more than twice `workers` results, yielded or under way.

    An exception of `work` is raised here. When that happens, or the caller stops iterating, items that have not begun
    are dropped, `on_abandon` is called so that those under way can cut short, and they are waited for.
    """
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="imaging")
    held, finished = 0, False
    try:
        for item in items:
            pool.submit(work, item).add_done_callback(done.put)
            held += 1
            if held == 2 * workers:
                yield done.get().result()
                held -= 1
        for _ in range(held):
            yield done.get().result()
        finished = True
    finally:
        if not finished and on_abandon is not None:
            on_abandon()
        pool.shutdown(wait=True, cancel_futures=True)
        _return_freed_memory()


def _return_freed_memory() -> None:
    """Gives the system back what the threads freed: glibc keeps it, 280 MB after a batch with a few huge pictures."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
