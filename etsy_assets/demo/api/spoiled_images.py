"""Bytes of broken images, and of good images in odd forms, made from a good JPEG. All deterministic."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from etsy_assets.demo.photos import encode_jpeg

_ORIENTATION_TAG = 0x0112
_TURN_RIGHT = 6  # EXIF: the viewer must turn the stored picture a quarter to the right


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    status: int
    content_type: str
    body: bytes


def broken(fault: str, jpeg: bytes) -> ImageAnswer:
    """What the CDN answers for an image with a lasting fault."""
    match fault:
        case "not_found":
            return ImageAnswer(404, "text/html; charset=utf-8", b"<html><body><h1>404 Not Found</h1></body></html>")
        case "placeholder_png":
            return ImageAnswer(200, "image/png", _png(Image.new("RGB", (200, 200), (238, 238, 238))))
        case "truncated_jpeg":
            return ImageAnswer(200, "image/jpeg", jpeg[: len(jpeg) * 6 // 10])
        case "html_page":
            return ImageAnswer(200, "text/html; charset=utf-8", b"<html><body>Something went wrong.</body></html>")
        case "tiny_image":
            return ImageAnswer(200, "image/jpeg", encode_jpeg(Image.open(io.BytesIO(jpeg)).resize((50, 50))))
    raise ValueError(f"unknown image fault {fault!r}")


def reshaped(form: str, jpeg: bytes) -> ImageAnswer:
    """The same picture in an odd form; a reader that knows the form sees what the JPEG shows (gray16_png: in grey)."""
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    match form:
        case "cmyk_jpeg":
            return ImageAnswer(200, "image/jpeg", encode_jpeg(image.convert("CMYK")))
        case "gray16_png":
            deep = np.asarray(image.convert("L"), dtype=np.uint16) * 257
            return ImageAnswer(200, "image/png", _png(Image.fromarray(deep)))
        case "palette_png":
            return ImageAnswer(200, "image/png", _png(image.quantize(256)))
        case "alpha_png":
            # Clear at the rim only, as a seller's cut-out has it.
            alpha = Image.new("L", image.size, 0)
            alpha.paste(255, (8, 8, max(9, image.width - 8), max(9, image.height - 8)))
            image.putalpha(alpha)
            return ImageAnswer(200, "image/png", _png(image))
        case "rotated_jpeg":
            exif = Image.Exif()
            exif[_ORIENTATION_TAG] = _TURN_RIGHT
            buffer = io.BytesIO()
            image.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", quality=90, exif=exif)
            return ImageAnswer(200, "image/jpeg", buffer.getvalue())
        case "webp":
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=90)
            return ImageAnswer(200, "image/webp", buffer.getvalue())
    raise ValueError(f"unknown image form {form!r}")


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
