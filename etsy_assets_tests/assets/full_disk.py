"""A folder on a disk that is nearly full: a real one, where this machine lets us mount it, or else its errors."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

ENOUGH = 64 << 20


@contextmanager
def nearly_full(folder: Path, size: int) -> Iterator[Callable[[], None]]:
    """Makes `folder` an empty disk of `size` bytes; what lay there is out of sight meanwhile. Yields what frees it."""
    folder.mkdir(parents=True, exist_ok=True)
    if mounted(folder, f"size={size}"):
        try:
            yield lambda: remount(folder)
        finally:
            # Lazily, for an index that is still mapped into memory keeps the disk busy.
            subprocess.run(["umount", "--lazy", folder], check=True)
        return
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.mkdir()
    with failing_writes(folder, size) as free:
        yield free


def mounted(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def remount(folder: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(folder)], check=True)


@contextmanager
def failing_writes(folder: Path, size: int) -> Iterator[Callable[[], None]]:
    """The kernel's answer to the calls by which artifacts reach the disk, once `folder` holds more than `size`."""
    limit = [size]

    def guarded(call: Callable) -> Callable:
        def guard(descriptor: int, *arguments: object) -> object:
            target = Path(f"/proc/self/fd/{descriptor}").readlink()
            used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            if target.is_relative_to(folder) and used > limit[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
            return call(descriptor, *arguments)

        return guard

    with mock.patch("os.pwrite", guarded(os.pwrite)), mock.patch("os.fsync", guarded(os.fsync)):
        yield lambda: limit.__setitem__(0, ENOUGH)
