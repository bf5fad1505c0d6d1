import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etsy_assets.errors import ConfigurationError
from etsy_assets.imaging import archive_writer, finished
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.archive_writer import ArchiveWriter
from etsy_assets_tests.imaging.test_archive import FAILING, WANTED, files, made, write

OLD, NEW = WANTED[:4], WANTED
STEPS = 24  # More than publishing takes: the last ones are not reached.


class Died(BaseException):
    """In place of SIGKILL: from then on nothing reaches the disk."""


def dying_before_step(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts every rename, removal and flush, and dies in place of the one with this number and all after it."""
    taken: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            taken.append(name)
            if len(taken) >= step:
                raise Died
            return real(*arguments, **options)

        return call

    for owner in (archive_writer, finished):
        monkeypatch.setattr(owner, "fsync", counted("flush", owner.fsync))
    monkeypatch.setattr(archive_writer, "write_index", counted("index", archive_writer.write_index))
    monkeypatch.setattr(Path, "replace", counted("rename", Path.replace))
    monkeypatch.setattr(Path, "unlink", counted("remove", Path.unlink))


@pytest.mark.parametrize("first_version", [False, True], ids=["over an older version", "for the first time"])
def test_a_death_at_any_step_of_publishing_leaves_the_old_or_the_new_version_and_the_next_run_the_new(
    tmp_path, monkeypatch, first_version
):
    reference = tmp_path / "reference" / "b.tar"
    write(reference, NEW, salt="new")
    seen = set()
    for step in range(1, STEPS):
        tar = tmp_path / str(step) / "b.tar"
        if not first_version:
            write(tar, OLD)
        writer = ArchiveWriter(tar, NEW)
        writer.__enter__()
        for image in NEW:
            writer.add(*made(image, "new"))
        with monkeypatch.context() as patched:
            dying_before_step(step, patched)
            try:
                writer.publish()
                seen.add("published")
            except Died:
                seen.add("died")
            finally:
                patched.undo()
                writer.__exit__()
        try:
            with ImageArchive.open(tar) as archive:
                archive.verify()
                seen.add(len(archive))
        except FileNotFoundError:
            assert first_version
        with ArchiveWriter(tar, NEW) as again:
            to_do = again.to_do()
            assert {image.key for image in to_do} <= {FAILING}
            for image in to_do:
                again.add(*made(image, "new"))
            again.publish()
        assert files(tar) == files(reference)
    assert seen == {"published", "died", len(NEW)} | (set() if first_version else {len(OLD)})


def test_a_disk_that_fills_up_while_publishing_is_named_and_nothing_half_written_stays(tmp_path, monkeypatch):
    tar = tmp_path / "b.tar"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with ArchiveWriter(tar, NEW) as writer, monkeypatch.context() as patched:
        for image in NEW:
            writer.add(*made(image))
        patched.setattr(archive_writer, "write_index", full)
        with pytest.raises(ConfigurationError, match=r"No disk space is left to write .*b\.tar"):
            writer.publish()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.journal", "b.tar.partial"]
    with ArchiveWriter(tar, NEW) as writer:
        assert writer.to_do() == []


def test_a_reader_always_finds_a_whole_version_while_new_ones_are_published(tmp_path):
    tar = tmp_path / "b.tar"
    write(tar, NEW)
    stopped, sizes, faults = threading.Event(), set(), []

    def read() -> None:
        while not stopped.is_set():
            try:
                with ImageArchive.open(tar) as archive:
                    archive.verify()
                    sizes.add(len(archive))
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        write(tar, OLD if number % 2 else NEW)
    stopped.set()
    reader.join()
    assert not faults and sizes <= {len(OLD), len(NEW)}
