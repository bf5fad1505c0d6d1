import hashlib
import io
import json
import shutil
import tarfile
import threading
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from etsy_assets.errors import CorruptArtifact, PassingFault
from etsy_assets.imaging.archive import ImageArchive, next_path
from etsy_assets.imaging.archive_index import ArchiveEntry, index_path
from etsy_assets.imaging.archive_writer import ArchiveWriter, WantedImage

WANTED = [
    WantedImage(listing, image, image == 1, f"/{listing}/{image}.jpg") for listing in (9, 10) for image in (1, 2, 3)
]
FAILING = (10, 2)


def content(image: WantedImage, salt: str = "") -> bytes:
    return f"{image.source_key}{salt} ".encode() * (40 * image.image_id + image.listing_id)


def made(image: WantedImage, salt: str = "") -> tuple[ArchiveEntry, bytes | None]:
    blank = ArchiveEntry(image.listing_id, image.image_id, image.is_primary, "ok", None, None, image.source_key)
    if image.key == FAILING:
        return replace(blank, status="failed", reason="http_404", detail="gone"), None
    data = content(image, salt)
    return replace(
        blank, size=len(data), sha256=hashlib.sha256(data).hexdigest(), width=3, height=4, format="jpeg"
    ), data


def write(path, wanted=WANTED, order=1, salt=""):
    with ArchiveWriter(path, wanted) as writer:
        for image in writer.to_do()[::order]:
            writer.add(*made(image, salt))
        return writer.publish()


@pytest.fixture
def tar(tmp_path):
    path = tmp_path / "images" / "batch-000001.tar"
    write(path)
    return path


def files(tar_path):
    return {path.name: path.read_bytes() for path in sorted(tar_path.parent.iterdir())}


def test_any_tar_reader_finds_the_pictures_under_their_webdataset_names(tar):
    with tarfile.open(tar) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
        assert all(
            (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "") for member in archive.getmembers()
        )
    assert members == {f"{w.listing_id}_{w.image_id}.jpg": content(w) for w in WANTED if w.key != FAILING}


def test_a_picture_is_read_by_its_offset_and_a_failed_one_has_a_row_with_its_reason(tar):
    with ImageArchive.open(tar) as archive:
        assert [entry.key for entry in archive] == [w.key for w in WANTED]
        assert {entry.key: archive.read(entry) for entry in archive.ok_entries()} == {
            w.key: content(w) for w in WANTED if w.key != FAILING
        }
        failed = archive.entry(*FAILING)
        assert (failed.status, failed.reason, failed.offset, failed.is_primary) == ("failed", "http_404", None, False)
        assert archive.verify() == len(WANTED) - 1
        with pytest.raises(ValueError, match=r"10_2\.jpg has no picture"):
            archive.read(failed)


def test_the_parquet_alone_says_where_each_picture_lies(tar):
    rows = pq.read_table(index_path(tar)).to_pylist()
    data = tar.read_bytes()
    for row in rows:
        if row["status"] == "ok":
            picture = data[row["offset"] : row["offset"] + row["size"]]
            assert hashlib.sha256(picture).hexdigest() == row["sha256"]


def test_the_files_do_not_depend_on_the_order_in_which_images_finished(tmp_path, tar):
    other = tmp_path / "other" / tar.name
    write(other, wanted=WANTED[::-1], order=-1)
    assert files(other) == files(tar)


def test_nothing_but_tar_and_parquet_remains_after_publishing(tar):
    assert list(files(tar)) == ["batch-000001.parquet", "batch-000001.tar"]


def test_an_empty_batch_is_an_archive_too(tmp_path):
    write(tmp_path / "b.tar", wanted=[])
    with ImageArchive.open(tmp_path / "b.tar") as archive, tarfile.open(tmp_path / "b.tar") as plain:
        assert (len(archive), archive.verify(), plain.getnames()) == (0, 0, [])


def test_an_image_that_was_never_added_stops_publication(tmp_path):
    with ArchiveWriter(tmp_path / "b.tar", WANTED) as writer, pytest.raises(KeyError):
        writer.publish()
    assert not (tmp_path / "b.tar").exists()


