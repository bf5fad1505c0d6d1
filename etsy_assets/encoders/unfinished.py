"""One encoder's file of one batch while it is being made: what is there, what is missing, in which chunks."""

import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from etsy_assets.encoders.base import Encoder
from etsy_assets.encoders.embeddings import Embeddings, Vectors, read_embeddings, write_embeddings
from etsy_assets.encoders.journal import Journal, RowKey
from etsy_assets.errors import CorruptArtifact

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """What one encoder did with a batch.

    new: vectors made in this run. reused: of earlier runs. failed: inputs without a vector. seconds: in the model.
    rewritten: whether the file changed.
    """

    encoder: str
    new: int
    reused: int
    failed: int
    seconds: float
    rewritten: bool

    @property
    def images_per_second(self) -> float | None:
        """Of the model alone; None when nothing was computed."""
        return self.new / self.seconds if self.new and self.seconds > 0 else None


class UnfinishedEmbeddings:
    """Takes a batch's inputs in row order and keeps what the file will need.

    Sellers show one photo in several listings: of images with the same bytes only the first is computed.
    Vectors of the finished file are kept as long as the cutout and the encoder are the same. The others are cut into
    chunks of batch_size by position, and a chunk is computed whole or taken whole from the journal: a model's last bits
    depend on what else is in its batch, so the file after a kill is the same as without one.
    """

    def __init__(self, encoder: Encoder, destination: Path, keys: Sequence[RowKey], batch_size: int) -> None:
        """keys: all images of the batch, in row order. The destination's batch_lock must be held."""
        self.encoder = encoder
        self._destination = destination
        self._keys = keys
        finished = _finished_rows(encoder, destination)
        self._is_finished = finished is not None
        self._kept = finished or {}
        self._first: dict[bytes, RowKey] = {}
        for key in keys:
            self._first.setdefault(key.source_sha256, key)
        self._journal = Journal(destination.with_suffix(".partial"), encoder.fingerprint, encoder.dimension)
        self._new: set[RowKey] = set()
        self._seconds = 0.0
        missing = [key for key in self._first.values() if self._kept_vector(key) is None]
        chunks = (missing[start : start + batch_size] for start in range(0, len(missing), batch_size))
        self._chunks = deque(chunk for chunk in chunks if not self._journal.rows.keys() >= set(chunk))
        self._inputs: dict[RowKey, torch.Tensor | None] = {}

    @property
    def wanted(self) -> set[RowKey]:
        """The images that `add` is to be called with, in row order: those to compute, and those that could not be
        decoded before, whose reason the outcomes need.
        """
        failed = (key for key, vector in self._journal.rows.items() if not vector.any())
        return {key for chunk in self._chunks for key in chunk}.union(failed)

    def has(self, key: RowKey) -> bool:
        """Whether this image has a vector."""
        vector = self._vector(key)
        return vector is not None and bool(vector.any())

    def add(self, key: RowKey, inputs: "torch.Tensor | None") -> None:
        """The next wanted image's preprocessed input, None if it has none. Computes when a chunk is complete."""
        if not self._chunks or key not in self._chunks[0]:
            return
        self._inputs[key] = inputs
        if len(self._inputs) == len(self._chunks[0]):
            self._compute()
            self._chunks.popleft()
            self._inputs = {}

    def finish(self) -> EncoderReport:
        """Writes the file unless it holds these very rows already, and forgets the journal."""
        rows = [key for key in self._keys if self.has(key)]
        rewritten = not self._is_finished or rows != list(self._kept)
        if rewritten:
            vectors = [vector for key in rows if (vector := self._vector(key)) is not None]
            write_embeddings(self._destination, self._file(rows, vectors))
        self._journal.discard()
        return EncoderReport(
            encoder=self.encoder.name,
            new=len(self._new),
            reused=len(rows) - len(self._new),
            failed=len(self._keys) - len(rows),
            seconds=self._seconds,
            rewritten=rewritten,
        )

    def _vector(self, key: RowKey) -> Vectors | None:
        """Of the image, or of the first one with the same bytes; zeros for one that can't be decoded."""
        kept = self._kept_vector(key)
        return self._journal.rows.get(self._first[key.source_sha256]) if kept is None else kept

    def _kept_vector(self, key: RowKey) -> Vectors | None:
        return self._kept.get(key, self._kept.get(self._first[key.source_sha256]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def _compute(self) -> None:
        import torch

        usable = {key: inputs for key, inputs in self._inputs.items() if inputs is not None}
        # A row of zeros marks an image that can't be decoded, so that its chunk counts as done.
        vectors = dict.fromkeys(self._inputs, np.zeros(self.encoder.dimension, np.float16))
        if usable:
            started = time.perf_counter()
            rows = self.encoder.embed_tensors(torch.stack(list(usable.values())))
            self._seconds += time.perf_counter() - started
            vectors.update(zip(usable, rows.astype(np.float16), strict=True))
        self._journal.append(vectors)
        self._new.update(usable)

    def _file(self, rows: Sequence[RowKey], vectors: Iterable[Vectors]) -> Embeddings:
        return Embeddings(
            encoder=self.encoder.name,
            fingerprint=self.encoder.fingerprint,
            batch=self._destination.stem,
            listing_ids=np.array([key.listing_id for key in rows], np.int64),
            image_ids=np.array([key.image_id for key in rows], np.int64),
            vectors=np.array(list(vectors), np.float16).reshape(len(rows), self.encoder.dimension),
            source_sha256=np.frombuffer(b"".join(key.source_sha256 for key in rows), np.uint8).reshape(len(rows), 32),
        )


def _finished_rows(encoder: Encoder, path: Path) -> dict[RowKey, Vectors] | None:
    """The rows of the finished file, if this very encoder made it; None when it is absent, damaged or another's."""
    try:
        finished = read_embeddings(path)
    except FileNotFoundError:
        return None
    except CorruptArtifact as error:
        log.warning("%s It is made anew now.", error)
        return None
    if (finished.encoder, finished.fingerprint) != (encoder.name, encoder.fingerprint):
        log.info("%s was made by another version of %s: it is made anew", path, encoder.name)
        return None
    ids = zip(finished.listing_ids.tolist(), finished.image_ids.tolist(), finished.source_sha256, strict=True)
    keys = (RowKey(listing_id, image_id, digest.tobytes()) for listing_id, image_id, digest in ids)
    return dict(zip(keys, finished.vectors, strict=True))
