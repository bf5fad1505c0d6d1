"""A published snapshot, opened for reading: its indexes memory-mapped, and the identity of every row."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.codebook import OpenCodebooks
from etsy_assets.search.encoder_index import EncoderIndex
from etsy_assets.search.faiss_index import first_id, open_index
from etsy_assets.search.index_policy import IndexKind
from etsy_assets.search.manifests import IndexManifest, index_asset
from etsy_assets.search.matrix import open_matrix
from etsy_assets.search.rows import read_rows
from etsy_assets.search.searchers import IndexPart
from etsy_assets.search.segments import FileKey, Segment
from etsy_assets.search.snapshots import Snapshot
from etsy_assets.search.tombstones import read_dead_rows, wholly_dead
from etsy_assets.search.verified_files import VerifiedFiles
from etsy_assets.storage import Home

Ids = npt.NDArray[np.int64]
_Key = tuple[FileKey, ...]


@dataclass(frozen=True, slots=True)
class _OpenSegment:
    """A segment is immutable, so one that is in the next snapshot too is taken over as it is.

    Of its rows only the ids are kept: with a batch name and a checksum each, a large corpus would fill the memory.
    first_rows: (batches,), the first row of each batch of batches. dead: rows of the indexes, dead_listings: rows of
    the text indexes, that must not be found; both count from 0 in this segment and are ascending.
    """

    listing_ids: Ids
    image_ids: Ids
    listings: Ids
    batches: tuple[str, ...]
    first_rows: Ids
    indexes: dict[str, IndexPart]
    text_indexes: dict[str, IndexPart]
    dead: Ids
    dead_listings: Ids


class Corpus:
    """Immutable, and safe to use from several threads. It stays readable while newer snapshots are published.

    indexes: by encoder, one row for each image; text_indexes: by text encoder, one row for each listing.
    listing_ids, image_ids: (images,), the identity of each row; listings: (listings,), that of each text row.
    dead: (images,) and dead_listings: (listings,), bool, whether the row stands for what is no longer to be had.
    """

    def __init__(self, snapshot: Snapshot, segments: dict[_Key, _OpenSegment], codes_in_memory: bool = False) -> None:
        self.snapshot = snapshot
        self._segments = segments
        opened = list(segments.values())
        none = np.empty(0, dtype=np.int64)
        self.listing_ids = np.concatenate([none, *(segment.listing_ids for segment in opened)])
        self.image_ids = np.concatenate([none, *(segment.image_ids for segment in opened)])
        self.listings = np.concatenate([none, *(segment.listings for segment in opened)])
        self.dead = _marked([(len(segment.listing_ids), segment.dead) for segment in opened])
        self.dead_listings = _marked([(len(segment.listings), segment.dead_listings) for segment in opened])
        starts = np.cumsum([0, *(len(segment.listing_ids) for segment in opened)])
        self._batches = [batch for segment in opened for batch in segment.batches]
        self._first_rows = np.concatenate(
            [none, *(start + segment.first_rows for start, segment in zip(starts, opened, strict=False))]
        )
        self.indexes = {
            name: EncoderIndex(encoder.dimension, [segment.indexes[name] for segment in opened], codes_in_memory)
            for name, encoder in snapshot.encoders.items()
        }
        self.text_indexes = {
            name: EncoderIndex(encoder.dimension, [segment.text_indexes[name] for segment in opened], codes_in_memory)
            for name, encoder in snapshot.text_encoders.items()
        }

    @classmethod
    def open(
        cls,
        home: Home,
        snapshot: Snapshot,
        *,
        verify: bool = True,
        previous: "Corpus | None" = None,
        codes_in_memory: bool = False,
    ) -> "Corpus":
        """Opens every file of the snapshot; what `previous` has open already is taken over as it is.

        verify: compare the bytes with the snapshot's checksums, of each file that was not read on this machine since it
        was written. codes_in_memory: copy the inverted lists together, for a process that answers many queries: 40 %
        less time in the lists, for 0.5 kB of memory an image and a second a million images. SQ8's stay in the files.

        Raises CorruptArtifact, naming the file and how to build it again, when one is missing, damaged, or not of the
        shape that the snapshot says.
        """
        known = {} if previous is None else previous._segments
        codebooks, verified = OpenCodebooks(home), VerifiedFiles(home)
        segments = {
            segment.key: known.get(segment.key) or _open_segment(home, segment, verify, verified, codebooks)
            for segment in snapshot.segments
        }
        if verify:
            verified.confirm()
        return cls(snapshot, segments, codes_in_memory)

    @property
    def version(self) -> str:
        return self.snapshot.version

    def identify(self, row: int) -> tuple[int, int]:
        """(listing_id, image_id) of a row."""
        return int(self.listing_ids[row]), int(self.image_ids[row])

    def batch_of(self, row: int) -> str:
        """The batch that a row's image came in: where its cutout is stored."""
        return self._batches[int(np.searchsorted(self._first_rows, row, side="right")) - 1]

    def rows_of(self, listing_id: int) -> Ids:
        """The rows of a listing's images that are still to be had, none when the corpus does not hold it."""
        rows = self._in_order(self.listing_ids, self._by_listing, listing_id)
        return rows[~self.dead[rows]]

    def text_rows_of(self, listing_id: int) -> Ids:
        """The row of a listing in the text indexes, none when the corpus does not hold it, or not any more."""
        rows = self._in_order(self.listings, self._by_text_listing, listing_id)
        return rows[~self.dead_listings[rows]]

    @property
    def example_listing(self) -> int:
        """A listing that can be searched for; the corpus must hold one."""
        return int(self.listings[np.argmin(self.dead_listings)])

    @cached_property
    def _by_listing(self) -> Ids:
        return np.argsort(self.listing_ids, kind="stable")

    @cached_property
    def _by_text_listing(self) -> Ids:
        return np.argsort(self.listings, kind="stable")

    @staticmethod
    def _in_order(ids: Ids, order: Ids, wanted: int) -> Ids:
        start = np.searchsorted(ids, wanted, side="left", sorter=order)
        stop = np.searchsorted(ids, wanted, side="right", sorter=order)
        return np.sort(order[start:stop])