def test_a_flipped_byte_is_refused_when_read_naming_the_file(tar):
    with ImageArchive.open(tar) as archive:
        entry = archive.ok_entries()[2]
    with tar.open("r+b") as file:
        file.seek(entry.offset + 5)
        file.write(b"\xff")
    with ImageArchive.open(tar) as archive:
        with pytest.raises(CorruptArtifact, match=r"batch-000001\.tar is damaged at 9_3\.jpg"):
            archive.read(entry)
        with pytest.raises(CorruptArtifact, match=r"9_3\.jpg"):
            archive.verify()
        assert archive.read(archive.ok_entries()[1]) == content(WANTED[1])


def test_a_damaged_tar_header_is_found_by_verify(tar):
    with ImageArchive.open(tar) as archive:
        with tar.open("r+b") as file:
            file.seek(archive.ok_entries()[0].offset - 512)
            file.write(b"x")
        with pytest.raises(CorruptArtifact, match=r"no tar header for 9_1\.jpg"):
            archive.verify()


@pytest.mark.parametrize("damage", ["cut", "replaced", "emptied"])
def test_a_tar_that_is_not_the_indexs_is_refused_when_opened(tmp_path, tar, damage):
    if damage == "replaced":
        other = tmp_path / "other.tar"
        write(other, salt="x")
        shutil.copy(other, tar)
    else:
        tar.write_bytes(tar.read_bytes()[: -10240 if damage == "cut" else 0])
    with pytest.raises(CorruptArtifact, match=r"batch-000001\.tar"):
        ImageArchive.open(tar)


def test_a_parquet_that_is_none_is_refused_when_opened(tar):
    index_path(tar).write_bytes(b"rubbish")
    with pytest.raises(CorruptArtifact, match=r"batch-000001\.parquet"):
        ImageArchive.open(tar)


@pytest.mark.parametrize("missing", ["tar", "parquet"])
def test_an_unfinished_batch_is_not_found(tar, missing):
    tar.with_suffix(f".{missing}").unlink()
    with pytest.raises(FileNotFoundError, match="materialize"):
        ImageArchive.open(tar)


def test_a_column_that_this_version_does_not_know_is_ignored(tar):
    table = pq.read_table(index_path(tar))
    pq.write_table(table.append_column("mask_offset", [[1] * len(WANTED)]), index_path(tar))
    with ImageArchive.open(tar) as archive:
        assert len(archive) == len(WANTED)


def test_an_open_archive_is_not_disturbed_by_a_newer_version(tar):
    with ImageArchive.open(tar) as archive:
        write(tar, wanted=WANTED[:2])
        assert archive.verify() == len(WANTED) - 1


