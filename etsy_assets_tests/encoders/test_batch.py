"""Embedding a batch: the file, the report, and what a second or a killed run does."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from etsy_assets.encoders.batch import embed_batch
from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.errors import CorruptArtifact, PassingFault
from etsy_assets.imaging.batch_lock import batch_lock
from etsy_assets.imaging.validation import decode_image
from etsy_assets_tests.encoders.pictures import archive, jpeg, picture, some_pictures
from etsy_assets_tests.encoders.projection import ProjectionEncoder

COUNT = 22
BATCH_SIZE = 4


class Killed(BaseException):
    """Stands for a kill: nothing but the operating system's file buffers is as it would be."""


def killed_after(images: int):
    def on_progress(done: int, total: int) -> None:
        if done == images:
            raise Killed

    return on_progress


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    return archive(tmp_path_factory.mktemp("cutouts") / "batch-000001.tar", some_pictures(COUNT))


@pytest.fixture
def paths(tmp_path, encoders) -> dict[str, Path]:
    return {name: tmp_path / "embeddings" / name / "batch-000001.safetensors" for name in encoders}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, encoders, cutouts) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    paths = {name: folder / name / "batch-000001.safetensors" for name in encoders}
    embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    return {name: path.read_bytes() for name, path in paths.items()}


def contents(paths: dict[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in paths.items()}


def counts(report) -> set[tuple[int, int, int]]:
    return {(encoder.new, encoder.reused, encoder.failed) for encoder in report.encoders.values()}


def test_each_row_is_the_vector_of_the_cutout_that_it_names(encoders, cutouts, paths):
    report = embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    assert counts(report) == {(COUNT, 0, 0)}
    assert report.decoded == report.images == COUNT
    for name, encoder in encoders.items():
        stored = read_embeddings(paths[name])
        assert (stored.encoder, stored.batch, stored.fingerprint) == (name, "batch-000001", encoder.fingerprint)
        assert list(zip(stored.listing_ids, stored.image_ids, strict=True)) == sorted(some_pictures(COUNT))
        for row, entry in enumerate(cutouts.ok_entries()):
            assert stored.source_sha256[row].tobytes().hex() == entry.sha256
            alone = encoder.embed_images([decode_image(cutouts.read(entry)).image])[0]
            assert alone @ stored.vectors[row].astype(np.float32) > 0.9999


def test_any_subset_of_encoders_gives_the_same_files_as_all_at_once(encoders, cutouts, paths, undisturbed):
    one, *others = encoders
    embed_batch(cutouts, {one: encoders[one]}, paths, BATCH_SIZE)
    assert not any(paths[name].exists() for name in others)
    embed_batch(cutouts, {name: encoders[name] for name in others}, paths, BATCH_SIZE, decode_threads=1)
    assert contents(paths) == undisturbed


def test_no_encoders_is_no_work(cutouts):
    report = embed_batch(cutouts, {}, {})
    assert (report.encoders, report.outcomes, report.decoded) == ({}, [], 0)


def test_the_same_photo_in_several_listings_is_computed_once_and_has_a_row_in_each(encoders, tmp_path, paths):
    pictures = some_pictures(6)
    first, *_, last = sorted(pictures)
    pictures[last] = pictures[first]
    shown_twice = archive(tmp_path / "batch-000001.tar", pictures)
    report = embed_batch(shown_twice, encoders, paths, BATCH_SIZE)
    assert (counts(report), report.decoded) == ({(5, 1, 0)}, 5)
    assert {outcome.status for outcome in report.outcomes} == {"ok"}
    for path in paths.values():
        stored = read_embeddings(path)
        assert list(zip(stored.listing_ids, stored.image_ids, strict=True)) == sorted(pictures)
        assert (stored.vectors[0] == stored.vectors[-1]).all()
        assert not (stored.vectors[0] == stored.vectors[1]).all()
    before = contents(paths)
    assert counts(embed_batch(shown_twice, encoders, paths, BATCH_SIZE)) == {(0, 6, 0)}
    assert contents(paths) == before


def test_a_photo_in_several_listings_that_does_not_decode_fails_in_each_for_the_same_reason(encoders, tmp_path, paths):
    pictures = some_pictures(3)
    first, second, _ = sorted(pictures)
    pictures[first] = pictures[second] = b"no picture"
    report = embed_batch(archive(tmp_path / "batch-000001.tar", pictures), encoders, paths, BATCH_SIZE)
    failed = {(each.listing_id, each.image_id, each.reason) for each in report.outcomes if each.status == "failed"}
    assert {key[:2] for key in failed} == {first, second}
    assert len({reason for *_, reason in failed}) == 1


def test_there_is_one_outcome_per_image_and_encoder(encoders, cutouts, paths):
    report = embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    assert {(outcome.listing_id, outcome.image_id, outcome.stage) for outcome in report.outcomes} == {
        (*key, f"embed/{name}") for key in some_pictures(COUNT) for name in encoders
    }
    assert {(outcome.status, outcome.reason) for outcome in report.outcomes} == {("ok", None)}


def test_progress_counts_up_to_all_images(encoders, cutouts, paths):
    seen = []
    embed_batch(cutouts, encoders, paths, BATCH_SIZE, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, COUNT) for done in range(1, COUNT + 1)]


