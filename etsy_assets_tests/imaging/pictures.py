"""Pictures to test with: every one has structure, so that a decoder that loses part of it is found out."""

import io
import struct

import numpy as np
from PIL import Image


def photo(seed: int = 0, width: int = 160, height: int = 120) -> Image.Image:
    """Smooth random colours, different for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, picture_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, picture_format, **options)
    return stream.getvalue()


def jpeg(seed: int = 0, width: int = 160, height: int = 120, **options: object) -> bytes:
    return encoded(photo(seed, width, height), "JPEG", quality=90, **options)


def dark_box_on_light(width: int = 200, height: int = 160, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """What `mask_network` takes for furniture: a dark box (default: the middle quarter) in front of a light wall."""
    image = Image.new("RGB", (width, height), (230, 225, 220))
    left, top, right, bottom = box or (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    image.paste((60, 30, 20), (left, top, right, bottom))
    return image


def icc_profile_with_red_and_green_swapped() -> bytes:
    """A small ICC v2 matrix profile of display class: sRGB's colorants (D50), but the first channel is green."""
    red, green, blue = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
    xyz = {b"rXYZ": green, b"gXYZ": red, b"bXYZ": blue, b"wtpt": (0.9642, 1.0, 0.8249)}
    tags = {name: b"XYZ \0\0\0\0" + b"".join(_s15f16(value) for value in values) for name, values in xyz.items()}
    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, int(2.2 * 256)) + b"\0\0"
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma)
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 8) + b"swapped\0" + bytes(78)
    tags[b"cprt"] = b"text\0\0\0\0none\0\0\0\0"
    offset, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", offset + len(data), len(content))
        data += content
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(">I", 128 + len(body)) + b"lcms" + b"\x02\x10\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    header += bytes(28) + b"".join(_s15f16(value) for value in xyz[b"wtpt"])
    return header.ljust(128, b"\0") + body


def _s15f16(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))
