"""The corpus in the layout that other tools expect: `<encoder>.faiss` and `image_index.json`, row by row the same.

Everything is written below `.unfinished` in the folder and moved up when it is whole, `image_index.json` last: a folder
that has it holds a whole export. It takes the memory of one block of rows, however large the corpus.
"""

import json
import shutil
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from etsy_assets.errors import ConfigurationError
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.faiss_index import open_index
from etsy_assets.search.matrix import Matrix, open_matrix
from etsy_assets.storage import Home, atomic_path, named_disk_errors

IMAGE_INDEX = "image_index.json"
Mask = npt.NDArray[np.bool_]

_UNFINISHED = ".unfinished"
_CHUNK_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Export:
    """What was written. files: name and size in bytes."""

    snapshot: str
    rows: int
    files: dict[str, int]


def export_corpus(
    home: Home,
    corpus: Corpus,
    folder: Path,
    encoders: Sequence[str] = (),
    *,
    live: Mask | None = None,
    force: bool = False,
) -> Export:
    """Writes one IndexFlatIP over all rows for each encoder, and which image each row is.

    encoders: those wanted, () = all. live: (images,), the rows that are wanted, None = all. The order of rows is the
    corpus's. force: replace the export that is in the folder (its *.faiss and image_index.json; other files stay).
    Raises ConfigurationError for an encoder that the corpus lacks, a folder that is not empty, or a full disk.
    """
    chosen = _chosen(corpus, encoders)
    if not force and folder.exists() and (not folder.is_dir() or any(_occupants(folder))):
        raise ConfigurationError(
            f"{folder} is not an empty folder: name another, or give --force to replace the export that is in it."
        )
    wanted = np.ones(len(corpus.image_ids), dtype=np.bool_) if live is None else live
    unfinished = folder / _UNFINISHED
    with named_disk_errors(unfinished):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    try:
        for name in chosen:
            _write_flat(unfinished / f"{name}.faiss", home, corpus, name, wanted)
        _write_image_index(unfinished / IMAGE_INDEX, corpus, wanted)
        _move_up(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    names = [*(f"{name}.faiss" for name in chosen), IMAGE_INDEX]
    return Export(corpus.version, int(wanted.sum()), {name: (folder / name).stat().st_size for name in names})


def _chosen(corpus: Corpus, encoders: Collection[str]) -> list[str]:
    if unknown := [name for name in encoders if name not in corpus.indexes]:
        raise ConfigurationError(
            f"The snapshot {corpus.version} has no encoder {unknown[0]!r}: choose among {', '.join(corpus.indexes)}."
        )
    return [name for name in corpus.indexes if not encoders or name in encoders]


def _occupants(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.name != _UNFINISHED)


def _move_up(unfinished: Path, folder: Path) -> None:
    """Without image_index.json the folder is no export, so a kill in here leaves nothing that could be mistaken."""
    with named_disk_errors(folder):
        for old in (folder / IMAGE_INDEX, *folder.glob("*.faiss")):
            old.unlink(missing_ok=True)
        for path in sorted(unfinished.iterdir(), key=lambda path: path.name == IMAGE_INDEX):
            path.replace(folder / path.name)


def _write_flat(path: Path, home: Home, corpus: Corpus, name: str, wanted: Mask) -> None:
    dimension, rows = corpus.indexes[name].dimension, int(wanted.sum())
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            file.write(flat_header(rows, dimension))
            for start, matrix in _matrices(home, corpus, name):
                for first in range(0, len(matrix), _CHUNK_ROWS):
                    chunk = matrix[first : first + _CHUNK_ROWS]
                    taken = wanted[start + first : start + first + len(chunk)]
                    file.write(np.ascontiguousarray(chunk[taken], dtype=np.float32).tobytes())
        # Whatever version of FAISS is installed: what it does not read is not handed out.
        index = open_index(temporary)
        assert (index.ntotal, index.d) == (rows, dimension)


def _matrices(home: Home, corpus: Corpus, name: str) -> Iterator[tuple[int, Matrix]]:
    """The vectors of each segment, and the corpus's row that they begin at."""
    start = 0
    for segment in corpus.snapshot.segments:
        index = segment.indexes[name]
        yield start, open_matrix(segment.folder(home) / index.matrix, index.rows, index.dimension)
        start += index.rows


def flat_header(rows: int, dimension: int) -> bytes:
    """What precedes the float32 vectors in the file of a faiss.IndexFlatIP.

    FAISS itself can only write an index that is wholly in memory: 16 GB for 5.3 million rows of 768 numbers. The layout
    is that of faiss/impl/index_write.cpp (write_index_header, then the length of the vectors); newer versions read it
    for ever, and a test compares it with what the installed one writes.
    """
    import faiss

    unused = 1 << 20
    return struct.pack(
        "<4siqqq?iQ",
        b"IxFI",
        dimension,
        rows,
        unused,
        unused,
        True,
        faiss.METRIC_INNER_PRODUCT,
        rows * dimension,
    )


def _write_image_index(path: Path, corpus: Corpus, wanted: Mask) -> None:
    """A list whose element N is [listing_id, image_id] of row N, one a line."""
    rows = np.flatnonzero(wanted)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("[")
        for start in range(0, len(rows), _CHUNK_ROWS):
            chunk = rows[start : start + _CHUNK_ROWS]
            pairs = zip(corpus.listing_ids[chunk].tolist(), corpus.image_ids[chunk].tolist(), strict=True)
            file.write((",\n" if start else "\n") + ",\n".join(json.dumps(pair) for pair in pairs))
        file.write("\n]\n")