def _marked(segments: list[tuple[int, Ids]]) -> npt.NDArray[np.bool_]:
    """(rows of all segments,): whether a row is among those named. segments: rows of each, and the named ones of it."""
    marks = [np.zeros(0, dtype=np.bool_)]
    for rows, named in segments:
        marks.append(np.zeros(rows, dtype=np.bool_))
        marks[-1][named] = True
    return np.concatenate(marks)


def _open_segment(
    home: Home, segment: Segment, verify: bool, verified: VerifiedFiles, codebooks: OpenCodebooks
) -> _OpenSegment:
    untouched = verified.untouched(segment.named_files(home))
    for problem in (*segment.problems(home, verify, untouched), *segment.uneven()):
        raise CorruptArtifact(problem)
    rows = read_rows(home, segment.rows)
    dead = read_dead_rows(home, segment)
    dead_listings = wholly_dead(rows.listing_ids, rows.listings, dead)
    batches, first_rows = np.unique(np.array(rows.batches, dtype=np.str_), return_index=True)
    return _OpenSegment(
        listing_ids=rows.listing_ids,
        image_ids=rows.image_ids,
        listings=rows.listings,
        batches=tuple(batches.tolist()),
        first_rows=first_rows.astype(np.int64),
        indexes={
            name: _open_part(home, segment, index, name, dead, codebooks) for name, index in segment.indexes.items()
        },
        text_indexes={
            name: _open_part(home, segment, index, f"text_{name}", dead_listings, codebooks)
            for name, index in segment.text_indexes.items()
        },
        dead=dead,
        dead_listings=dead_listings,
    )


def _open_part(
    home: Home, segment: Segment, manifest: IndexManifest, name: str, dead: Ids, codebooks: OpenCodebooks
) -> IndexPart:
    folder = segment.folder(home)
    path = folder / manifest.index
    remedy = f"materialize {index_asset(name)} for {segment.name} to build it again"
    try:
        index = open_index(path)
    except RuntimeError as error:
        raise CorruptArtifact(f"{path} can't be read by FAISS: {remedy}.") from error
    if (index.ntotal, index.d) != (manifest.rows, manifest.dimension):
        raise CorruptArtifact(
            f"{path} holds {index.ntotal} vectors of {index.d} numbers, and the snapshot says {manifest.rows} of "
            f"{manifest.dimension}: {remedy}."
        )
    return IndexPart(
        index=index,
        matrix=open_matrix(folder / manifest.matrix, manifest.rows, manifest.dimension),
        kind=IndexKind(manifest.kind),
        effort=manifest.effort,
        codebook=codebooks.open(manifest.codebook) if manifest.codebook else None,
        first_id=first_id(segment.name),
        dead=dead,
    )
