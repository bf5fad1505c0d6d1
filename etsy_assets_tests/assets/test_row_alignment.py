"""Row N is the same image in every index, and an index of which that is not true is found out or refused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etsy_assets.encoders.embeddings import read_embeddings, write_embeddings
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.errors import CorruptArtifact
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.search.alignment import ALIGNED, Misaligned, check_alignment
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.snapshots import current_snapshot
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment, checks_of, sentence_of
from etsy_assets_tests.assets.ingested import Ingested

SHIFTED = ENCODERS[2]
ALL = 1_000


def aligned(deployed: Deployment, corpus: Corpus) -> tuple[Mapping[str, float], list[Misaligned]]:
    """Every row of every index compared with its stored cutout, embedded again."""

    def read_cutout(row: int) -> Image.Image:
        with ImageArchive.open(deployed.home.cutouts(corpus.batch_of(row))) as archive:
            return Image.open(BytesIO(archive.read(archive.entry(*corpus.identify(row))))).convert("RGB")

    embed = {name: load_encoder(find_encoder(name), "cpu").embed_images for name in ENCODERS}
    return check_alignment(corpus, embed, read_cutout, sample=ALL)


def test_every_row_of_every_index_is_the_image_that_it_says(ingested: Ingested) -> None:
    corpus = ingested.deployment.corpus()
    lowest, wrong = aligned(ingested.deployment, corpus)
    assert set(lowest) == set(ENCODERS)
    assert min(lowest.values()) > ALIGNED
    assert wrong == []


def test_a_matrix_that_is_shifted_by_some_rows_is_found_out(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    snapshot = current_snapshot(deployed.home)
    segment = snapshot.segments[0]
    matrix = segment.folder(deployed.home) / segment.indexes[SHIFTED].matrix
    rows = np.fromfile(matrix, np.float16).reshape(segment.rows.rows, -1)
    # By half of the rows: the next row is often another photo of the same listing.
    np.roll(rows, len(rows) // 2, axis=0).tofile(matrix)
    _, wrong = aligned(deployed, Corpus.open(deployed.home, snapshot, verify=False))
    assert {bad.encoder for bad in wrong} == {SHIFTED}
    assert {bad.row for bad in wrong} <= set(range(segment.rows.rows))
    assert len(wrong) > segment.rows.rows // 2


def test_the_check_of_the_snapshot_says_which_rows_are_wrong(copied: Callable[..., Deployment]) -> None:
    """As if an encoder had handed back its vectors in another order: every checksum is right."""
    deployed, batch = copied(), "batch-000002"
    path = deployed.home.embeddings(SHIFTED, batch)
    good = read_embeddings(path)
    write_embeddings(path, replace(good, vectors=np.roll(good.vectors, len(good) // 2, axis=0)))
    assert deployed.run("index_segment", "segment-0001").success
    config = {"ops": {"search_snapshot": {"config": {"aligned_sample": ALL}}}}
    run = deployed.run("publish_snapshot", config=config)
    checks = checks_of(run)
    assert checks["search_snapshot", "every_file_is_sound"].passed
    alignment = checks["search_snapshot", "rows_are_their_images"]
    assert not alignment.passed
    assert alignment.metadata[f"lowest_cosine_{SHIFTED}"].value < ALIGNED
    assert alignment.metadata[f"lowest_cosine_{ENCODERS[0]}"].value > ALIGNED
    wrong = alignment.metadata["wrong_rows"].value
    assert wrong
    assert all(line.startswith(f"{SHIFTED}: row ") for line in wrong)


@pytest.mark.parametrize("kind", ["rows.parquet", "listings.parquet", ".f16", ".faiss", "missing"])
def test_a_corrupted_segment_file_is_refused_when_it_is_opened_naming_the_file(
    copied: Callable[..., Deployment], kind: str
) -> None:
    deployed = copied()
    snapshot = current_snapshot(deployed.home)
    segment = snapshot.segments[1]
    names = [name for name, _, _ in segment.files()]
    name = next(name for name in names if name.endswith(kind if kind != "missing" else ".faiss"))
    damaged = segment.folder(deployed.home) / name
    damage(damaged, remove=kind == "missing")
    with pytest.raises(CorruptArtifact) as refusal:
        Corpus.open(deployed.home, snapshot)
    sentence = str(refusal.value)
    assert str(damaged) in sentence
    assert "materialize" in sentence
    assert "segment-0001" in sentence
    # The search job says the same, and shows nothing.
    run = deployed.run("ensemble_search")
    assert sentence_of(run) == sentence
    assert not deployed.home.query(run.run_id).exists()


def damage(path: Path, remove: bool) -> None:
    if remove:
        path.unlink()
        return
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_corrupted_snapshot_is_refused_and_publishing_mends_it(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    snapshot = current_snapshot(deployed.home)
    path = deployed.home.snapshots / f"{snapshot.version}.json"
    path.write_text(path.read_text().replace(str(snapshot.counts.images), str(snapshot.counts.images + 1)))
    sentence = sentence_of(deployed.run("ensemble_search"))
    assert str(path) in sentence
    assert "materialize search_snapshot" in sentence
    assert deployed.run("publish_snapshot").success
    assert deployed.corpus().snapshot.counts == snapshot.counts
