"""The embeddings of one batch: each cutout is decoded once for every encoder that was asked for."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from PIL import Image

from etsy_assets.catalog.records import Outcome
from etsy_assets.encoders.base import Encoder
from etsy_assets.encoders.devices import Device
from etsy_assets.encoders.journal import RowKey
from etsy_assets.encoders.unfinished import EncoderReport, UnfinishedEmbeddings
from etsy_assets.imaging.batch_lock import batch_lock
from etsy_assets.imaging.bounded_pool import usable_cores
from etsy_assets.imaging.validation import ImageLimits, InvalidImage, decode_image

if TYPE_CHECKING:
    import torch

# A cutout was validated when it was a photo: here it need only decode. A small or an all white one is no fault.
CUTOUT_LIMITS = ImageLimits(min_side=1, stub_bytes=0)
# An encoder that scales the shorter side to 256 px would make 2 GB of a strip of 100 x 250,000 pixels.
LONGEST_SHAPE = 16
# Measured on a CPU of 2 cores: the activations of 16 inputs stay in its cache. One of 32 takes up to 25 % more
# time, one of 4 up to 7 %. A GPU needs more to be busy; its figure is not measured.
_BATCH_SIZES: dict[Device, int] = {"cpu": 16, "mps": 32, "cuda": 64}
LOCK_WAIT_SECONDS = 30.0
FAILED_BEFORE = "failed_before: not decodable in the run that was killed; run the batch again"


class CutoutEntry(Protocol):
    """One image of a cutout archive, as imaging.archive.ArchiveEntry. sha256: 64 hexadecimal digits, of its bytes."""

    @property
    def listing_id(self) -> int: ...
    @property
    def image_id(self) -> int: ...
    @property
    def sha256(self) -> str | None: ...


Entry = TypeVar("Entry", bound=CutoutEntry)


class CutoutArchive(Protocol[Entry]):
    """What is needed of imaging.archive.ImageArchive. `read` is called from several threads."""

    def ok_entries(self) -> Sequence[Entry]: ...
    def read(self, entry: Entry, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What was done with one batch.

    encoders: by name, in the order asked for. outcomes: one per image and encoder, made now or before.
    decoded: cutouts read in this run.
    """

    encoders: dict[str, EncoderReport]
    outcomes: list[Outcome]
    images: int
    decoded: int
    duration_seconds: float


