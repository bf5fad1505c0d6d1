"""What a batch's embedding has done so far, so that a killed run goes on where it was: `<batch>.partial`.

A header of 64 bytes that names the encoder's fingerprint and dimension, then one record of fixed size per image. The
records of a chunk are appended by one write once its vectors are made. SIGKILL can leave one torn record at the end, a
power cut more: each record carries a CRC-32, and from the first bad one on all are dropped.
"""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from etsy_assets.storage import named_disk_errors

_HEADER_BYTES = 64


class RowKey(NamedTuple):
    """What one vector belongs to and was made from. Sorts in row order."""

    listing_id: int
    image_id: int
    source_sha256: bytes


class Journal:
    """The open journal of one encoder and batch. One process writes it: hold the batch's lock."""

    def __init__(self, path: Path, fingerprint: str, dimension: int) -> None:
        """Opens what an earlier run left, or starts empty; what another encoder left is dropped."""
        self.path = path
        self.rows: dict[RowKey, npt.NDArray[np.float16]] = {}
        self._record = np.dtype(
            [
                ("listing_id", "<i8"),
                ("image_id", "<i8"),
                ("source_sha256", "u1", (32,)),
                ("vector", "<f2", (dimension,)),
                ("crc", "<u4"),
            ]
        )
        self._header = f"etsy_assets.partial/1 {fingerprint} {dimension}".ljust(_HEADER_BYTES).encode()
        with named_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                self._resume()
            except BaseException:
                self.close()
                raise

    def append(self, vectors: Mapping[RowKey, npt.NDArray[np.float16]]) -> None:
        """Records finished vectors. Raises ConfigurationError when the disk is full; what was there before stays."""
        records = np.zeros(len(vectors), self._record)
        for record, (key, vector) in zip(records, vectors.items(), strict=True):
            record["listing_id"], record["image_id"] = key.listing_id, key.image_id
            record["source_sha256"] = np.frombuffer(key.source_sha256, np.uint8)
            record["vector"] = vector
            record["crc"] = _crc(record)
        with named_disk_errors(self.path):
            self._write(records.tobytes())
        self.rows.update(vectors)

    def discard(self) -> None:
        """Forgets everything: the batch's file is written."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resume(self) -> None:
        content = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        if not content.startswith(self._header):
            os.ftruncate(self._descriptor, 0)
            self._end = 0
            self._write(self._header)
            return
        body = content[_HEADER_BYTES:]
        records = np.frombuffer(body[: len(body) - len(body) % self._record.itemsize], self._record)
        sound = 0
        for record in records:
            if record["crc"] != _crc(record):
                break
            key = RowKey(int(record["listing_id"]), int(record["image_id"]), record["source_sha256"].tobytes())
            self.rows[key] = record["vector"]
            sound += 1
        self._end = _HEADER_BYTES + sound * self._record.itemsize
        os.ftruncate(self._descriptor, self._end)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, self._end)
            view, self._end = view[written:], self._end + written


def _crc(record: Any) -> int:
    """CRC-32 of a record without its last four bytes, which hold it."""
    return zlib.crc32(record.tobytes()[:-4])