def test_several_threads_may_read(tar):
    with ImageArchive.open(tar) as archive:
        entries = archive.ok_entries() * 50
        results: list[bool] = []
        threads = [
            threading.Thread(
                target=lambda part: results.extend(archive.read(e) == content_of(e) for e in part),
                args=(entries[n::4],),
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [True] * len(entries)


def content_of(entry: ArchiveEntry) -> bytes:
    return next(content(w) for w in WANTED if w.key == entry.key)


def test_a_run_killed_between_the_two_renames_has_published(tmp_path, tar):
    before, newer = files(tar), tmp_path / "newer" / tar.name
    write(newer, wanted=WANTED[:3], salt="newer")
    shutil.copy(newer, tar)  # The tar has been renamed, the parquet has not.
    shutil.copy(index_path(newer), next_path(index_path(tar)))
    assert index_path(tar).read_bytes() == before["batch-000001.parquet"]
    with ImageArchive.open(tar) as archive:
        assert archive.verify() == 3
    with ArchiveWriter(tar, WANTED[:3]) as writer:
        assert writer.to_do() == []
        writer.publish()
    assert files(tar) == files(newer)


def test_a_run_killed_before_the_first_rename_has_changed_nothing(tmp_path, tar):
    before, newer = files(tar), tmp_path / "newer" / tar.name
    write(newer, salt="newer")
    shutil.copy(newer, next_path(tar))
    shutil.copy(index_path(newer), next_path(index_path(tar)))
    with ImageArchive.open(tar) as archive:
        assert archive.read(archive.ok_entries()[0]) == content(WANTED[0])
    write(tar)
    assert files(tar) == before


def test_a_second_run_tries_failures_again_and_leaves_unchanged_files_untouched(tar):
    stats = [path.stat() for path in (tar, index_path(tar))]
    with ArchiveWriter(tar, WANTED) as writer:
        assert [image.key for image in writer.to_do()] == [FAILING]
        writer.add(*made(writer.to_do()[0]))
        writer.publish()
    assert [(s.st_ino, s.st_mtime_ns) for s in stats] == [
        (path.stat().st_ino, path.stat().st_mtime_ns) for path in (tar, index_path(tar))
    ]


def test_an_image_whose_source_changed_is_made_again_and_one_no_longer_wanted_is_dropped(tar):
    changed = replace(WANTED[1], source_key="/new.jpg")
    with ArchiveWriter(tar, [WANTED[0], changed]) as writer:
        assert writer.to_do() == [changed]
        writer.add(*made(changed))
        writer.publish()
    with ImageArchive.open(tar) as archive:
        assert [archive.read(entry) for entry in archive] == [content(WANTED[0]), content(changed)]


def test_a_new_primary_image_changes_the_parquet_alone(tar):
    inode = tar.stat().st_ino
    write(tar, wanted=[replace(image, is_primary=image.image_id == 2) for image in WANTED])
    with ImageArchive.open(tar) as archive:
        assert [entry.key for entry in archive if entry.is_primary] == [(9, 2), (10, 2)]
        assert archive.verify() == len(WANTED) - 1
    assert tar.stat().st_ino == inode


def test_running_a_damaged_batch_again_makes_only_the_lost_pictures(tar):
    before = files(tar)
    with ImageArchive.open(tar) as archive:
        entry = archive.ok_entries()[1]
    with tar.open("r+b") as file:
        file.seek(entry.offset)
        file.write(b"\0\0")
    with ArchiveWriter(tar, WANTED) as writer:
        assert [image.key for image in writer.to_do()] == [entry.key, FAILING]
        for image in writer.to_do():
            writer.add(*made(image))
        writer.publish()
    assert files(tar) == before


def test_a_cut_tar_is_mended_from_what_is_left_of_it(tar):
    before = files(tar)
    with ImageArchive.open(tar) as archive:
        cut_at = archive.ok_entries()[3].offset + 7
    tar.write_bytes(tar.read_bytes()[:cut_at])
    with ArchiveWriter(tar, WANTED) as writer:
        assert [image.key for image in writer.to_do()] == [(10, 1), (10, 2), (10, 3)]
        for image in writer.to_do():
            writer.add(*made(image))
        writer.publish()
    assert files(tar) == before


def test_a_second_writer_of_a_batch_is_turned_away_and_a_third_gets_in_after_the_first(tar):
    with (
        ArchiveWriter(tar, WANTED),
        pytest.raises(PassingFault, match=r"Another process is writing .*batch-000001\.tar"),
    ):
        ArchiveWriter(tar, WANTED, lock_wait_seconds=0).__enter__()
    with ArchiveWriter(tar, WANTED, lock_wait_seconds=0):
        pass


def test_a_waiting_writer_goes_on_when_the_first_has_finished(tar):
    waited: list[bool] = []

    def second() -> None:
        with ArchiveWriter(tar, WANTED, lock_wait_seconds=30):
            waited.append(released.is_set())

    released = threading.Event()
    with ArchiveWriter(tar, WANTED):
        thread = threading.Thread(target=second)
        thread.start()
        released.set()
    thread.join()
    assert waited == [True]


def test_an_entry_survives_json_and_parquet_unchanged(tar):
    with ImageArchive.open(tar) as archive:
        line = json.dumps({name: getattr(archive.entries[0], name) for name in ArchiveEntry.__slots__})
        assert ArchiveEntry(**json.load(io.StringIO(line))) == archive.entries[0]
