"""The files that hold a batch's vectors: safetensors, one per encoder and batch.

Tensors: `listing_id` int64 (n,), `image_id` int64 (n,; not in text files), `vectors` float16 (n, d), `source_sha256`
uint8 (n, 32): what each vector was made from, a cutout's bytes or a listing's text. Rows are in (listing_id, image_id)
order. The one metadata key, `etsy_assets`, is JSON: the safetensors library writes several in an order of chance, and
the same rows must be the same bytes.
"""

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from etsy_assets.errors import CorruptArtifact
from etsy_assets.storage import atomic_path

IMAGE_FORMAT = "etsy_assets.embeddings/1"
TEXT_FORMAT = "etsy_assets.text_embeddings/1"
METADATA_KEY = "etsy_assets"

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float16]
Digests = npt.NDArray[np.uint8]
Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """The vectors of one encoder for the images of one batch.

    listing_ids, image_ids: int64 (n,), rows ordered by both. vectors: float16 (n, d), unit length.
    source_sha256: uint8 (n, 32), of the cutout's bytes. fingerprint: Encoder.fingerprint of the one that made them.
    """

    encoder: str
    fingerprint: str
    batch: str
    listing_ids: Ids
    image_ids: Ids
    vectors: Vectors
    source_sha256: Digests

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True, slots=True, eq=False)
class TextEmbeddings:
    """The vectors of one encoder for the texts of one batch's listings.

    listing_ids: int64 (n,), ascending. vectors: float16 (n, d), unit length. source_sha256: uint8 (n, 32), of the text.
    """

    encoder: str
    fingerprint: str
    batch: str
    listing_ids: Ids
    vectors: Vectors
    source_sha256: Digests

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.vectors)


def write_embeddings(path: Path, embeddings: Embeddings) -> None:
    """Writes the file atomically. Raises ValueError for arrays that break the format, before anything is written."""
    _write(path, IMAGE_FORMAT, embeddings, {"listing_id": embeddings.listing_ids, "image_id": embeddings.image_ids})


def read_embeddings(path: Path) -> Embeddings:
    """Raises FileNotFoundError, or CorruptArtifact naming the file when its bytes are not those that were written."""
    about, tensors = _read(path, IMAGE_FORMAT, ("listing_id", "image_id"))
    return Embeddings(
        encoder=about["encoder"],
        fingerprint=about["fingerprint"],
        batch=about["batch"],
        listing_ids=tensors["listing_id"],
        image_ids=tensors["image_id"],
        vectors=tensors["vectors"],
        source_sha256=tensors["source_sha256"],
    )


def write_text_embeddings(path: Path, embeddings: TextEmbeddings) -> None:
    """As write_embeddings."""
    _write(path, TEXT_FORMAT, embeddings, {"listing_id": embeddings.listing_ids})


def read_text_embeddings(path: Path) -> TextEmbeddings:
    """As read_embeddings."""
    about, tensors = _read(path, TEXT_FORMAT, ("listing_id",))
    return TextEmbeddings(
        encoder=about["encoder"],
        fingerprint=about["fingerprint"],
        batch=about["batch"],
        listing_ids=tensors["listing_id"],
        vectors=tensors["vectors"],
        source_sha256=tensors["source_sha256"],
    )


def _write(path: Path, file_format: str, embeddings: Embeddings | TextEmbeddings, keys: Tensors) -> None:
    tensors = {**keys, "vectors": embeddings.vectors, "source_sha256": embeddings.source_sha256}
    fault = _fault(tensors, tuple(keys))
    if fault is not None:
        raise ValueError(f"The embeddings for {path} can't be written: {fault}.")
    about: dict[str, Any] = {
        "format": file_format,
        "encoder": embeddings.encoder,
        "fingerprint": embeddings.fingerprint,
        "batch": embeddings.batch,
        "rows": len(embeddings),
        "dimension": embeddings.dimension,
    }
    about["sha256"] = _checksum(about, tensors)
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.save(tensors, metadata={METADATA_KEY: json.dumps(about, sort_keys=True)}))


def _read(path: Path, file_format: str, keys: tuple[str, ...]) -> tuple[dict[str, str], Tensors]:
    try:
        content = path.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = json.loads(header["__metadata__"][METADATA_KEY])
        tensors = safetensors.load(content)
        fault = _fault(tensors, keys)
        if about["format"] != file_format:
            fault = f"its format is {about['format']} and not {file_format}"
        elif fault is None and about.pop("sha256") != _checksum(about, tensors):
            fault = "its checksum does not match its content"
    except FileNotFoundError as error:
        raise FileNotFoundError(f"There are no embeddings {path}: materialize its batch first.") from error
    except (SafetensorError, ValueError, LookupError, TypeError) as error:
        raise CorruptArtifact(
            f"{path} is not a whole embeddings file ({type(error).__name__}): materialize its batch again."
        ) from error
    if fault is not None:
        raise CorruptArtifact(f"{path} is damaged: {fault}. Materialize its batch again.")
    return about, tensors


def _fault(tensors: Tensors, keys: tuple[str, ...]) -> str | None:
    """What breaks the format, None if nothing does."""
    if set(tensors) != {*keys, "vectors", "source_sha256"}:
        return f"it has the tensors {sorted(tensors)}"
    rows, shape = len(tensors["listing_id"]), tensors["vectors"].shape
    if any(tensors[key].dtype != np.int64 or tensors[key].shape != (rows,) for key in keys):
        return f"{' or '.join(keys)} is not int64 of shape ({rows},)"
    if tensors["vectors"].dtype != np.float16 or len(shape) != 2 or shape[0] != rows:
        return f"its vectors are {tensors['vectors'].dtype} {shape}"
    if tensors["source_sha256"].dtype != np.uint8 or tensors["source_sha256"].shape != (rows, 32):
        return f"source_sha256 is {tensors['source_sha256'].dtype} {tensors['source_sha256'].shape}"
    order = list(zip(*(tensors[key].tolist() for key in keys), strict=True))
    if any(later <= earlier for earlier, later in pairwise(order)):
        return f"its rows are not in ascending order of {', '.join(keys)}, or one is there twice"
    lengths = np.linalg.norm(tensors["vectors"].astype(np.float32), axis=1)
    if not np.all(np.abs(lengths - 1) < 0.01):
        return "not all of its vectors are finite and of length 1"
    return None


def _checksum(about: dict[str, Any], tensors: Tensors) -> str:
    """SHA-256 over the metadata and every tensor: safetensors itself only notices a file that is too short."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
