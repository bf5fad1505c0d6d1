"""A lock file that one process of a machine holds at a time. The kernel frees it when that process dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etsy_assets.errors import PassingFault
from etsy_assets.storage import named_disk_errors

_POLL_SECONDS = 0.1


@contextmanager
def file_lock(path: Path, wait_seconds: float, busy: str) -> Iterator[None]:
    """Holds the lock file at `path`, which is there only while somebody holds it. Two threads are kept apart as well.

    busy: the sentence of the PassingFault that is raised when another still holds it after `wait_seconds`.
    """
    with named_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, wait_seconds, busy)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # While it is still held, so that nobody can hold a file that has gone.
        os.close(descriptor)


def _acquire(path: Path, wait_seconds: float, busy: str) -> int:
    deadline = time.monotonic() + wait_seconds
    while True:
        with named_disk_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            # flock belongs to this open file, so it also keeps two threads of one process apart; fcntl locks do not.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(descriptor, path):
                return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise PassingFault(busy, retry_after=30) from None
            time.sleep(_POLL_SECONDS)
        os.close(descriptor)


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether the file locked is still the one at `path`: its last holder removed it on leaving."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
