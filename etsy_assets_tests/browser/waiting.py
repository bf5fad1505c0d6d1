"""Waiting for what another process will show, with a limit and a reason."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.5
Found = TypeVar("Found")


def eventually(read: Callable[[], Found | None], what: str, seconds: float) -> Found:
    """What `read` returns once that is something. Raises AssertionError with what was waited for, and with the last
    exception, if any: a page or a server that is not ready yet may fail a read.
    """
    deadline = time.monotonic() + seconds
    problem: Exception | None = None
    while True:
        try:
            found = read()
        except Exception as error:
            found, problem = None, error
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds:.0f} s for this, in vain: {what}") from problem
        time.sleep(POLL_SECONDS)