def embed_batch(
    cutouts: CutoutArchive[Entry],
    encoders: Mapping[str, Encoder],
    destinations: Mapping[str, Path],
    batch_size: int | None = None,
    decode_threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EmbedReport:
    """Writes one embeddings file per encoder, rows in (listing_id, image_id) order.

    A file whose cutouts and encoder have not changed is left untouched; of one that has, the rows that still hold are
    kept. Images with the same bytes are computed once. A killed run goes on from `<batch>.partial` beside the
    destination, and its file is the same as an undisturbed one. Memory holds three chunks of batch_size inputs per
    encoder, however large the batch.

    encoders, destinations: by encoder name. batch_size: inputs in one pass of a model; None is what is best on the
    encoders' device. decode_threads: None for one a core, all of which a GPU needs. on_progress: called with (images
    done, images in all).
    Raises ConfigurationError for a model that gives no finite vector and for a full disk, CorruptArtifact for a damaged
    archive, PassingFault while another process writes the same file. An image that does not decode fails alone.
    """
    if batch_size is None:
        batch_size = min((batch_size_on(encoder.device) for encoder in encoders.values()), default=1)
    decode_threads = usable_cores() if decode_threads is None else decode_threads
    if batch_size < 1 or decode_threads < 1:
        raise ValueError(f"batch_size {batch_size} and decode_threads {decode_threads} must be at least 1")
    started = time.perf_counter()
    entries = {_row_key(entry): entry for entry in cutouts.ok_entries()}
    keys = sorted(entries)
    with ExitStack() as stack:
        unfinished: dict[str, UnfinishedEmbeddings] = {}
        # In one order everywhere, or two runs over the same encoders could each wait for the other's lock.
        for name in sorted(encoders):
            stack.enter_context(batch_lock(destinations[name], LOCK_WAIT_SECONDS))
        for name, encoder in encoders.items():
            unfinished[name] = stack.enter_context(UnfinishedEmbeddings(encoder, destinations[name], keys, batch_size))
        wanted = {name: embeddings.wanted for name, embeddings in unfinished.items()}
        todo = [key for key in keys if any(key in names for names in wanted.values())]

        def prepare(key: RowKey) -> "dict[str, torch.Tensor] | InvalidImage":
            asked = {name: encoder for name, encoder in encoders.items() if key in wanted[name]}
            return _inputs_of(cutouts.read(entries[key]), asked)

        reasons: dict[bytes, str] = {}
        done = len(keys) - len(todo)
        for key, inputs in _ahead(prepare, todo, decode_threads, lookahead=batch_size):
            if isinstance(inputs, InvalidImage):
                reasons[key.source_sha256] = str(inputs)
            for name, embeddings in unfinished.items():
                if key in wanted[name]:
                    embeddings.add(key, None if isinstance(inputs, InvalidImage) else inputs[name])
            done += 1
            if on_progress is not None:
                on_progress(done, len(keys))
        outcomes = [
            _outcome(key, name, None if embeddings.has(key) else reasons.get(key.source_sha256, FAILED_BEFORE))
            for name, embeddings in unfinished.items()
            for key in keys
        ]
        reports = {name: embeddings.finish() for name, embeddings in unfinished.items()}
    return EmbedReport(reports, outcomes, len(keys), len(todo), time.perf_counter() - started)


def batch_size_on(device: Device) -> int:
    """How many inputs a model takes at once on this device, unless embed_batch is told otherwise."""
    return _BATCH_SIZES[device]


def _row_key(entry: CutoutEntry) -> RowKey:
    if entry.sha256 is None:
        raise ValueError(f"the cutout {entry.listing_id}_{entry.image_id} has no checksum")
    return RowKey(entry.listing_id, entry.image_id, bytes.fromhex(entry.sha256))


def _inputs_of(data: bytes, encoders: Mapping[str, Encoder]) -> "dict[str, torch.Tensor] | InvalidImage":
    """The cutout as each encoder's input; the fault, if it has none.

    Decoded once for each size that is enough for some encoder, and preprocessed once for each transform.
    """
    images: dict[int | None, Image.Image] = {}
    inputs: dict[str, torch.Tensor] = {}
    for encoder in encoders.values():
        enough, key = encoder.preprocessing.enough, encoder.preprocessing.key
        if enough not in images:
            try:
                image = decode_image(data, CUTOUT_LIMITS, enough).image
            except InvalidImage as error:
                return error
            if max(image.size) > LONGEST_SHAPE * min(image.size):
                return InvalidImage(
                    "extreme_shape", f"{image.width} x {image.height} pixels, over {LONGEST_SHAPE} to 1"
                )
            images[enough] = image
        if key not in inputs:
            inputs[key] = encoder.preprocess(images[enough])
    return {name: inputs[encoder.preprocessing.key] for name, encoder in encoders.items()}


Result = TypeVar("Result")


def _ahead(
    work: Callable[[RowKey], Result], keys: Sequence[RowKey], threads: int, lookahead: int
) -> Iterator[tuple[RowKey, Result]]:
    """(key, work(key)) in order, with up to `lookahead` results made while the caller is busy with the one before."""
    waiting: deque[tuple[RowKey, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for key in keys:
            waiting.append((key, pool.submit(work, key)))
            if len(waiting) > lookahead:
                ready, future = waiting.popleft()
                yield ready, future.result()
        while waiting:
            ready, future = waiting.popleft()
            yield ready, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(key: RowKey, encoder: str, reason: str | None) -> Outcome:
    return Outcome(
        listing_id=key.listing_id,
        image_id=key.image_id,
        stage=f"embed/{encoder}",
        status="ok" if reason is None else "failed",
        reason=reason,
        recorded_at=datetime.now(UTC),
    )