def test_a_second_run_decodes_nothing_and_leaves_the_files_untouched(encoders, cutouts, paths):
    embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    before = {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in paths.items()}
    report = embed_batch(cutouts, encoders, paths, batch_size=7)
    assert counts(report) == {(0, COUNT, 0)}
    assert report.decoded == 0
    assert not any(encoder.rewritten for encoder in report.encoders.values())
    assert len(report.outcomes) == COUNT * len(encoders)
    assert {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in paths.items()} == before


@pytest.mark.parametrize("images", [1, 3, 4, 5, 11, COUNT])
def test_a_run_that_was_cut_short_goes_on_and_ends_in_the_same_bytes(encoders, cutouts, paths, undisturbed, images):
    with pytest.raises(Killed):
        embed_batch(cutouts, encoders, paths, BATCH_SIZE, on_progress=killed_after(images))
    assert not any(path.exists() for path in paths.values())
    report = embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    finished = COUNT if images == COUNT else images // BATCH_SIZE * BATCH_SIZE
    assert counts(report) == {(COUNT - finished, finished, 0)}
    assert report.decoded == COUNT - finished
    assert contents(paths) == undisturbed
    assert {path.name for path in paths["demo_clip_a"].parent.iterdir()} == {"batch-000001.safetensors"}


@pytest.mark.parametrize("torn", [1, 100, 1000])
def test_a_record_torn_by_the_kill_is_computed_again(encoders, cutouts, paths, undisturbed, torn):
    with pytest.raises(Killed):
        embed_batch(cutouts, encoders, paths, BATCH_SIZE, on_progress=killed_after(13))
    for path in paths.values():
        partial = path.with_suffix(".partial")
        partial.write_bytes(partial.read_bytes()[:-torn])
    embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    assert contents(paths) == undisturbed


KILL_YOURSELF = """
import os, signal, sys
from pathlib import Path
from etsy_assets.encoders.batch import embed_batch
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets_tests.encoders.projection import ProjectionEncoder

kill = lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done == 14 else None
cutouts, destination = map(Path, sys.argv[1:])
encoders, destinations = {"projection": ProjectionEncoder()}, {"projection": destination}
embed_batch(ImageArchive.open(cutouts), encoders, destinations, 4, on_progress=kill)
"""


def test_a_run_killed_with_sigkill_loses_at_most_the_chunk_in_hand(cutouts, tmp_path):
    encoders = {"projection": ProjectionEncoder()}
    whole, killed = ({"projection": tmp_path / name / "batch-000001.safetensors"} for name in ("whole", "killed"))
    embed_batch(cutouts, encoders, whole, BATCH_SIZE)
    process = subprocess.run([sys.executable, "-c", KILL_YOURSELF, str(cutouts.path), str(killed["projection"])])
    assert process.returncode == -signal.SIGKILL
    assert not killed["projection"].exists()
    assert counts(embed_batch(cutouts, encoders, killed, BATCH_SIZE)) == {(COUNT - 12, 12, 0)}
    assert contents(killed) == contents(whole)


