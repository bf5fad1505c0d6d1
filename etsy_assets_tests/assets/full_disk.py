"""A folder on a disk that is nearly full: a real one, where this machine lets us mount it, or else its errors."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

ENOUGH = 64 << 20
PAGE = 4096


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


@contextmanager
def copied_to_a_small_disk(source: Path, finished: Path, share: float, folder: Path) -> Iterator[Callable[[], None]]:
    """A copy of `source` at `folder`, where there is room for a share of what `finished` holds beyond it.

    Yields what frees the disk.
    """
    folder.mkdir()
    if not mounted(folder, f"size={ENOUGH}"):
        shutil.copytree(source, folder, dirs_exist_ok=True)
        with failing_writes(folder, int(_between(share, source, finished, 1))) as free:
            yield free
        return
    try:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        remount(folder, int(_between(share, source, finished, PAGE)))
        yield lambda: remount(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _between(share: float, source: Path, finished: Path, block: int) -> float:
    before, after = (
        sum(-(-path.stat().st_size // block) * block for path in folder.rglob("*") if path.is_file())
        for folder in (source, finished)
    )
    return before + share * (after - before)


def mounted(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def remount(folder: Path, size: int = ENOUGH) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


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
