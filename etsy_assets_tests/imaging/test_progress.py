import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.errors import ConfigurationError
from etsy_assets.imaging.archive_writer import ArchiveWriter
from etsy_assets.imaging.progress import journal_path, partial_path
from etsy_assets_tests.imaging.test_archive import FAILING, WANTED, files, made, write


def abandoned(folder: Path, count: int = len(WANTED)) -> Path:
    """A batch of which `count` images were finished when its process went away."""
    path = folder / "batch-000001.tar"
    with ArchiveWriter(path, WANTED) as writer:
        for image in WANTED[:count]:
            writer.add(*made(image))
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "batch-000001.tar"
    write(path)
    return files(path)


def test_what_was_added_before_the_process_went_away_is_not_to_do_again(tmp_path, undisturbed):
    path = abandoned(tmp_path, count=4)
    with ArchiveWriter(path, WANTED) as writer:
        assert writer.to_do() == WANTED[4:]
        for image in writer.to_do():
            writer.add(*made(image))
        writer.publish()
    assert files(path) == undisturbed


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_of_an_unfinished_batch_the_disk_kept_the_result_is_the_same(undisturbed, data):
    with tempfile.TemporaryDirectory() as folder:
        path = abandoned(Path(folder))
        for file in (partial_path(path), journal_path(path)):
            with file.open("r+b") as opened:
                opened.truncate(data.draw(st.integers(0, file.stat().st_size), label=file.name))
        with ArchiveWriter(path, WANTED) as writer:
            to_do = writer.to_do()
            assert to_do == WANTED[len(WANTED) - len(to_do) :]
            for image in reversed(to_do):
                writer.add(*made(image))
            writer.publish()
        assert files(path) == undisturbed


def test_a_picture_that_changed_on_the_disk_is_made_again(tmp_path, undisturbed):
    path = abandoned(tmp_path)
    with partial_path(path).open("r+b") as file:
        file.seek(partial_path(path).stat().st_size // 2)
        file.write(b"\0" * 600)
    assert write(path)
    assert files(path) == undisturbed


def test_a_journal_of_another_version_is_not_trusted(tmp_path, undisturbed):
    path = abandoned(tmp_path)
    journal_path(path).write_bytes(b'{"journal": 2}\n' + journal_path(path).read_bytes())
    with ArchiveWriter(path, WANTED) as writer:
        assert writer.to_do() == WANTED
    write(path)
    assert files(path) == undisturbed


@pytest.mark.parametrize(("reason", "tried_again"), [("http_404", False), ("http_503", True), ("timeout", True)])
def test_a_resumed_run_tries_a_failure_again_only_if_it_may_have_passed(tmp_path, reason, tried_again):
    path = tmp_path / "b.tar"
    failing = next(image for image in WANTED if image.key == FAILING)
    entry, _ = made(failing)
    with ArchiveWriter(path, [failing]) as writer:
        writer.add(type(entry)(*failing.key, False, "failed", reason, None, failing.source_key), None)
    with ArchiveWriter(path, [failing]) as writer:
        assert (writer.to_do() == [failing]) == tried_again


def test_a_batch_killed_after_publishing_but_before_tidying_is_finished(tmp_path, undisturbed):
    path = abandoned(tmp_path)
    kept = {file: file.read_bytes() for file in (partial_path(path), journal_path(path))}
    write(path)
    for file, content in kept.items():
        file.write_bytes(content)
    with ArchiveWriter(path, WANTED) as writer:
        assert writer.to_do() == []
        writer.publish()
    assert files(path) == undisturbed


def test_a_full_disk_is_named_and_costs_nothing_that_was_done(tmp_path, undisturbed, monkeypatch):
    path = abandoned(tmp_path, count=3)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    # A disk can't be filled here, and root may write anywhere.
    with monkeypatch.context() as patched, ArchiveWriter(path, WANTED) as writer:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(ConfigurationError, match=r"No disk space is left to write .*batch-000001"):
            writer.add(*made(WANTED[3]))
    assert not path.exists()
    with ArchiveWriter(path, WANTED) as writer:
        assert writer.to_do() == WANTED[3:]
    write(path)
    assert files(path) == undisturbed


def test_copying_a_half_done_batch_elsewhere_lets_it_go_on_there(tmp_path, undisturbed):
    path = abandoned(tmp_path / "here", count=5)
    shutil.copytree(path.parent, tmp_path / "there")
    write(tmp_path / "there" / path.name)
    assert files(tmp_path / "there" / path.name) == undisturbed