def test_new_cutouts_are_added_and_old_rows_kept_bit_for_bit(tmp_path, encoders, paths):
    few = some_pictures(10)
    embed_batch(archive(tmp_path / "first.tar", few), encoders, paths, BATCH_SIZE)
    before = {name: read_embeddings(path) for name, path in paths.items()}
    more = {**some_pictures(3, first_listing=1), **some_pictures(COUNT)}
    report = embed_batch(archive(tmp_path / "second.tar", more), encoders, paths, BATCH_SIZE)
    assert counts(report) == {(len(more) - 10, 10, 0)}
    assert report.decoded == len(more) - 10
    for name, path in paths.items():
        after = read_embeddings(path)
        kept = np.isin(after.listing_ids * 10**11 + after.image_ids, [k[0] * 10**11 + k[1] for k in few])
        np.testing.assert_array_equal(after.vectors[kept], before[name].vectors)
        assert list(zip(after.listing_ids, after.image_ids, strict=True)) == sorted(more)


def test_a_cutout_that_was_made_anew_is_embedded_anew_and_one_that_is_gone_loses_its_row(tmp_path, encoders, paths):
    pictures = some_pictures(9)
    embed_batch(archive(tmp_path / "first.tar", pictures), encoders, paths, BATCH_SIZE)
    changed, gone, *_ = pictures
    pictures[changed] = jpeg(picture(999))
    del pictures[gone]
    report = embed_batch(archive(tmp_path / "second.tar", pictures), encoders, paths, BATCH_SIZE)
    assert counts(report) == {(1, 7, 0)}
    for name, encoder in encoders.items():
        stored = read_embeddings(paths[name])
        assert len(stored) == 8
        expected = encoder.embed_images([decode_image(pictures[changed]).image])[0]
        assert expected @ stored.vectors[0].astype(np.float32) > 0.9999


def test_vectors_of_other_weights_are_not_kept(tmp_path, encoders, cutouts, paths, weights_root):
    name = "demo_dinov3"
    embed_batch(cutouts, {name: encoders[name]}, paths, BATCH_SIZE)
    root = shutil.copytree(weights_root, tmp_path / "retrained")
    checkpoint = root / name / "model.safetensors"
    save_file({k: v * 1.01 for k, v in load_file(checkpoint).items()}, checkpoint, metadata={"format": "pt"})
    retrained = load_encoder(find_encoder(name), "cpu", weights_root=root)
    assert counts(embed_batch(cutouts, {name: retrained}, paths, BATCH_SIZE)) == {(COUNT, 0, 0)}
    assert read_embeddings(paths[name]).fingerprint == retrained.fingerprint


def test_a_damaged_file_is_made_again(encoders, cutouts, paths, undisturbed):
    embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    for path in paths.values():
        path.write_bytes(path.read_bytes()[:-1])
    assert counts(embed_batch(cutouts, encoders, paths, BATCH_SIZE)) == {(COUNT, 0, 0)}
    assert contents(paths) == undisturbed


BAD = {
    (100, 5_000_000_000): (b"<html>gone</html>" * 100, "html_body"),
    (101, 5_000_000_004): (jpeg(picture(4))[:-400], "truncated"),
    (103, 5_000_000_010): (jpeg(Image.new("RGB", (30, 600), "white")), "extreme_shape"),
}


@pytest.fixture
def cutouts_with_bad_ones(tmp_path):
    return archive(tmp_path / "bad.tar", {**some_pictures(COUNT), **{key: data for key, (data, _) in BAD.items()}})


