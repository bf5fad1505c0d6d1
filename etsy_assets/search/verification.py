"""Proof of a whole published corpus, by reading every byte of it: `etsy-assets corpus verify`.

Publishing reads what is new, and opening a corpus compares checksums. This looks further: at the rows inside the files,
and at the pictures that they stand for. The first thing that is wrong ends it, by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.search.alignment import check_alignment, stored_cutout
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.damaged_rows import damaged_row
from etsy_assets.search.manifests import index_asset
from etsy_assets.search.matrix import Matrix, open_matrix
from etsy_assets.search.named_files import named_files
from etsy_assets.search.query_embedding import QueryEncoder
from etsy_assets.search.rows import read_rows
from etsy_assets.search.segments import NamedFile, Segment
from etsy_assets.search.snapshots import Snapshot
from etsy_assets.storage import Home

_CHUNK_ROWS = 65_536
_UNIT_TOLERANCE = 2.0**-10
"""Rounding a number to float16 changes it by at most 2^-11 of itself, and so the length of a vector."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Rows compared with their cutouts embedded again; lowest: the lowest cosine by encoder.

    changed: rows that were drawn but could not be compared, as their cutouts were made anew after the segment.
    """

    compared: int
    changed: int
    lowest: Mapping[str, float]


def verify_files(home: Home, snapshot: Snapshot, checked: Callable[[NamedFile], None] = lambda _: None) -> Corpus:
    """Compares every file with its checksum and its content with what the snapshot says of it. Returns the corpus.

    checked: called after each file. Raises CorruptArtifact naming the first file, and the row where it can be told.
    """
    for file in named_files(home, snapshot):
        if problem := file.stamp.problem(file.path):
            raise CorruptArtifact(f"{problem}{_trace(home, snapshot, file)}: {file.remedy}.")
        checked(file)
    # Opening compares row counts, shapes and the number of vectors that FAISS finds.
    corpus = Corpus.open(home, snapshot, verify=False)
    for segment in snapshot.segments:
        _refuse_other_models(snapshot, segment)
        _refuse_other_rows(home, segment)
        _refuse_odd_vectors(home, segment)
    _refuse_repeated_images(home, corpus)
    return corpus


def verify_alignment(home: Home, corpus: Corpus, encoders: Mapping[str, QueryEncoder], sample: int) -> Alignment:
    """Embeds `sample` stored cutouts again with every encoder and compares them with their rows.

    Raises CorruptArtifact naming the matrix and the row of the first that is another image's vector, and
    ConfigurationError for an encoder whose weights are not those of the corpus.
    """
    for name, encoder in encoders.items():
        if encoder.fingerprint != (wanted := corpus.snapshot.encoders[name].fingerprint):
            raise ConfigurationError(
                f"The corpus was embedded with another model under the name {name} (fingerprint {wanted}, and the one "
                f"loaded has {encoder.fingerprint}): put the same weights in place, or give --sample 0."
            )
    drawn = {"compared": 0, "changed": 0}

    def read_cutout(row: int) -> Image.Image | None:
        cutout = stored_cutout(home, corpus, row)
        drawn["changed" if cutout is None else "compared"] += 1
        return cutout

    embed = {name: encoder.embed_images for name, encoder in encoders.items()}
    lowest, wrong = check_alignment(corpus, embed, read_cutout, sample)
    if wrong:
        first = wrong[0]
        segment, row = corpus.snapshot.place_of(first.row)
        raise CorruptArtifact(
            f"{segment.folder(home) / segment.indexes[first.encoder].matrix}, row {row}: it is not the vector of image "
            f"{first.image_id} of listing {first.listing_id} (cosine {first.cosine:.3f} with its cutout embedded "
            f"again; {len(wrong)} such rows in the sample): materialize embeddings/{first.encoder} for "
            f"{corpus.batch_of(first.row)} and {index_asset(first.encoder)} for {segment.name} again."
        )
    return Alignment(drawn["compared"], drawn["changed"], lowest)


def _trace(home: Home, snapshot: Snapshot, damaged: NamedFile) -> str:
    """Where the damage shows, and whose bytes these are, as far as can be told."""
    if not damaged.path.is_file():
        return ""
    (segment,) = (segment for segment in snapshot.segments if segment.name == damaged.segment)
    for file in named_files(home, snapshot):
        if file.path.suffix == damaged.path.suffix and file.stamp.problem(damaged.path) is None:
            return f", and holds what belongs in {file.path}"
    row = damaged_row(home, segment, damaged.path)
    return "" if row is None else f", row {row}: the first that is not as it was embedded"


def _refuse_other_models(snapshot: Snapshot, segment: Segment) -> None:
    for prefix, encoders, indexes in (
        ("", snapshot.encoders, segment.indexes),
        ("text_", snapshot.text_encoders, segment.text_indexes),
    ):
        for name, encoder in encoders.items():
            index = indexes[name]
            if (index.fingerprint, index.dimension) != (encoder.fingerprint, encoder.dimension):
                raise CorruptArtifact(
                    f"{index_asset(prefix + name)} of {segment.name} was built with the model {index.fingerprint} of "
                    f"{index.dimension} numbers, and the snapshot says {encoder.fingerprint} of {encoder.dimension}: "
                    f"materialize it again and publish."
                )


def _refuse_other_rows(home: Home, segment: Segment) -> None:
    """A version is the hash of its rows, so rows in another order can't have its name."""
    rows = read_rows(home, segment.rows)
    if rows.version != segment.rows.version or len(rows.image_ids) != segment.rows.rows:
        raise CorruptArtifact(
            f"{segment.folder(home) / 'rows.parquet'} holds {len(rows.image_ids)} rows of version {rows.version}, and "
            f"the snapshot says {segment.rows.rows} of {segment.rows.version}: materialize segment_rows and the "
            f"indexes for {segment.name} again."
        )


