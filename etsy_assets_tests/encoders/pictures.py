"""Pictures, and archives of them as the cutouts stage leaves them."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.archive_index import ArchiveEntry
from etsy_assets.imaging.archive_writer import ArchiveWriter, WantedImage

Pictures = dict[tuple[int, int], bytes]


def picture(seed: int, size: tuple[int, int] = (150, 120)) -> Image.Image:
    """A few coloured shapes on white."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        corner = rng.integers(0, np.array(size) - 40, 2)
        extent = rng.integers(20, 60, 2)
        box = [*map(int, corner), *map(int, corner + extent)]
        colour = tuple(map(int, rng.integers(0, 256, 3)))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(box, fill=colour)
    return image


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def some_pictures(count: int, first_listing: int = 100) -> Pictures:
    """Three pictures a listing."""
    return {(first_listing + n // 3, 5_000_000_000 + n): jpeg(picture(n)) for n in range(count)}


def archive(tar_path: Path, pictures: Pictures) -> ImageArchive:
    """A finished archive that holds exactly these bytes, whatever they are."""
    tar_path.parent.mkdir(parents=True, exist_ok=True)
    digests = {key: hashlib.sha256(data).hexdigest() for key, data in pictures.items()}
    with ArchiveWriter(tar_path, [WantedImage(*key, True, digests[key]) for key in pictures]) as writer:
        for image in writer.to_do():
            data = pictures[image.key]
            entry = ArchiveEntry(
                *image.key, True, "ok", None, None, image.source_key, size=len(data), sha256=digests[image.key]
            )
            writer.add(entry, data)
        writer.publish()
    return ImageArchive.open(tar_path)
