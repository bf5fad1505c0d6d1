"""The photos of the simulated shop as bytes: rendered when first asked for, kept, and cut to the CDN's sizes."""

import hashlib
import io
import os
import re
import threading
from collections import OrderedDict
from functools import cache
from pathlib import Path

from PIL import Image, ImageOps

from etsy_assets.demo import furniture
from etsy_assets.demo.furniture import Photo, render, sample_furniture
from etsy_assets.demo.photo_facts import PhotoFacts
from etsy_assets.storage import atomic_path

FULL_SIZE = "fullxfull"
_BOXES = {"75x75": (75, 75), "170x135": (170, 135), "340x270": (340, 270)}
_WIDTH = re.compile(r"([1-9]\d{0,3})xN")
_WIDEST = 3_000  # the CDN's largest side, in pixels
_JPEG_QUALITY = 90
_MEMORY_BYTES = 192 * 2**20
_LOCKS = 64
# Shared by all stores of this process: two of them may write the same file of one cache folder.
_rendering = tuple(threading.Lock() for _ in range(_LOCKS))
_cores = threading.BoundedSemaphore(os.cpu_count() or 1)


def is_size(size: str) -> bool:
    """Whether the CDN serves a size of this name: a box that is cropped to, {W}xN (at most W wide), or fullxfull."""
    width = _WIDTH.fullmatch(size)
    return size == FULL_SIZE or size in _BOXES or (width is not None and int(width[1]) <= _WIDEST)


class PhotoStore:
    """JPEG bytes of photos, the same on every call. Safe to use from several threads and, with a folder, processes.

    folder: where rendered photos are kept between runs; None keeps them in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = None if folder is None else folder / renderer_version()
        self._memory = _RecentBytes(_MEMORY_BYTES)

    def truth(self, photo: PhotoFacts) -> Photo:
        """The picture as rendered, with its ground-truth mask."""
        with _cores:
            return render(
                sample_furniture(photo.furniture_seed),
                view=photo.view,
                width=photo.width,
                height=photo.height,
                background=photo.background,
                azimuth=photo.azimuth,
            )

    def jpeg(self, photo: PhotoFacts, size: str = FULL_SIZE) -> bytes:
        """The photo at a size of the CDN, as JPEG. Raises ValueError on a size that the CDN does not have."""
        if not is_size(size):
            raise ValueError(f"{size!r} is no size of the CDN: use 75x75, 170x135, 340x270, {{W}}xN or fullxfull.")
        name = _render_name(photo)
        kept = self._memory.get(f"{name}/{size}")
        if kept is None:
            kept = self._full_jpeg(photo, name) if size == FULL_SIZE else _resized(self.jpeg(photo), size)
            self._memory.put(f"{name}/{size}", kept)
        return kept

    def _full_jpeg(self, photo: PhotoFacts, name: str) -> bytes:
        path = None if self._folder is None else self._folder / f"{name}.jpg"
        with _rendering[hash(name) % _LOCKS]:
            # Whoever waited here for another thread to render this photo finds it now.
            kept = self._memory.get(f"{name}/{FULL_SIZE}")
            if kept is not None:
                return kept
            if path is not None and path.exists():
                return path.read_bytes()
            data = encode_jpeg(self.truth(photo).image)
            if path is not None:
                with atomic_path(path) as temporary:
                    temporary.write_bytes(data)
            self._memory.put(f"{name}/{FULL_SIZE}", data)
            return data


def _render_name(photo: PhotoFacts) -> str:
    """All that decides the picture: photos with the same name are the same picture."""
    chosen = f"{photo.width}x{photo.height}-{photo.background}-{photo.azimuth}"
    return f"{photo.furniture_seed}-{photo.view}-{chosen}"


def encode_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


@cache
def renderer_version() -> str:
    """A name that changes with the renderer's source, so that no photo of an older renderer is served from a cache."""
    digest = hashlib.sha256()
    for source in sorted(Path(furniture.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return f"renderer-{digest.hexdigest()[:12]}"


def _resized(full: bytes, size: str) -> bytes:
    image = Image.open(io.BytesIO(full))
    if size in _BOXES:
        return encode_jpeg(ImageOps.fit(image, _BOXES[size], Image.Resampling.LANCZOS))
    width = int(size.removesuffix("xN"))
    if width >= image.width:
        return full
    height = max(1, round(image.height * width / image.width))
    return encode_jpeg(image.resize((width, height), Image.Resampling.LANCZOS))


class _RecentBytes:
    """The most recently used byte strings, up to a total size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0
        self._items: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: str, data: bytes) -> None:
        with self._lock:
            self._total += len(data) - len(self._items.pop(key, b""))
            self._items[key] = data
            while self._total > self._limit:
                _, dropped = self._items.popitem(last=False)
                self._total -= len(dropped)
