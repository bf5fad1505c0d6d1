import signal
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from etsy_assets.catalog.records import ImageRecord
from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.archive_index import index_path
from etsy_assets.imaging.cutouts import BackgroundRemover, archived_cutout, cut_out_batch
from etsy_assets.imaging.download import DownloadOptions, download_batch
from etsy_assets.imaging.jpeg import encode_jpeg
from etsy_assets.imaging.validation import decode_image
from etsy_assets_tests.imaging.image_server import running_image_server
from etsy_assets_tests.imaging.mask_network import write_mask_network
from etsy_assets_tests.imaging.pictures import dark_box_on_light, encoded

BLANK, MISSING = 4, 6


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_mask_network(tmp_path_factory.mktemp("weights") / "dark.onnx")


@pytest.fixture
def remover(weights):
    return BackgroundRemover("u2net_custom", weights, threads=1)


def box(image_id: int) -> bytes:
    """A box of another width for each image; on image 4 nothing but wall."""
    width = 0 if image_id == BLANK else 60 + 2 * image_id
    return encoded(dark_box_on_light(box=(50, 40, 50 + width, 120) if width else (0, 0, 1, 1)), "JPEG", quality=90)


def download(tar, count=8, **changed):
    with running_image_server() as server:
        records = []
        for n in range(1, count + 1):
            suffix = changed.get(f"image_{n}", "ab12")
            path = f"/7/r/il/abcdef/{n}/il_fullxfull.{n}_{suffix}.jpg"
            if n != MISSING:
                server.serve(path, box(n if suffix == "ab12" else n + 10))
            records.append(ImageRecord(n // 3, n, n, server.url + path, 7, "abcdef", suffix))
        download_batch(records, tar, DownloadOptions())
    return tar


@pytest.fixture
def images(tmp_path):
    return download(tmp_path / "images" / "batch-000001.tar")


@pytest.fixture
def cutouts(tmp_path):
    return tmp_path / "cutouts" / "batch-000001.tar"


def test_a_batch_of_cutouts_holds_the_furniture_on_white_and_what_has_no_mask_uncut(images, cutouts, remover):
    seen = []
    report = cut_out_batch(images, cutouts, remover, on_item=lambda entry: seen.append(entry.image_id))
    assert (report.done, report.reused, report.failed) == (7, 0, 0)
    assert sorted(seen) == [1, 2, 3, 4, 5, 7, 8]
    outcomes = {o.image_id: (o.stage, o.status, (o.reason or "").partition(":")[0]) for o in report.outcomes}
    assert outcomes == dict.fromkeys(seen, ("cutout", "ok", "")) | {BLANK: ("cutout", "fallback", "empty_mask")}
    with ImageArchive.open(cutouts) as made, ImageArchive.open(images) as originals:
        assert made.verify() == 7
        for entry in made:
            picture = np.asarray(decode_image(made.read(entry)).image)
            if entry.image_id == BLANK:
                assert made.read(entry) == originals.read(originals.entry(*entry.key))
                continue
            assert (picture[:20] >= 253).all() and picture[80, 80].max() < 80
            assert entry.mask_coverage == pytest.approx((60 + 2 * entry.image_id) * 80 / (200 * 160), abs=0.02)
            assert (entry.width, entry.height) == (200, 160)


def test_an_image_that_failed_to_download_has_no_cutout(images, cutouts, remover):
    cut_out_batch(images, cutouts, remover)
    with ImageArchive.open(cutouts) as made, ImageArchive.open(images) as originals:
        assert {entry.key for entry in originals} - {entry.key for entry in made} == {(2, MISSING)}
        assert {entry.key for entry in made if entry.is_primary} == {
            entry.key for entry in originals if entry.is_primary and entry.has_picture
        }


def test_a_second_run_cuts_nothing_out_and_does_not_even_load_the_network(images, cutouts, remover, weights):
    cut_out_batch(images, cutouts, remover)
    before = [(p.stat().st_ino, p.stat().st_mtime_ns) for p in (cutouts, index_path(cutouts))]
    second = BackgroundRemover("u2net_custom", weights)
    report = cut_out_batch(images, cutouts, second)
    assert (report.done, report.reused, report.bytes_written) == (0, 7, 0)
    assert [(p.stat().st_ino, p.stat().st_mtime_ns) for p in (cutouts, index_path(cutouts))] == before
    assert second._session is None


def test_only_the_image_that_changed_is_cut_out_again(images, cutouts, remover):
    cut_out_batch(images, cutouts, remover)
    download(images, image_3="zz99")
    seen = []
    assert cut_out_batch(images, cutouts, remover, on_item=lambda entry: seen.append(entry.image_id)).reused == 6
    assert seen == [3]


def test_other_weights_cut_everything_out_again(images, cutouts, remover, tmp_path):
    cut_out_batch(images, cutouts, remover)
    other = BackgroundRemover("u2net_custom", write_mask_network(tmp_path / "other.onnx", steepness=3))
    assert cut_out_batch(images, cutouts, other).done == 7


def test_several_workers_make_the_same_bytes(images, cutouts, remover, tmp_path):
    cut_out_batch(images, cutouts, remover)
    other = tmp_path / "parallel" / cutouts.name
    cut_out_batch(images, other, remover, workers=3)
    assert (other.read_bytes(), index_path(other).read_bytes()) == (
        cutouts.read_bytes(),
        index_path(cutouts).read_bytes(),
    )


def test_the_kept_mask_puts_the_picture_on_another_background_without_the_network(images, cutouts, remover):
    cut_out_batch(images, cutouts, remover)
    with ImageArchive.open(cutouts) as made, ImageArchive.open(images) as originals:
        for entry in made:
            if entry.image_id == BLANK:
                assert archived_cutout(originals, made, entry.key) is None
                continue
            assert encode_jpeg(archived_cutout(originals, made, entry.key)) == made.read(entry)
            pixels = np.asarray(archived_cutout(originals, made, entry.key, (0, 0, 255)))
            assert (pixels[:20] == (0, 0, 255)).all() and pixels[80, 80].max() < 80
    with tarfile.open(cutouts) as tar:
        assert tar.getnames()[:2] == ["0_1.jpg", "0_1.mask.png"]
        assert Image.open(tar.extractfile("0_1.mask.png")).size == (320, 320)


def test_a_damaged_mask_is_named_and_its_cutout_made_again(images, cutouts, remover):
    cut_out_batch(images, cutouts, remover)
    whole = cutouts.read_bytes()
    with ImageArchive.open(cutouts) as made:
        entry = made.ok_entries()[1]
        offset, size, _ = entry.located_mask
        cutouts.write_bytes(whole[:offset] + bytes(size) + whole[offset + size :])
        with pytest.raises(CorruptArtifact, match=entry.mask_member):
            made.verify()
    assert cut_out_batch(images, cutouts, remover).done == 1
    assert cutouts.read_bytes() == whole


def test_missing_weights_and_missing_or_damaged_images_leave_nothing_behind(images, cutouts, remover, tmp_path):
    with pytest.raises(ConfigurationError):
        cut_out_batch(images, cutouts, BackgroundRemover("u2net_custom", tmp_path / "none.onnx"))
    with pytest.raises(FileNotFoundError, match="materialize"):
        cut_out_batch(tmp_path / "none.tar", cutouts, remover)
    images.write_bytes(images.read_bytes()[:-2048])
    with pytest.raises(CorruptArtifact, match=r"batch-000001\.tar"):
        cut_out_batch(images, cutouts, remover)
    assert not cutouts.exists() and not index_path(cutouts).exists()


KILLED_AFTER_THREE = """
import os, signal, sys
from pathlib import Path
from etsy_assets.imaging.cutouts import BackgroundRemover, archived_cutout, cut_out_batch

def three_then_die(entry, done=[]):
    done.append(entry)
    if len(done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

remover = BackgroundRemover("u2net_custom", Path(sys.argv[3]), threads=1)
cut_out_batch(Path(sys.argv[1]), Path(sys.argv[2]), remover, on_item=three_then_die)
"""


def test_a_killed_run_goes_on_where_it_was_and_ends_in_the_same_bytes(images, cutouts, remover, weights, tmp_path):
    command = [sys.executable, "-c", KILLED_AFTER_THREE, str(images), str(cutouts), str(weights)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not cutouts.exists()
    seen = []
    report = cut_out_batch(images, cutouts, remover, on_item=lambda entry: seen.append(entry.image_id))
    assert (len(seen), report.done, report.reused) == (4, 4, 3)
    undisturbed = tmp_path / "undisturbed" / cutouts.name
    cut_out_batch(images, undisturbed, remover)
    assert [p.read_bytes() for p in (cutouts, index_path(cutouts))] == [
        p.read_bytes() for p in (undisturbed, index_path(undisturbed))
    ]