def test_a_cutout_that_does_not_decode_fails_alone_and_with_its_reason(encoders, cutouts_with_bad_ones, paths):
    for _ in range(2):
        report = embed_batch(cutouts_with_bad_ones, encoders, paths, BATCH_SIZE)
        failed = [outcome for outcome in report.outcomes if outcome.status == "failed"]
        assert len(failed) == len(BAD) * len(encoders)
        for outcome in failed:
            assert outcome.reason.split(":")[0] == BAD[outcome.listing_id, outcome.image_id][1]
        for path in paths.values():
            assert len(read_embeddings(path)) == COUNT - len(BAD)
    assert counts(report) == {(0, COUNT - len(BAD), len(BAD))}
    assert report.decoded == len(BAD)


def test_bad_cutouts_do_not_make_a_killed_run_repeat_good_ones(encoders, cutouts_with_bad_ones, paths):
    with pytest.raises(Killed):
        embed_batch(cutouts_with_bad_ones, encoders, paths, BATCH_SIZE, on_progress=killed_after(13))
    report = embed_batch(cutouts_with_bad_ones, encoders, paths, BATCH_SIZE)
    assert counts(report) == {(COUNT - 12, 12 - len(BAD), len(BAD))}
    reasons = {outcome.reason.split(":")[0] for outcome in report.outcomes if outcome.reason}
    assert reasons == {"html_body", "truncated", "extreme_shape"}


def test_a_batch_without_a_single_cutout_gives_an_empty_file(tmp_path, encoders, paths):
    embed_batch(archive(tmp_path / "empty.tar", {}), encoders, paths)
    assert {(len(read_embeddings(path)), read_embeddings(path).dimension) for path in paths.values()} == {(0, 128)}


def test_an_all_white_cutout_is_embedded(tmp_path, encoders, paths):
    white = {(1, 1): jpeg(Image.new("RGB", (120, 100), "white"))}
    assert counts(embed_batch(archive(tmp_path / "white.tar", white), encoders, paths)) == {(1, 0, 0)}


def test_a_damaged_archive_is_refused_and_named(tmp_path, encoders, paths):
    cutouts = archive(tmp_path / "batch-000001.tar", some_pictures(COUNT))
    entry = cutouts.ok_entries()[5]
    with cutouts.path.open("r+b") as file:
        file.seek(entry.offset + 100)
        file.write(b"\0" * 20)
    with pytest.raises(CorruptArtifact, match=r"batch-000001\.tar"):
        embed_batch(cutouts, encoders, paths, BATCH_SIZE)
    assert not any(path.exists() for path in paths.values())


def test_two_writers_of_one_file_do_not_mix(encoders, cutouts, paths, monkeypatch):
    monkeypatch.setattr("etsy_assets.encoders.batch.LOCK_WAIT_SECONDS", 0.0)
    with batch_lock(paths["demo_dinov3"], 0.0), pytest.raises(PassingFault, match="Another process is writing"):
        embed_batch(cutouts, encoders, paths, BATCH_SIZE)


def test_a_gpu_gets_its_inputs_from_pinned_memory_without_waiting_for_the_copy(encoders, cutouts, paths, monkeypatch):
    """A stand-in for CUDA that computes on the CPU: it shows the path that is taken, and says nothing of its speed."""
    pinned, copied = [], []
    to = torch.Tensor.to

    def pin_memory(batch):
        pinned.append(batch)
        return batch

    def to_stand_in(tensor, *places, **options):
        if places != ("cuda",):
            return to(tensor, *places, **options)
        copied.append((tensor, options))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    monkeypatch.setattr(torch.Tensor, "to", to_stand_in)
    for encoder in encoders.values():
        monkeypatch.setattr(encoder, "device", "cuda")
    embed_batch(cutouts, encoders, paths)
    assert len(pinned) == len(encoders)  # One pass each: a GPU takes all 22 at once.
    assert all(tensor is batch for (tensor, _), batch in zip(copied, pinned, strict=True))
    assert [options for _, options in copied] == [{"non_blocking": True}] * len(encoders)
    for name, path in paths.items():
        assert read_embeddings(path).image_ids.tolist() == sorted(image for _, image in some_pictures(COUNT)), name


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"decode_threads": 0}])
def test_options_that_make_no_sense_are_refused(cutouts, options):
    with pytest.raises(ValueError, match="at least 1"):
        embed_batch(cutouts, {}, {}, **options)