def _refuse_odd_vectors(home: Home, segment: Segment) -> None:
    for prefix, indexes in (("", segment.indexes), ("text_", segment.text_indexes)):
        for name, index in indexes.items():
            path = segment.folder(home) / index.matrix
            if (found := _odd_vector(open_matrix(path, index.rows, index.dimension))) is not None:
                row, length = found
                raise CorruptArtifact(
                    f"{path}, row {row}: its vector has the length {length:.4f} and not 1: materialize the embeddings "
                    f"of {prefix}{name} and {index_asset(prefix + name)} for {segment.name} again."
                )


def _odd_vector(matrix: Matrix) -> tuple[int, float] | None:
    """The first row that is not of length 1, with its length; one that is not finite has none."""
    for start in range(0, len(matrix), _CHUNK_ROWS):
        lengths = np.linalg.norm(matrix[start : start + _CHUNK_ROWS].astype(np.float32), axis=1)
        odd: npt.NDArray[np.int64] = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))
        if odd.size:
            return start + int(odd[0]), float(lengths[odd[0]])
    return None


def _refuse_repeated_images(home: Home, corpus: Corpus) -> None:
    order = np.lexsort((corpus.image_ids, corpus.listing_ids))
    listing_ids, image_ids = corpus.listing_ids[order], corpus.image_ids[order]
    repeated = np.flatnonzero((listing_ids[1:] == listing_ids[:-1]) & (image_ids[1:] == image_ids[:-1]))
    if repeated.size:
        (first, row), (other, other_row) = (
            corpus.snapshot.place_of(int(order[number])) for number in (repeated[0] + 1, repeated[0])
        )
        path: Path = first.folder(home) / "rows.parquet"
        raise CorruptArtifact(
            f"{path}, row {row}: image {image_ids[repeated[0]]} of listing {listing_ids[repeated[0]]} stands in row "
            f"{other_row} of {other.name} already: materialize segment_rows for {first.name} and {other.name} again."
        )
