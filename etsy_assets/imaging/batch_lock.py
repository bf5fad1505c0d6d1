"""One writer for a batch at a time, on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etsy_assets.file_lock import file_lock


@contextmanager
def batch_lock(tar_path: Path, wait_seconds: float) -> Iterator[None]:
    """Holds the batch's lock file, and removes the temporary files of writers that were killed.

    Raises PassingFault when another writer still has it after `wait_seconds`.
    """
    busy = f"Another process is writing {tar_path}: wait for its run to end, or stop it, and try again."
    with file_lock(tar_path.with_name(f".{tar_path.stem}.lock"), wait_seconds, busy):
        for abandoned in tar_path.parent.glob(f".{tar_path.stem}.*.tmp"):
            abandoned.unlink(missing_ok=True)
        yield
